"""Nested data frames as flat ones: structs become dotted columns, lists and maps become tables of their own."""

from pyspark.sql import functions as F
from pyspark.sql import types as T

from lakeform_glue.fields import column


def _leaves(kind, path=()):
    for field in kind.fields:
        here = (*path, field.name)
        if isinstance(field.dataType, T.StructType):
            yield from _leaves(field.dataType, here)
        else:
            yield here


def unnested(frame):
    """Structs as columns with dotted names."""
    return frame.select(*[column(list(path)).alias(".".join(path)) for path in _leaves(frame.schema)])


def _lists(frame):
    return [f for f in frame.schema.fields if isinstance(f.dataType, (T.ArrayType, T.MapType))]


def relationalized(frame, root):
    """The flat tables by name. A list in the root becomes a number there, and `root_list` holds its values with that
    number (`id`), their place (`index`) and themselves (`list.val`, or `list.val.field`)."""
    made = {}

    def take(name, frame):
        frame = unnested(frame)
        lists = _lists(frame)
        if lists:
            # The numbers must be the same in both tables, so they are made once and kept.
            row = F.monotonically_increasing_id() + 1
            frame = frame.withColumn("__row", row).localCheckpoint(True)
        made[name] = frame
        for field in lists:
            value = column([field.name])
            if isinstance(field.dataType, T.MapType):
                items = F.posexplode(F.map_entries(value))
            else:
                items = F.posexplode(value)
            child = frame.select(F.col("__row").alias("id"), items.alias("index", "__val"))
            if isinstance(field.dataType, T.MapType):
                entries = [column(["__val", part]).alias(f"{field.name}.{part}") for part in ("key", "value")]
                child = child.select("id", "index", *entries)
            else:
                child = child.select("id", "index", column(["__val"]).alias(f"{field.name}.val"))
            take(f"{name}_{field.name}", child)
        if lists:
            flat = [
                F.when(column([f.name]).isNotNull(), F.col("__row")).alias(f.name) if f in lists else column([f.name])
                for f in frame.schema.fields
                if f.name != "__row"
            ]
            made[name] = frame.select(*flat)

    take(root, frame)
    return made
