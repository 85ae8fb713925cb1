"""What all transforms are: callables that also apply from the class."""


class GlueTransform:
    """A step from frames to a frame or a collection."""

    @classmethod
    def apply(cls, *args, **kwargs):
        """Makes one and calls it."""
        return cls()(*args, **kwargs)

    @classmethod
    def name(cls):
        return cls.__name__

    def __call__(self, *args, **kwargs):
        raise NotImplementedError(type(self).__name__)


Transform = GlueTransform
