"""The types of a dynamic frame's schema, as scripts inspect them."""

from pyspark.sql import types as spark


class DataType:
    """A type; equal to every other of the same make."""

    name = "unknown"

    @classmethod
    def typeName(cls):
        return cls.name

    def jsonValue(self):
        return {"dataType": self.typeName()}

    def __eq__(self, other):
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self):
        return hash(repr(self))

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{value!r}' for value in vars(self).values())})"

    def __str__(self):
        return self.typeName()


class AtomicType(DataType):
    """A type without parts."""


def _atomic(title, glue_name):
    return type(title, (AtomicType,), {"name": glue_name, "__doc__": f"Glue's `{glue_name}`.", "__module__": __name__})


NullType = _atomic("NullType", "null")
StringType = _atomic("StringType", "string")
BooleanType = _atomic("BooleanType", "boolean")
ByteType = _atomic("ByteType", "byte")
ShortType = _atomic("ShortType", "short")
IntegerType = _atomic("IntegerType", "int")
LongType = _atomic("LongType", "long")
FloatType = _atomic("FloatType", "float")
DoubleType = _atomic("DoubleType", "double")
BinaryType = _atomic("BinaryType", "binary")
DateType = _atomic("DateType", "date")
TimestampType = _atomic("TimestampType", "timestamp")
UnknownType = _atomic("UnknownType", "unknown")


class DecimalType(AtomicType):
    """A decimal of so many digits."""

    name = "decimal"

    def __init__(self, precision=10, scale=2):
        self.precision = precision
        self.scale = scale


class ArrayType(DataType):
    """A list."""

    name = "array"

    def __init__(self, elementType=None):
        self.elementType = elementType or UnknownType()


class SetType(ArrayType):
    """A set."""

    name = "set"


class MapType(DataType):
    """A map with strings for keys."""

    name = "map"

    def __init__(self, valueType=None):
        self.valueType = valueType or UnknownType()


class ChoiceType(DataType):
    """A field with values of several types; Spark settles on one, so no frame here has it."""

    name = "choice"

    def __init__(self, choices=()):
        self.choices = {choice.typeName(): choice for choice in choices}


class Field:
    """A named part of a struct."""

    def __init__(self, name, dataType, properties=None):
        self.name = name
        self.dataType = dataType
        self.properties = properties or {}

    def __repr__(self):
        return f"Field({self.name!r}, {self.dataType!r})"


class StructType(DataType):
    """A record."""

    name = "struct"

    def __init__(self, fields=(), properties=None):
        self.fields = list(fields)
        self.properties = properties or {}

    @property
    def field_map(self):
        return {field.name: field for field in self.fields}

    def __iter__(self):
        return iter(self.fields)

    def __eq__(self, other):
        return isinstance(other, StructType) and repr(self) == repr(other)

    __hash__ = DataType.__hash__


EntityType = StructType

_PLAIN = {
    spark.NullType: NullType,
    spark.StringType: StringType,
    spark.BooleanType: BooleanType,
    spark.ByteType: ByteType,
    spark.ShortType: ShortType,
    spark.IntegerType: IntegerType,
    spark.LongType: LongType,
    spark.FloatType: FloatType,
    spark.DoubleType: DoubleType,
    spark.BinaryType: BinaryType,
    spark.DateType: DateType,
    spark.TimestampType: TimestampType,
    spark.TimestampNTZType: TimestampType,
}


def from_spark(kind):
    """The Glue type of a Spark type."""
    if isinstance(kind, spark.StructType):
        return StructType([Field(field.name, from_spark(field.dataType)) for field in kind.fields])
    if isinstance(kind, spark.ArrayType):
        return ArrayType(from_spark(kind.elementType))
    if isinstance(kind, spark.MapType):
        return MapType(from_spark(kind.valueType))
    if isinstance(kind, spark.DecimalType):
        return DecimalType(kind.precision, kind.scale)
    if isinstance(kind, (spark.VarcharType, spark.CharType)):
        return StringType()
    return _PLAIN.get(type(kind), UnknownType)()
