"""Transforms that make collections of frames or take frames out of them."""

from awsglue.transforms.transform import GlueTransform


class SelectFromCollection(GlueTransform):
    """One frame of a collection."""

    def __call__(self, dfc, key, transformation_ctx=""):
        return dfc.select(key, transformation_ctx)


class SplitFields(GlueTransform):
    """Two frames by fields."""

    def __call__(
        self, frame, paths, name1=None, name2=None, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0
    ):
        return frame.split_fields(paths, name1 or frame.name + "1", name2 or frame.name + "2", transformation_ctx)


class SplitRows(GlueTransform):
    """Two frames by a comparison."""

    def __call__(
        self, frame, comparison_dict, name1="frame1", name2="frame2", transformation_ctx="", info="", stageThreshold=0,
        totalThreshold=0,
    ):
        return frame.split_rows(comparison_dict, name1, name2, transformation_ctx)


class MapToCollection(GlueTransform):
    """A function over each frame of a collection."""

    def __call__(self, dfc, callable, transformation_ctx=""):
        return dfc.map(callable, transformation_ctx)


class FlatMap(GlueTransform):
    """A transform that makes collections, over each frame of a collection."""

    def __call__(self, dfc, BaseTransform, frame_name="frame", transformation_ctx="", **base_kwargs):
        def one(frame, _):
            return BaseTransform.apply(**{frame_name: frame, **base_kwargs})

        return dfc.flatmap(one, transformation_ctx)
