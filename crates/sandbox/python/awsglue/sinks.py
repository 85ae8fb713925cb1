"""Sources and sinks that are told their format and their table step by step."""

from awsglue.dynamicframe import DynamicFrame, DynamicFrameCollection
from lakeform_glue import catalog, files, reading, writing


class DataSource:
    """What `GlueContext.getSource` gives."""

    def __init__(self, glue_context, connection_type, options, format, transformation_ctx, predicate):
        self._context = glue_context
        self._connection_type = connection_type
        self._options = options
        self._format = format
        self._format_options = {}
        self._name = transformation_ctx
        self._predicate = predicate

    def setFormat(self, format, **options):
        self._format = format
        self._format_options = options

    def getFrame(self):
        return self._context.create_dynamic_frame_from_options(
            self._connection_type, self._options, self._format, self._format_options, self._name, self._predicate
        )


class DataSink:
    """What `GlueContext.getSink` gives: files at a path, and the catalog table over them."""

    def __init__(self, glue_context, options, format=None):
        self._context = glue_context
        self._options = options
        self._format = format
        self._format_options = {}
        self._database = None
        self._table = None

    def setFormat(self, format, **options):
        self._format = format
        self._format_options = options

    def setAccumulableSize(self, size):
        return None

    def setCatalogInfo(self, catalogDatabase=None, catalogTableName=None, catalogId=""):
        self._database = catalogDatabase
        self._table = catalogTableName

    def write(self, dynamic_frame_or_dfc, info=""):
        """Writes a frame, or each frame of a collection below its name."""
        if isinstance(dynamic_frame_or_dfc, DynamicFrameCollection):
            base = self._options.get("path", "").rstrip("/")
            for name, frame in dynamic_frame_or_dfc.items():
                self._write(frame, f"{base}/{name}/")
            return dynamic_frame_or_dfc
        return self.writeFrame(dynamic_frame_or_dfc, info)

    def writeFrame(self, dynamic_frame, info=""):
        """Writes a frame and tells the catalog where that was asked for."""
        if not isinstance(dynamic_frame, DynamicFrame):
            raise TypeError(f"writeFrame takes a dynamic frame, not a {type(dynamic_frame).__name__}")
        self._write(dynamic_frame, self._options.get("path"))
        return dynamic_frame

    def _write(self, dynamic_frame, path):
        frame = dynamic_frame.toDF()
        wanted = reading.truth(self._options.get("enableUpdateCatalog", False))
        live = catalog.table_if_there(self._database, self._table) if wanted and self._database else None
        kind = self._format or self._options.get("format")
        if not kind and live is not None:
            kind = catalog.format_of(live)[0]
        if not path or not kind:
            raise ValueError("a sink needs a path and a format")
        keys = self._options.get("partitionKeys") or []
        spelled = writing.partition_keys(frame, keys)
        compression = self._options.get("compression")
        writing.write_files(frame, kind, path, self._format_options, spelled, compression)
        if wanted:
            self._tell(frame, reading.supported(kind), path, spelled, live)

    def _tell(self, frame, kind, path, keys, live):
        """Brings the catalog up to date: a new table, new columns (unless updates are only to be logged), new
        partitions."""
        if not self._database or not self._table:
            raise ValueError("enableUpdateCatalog needs setCatalogInfo with a database and a table")
        columns, parts = writing.written_schema(frame, keys)
        if live is None:
            catalog.create(self._database, self._table.lower(), kind, path, columns, parts)
        elif self._options.get("updateBehavior", "UPDATE_IN_DATABASE") == "UPDATE_IN_DATABASE":
            catalog.update_columns(live, columns)
        live = catalog.table(self._database, self._table)
        if keys:
            catalog.add_partitions(live, files.partitions(frame.sparkSession, path, keys))
