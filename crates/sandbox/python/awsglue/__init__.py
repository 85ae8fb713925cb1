"""AWS Glue's Python package for jobs that run on the sandbox's Spark.

Written in plain PySpark from the documented behaviour of Glue. `awsglue.utils` needs no Spark, so that Python shell
jobs may import it; everything else is loaded when it is asked for.
"""


def __getattr__(name):
    if name in ("DynamicFrame", "DynamicFrameCollection"):
        from awsglue import dynamicframe

        return getattr(dynamicframe, name)
    raise AttributeError(f"module 'awsglue' has no attribute {name!r}")
