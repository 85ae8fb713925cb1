"""The transform from nested records to flat tables."""

from awsglue.transforms.transform import GlueTransform


class Relationalize(GlueTransform):
    """Flat tables: the root, and one for each list or map."""

    def __call__(
        self, frame, staging_path=None, name="roottable", options=None, transformation_ctx="", info="",
        stageThreshold=0, totalThreshold=0,
    ):
        return frame.relationalize(name, staging_path, options, transformation_ctx)
