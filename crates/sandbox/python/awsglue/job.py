"""A job's beginning and end."""


class Job:
    """`init` and `commit` frame a job. There are no bookmarks here: every run reads all of its input."""

    _initialized = False

    def __init__(self, glue_context):
        self.glue_context = glue_context
        self.name = None
        self.args = {}

    def init(self, job_name, args=None):
        """Begins the job; the arguments are those that `getResolvedOptions` gave."""
        self.name = job_name
        self.args = dict(args or {})
        type(self)._initialized = True

    @classmethod
    def isInitialized(cls):
        """Whether `init` was called."""
        return cls._initialized

    def commit(self):
        """Ends the job; what was written stays written whether or not it is called."""
        if not self._initialized:
            raise RuntimeError("Job has not been initialized")
