"""Columns as a table declares them: names blind to case, types cast where that loses nothing or where it is asked
for."""

from pyspark.sql import functions as F
from pyspark.sql import types as T

from lakeform_glue.fields import column


def _matched(kind, name):
    alike = [field for field in kind.fields if field.name.lower() == name.lower()]
    exact = [field for field in alike if field.name == name]
    return exact or alike


def conformed(value, found, declared, force):
    """A value of the type found, as the declared type where `force` or where nothing can be lost."""
    if found == declared:
        return value
    if isinstance(found, T.StructType) and isinstance(declared, T.StructType):
        parts = []
        for field in declared.fields:
            alike = _matched(found, field.name)
            if alike:
                inner = conformed(value[alike[0].name], alike[0].dataType, field.dataType, force)
            else:
                inner = F.lit(None).cast(field.dataType)
            parts.append(inner.alias(field.name))
        return F.when(value.isNotNull(), F.struct(*parts))
    if isinstance(found, T.ArrayType) and isinstance(declared, T.ArrayType):
        return F.transform(value, lambda item: conformed(item, found.elementType, declared.elementType, force))
    if isinstance(found, T.StructType) and isinstance(declared, T.MapType):
        # A JSON object whose keys are data.
        as_json = F.to_json(value)
        return F.from_json(as_json, declared)
    if force or _keeps_all(found, declared):
        return value.cast(declared)
    return value


def _keeps_all(found, declared):
    # Glue shows what the file holds; a JSON file has no int and no date, so these follow the declaration.
    if isinstance(found, T.NullType):
        return True
    if isinstance(found, T.NumericType) and isinstance(declared, T.NumericType):
        whole = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
        return not (isinstance(declared, whole) and not isinstance(found, whole))
    if isinstance(declared, T.StringType):
        return isinstance(found, (T.NumericType, T.BooleanType))
    if isinstance(found, T.StringType):
        return isinstance(declared, (T.DateType, T.TimestampType, T.BinaryType, T.DecimalType))
    return False


def to_declared(frame, declared, force=False):
    """The declared columns in their order, those no record carries as null, then what else the data holds."""
    found = frame.schema
    columns, used = [], set()
    for field in declared.fields:
        alike = _matched(found, field.name)
        if not alike:
            columns.append(F.lit(None).cast(field.dataType).alias(field.name))
            continue
        used.update(item.name for item in alike)
        values = [conformed(column([item.name]), item.dataType, field.dataType, force) for item in alike]
        # The same key in two spellings: whichever a record has.
        value = values[0] if len(values) == 1 else F.coalesce(*[item.cast(field.dataType) for item in values])
        columns.append(value.alias(field.name))
    taken = {field.name.lower() for field in declared.fields}
    for field in found.fields:
        if field.name not in used and field.name.lower() not in taken:
            taken.add(field.name.lower())
            columns.append(column([field.name]).alias(field.name.lower()))
    return frame.select(*columns)
