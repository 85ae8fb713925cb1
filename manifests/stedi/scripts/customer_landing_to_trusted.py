"""Customer trusted: the customers who agreed to share their data with research.

Rule: keep a landing row when its research date is present and not 0.
A customer delivered twice stays twice: the trusted zone only leaves out.
"""

import sys

from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from pyspark.sql.functions import col
from pyspark.sql.types import StructType

# What the table declares. A column that no record carries is null, not an error.
CUSTOMER = (
    StructType()
    .add("customername", "string")
    .add("email", "string")
    .add("phone", "string")
    .add("birthday", "string")
    .add("serialnumber", "string")
    .add("registrationdate", "long")
    .add("lastupdatedate", "long")
    .add("sharewithresearchasofdate", "long")
    .add("sharewithpublicasofdate", "long")
    .add("sharewithfriendsasofdate", "long")
)

args = getResolvedOptions(sys.argv, ["JOB_NAME", "database", "target"])
glue = GlueContext(SparkContext.getOrCreate())
job = Job(glue)
job.init(args["JOB_NAME"], args)

# Glue guesses types record by record, and a date of 0 looks like an int among
# longs: `match_catalog` settles every such doubt as the table declares it.
customers = (
    glue.create_dynamic_frame.from_catalog(
        database=args["database"], table_name="customer_landing"
    )
    .resolveChoice(
        choice="match_catalog", database=args["database"], table_name="customer_landing"
    )
    .toDF()
    .to(CUSTOMER)
)

# Comparing a missing date with 0 gives null, which `where` does not keep.
trusted = customers.where(col("sharewithresearchasofdate") != 0)

# Overwriting makes a second run replace the first, not add to it.
trusted.write.mode("overwrite").parquet(args["target"])

job.commit()
