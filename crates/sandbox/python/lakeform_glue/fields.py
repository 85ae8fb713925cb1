"""Field names as Glue scripts write them (dotted, in backticks, with spaces or a leading dot), and columns made
from them."""

from pyspark.sql import functions as F
from pyspark.sql.types import StructType

# Glue's names for types, beside those that Spark knows itself.
_TYPE_NAMES = {"long": "bigint", "short": "smallint", "byte": "tinyint", "null": "string"}
_COMPLEX = ("array", "struct", "map", "choice", "set", "object")


def quoted(name):
    """A name as Spark's SQL takes it, whatever is in it."""
    return "`" + name.replace("`", "``") + "`"


def column(parts):
    """The column at a path."""
    return F.col(".".join(quoted(part) for part in parts))


def spark_type(name):
    """The type to cast to for one of Glue's type names; `None` for a type with parts, which is not cast to."""
    text = name.strip()
    if text.lower().split("<")[0].split("(")[0] in _COMPLEX and "<" not in text:
        return None
    return _TYPE_NAMES.get(text.lower(), text)


def split(name):
    """The parts of a dotted name; what stands in backticks is one part."""
    parts, current, inside = [], "", False
    for character in name:
        if character == "`":
            inside = not inside
        elif character == "." and not inside:
            parts.append(current)
            current = ""
        else:
            current += character
    parts.append(current)
    return parts


def _pick(schema, name):
    """A field of a schema: by its very name, else blind to case."""
    if not isinstance(schema, StructType):
        return None
    if name in schema.names:
        return schema[name]
    alike = [field for field in schema.fields if field.name.lower() == name.lower()]
    return alike[0] if alike else None


def resolve(schema, name):
    """The path and type of what a name means in a schema, or `None`. A column whose whole name it is comes first:
    names with dots in them are common after a join or an unnest."""
    for whole in (name, name.replace("`", "")):
        field = _pick(schema, whole)
        if field is not None:
            return [field.name], field.dataType
    path, kind = [], schema
    for part in split(name):
        field = _pick(kind, part)
        if field is None:
            return None
        path.append(field.name)
        kind = field.dataType
    return path, kind


def required(schema, name):
    """[`resolve`], where a name that means nothing is the script's mistake."""
    found = resolve(schema, name)
    if found is None:
        raise ValueError(f"no field {name!r}; there are {', '.join(schema.names) or 'none'}")
    return found


def new_path(name):
    """The path of a field that is to be made: a leading dot or backticks make it one name."""
    if name.startswith("."):
        return [name]
    return [part for part in split(name) if part] or [name]


def nested(columns):
    """Columns from (path, column) pairs: those below a common name become one struct."""
    tree = {}
    for path, value in columns:
        level = tree
        for part in path[:-1]:
            below = level.setdefault(part, {})
            if not isinstance(below, dict):
                below = level[part] = {}
            level = below
        level[path[-1]] = value

    def build(level):
        return [
            (F.struct(*build(value)) if isinstance(value, dict) else value).alias(name)
            for name, value in level.items()
        ]

    return build(tree)


def without(frame, path):
    """A data frame without the field at a path."""
    if len(path) == 1:
        return frame.drop(column(path))
    inner = ".".join(quoted(part) for part in path[1:])
    return frame.withColumn(path[0], column(path[:1]).dropFields(inner))


def replaced(frame, path, value):
    """A data frame with the field at a path made or replaced; the order of columns stays."""
    if len(path) == 1:
        return frame.withColumn(path[0], value)
    if path[0] not in frame.columns:
        return frame.withColumn(path[0], nested([(path, value)])[0])
    inner = ".".join(quoted(part) for part in path[1:])
    return frame.withColumn(path[0], column(path[:1]).withField(inner, value))
