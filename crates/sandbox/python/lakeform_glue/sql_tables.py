"""Catalog tables in Spark's SQL: a query that names `database.table`, or a table of the current database, finds it.

Spark's own catalog is in memory. A table gets there when a statement first mentions it, from the sandbox's Glue
catalog as it is at that moment. What only Spark's catalog would learn, such as a CREATE TABLE, is refused: it would
be lost with the run.
"""

import functools
import re

from lakeform_glue import catalog, files, reading
from lakeform_glue.fields import quoted

_WORD = re.compile(r"`([^`]+)`|([A-Za-z0-9_]+)")
_DEFINES = re.compile(
    r"^\s*(create\s+(or\s+replace\s+)?(external\s+)?table|drop\s+(table|database|schema)|alter\s+(table|database)|"
    r"create\s+(database|schema)|msck|truncate)\b",
    re.IGNORECASE,
)
_INSERTS = re.compile(r"^\s*insert\b", re.IGNORECASE)


class Tables:
    """The catalog's tables that one session knows."""

    def __init__(self, spark):
        self.spark = spark
        # The partitioned ones that the last statement mentioned.
        self.partitioned = []

    def mention(self, text):
        """Brings in the tables whose names are words of a statement."""
        self.partitioned = []
        words = {(a or b).lower() for a, b in _WORD.findall(text)}
        names = catalog.databases()
        current = self.spark.catalog.currentDatabase()
        for database in names:
            if database in words:
                run(self.spark, f"CREATE DATABASE IF NOT EXISTS {quoted(database)}")
            if database in words or database == current or "use" in words:
                for live in catalog.tables(database):
                    if live["Name"] in words:
                        self.register(live)

    def register(self, live):
        """Makes a table known, anew each time: its files and columns may have changed."""
        database, name = live["DatabaseName"], live["Name"]
        spark = self.spark
        run(spark, f"CREATE DATABASE IF NOT EXISTS {quoted(database)}")
        full = f"{quoted(database)}.{quoted(name)}"
        if live.get("TableType") == "VIRTUAL_VIEW":
            raise NotImplementedError(f"{database}.{name} is a view, whose SQL is Athena's: the sandbox reads tables")
        run(spark, f"DROP TABLE IF EXISTS {full}")
        kind, options = catalog.format_of(live)
        where = catalog.location(live).replace("'", "\\'")
        keys = [item["Name"].lower() for item in live.get("PartitionKeys", [])]
        wanted = reading.declared(spark, live)
        spelled = spellings(spark, live, kind, wanted)
        columns = ", ".join(f"{quoted(spelled.get(f.name, f.name))} {f.dataType.simpleString()}" for f in wanted.fields)
        statement = f"CREATE TABLE {full} ({columns}) USING {reading.supported(kind)}"
        deep = not keys and files.needs_recursion(spark, catalog.location(live))
        settings = {"recursiveFileLookup": "true"} if deep else {}
        if kind == "csv":
            settings["header"] = str(bool(options.get("withHeader"))).lower()
            settings["sep"] = options.get("separator", ",")
            settings["quote"] = "" if options.get("quoteChar") == -1 else options.get("quoteChar", '"')
        if settings:
            pairs = ", ".join(f"'{key}' = '{escaped(value)}'" for key, value in settings.items())
            statement += f" OPTIONS ({pairs})"
        if keys:
            statement += f" PARTITIONED BY ({', '.join(quoted(key) for key in keys)})"
        run(spark, f"{statement} LOCATION '{where}'")
        if keys:
            self.partitioned.append((live, keys))
        for part in catalog.partitions(database, name) if keys else []:
            pairs = ", ".join(f"{quoted(key)} = '{escaped(value)}'" for key, value in zip(keys, part["Values"]))
            place = escaped(part["StorageDescriptor"]["Location"])
            run(spark, f"ALTER TABLE {full} ADD IF NOT EXISTS PARTITION ({pairs}) LOCATION '{place}'")

    def share_partitions(self):
        """Tells the catalog of the partitions that an insert made."""
        for live, keys in self.partitioned:
            catalog.add_partitions(live, files.partitions(self.spark, catalog.location(live), keys))


def spellings(spark, live, kind, wanted):
    """A JSON file's own spelling of the columns: Spark matches JSON keys by case, the catalog does not."""
    if kind != "json":
        return {}
    found = reading.read_files(spark, "json", [catalog.location(live)], {}, recurse=True).columns
    exact = {field.name for field in wanted.fields} & set(found)
    return {name.lower(): name for name in found if name.lower() not in exact}


def escaped(text):
    """A text inside a quoted SQL string."""
    return str(text).replace("\\", "\\\\").replace("'", "\\'")


def run(spark, statement):
    """A statement that looks at nothing but Spark's own catalog."""
    return spark._lakeform_sql(statement)


def tables_of(spark):
    """The one of a session."""
    if not hasattr(spark, "_lakeform_tables"):
        spark._lakeform_tables = Tables(spark)
    return spark._lakeform_tables


def install():
    """Teaches every session of this process about the catalog."""
    from pyspark.sql import DataFrameReader, DataFrameWriter, SparkSession

    if hasattr(SparkSession, "_lakeform_sql"):
        return
    original_sql, original_table = SparkSession.sql, SparkSession.table
    SparkSession._lakeform_sql = original_sql

    @functools.wraps(original_sql)
    def sql(self, sqlQuery, *args, **kwargs):
        if _DEFINES.match(sqlQuery):
            raise NotImplementedError(
                f"`{' '.join(sqlQuery.split()[:2])}` in a job: the sandbox's Spark does not change the catalog; create "
                "tables in the manifest, or write with getSink and setCatalogInfo"
            )
        known = tables_of(self)
        known.mention(sqlQuery)
        answer = original_sql(self, sqlQuery, *args, **kwargs)
        if _INSERTS.match(sqlQuery):
            known.share_partitions()
        return answer

    @functools.wraps(original_table)
    def table(self, tableName):
        tables_of(self).mention(tableName)
        return original_table(self, tableName)

    def read_table(self, tableName):
        return self._spark.table(tableName)

    original_insert = DataFrameWriter.insertInto

    @functools.wraps(original_insert)
    def insert_into(self, tableName, overwrite=None):
        known = tables_of(self._spark)
        known.mention(tableName)
        original_insert(self, tableName, overwrite)
        known.share_partitions()

    def save_as_table(self, name, *args, **kwargs):
        raise NotImplementedError(
            f"saveAsTable({name!r}): the sandbox's Spark does not create catalog tables; create the table in the "
            "manifest and use insertInto, or write with getSink and setCatalogInfo"
        )

    # The catalog is Glue's: Hive's own would make a database of its own beside it.
    SparkSession.Builder.enableHiveSupport = lambda self: self
    SparkSession.sql, SparkSession.table = sql, table
    DataFrameReader.table = read_table
    DataFrameWriter.insertInto, DataFrameWriter.saveAsTable = insert_into, save_as_table
