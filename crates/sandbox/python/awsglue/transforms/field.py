"""Transforms of fields."""

from pyspark.sql import functions as F
from pyspark.sql import types as T

from awsglue.transforms.transform import GlueTransform
from lakeform_glue.fields import column, without


class ApplyMapping(GlueTransform):
    """Fields chosen, renamed and cast."""

    def __call__(
        self, frame, mappings, case_sensitive=False, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0
    ):
        return frame.apply_mapping(mappings, case_sensitive, transformation_ctx)


class SelectFields(GlueTransform):
    """Some fields only."""

    def __call__(self, frame, paths, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0):
        return frame.select_fields(paths, transformation_ctx)


class DropFields(GlueTransform):
    """All but some fields."""

    def __call__(self, frame, paths, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0):
        return frame.drop_fields(paths, transformation_ctx)


class RenameField(GlueTransform):
    """One field under another name."""

    def __call__(
        self, frame, old_name, new_name, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0
    ):
        return frame.rename_field(old_name, new_name, transformation_ctx)


class ResolveChoice(GlueTransform):
    """Types settled."""

    def __call__(
        self, frame, specs=None, choice="", transformation_ctx="", info="", stageThreshold=0, totalThreshold=0,
        database=None, table_name=None, catalog_id=None,
    ):
        return frame.resolveChoice(specs, choice, database, table_name, transformation_ctx)


class UnnestFrame(GlueTransform):
    """Structs as fields with dotted names."""

    def __call__(self, frame, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0):
        return frame.unnest(transformation_ctx)


class Unbox(GlueTransform):
    """A field whose text is JSON, as what it says."""

    def __call__(
        self, frame, path, format, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0, **options
    ):
        return frame.unbox(path, format, transformation_ctx, **options)


class DropNullFields(GlueTransform):
    """Without the fields that are null in every record."""

    def __call__(self, frame, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0):
        data = frame.toDF()

        def leaves(kind, path=()):
            for field in kind.fields:
                yield (*path, field.name)
                if isinstance(field.dataType, T.StructType):
                    yield from leaves(field.dataType, (*path, field.name))

        paths = list(leaves(data.schema))
        counts = data.agg(F.count(F.lit(1)), *[F.count(column(list(path))) for path in paths]).first()
        # Without a record no field was ever seen to be null.
        empty = [path for path, count in zip(paths, counts[1:]) if count == 0] if counts[0] else []
        dropped = set()
        for path in empty:
            if any(path[: len(above)] == above for above in dropped):
                continue
            dropped.add(path)
            data = without(data, list(path))
        print(f"null_fields {['.'.join(path) for path in sorted(dropped)]}")
        return type(frame).fromDF(data, frame.glue_ctx, transformation_ctx or frame.name)
