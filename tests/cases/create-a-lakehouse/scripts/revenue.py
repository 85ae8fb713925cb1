import sys

from awsglue.context import GlueContext
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext

options = getResolvedOptions(sys.argv, ["database"])
spark = GlueContext(SparkContext()).spark_session
spark.sql(f"use {options['database']}")
revenue = spark.sql("""
    select customer, sum(total) as total, current_date as day
    from orders
    group by customer
""")
revenue.write.mode("overwrite").insertInto("revenue")
