"""Files behind `s3://` paths, through the file system that Spark itself uses."""


def _file_system(spark, path):
    jvm = spark.sparkContext._jvm
    where = jvm.org.apache.hadoop.fs.Path(path)
    return where.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()), where


def matches(spark, path):
    """Whether anything is at a path, which may be a pattern."""
    system, where = _file_system(spark, path)
    return bool(system.globStatus(where))


def children(spark, path):
    """(name, is a folder, changed at) of all that is right below a path."""
    system, where = _file_system(spark, path)
    if not system.exists(where):
        return []
    return [
        (item.getPath().getName(), item.isDirectory(), item.getModificationTime()) for item in system.listStatus(where)
    ]


def hidden(name):
    """Names that Spark does not take for data."""
    return name.startswith(("_", "."))


def has_data(spark, path):
    """Whether there is a file to read at or below a path or pattern."""
    system, where = _file_system(spark, path)

    def below(item):
        if hidden(item.getPath().getName()):
            return False
        return item.isFile() or any(below(child) for child in system.listStatus(item.getPath()))

    return any(item.isFile() or below(item) for item in system.globStatus(where) or [])


def needs_recursion(spark, path):
    """Whether there are folders below a path that are no partitions."""
    return any(
        is_folder and "=" not in name and not hidden(name) for name, is_folder, _ in children(spark, path.rstrip("*"))
    )


def partitions(spark, path, keys):
    """(values, location) of the partition folders below a path, in the order of the keys."""
    from urllib.parse import unquote

    found = [((), path.rstrip("/"))]
    for key in keys:
        deeper = []
        for values, where in found:
            for name, is_folder, _ in children(spark, where):
                if is_folder and name.lower().startswith(key.lower() + "="):
                    deeper.append(((*values, unquote(name.split("=", 1)[1])), f"{where}/{name}"))
        found = deeper
    return [(values, where + "/") for values, where in found]


def purge(spark, path, older_than):
    """Deletes the files below a path that changed before a moment, in milliseconds since 1970."""
    for name, is_folder, changed in children(spark, path):
        inner = f"{path.rstrip('/')}/{name}"
        if is_folder:
            purge(spark, inner, older_than)
        elif changed < older_than:
            system, where = _file_system(spark, inner)
            system.delete(where, False)
