"""Rows as the plain records that a script's functions get, and back."""

import datetime
import decimal

from pyspark.sql import Row
from pyspark.sql import types as T

# What a predicate raises over a field that a record does not have: such a record does not fit, and the job goes on.
ABSENT = (KeyError, TypeError, ValueError)


def plain(value):
    """A record without its absent fields."""
    if isinstance(value, Row):
        return {name: plain(item) for name, item in value.asDict().items() if item is not None}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def type_of(value):
    """The Spark type of a plain value."""
    if isinstance(value, Row):
        return type_of(value.asDict())
    if isinstance(value, dict):
        return T.StructType([T.StructField(str(name), type_of(item)) for name, item in value.items()])
    if isinstance(value, (list, tuple, set)):
        kind = T.NullType()
        for item in value:
            kind = merged(kind, type_of(item))
        return T.ArrayType(kind)
    if isinstance(value, bool):
        return T.BooleanType()
    if isinstance(value, int):
        return T.LongType()
    if isinstance(value, float):
        return T.DoubleType()
    if isinstance(value, decimal.Decimal):
        return T.DecimalType(38, 18)
    if isinstance(value, datetime.datetime):
        return T.TimestampType()
    if isinstance(value, datetime.date):
        return T.DateType()
    if isinstance(value, (bytes, bytearray)):
        return T.BinaryType()
    return T.NullType() if value is None else T.StringType()


def merged(left, right):
    """The type that holds both; where there is none, a string."""
    if left == right or isinstance(right, T.NullType):
        return left
    if isinstance(left, T.NullType):
        return right
    if isinstance(left, T.StructType) and isinstance(right, T.StructType):
        known = {field.name: field.dataType for field in left.fields}
        for field in right.fields:
            known[field.name] = merged(known.get(field.name, T.NullType()), field.dataType)
        return T.StructType([T.StructField(name, kind) for name, kind in known.items()])
    if isinstance(left, T.ArrayType) and isinstance(right, T.ArrayType):
        return T.ArrayType(merged(left.elementType, right.elementType))
    if isinstance(left, T.NumericType) and isinstance(right, T.NumericType):
        kinds = {type(left), type(right)}
        return T.DoubleType() if kinds & {T.DoubleType, T.FloatType} else T.DecimalType(38, 18)
    return T.StringType()


def settled(kind):
    """A type that files can hold: what was never seen is a string."""
    if isinstance(kind, T.NullType):
        return T.StringType()
    if isinstance(kind, T.StructType):
        return T.StructType([T.StructField(field.name, settled(field.dataType)) for field in kind.fields])
    if isinstance(kind, T.ArrayType):
        return T.ArrayType(settled(kind.elementType))
    if isinstance(kind, T.MapType):
        return T.MapType(kind.keyType, settled(kind.valueType))
    return kind


def shaped(value, kind):
    """A plain value in the form that Spark takes for a type."""
    if value is None:
        return None
    if isinstance(kind, T.StructType):
        if isinstance(value, Row):
            value = value.asDict()
        if not isinstance(value, dict):
            return None
        return tuple(shaped(value.get(field.name), field.dataType) for field in kind.fields)
    if isinstance(kind, T.ArrayType):
        return [shaped(item, kind.elementType) for item in value]
    if isinstance(kind, T.MapType):
        return {name: shaped(item, kind.valueType) for name, item in value.items()}
    if isinstance(kind, T.StringType):
        return value if isinstance(value, str) else str(value)
    if isinstance(kind, (T.DoubleType, T.FloatType)):
        return float(value)
    if isinstance(kind, T.DecimalType):
        return value if isinstance(value, decimal.Decimal) else decimal.Decimal(str(value))
    return value
