"""Step trainer trusted: the records of curated customers' devices.

Rule: keep a landing record when its serial number belongs to a curated customer.
"""

import sys

from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from pyspark.sql.types import StructType

RECORD = (
    StructType()
    .add("sensorreadingtime", "long")
    .add("serialnumber", "string")
    .add("distancefromobject", "integer")
)

args = getResolvedOptions(sys.argv, ["JOB_NAME", "database", "target"])
glue = GlueContext(SparkContext.getOrCreate())
job = Job(glue)
job.init(args["JOB_NAME"], args)

records = (
    glue.create_dynamic_frame.from_catalog(
        database=args["database"], table_name="step_trainer_landing"
    )
    .resolveChoice(
        choice="match_catalog", database=args["database"], table_name="step_trainer_landing"
    )
    .toDF()
    .to(RECORD)
)
customers = glue.create_dynamic_frame.from_catalog(
    database=args["database"], table_name="customers_curated"
).toDF()

trusted = records.join(
    customers, records["serialnumber"] == customers["serialnumber"], "left_semi"
)

trusted.write.mode("overwrite").parquet(args["target"])

job.commit()
