"""The sandbox's Glue catalog, read and written through its endpoint as any other client would."""

import functools
import os
import sys

import boto3
from botocore.exceptions import ClientError

# What GetTable tells and UpdateTable does not take.
_READ_ONLY = (
    "DatabaseName", "CreateTime", "UpdateTime", "CreatedBy", "IsRegisteredWithLakeFormation", "CatalogId", "VersionId",
    "FederatedTable", "IsMultiDialectView", "IsMaterializedView", "Status",
)
_SERDES = {
    "json": ("org.openx.data.jsonserde.JsonSerDe", "Text"),
    "csv": ("org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", "Text"),
    "parquet": ("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe", "Parquet"),
    "orc": ("org.apache.hadoop.hive.ql.io.orc.OrcSerde", "Orc"),
}
_FILES = {
    "Text": ("org.apache.hadoop.mapred.TextInputFormat", "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"),
    "Parquet": (
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    ),
    "Orc": ("org.apache.hadoop.hive.ql.io.orc.OrcInputFormat", "org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat"),
}


@functools.lru_cache(maxsize=1)
def client():
    """The catalog's client; endpoint, account and region come from the environment."""
    return boto3.client("glue", region_name=os.environ.get("AWS_REGION", "us-east-1"))


def _pages(operation, member, **parameters):
    return [item for page in client().get_paginator(operation).paginate(**parameters) for item in page[member]]


def databases():
    """The names of all databases."""
    return [database["Name"] for database in _pages("get_databases", "DatabaseList")]


def tables(database):
    """All tables of a database."""
    return _pages("get_tables", "TableList", DatabaseName=database)


def table(database, name):
    """A table; a missing one is Glue's own error."""
    return client().get_table(DatabaseName=database, Name=name)["Table"]


def table_if_there(database, name):
    """A table, or `None`."""
    try:
        return table(database, name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "EntityNotFoundException":
            return None
        raise


def partitions(database, name):
    """All partitions of a table."""
    return _pages("get_partitions", "Partitions", DatabaseName=database, TableName=name)


def columns(live):
    """The declared columns with their types, partition keys last."""
    own = live.get("StorageDescriptor", {}).get("Columns", [])
    return [(item["Name"], item.get("Type", "string")) for item in own + live.get("PartitionKeys", [])]


def location(live):
    """Where a table's data is."""
    where = live.get("StorageDescriptor", {}).get("Location", "")
    if not where:
        raise ValueError(f"table {live['DatabaseName']}.{live['Name']} has no location")
    return where


def format_of(live):
    """A table's format and the options its SerDe implies."""
    descriptor = live.get("StorageDescriptor", {})
    serde = descriptor.get("SerdeInfo", {})
    library = serde.get("SerializationLibrary", "").lower()
    settings = {**live.get("Parameters", {}), **descriptor.get("Parameters", {}), **serde.get("Parameters", {})}
    if settings.get("table_type", "").upper() in ("ICEBERG", "DELTA", "HUDI"):
        raise NotImplementedError(
            f"table {live['DatabaseName']}.{live['Name']} is {settings['table_type']}: the sandbox's Spark reads JSON, "
            "CSV, Parquet and ORC tables"
        )
    for word, name in (("json", "json"), ("parquet", "parquet"), ("orc", "orc"), ("avro", "avro")):
        if word in library:
            return name, {}
    if "csv" in library or "lazysimple" in library or settings.get("classification") == "csv":
        options = {"separator": settings.get("separatorChar") or settings.get("field.delim") or ","}
        if "opencsv" not in library:
            # The plain text SerDe knows no quotes.
            options["quoteChar"] = -1
            options["separator"] = settings.get("field.delim") or settings.get("separatorChar") or "\x01"
        elif settings.get("quoteChar"):
            options["quoteChar"] = settings["quoteChar"]
        if int(settings.get("skip.header.line.count", "0") or 0) > 0:
            options["withHeader"] = True
        return "csv", options
    if settings.get("classification") in ("json", "parquet", "orc", "avro"):
        return settings["classification"], {}
    raise NotImplementedError(
        f"table {live['DatabaseName']}.{live['Name']} has the SerDe {serde.get('SerializationLibrary')!r}, which the "
        "sandbox's Spark does not read"
    )


def descriptor(kind, where, schema):
    """The storage of a new table."""
    library, files = _SERDES[kind]
    inputs, outputs = _FILES[files]
    info = {"SerializationLibrary": library, "Parameters": {"serialization.format": "1"}}
    if kind == "csv":
        info["Parameters"] = {"field.delim": ",", "serialization.format": ","}
    return {
        "Columns": schema, "Location": where, "InputFormat": inputs, "OutputFormat": outputs, "SerdeInfo": info,
        "Compressed": False, "NumberOfBuckets": -1, "StoredAsSubDirectories": False,
    }


def signed(verb):
    """What Glue leaves in a table's parameters of the run that created or updated it."""
    given = {name: value for name, value in zip(sys.argv, sys.argv[1:]) if name in ("--JOB_NAME", "--JOB_RUN_ID")}
    names = {f"{verb}ByJob": given.get("--JOB_NAME"), f"{verb}ByJobRun": given.get("--JOB_RUN_ID")}
    return {name: value for name, value in names.items() if value}


def create(database, name, kind, where, schema, keys):
    """Creates a table."""
    parameters = {"classification": kind, "EXTERNAL": "TRUE", **signed("Created")}
    if kind == "csv":
        parameters["skip.header.line.count"] = "1"
    client().create_table(
        DatabaseName=database,
        TableInput={
            "Name": name, "TableType": "EXTERNAL_TABLE", "Parameters": parameters, "PartitionKeys": keys,
            "StorageDescriptor": descriptor(kind, where, schema),
        },
    )


def update_columns(live, schema):
    """Takes the columns of what was written into a table: from the live one on, so that whatever others keep in it
    stays, and so do columns that this frame has not."""
    written = {item["Name"].lower(): item for item in schema}
    keys = {item["Name"] for item in live.get("PartitionKeys", [])}
    before = live.get("StorageDescriptor", {}).get("Columns", [])
    after = [{**item, **written.pop(item["Name"], {})} for item in before]
    after += [item for name, item in written.items() if name not in keys]
    if after == before:
        return False
    changed = {name: value for name, value in live.items() if name not in _READ_ONLY}
    changed["StorageDescriptor"] = {**live["StorageDescriptor"], "Columns": after}
    changed["Parameters"] = {**live.get("Parameters", {}), **signed("Updated")}
    parameters = {"DatabaseName": live["DatabaseName"], "TableInput": changed}
    if live.get("VersionId"):
        parameters["VersionId"] = live["VersionId"]
    client().update_table(**parameters)
    return True


def add_partitions(live, found):
    """Registers the partitions, given as (values, location), that the table does not have."""
    known = {tuple(item["Values"]) for item in partitions(live["DatabaseName"], live["Name"])}
    base = {name: value for name, value in live["StorageDescriptor"].items() if name != "Location"}
    new = [
        {"Values": list(values), "StorageDescriptor": {**base, "Location": where}}
        for values, where in found
        if tuple(values) not in known
    ]
    for start in range(0, len(new), 100):
        answer = client().batch_create_partition(
            DatabaseName=live["DatabaseName"], TableName=live["Name"], PartitionInputList=new[start : start + 100]
        )
        errors = [
            item for item in answer.get("Errors", [])
            if item.get("ErrorDetail", {}).get("ErrorCode") != "AlreadyExistsException"
        ]
        if errors:
            raise RuntimeError(f"partitions of {live['DatabaseName']}.{live['Name']} could not be added: {errors[0]}")


def drop_partition(live, values):
    """Takes a partition out of the catalog."""
    client().delete_partition(DatabaseName=live["DatabaseName"], TableName=live["Name"], PartitionValues=list(values))
