"""Accelerometer trusted: the readings of customers who agreed to research.

Rule: keep a landing reading when its user is the email of a trusted customer.
When it was taken, before or after the agreement, makes no difference.
"""

import sys

from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from pyspark.sql.types import StructType

READING = (
    StructType()
    .add("user", "string")
    .add("timestamp", "long")
    .add("x", "double")
    .add("y", "double")
    .add("z", "double")
)

args = getResolvedOptions(sys.argv, ["JOB_NAME", "database", "target"])
glue = GlueContext(SparkContext.getOrCreate())
job = Job(glue)
job.init(args["JOB_NAME"], args)

readings = (
    glue.create_dynamic_frame.from_catalog(
        database=args["database"], table_name="accelerometer_landing"
    )
    .resolveChoice(
        choice="match_catalog", database=args["database"], table_name="accelerometer_landing"
    )
    .toDF()
    .to(READING)
)
customers = glue.create_dynamic_frame.from_catalog(
    database=args["database"], table_name="customer_trusted"
).toDF()

# A semi join asks whether there is a customer and never multiplies a reading,
# even where one customer was delivered twice.
trusted = readings.join(customers, readings["user"] == customers["email"], "left_semi")

trusted.write.mode("overwrite").parquet(args["target"])

job.commit()
