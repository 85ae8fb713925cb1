"""Files from data frames, as Glue writes them: added beside what is there, folders by partition key."""

from lakeform_glue import catalog, files
from lakeform_glue.fields import resolve
from lakeform_glue.reading import supported, truth
from lakeform_glue.records import settled


def written_schema(frame, keys=()):
    """The catalog's columns for what is written, and its partition keys."""
    own, parts = [], []
    for field in frame.schema.fields:
        item = {"Name": field.name.lower(), "Type": catalog_type(field.dataType)}
        (parts if field.name in keys else own).append(item)
    order = {key.lower(): n for n, key in enumerate(keys)}
    return own, sorted(parts, key=lambda item: order[item["Name"]])


def catalog_type(kind):
    """A Spark type as the catalog spells it."""
    text = settled(kind).simpleString()
    return text.replace("timestamp_ntz", "timestamp").lower()


def partition_keys(frame, keys):
    """The frame's own spelling of the keys."""
    found = [(key, resolve(frame.schema, key)) for key in keys or []]
    missing = [key for key, place in found if place is None]
    if missing:
        raise ValueError(f"no field {missing[0]!r} to partition by; there are {', '.join(frame.columns)}")
    return [place[0][0] for _, place in found]


def write_files(frame, kind, path, options=None, keys=(), compression=None):
    """Adds the frame's rows to the files at a path."""
    kind, options = supported(kind), options or {}
    for field in frame.schema.fields:
        if settled(field.dataType) != field.dataType:
            frame = frame.withColumn(field.name, frame[f"`{field.name}`"].cast(settled(field.dataType)))
    if not frame.columns:
        # A frame without columns has no rows either; there is nothing to add.
        return
    writer = frame.write.mode("append")
    keys = partition_keys(frame, keys)
    if keys:
        writer = writer.partitionBy(*keys)
    compression = compression or options.get("compression")
    if compression:
        writer = writer.option("compression", str(compression).lower())
    if kind == "csv":
        quote = options.get("quoteChar", '"')
        writer = writer.option("header", truth(options.get("writeHeader", True)))
        writer = writer.option("sep", options.get("separator", ","))
        writer = writer.option("quote", "" if quote in (-1, "-1") else quote)
        if options.get("escaper"):
            writer = writer.option("escape", options["escaper"])
    getattr(writer, kind)(path)


def write_table(frame, live, update=False, keys=None):
    """Adds rows to a catalog table, and with `update` the columns and partitions that are new."""
    kind, options = catalog.format_of(live)
    own = keys or [item["Name"] for item in live.get("PartitionKeys", [])]
    spelled = partition_keys(frame, own)
    if kind == "csv":
        options = {**options, "writeHeader": options.get("withHeader", False)}
    write_files(frame, kind, catalog.location(live), options, spelled)
    if update:
        catalog.update_columns(live, written_schema(frame, spelled)[0])
        live = catalog.table(live["DatabaseName"], live["Name"])
    if spelled and update:
        catalog.add_partitions(live, files.partitions(frame.sparkSession, catalog.location(live), spelled))
