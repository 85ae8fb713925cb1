"""Data frames from files, with Glue's format options."""

import json

from pyspark.errors import AnalysisException
from pyspark.sql.types import StructType

from lakeform_glue import catalog, files
from lakeform_glue.conform import to_declared

_FORMATS = ("json", "csv", "parquet", "orc")


def supported(kind):
    """A format this Spark has, by Glue's name for it."""
    known = {"glueparquet": "parquet", "jsonl": "json"}.get((kind or "").lower(), (kind or "").lower())
    if known not in _FORMATS:
        raise NotImplementedError(
            f"format {kind!r}: the sandbox's Spark has {', '.join(_FORMATS[:-1])} and {_FORMATS[-1]}"
        )
    return known


def truth(value):
    """A flag as scripts write it: a bool or a word."""
    return value.strip().lower() == "true" if isinstance(value, str) else bool(value)


def _objects(text):
    """The JSON objects of a document that holds one, many in a row, or a list of them; each as its own text."""
    decoder, at = json.JSONDecoder(), 0
    while True:
        while at < len(text) and (text[at].isspace() or text[at] == "," or text[at] == "\ufeff"):
            at += 1
        if at >= len(text):
            return
        try:
            value, end = decoder.raw_decode(text, at)
        except ValueError:
            # A broken record is left out, as Glue does; reading goes on at the next line.
            line = text.find("\n", at)
            if line < 0:
                return
            at = line + 1
            continue
        if isinstance(value, list):
            yield from (json.dumps(item) for item in value)
        else:
            yield text[at:end]
        at = end


def read_json(spark, paths, options, recursive, lower=False):
    """JSON files. `multiLine` is often set over files with an object a line: every object is read either way."""
    path_option = options.get("jsonPath", "$")
    if path_option not in ("$", "$[*]", "$.*", ""):
        raise NotImplementedError(f"jsonPath {path_option!r}: the sandbox reads whole objects")
    if truth(options.get("multiLine", options.get("multiline", False))) or path_option == "$[*]":
        context = spark.sparkContext
        configuration = context._jsc.hadoopConfiguration()
        key = "mapreduce.input.fileinputformat.input.dir.recursive"
        before = configuration.get(key)
        configuration.set(key, str(bool(recursive)).lower())
        try:
            texts = context.wholeTextFiles(",".join(paths)).values().flatMap(_objects)
            return spark.read.option("mode", "DROPMALFORMED").json(texts)
        finally:
            if before is None:
                configuration.unset(key)
            else:
                configuration.set(key, before)
    reader = spark.read.option("mode", "DROPMALFORMED").option("recursiveFileLookup", recursive)
    try:
        return reader.json(paths)
    except AnalysisException as error:
        if not lower or "COLUMN_ALREADY_EXISTS" not in str(error):
            raise
        # One key in two spellings, which Spark does not read: each record's own goes under the catalog's name.
        lines = spark.read.option("recursiveFileLookup", recursive).text(paths).rdd.flatMap(_lowered)
        return spark.read.option("mode", "DROPMALFORMED").json(lines)


def _lowered(row):
    return [json.dumps({key.lower(): value for key, value in json.loads(text).items()}) for text in _objects(row[0])]


def read_csv(spark, paths, options, recursive, names=None):
    """CSV files: strings all, named by the header, by the caller or col0, col1, …"""
    header = truth(options.get("withHeader", False))
    reader = (
        spark.read.option("header", header)
        .option("sep", options.get("separator", ","))
        .option("multiLine", truth(options.get("multiLine", options.get("multiline", False))))
        .option("recursiveFileLookup", recursive)
    )
    quote = options.get("quoteChar", '"')
    reader = reader.option("quote", "" if quote in (-1, "-1") else quote)
    if options.get("escaper"):
        reader = reader.option("escape", options["escaper"])
    frame = reader.csv(paths)
    if names is None:
        return frame if header else frame.toDF(*[f"col{n}" for n in range(len(frame.columns))])
    # A table's columns are those of the file by position, whatever a header calls them.
    if len(frame.columns) > len(names):
        frame = frame.select(*frame.columns[: len(names)])
    return frame.toDF(*names[: len(frame.columns)])


def read_files(spark, kind, paths, options=None, recurse=False, names=None):
    """A data frame over paths; nothing there gives one without rows or columns."""
    kind, options = supported(kind), options or {}
    paths = [path for path in paths if files.has_data(spark, path)]
    if not paths:
        return spark.createDataFrame([], StructType([]))
    recursive = bool(recurse) and any(files.needs_recursion(spark, path) for path in paths)
    if kind == "json":
        return read_json(spark, paths, options, recursive, lower=names is not None)
    if kind == "csv":
        return read_csv(spark, paths, options, recursive, names)
    reader = spark.read.option("recursiveFileLookup", recursive)
    if kind == "parquet":
        return reader.option("mergeSchema", True).parquet(*paths)
    return reader.option("mergeSchema", True).orc(paths)


def declared(spark, live):
    """A table's columns and partition keys as a Spark schema."""
    schema = StructType()
    for name, kind in catalog.columns(live):
        schema.add(name.lower(), parsed_type(spark, kind))
    return schema


def parsed_type(spark, kind):
    """The Spark type of a catalog type."""
    from pyspark.sql.types import StringType, _parse_datatype_string

    lowered = kind.strip().lower()
    if lowered in ("string", "") or lowered.startswith(("varchar", "char")):
        return StringType()
    return _parse_datatype_string({"int": "int", "integer": "int"}.get(lowered, kind))


def read_table(spark, database, name, predicate="", force=False):
    """A catalog table: its lower-case names, the columns it declares, partitions that the catalog knows."""
    from pyspark.sql import functions as F

    live = catalog.table(database, name)
    kind, options = catalog.format_of(live)
    wanted = declared(spark, live)
    keys = [item["Name"].lower() for item in live.get("PartitionKeys", [])]
    own = [field.name for field in wanted.fields if field.name not in keys]

    def load(paths):
        return read_files(spark, kind, paths, options, recurse=True, names=own)

    # The catalog's types count where the files have none of their own.
    force = force or kind == "csv"
    if not keys:
        return to_declared(load([catalog.location(live)]), wanted, force)
    parts = []
    for part in catalog.partitions(database, name):
        frame = load([part["StorageDescriptor"]["Location"]])
        for key, value in zip(keys, part["Values"]):
            null = value == "__HIVE_DEFAULT_PARTITION__"
            frame = frame.withColumn(key, F.lit(None if null else value).cast(wanted[key].dataType))
        parts.append(to_declared(frame, wanted, force))
    if not parts:
        return spark.createDataFrame([], wanted)
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.unionByName(part, allowMissingColumns=True)
    return whole.where(predicate) if predicate else whole
