"""Customers curated: the trusted customers who have used the mobile app.

Rule: keep a trusted customer who has at least one trusted accelerometer reading,
once, however often the customer was delivered.
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


customers = table("customer_trusted")
readings = table("accelerometer_trusted")

curated = customers.join(
    readings, customers["email"] == readings["user"], "left_semi"
).dropDuplicates()

curated.write.mode("overwrite").parquet(args["target"])

job.commit()
