"""Machine learning curated: step trainer records beside the readings of their moment.

Rule: join the trusted step trainer records with the trusted accelerometer readings
where the sensor reading time is the timestamp. One record meets every reading of
that moment; a record or a reading that is alone at its moment drops out.
"""

import sys

from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext

args = getResolvedOptions(sys.argv, ["JOB_NAME", "database", "target"])
glue = GlueContext(SparkContext.getOrCreate())
job = Job(glue)
job.init(args["JOB_NAME"], args)


def table(name):
    frame = glue.create_dynamic_frame.from_catalog(database=args["database"], table_name=name)
    return frame.toDF()


records = table("step_trainer_trusted")
readings = table("accelerometer_trusted")

curated = records.join(
    readings, records["sensorreadingtime"] == readings["timestamp"], "inner"
).select(
    "sensorreadingtime",
    "serialnumber",
    "distancefromobject",
    "user",
    "timestamp",
    "x",
    "y",
    "z",
)

curated.write.mode("overwrite").parquet(args["target"])

job.commit()
