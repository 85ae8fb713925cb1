"""The transforms that scripts import with `from awsglue.transforms import *`."""

from awsglue.transforms.collection import FlatMap, MapToCollection, SelectFromCollection, SplitFields, SplitRows
from awsglue.transforms.field import (
    ApplyMapping,
    DropFields,
    DropNullFields,
    RenameField,
    ResolveChoice,
    SelectFields,
    Unbox,
    UnnestFrame,
)
from awsglue.transforms.record import DropDuplicates, ErrorsAsDynamicFrame, Filter, Join, Map, Spigot, Union
from awsglue.transforms.relation import Relationalize
from awsglue.transforms.transform import GlueTransform, Transform

__all__ = [
    "ApplyMapping", "DropDuplicates", "DropFields", "DropNullFields", "ErrorsAsDynamicFrame", "Filter", "FlatMap",
    "GlueTransform", "Join", "Map", "MapToCollection", "Relationalize", "RenameField", "ResolveChoice", "SelectFields",
    "SelectFromCollection", "Spigot", "SplitFields", "SplitRows", "Transform", "Unbox", "Union", "UnnestFrame",
]
