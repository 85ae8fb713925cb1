"""What the tests share: one Spark session, a Glue context, a folder, and a catalog in memory."""

import functools
import json
import os
import tempfile
import unittest

from lakeform_glue import catalog

os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")


@functools.lru_cache(maxsize=1)
def session():
    from pyspark.sql import SparkSession

    from lakeform_glue import sql_tables

    sql_tables.install()
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.default.parallelism", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.filesourceTableRelationCacheSize", "0")
        .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        .config("spark.sql.warehouse.dir", tempfile.mkdtemp())
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("OFF")
    return spark


@functools.lru_cache(maxsize=1)
def context():
    from awsglue.context import GlueContext

    return GlueContext(session().sparkContext)


class Catalog:
    """As much of the Glue client as the package uses."""

    def __init__(self):
        self.tables = {}
        self.parts = {}

    def get_paginator(self, operation):
        return Pages(getattr(self, operation))

    def get_databases(self):
        return {"DatabaseList": [{"Name": name} for name in sorted({database for database, _ in self.tables})]}

    def get_tables(self, DatabaseName):
        return {"TableList": [live for (database, _), live in self.tables.items() if database == DatabaseName]}

    def get_table(self, DatabaseName, Name):
        if (DatabaseName, Name) not in self.tables:
            from botocore.exceptions import ClientError

            raise ClientError({"Error": {"Code": "EntityNotFoundException", "Message": Name}}, "GetTable")
        return {"Table": self.tables[DatabaseName, Name]}

    def create_table(self, DatabaseName, TableInput):
        self.tables[DatabaseName, TableInput["Name"]] = {**TableInput, "DatabaseName": DatabaseName, "VersionId": "0"}

    def update_table(self, DatabaseName, TableInput, VersionId=None):
        before = self.tables[DatabaseName, TableInput["Name"]]
        assert VersionId == before["VersionId"], (VersionId, before["VersionId"])
        version = str(int(before["VersionId"]) + 1)
        self.tables[DatabaseName, TableInput["Name"]] = {
            **TableInput, "DatabaseName": DatabaseName, "VersionId": version
        }

    def get_partitions(self, DatabaseName, TableName):
        return {"Partitions": self.parts.get((DatabaseName, TableName), [])}

    def batch_create_partition(self, DatabaseName, TableName, PartitionInputList):
        self.parts.setdefault((DatabaseName, TableName), []).extend(PartitionInputList)
        return {"Errors": []}


class Pages:
    """A paginator with one page."""

    def __init__(self, operation):
        self.operation = operation

    def paginate(self, **parameters):
        return [self.operation(**parameters)]


class SparkCase(unittest.TestCase):
    """A test with Spark, a folder of its own and an empty catalog."""

    maxDiff = None

    def setUp(self):
        self.spark, self.glue = session(), context()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.catalog = Catalog()
        before = catalog.client
        catalog.client = lambda: self.catalog
        self.addCleanup(setattr, catalog, "client", before)

    def path(self, name):
        return f"file://{self.folder}/{name}"

    def write(self, name, text):
        place = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def lines(self, name, *records):
        return self.write(name, "".join(json.dumps(record) + "\n" for record in records))

    def table(self, name, kind, columns, keys=(), database="lake"):
        schema = [{"Name": column, "Type": type_} for column, type_ in columns]
        self.catalog.create_table(database, {
            "Name": name, "TableType": "EXTERNAL_TABLE", "Parameters": {"classification": kind, "theirs": "kept"},
            "PartitionKeys": [{"Name": column, "Type": type_} for column, type_ in keys],
            "StorageDescriptor": catalog.descriptor(kind, self.path(name) + "/", schema),
        })

    def frame(self, *records, schema=None):
        from awsglue.dynamicframe import DynamicFrame

        if schema:
            data = self.spark.createDataFrame(records, schema)
        else:
            data = self.spark.read.json(self.spark.sparkContext.parallelize([json.dumps(item) for item in records]))
        return DynamicFrame.fromDF(data, self.glue, "frame")

    def rows(self, frame):
        """The records of a frame, as plain values, in an order of their own."""
        data = frame.toDF() if hasattr(frame, "toDF") and hasattr(frame, "glue_ctx") else frame
        return sorted((row.asDict(recursive=True) for row in data.collect()), key=lambda row: json.dumps(row, default=str))
