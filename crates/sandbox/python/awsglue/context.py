"""The Glue context: Spark with the catalog, with Glue's readers and writers."""

import logging
import sys
import time
import warnings

from pyspark.sql import SparkSession, SQLContext

from awsglue.dynamicframe import DynamicFrame, DynamicFrameReader, DynamicFrameWriter
from awsglue.sinks import DataSink, DataSource
from lakeform_glue import catalog, files, reading, sql_tables, writing

# How long a purge keeps a file that nobody said otherwise about: seven days.
_RETENTION_HOURS = 168
_FILE_CONNECTIONS = ("s3", "file", "parquet", "orc", "csv", "json")


def _no_connection(kind):
    return NotImplementedError(
        f"connection type {kind!r}: the sandbox has S3 and the Glue catalog, and no connections to databases or streams"
    )


def _paths(options):
    paths = options.get("paths") or options.get("path")
    if not paths:
        raise ValueError("the connection options name no paths")
    paths = [paths] if isinstance(paths, str) else list(paths)
    if options.get("exclusions"):
        raise NotImplementedError("exclusions: the sandbox reads every file below the paths")
    return paths


class GlueContext(SQLContext):
    """What a script makes first."""

    def __init__(self, sparkContext, **options):
        # A script may give its session instead.
        context = getattr(sparkContext, "sparkContext", sparkContext)
        session = SparkSession.builder.getOrCreate()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            super().__init__(context, session)
        sql_tables.install()
        self.create_dynamic_frame = DynamicFrameReader(self)
        self.create_data_frame = DataFrameReader(self)
        self.write_dynamic_frame = DynamicFrameWriter(self)
        self.write_data_frame = DataFrameWriter(self)

    @property
    def spark_session(self):
        return self.sparkSession

    def get_logger(self):
        """A logger whose lines go to the run's error log, where Glue's go too."""
        logger = logging.getLogger("GlueLogger")
        if not logger.handlers:
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)
            logger.propagate = False
        return logger

    # Reading.

    def _read(self, connection_type, options, format, format_options):
        kind = (connection_type or "s3").lower()
        if kind not in _FILE_CONNECTIONS:
            raise _no_connection(connection_type)
        format = format or (kind if kind not in ("s3", "file") else None)
        if not format:
            raise ValueError("a format is needed to read files")
        recurse = reading.truth(options.get("recurse", False))
        return reading.read_files(self.sparkSession, format, _paths(options), format_options, recurse)

    def create_dynamic_frame_from_options(
        self, connection_type, connection_options=None, format=None, format_options=None, transformation_ctx="",
        push_down_predicate="", **kwargs,
    ):
        """A frame over files, with the names that the files have."""
        frame = self._read(connection_type, connection_options or {}, format, format_options or {})
        if push_down_predicate:
            frame = frame.where(push_down_predicate)
        return DynamicFrame(frame, self, transformation_ctx)

    def create_dynamic_frame_from_catalog(
        self, database, table_name, redshift_tmp_dir="", transformation_ctx="", push_down_predicate="",
        additional_options=None, catalog_id=None, **kwargs,
    ):
        """A frame over a catalog table, with the catalog's lower-case names."""
        options = additional_options or {}
        predicate = push_down_predicate or options.get("catalogPartitionPredicate", "")
        frame = reading.read_table(self.sparkSession, database, table_name, predicate)
        return DynamicFrame(frame, self, transformation_ctx or table_name)

    def create_dynamic_frame_from_rdd(self, data, name, schema=None, sample_ratio=None, transformation_ctx=""):
        """A frame over an RDD."""
        frame = self.sparkSession.createDataFrame(data, schema, sample_ratio)
        return DynamicFrame(frame, self, name)

    def create_data_frame_from_options(
        self, connection_type, connection_options=None, format=None, format_options=None, transformation_ctx="",
        push_down_predicate="", **kwargs,
    ):
        """A data frame over files."""
        return self.create_dynamic_frame_from_options(
            connection_type, connection_options, format, format_options, transformation_ctx, push_down_predicate
        ).toDF()

    def create_data_frame_from_catalog(
        self, database, table_name, redshift_tmp_dir="", transformation_ctx="", push_down_predicate="",
        additional_options=None, catalog_id=None, **kwargs,
    ):
        """A data frame over a catalog table, typed as the catalog says."""
        return reading.read_table(self.sparkSession, database, table_name, push_down_predicate, force=True)

    def getSource(self, connection_type, format=None, transformation_ctx="", push_down_predicate="", **options):
        """A source that is told its format apart."""
        return DataSource(self, connection_type, options, format, transformation_ctx, push_down_predicate)

    # Writing.

    def write_dynamic_frame_from_options(
        self, frame, connection_type, connection_options=None, format=None, format_options=None, transformation_ctx=""
    ):
        """Adds a frame's records to the files at a path."""
        options = connection_options or {}
        kind = (connection_type or "s3").lower()
        if kind not in _FILE_CONNECTIONS:
            raise _no_connection(connection_type)
        format = format or (kind if kind not in ("s3", "file") else None)
        if not format or not options.get("path"):
            raise ValueError("a path and a format are needed to write files")
        keys, compression = options.get("partitionKeys"), options.get("compression")
        writing.write_files(frame.toDF(), format, options["path"], format_options, keys, compression)
        return frame

    def write_dynamic_frame_from_catalog(
        self, frame, database, table_name, redshift_tmp_dir="", transformation_ctx="", additional_options=None,
        catalog_id=None,
    ):
        """Adds a frame's records to a catalog table; `enableUpdateCatalog` takes new columns and partitions in."""
        options = additional_options or {}
        update = reading.truth(options.get("enableUpdateCatalog", False))
        live = catalog.table(database, table_name)
        writing.write_table(frame.toDF(), live, update, options.get("partitionKeys"))
        return frame

    def write_data_frame_from_catalog(
        self, frame, database, table_name, redshift_tmp_dir="", transformation_ctx="", additional_options=None,
        catalog_id=None,
    ):
        """Adds a data frame's rows to a catalog table."""
        dynamic = DynamicFrame.fromDF(frame, self, transformation_ctx)
        self.write_dynamic_frame_from_catalog(dynamic, database, table_name, additional_options=additional_options)
        return frame

    def write_data_frame_from_options(
        self, frame, connection_type, connection_options=None, format=None, format_options=None, transformation_ctx=""
    ):
        """Adds a data frame's rows to the files at a path."""
        dynamic = DynamicFrame.fromDF(frame, self, transformation_ctx)
        self.write_dynamic_frame_from_options(dynamic, connection_type, connection_options, format, format_options)
        return frame

    def write_from_options(self, frame_or_dfc, connection_type, connection_options=None, format=None,
                           format_options=None, transformation_ctx="", **kwargs):
        """Writes a frame, or each frame of a collection."""
        return frame_or_dfc.write(connection_type, connection_options or {}, format, format_options)

    def write_dynamic_frame_from_jdbc_conf(self, frame, catalog_connection, connection_options=None, *args, **kwargs):
        raise _no_connection("jdbc")

    def extract_jdbc_conf(self, connection_name, catalog_id=None):
        raise _no_connection("jdbc")

    def getSink(self, connection_type, format=None, transformation_ctx="", **options):
        """A sink that is told its format and its table apart."""
        if (connection_type or "").lower() not in ("s3", "file"):
            raise _no_connection(connection_type)
        return DataSink(self, options, format)

    # Beside.

    def forEachBatch(self, frame, batch_function, options=None):
        raise NotImplementedError("forEachBatch: the sandbox runs no streaming jobs")

    def purge_s3_path(self, s3_path, options=None, transformation_ctx="", catalog_id=None):
        """Deletes the files below a path that are older than the retention period, in hours."""
        hours = float((options or {}).get("retentionPeriod", _RETENTION_HOURS))
        files.purge(self.sparkSession, s3_path, (time.time() - hours * 3600) * 1000 + (hours <= 0))

    def purge_table(self, database, table_name, options=None, transformation_ctx="", catalog_id=None):
        """Purges a table's files, and takes partitions without files out of the catalog."""
        live = catalog.table(database, table_name)
        self.purge_s3_path(catalog.location(live), options)
        for part in catalog.partitions(database, table_name) if live.get("PartitionKeys") else []:
            where = part["StorageDescriptor"]["Location"]
            self.purge_s3_path(where, options)
            if not files.has_data(self.sparkSession, where):
                catalog.drop_partition(live, part["Values"])

    def transition_s3_path(self, *args, **kwargs):
        raise NotImplementedError("transition_s3_path: the sandbox has one storage class")

    transition_table = transition_s3_path

    def start_transaction(self, read_only):
        raise NotImplementedError("transactions of Lake Formation: the sandbox has none")

    commit_transaction = cancel_transaction = start_transaction


class DataFrameReader:
    """`glueContext.create_data_frame`."""

    def __init__(self, glue_context):
        self._glue_context = glue_context

    def from_catalog(self, database=None, table_name=None, redshift_tmp_dir="", transformation_ctx="", **options):
        return self._glue_context.create_data_frame_from_catalog(
            database, table_name, redshift_tmp_dir, transformation_ctx, **options
        )

    def from_options(self, connection_type, connection_options=None, format=None, format_options=None, **options):
        return self._glue_context.create_data_frame_from_options(
            connection_type, connection_options, format, format_options, **options
        )


class DataFrameWriter:
    """`glueContext.write_data_frame`."""

    def __init__(self, glue_context):
        self._glue_context = glue_context

    def from_catalog(self, frame, database=None, table_name=None, **options):
        return self._glue_context.write_data_frame_from_catalog(frame, database, table_name, **options)

    def from_options(self, frame, connection_type, connection_options=None, format=None, **options):
        return self._glue_context.write_data_frame_from_options(
            frame, connection_type, connection_options, format, **options
        )
