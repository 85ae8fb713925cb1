"""Transforms of records."""

from awsglue.transforms.transform import GlueTransform


class Filter(GlueTransform):
    """The records that fit a predicate."""

    def __call__(self, frame, f, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0):
        return frame.filter(f, transformation_ctx)


class Map(GlueTransform):
    """Each record as a function makes it."""

    def __call__(self, frame, f, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0):
        return frame.map(f, transformation_ctx=transformation_ctx)


class Join(GlueTransform):
    """Records of two frames whose keys are equal."""

    def __call__(self, frame1, frame2, keys1, keys2, transformation_ctx="", **kwargs):
        return frame1.join(keys1, keys2, frame2, transformation_ctx)


class Union(GlueTransform):
    """The records of two frames; `unionType` ALL keeps those that occur twice, DISTINCT does not."""

    def __call__(self, frame1, frame2, unionType="ALL", transformation_ctx="", **kwargs):
        whole = frame1.union(frame2, transformation_ctx)
        if unionType.upper() != "DISTINCT":
            return whole
        return type(frame1).fromDF(whole.toDF().distinct(), frame1.glue_ctx, transformation_ctx)


class DropDuplicates(GlueTransform):
    """Each record once, or once for each value of some fields."""

    def __call__(self, frame, columns=None, transformation_ctx="", **kwargs):
        data = frame.toDF()
        data = data.dropDuplicates(list(columns)) if columns else data.dropDuplicates()
        return type(frame).fromDF(data, frame.glue_ctx, transformation_ctx)


class Spigot(GlueTransform):
    """A sample written aside."""

    def __call__(self, frame, path, options=None, transformation_ctx=""):
        return frame.spigot(path, options, transformation_ctx)


class ErrorsAsDynamicFrame(GlueTransform):
    """The error records."""

    def __call__(self, frame, transformation_ctx=""):
        return frame.errorsAsDynamicFrame()
