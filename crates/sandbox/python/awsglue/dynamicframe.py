"""Dynamic frames: a Spark data frame with Glue's operations on it.

A choice type, where records disagree about a field, does not exist here: Spark settles on one type when it reads. All
that resolves choices therefore casts, or finds nothing to do.
"""

from pyspark.sql import functions as F
from pyspark.sql import types as T

from awsglue import gluetypes
from lakeform_glue import fields, flattening, reading, records, writing
from lakeform_glue.conform import to_declared


class ResolveOption:
    """What `toDF` is told about choice types; kept for scripts that import it."""

    def __init__(self, path, action, target=None):
        self.path = path
        self.action = action
        self.target = target


class DynamicFrame:
    """Records, as Glue's jobs handle them."""

    def __init__(self, jdf, glue_ctx, name="", errors=None):
        # Glue's own constructor takes a frame of its engine; here that is a Spark data frame.
        self._frame = jdf
        self.glue_ctx = glue_ctx
        self.name = name
        self._errors = errors

    @classmethod
    def fromDF(cls, dataframe, glue_ctx, name=""):
        """A dynamic frame over a data frame."""
        return cls(dataframe, glue_ctx, name)

    def toDF(self, options=None, format=None):
        """The data frame."""
        return self._frame

    def _with(self, frame, name=None, errors=None):
        return type(self)(frame, self.glue_ctx, name or self.name, errors or self._errors)

    def with_frame_schema(self, schema):
        return self

    # What it is.

    def schema(self):
        return gluetypes.from_spark(self._frame.schema)

    def printSchema(self):
        self._frame.printSchema()

    def count(self):
        return self._frame.count()

    def show(self, num_rows=20):
        for line in self._frame.limit(num_rows).toJSON().collect():
            print(line)

    def getNumPartitions(self):
        return self._frame.rdd.getNumPartitions()

    def repartition(self, num_partitions, *args, **kwargs):
        return self._with(self._frame.repartition(num_partitions))

    def coalesce(self, num_partitions, shuffle=False, *args, **kwargs):
        if shuffle:
            return self.repartition(num_partitions)
        return self._with(self._frame.coalesce(num_partitions))

    def errorsCount(self):
        """Records that a function of the script failed on. Counted once the frame was computed, as on AWS."""
        return self._errors.value if self._errors is not None else 0

    stageErrorsCount = errorsCount

    def errorsAsDynamicFrame(self):
        schema = T.StructType().add("error", "string")
        return self._with(self._frame.sparkSession.createDataFrame([], schema), "errors")

    def assertErrorThreshold(self):
        return None

    # Records.

    def filter(self, f, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0):
        """The records that fit. One without a field the predicate asks for does not."""

        def fits(row):
            try:
                return bool(f(records.plain(row)))
            except records.ABSENT:
                return False

        if not self._frame.columns:
            return self
        whole = F.struct(*[fields.column([name]).alias(name) for name in self._frame.columns])
        # A predicate may look at the clock or at a counter: it is asked once a record.
        test = F.udf(fits, T.BooleanType()).asNondeterministic()
        return self._with(self._frame.where(test(whole)), transformation_ctx)

    def map(self, f, preservesPartitioning=False, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0):
        """Each record as the function makes it. A record it fails on becomes an error record: left out, counted."""
        context = self._frame.sparkSession.sparkContext
        errors = context.accumulator(0)

        def changed(row):
            try:
                return [f(records.plain(row))]
            except Exception:  # noqa: BLE001 - Glue takes any failure of the function for an error record
                return [None]

        # Made once: a function with effects or chance in it must not answer twice for one record.
        made = self._frame.rdd.flatMap(changed).cache()
        kind = made.filter(lambda item: item is not None).map(records.type_of).fold(T.NullType(), records.merged)
        if not isinstance(kind, T.StructType):
            kind = self._frame.schema
        order = [name for name in self._frame.columns if name in kind.names]
        order += [name for name in kind.names if name not in order]
        before = {field.name: field.dataType for field in self._frame.schema.fields}
        kind = T.StructType([T.StructField(name, _kept(before.get(name), kind[name].dataType)) for name in order])

        def rows(item):
            if item is None:
                errors.add(1)
                return []
            return [records.shaped(item, kind)]

        frame = self._frame.sparkSession.createDataFrame(made.flatMap(rows), kind, verifySchema=False)
        return self._with(frame, transformation_ctx, errors)

    def mapPartitions(self, f, preservesPartitioning=True, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0):
        """Records as a function over each partition's iterator makes them."""
        made = self._frame.rdd.mapPartitions(lambda rows: f(records.plain(row) for row in rows)).cache()
        kind = records.settled(made.map(records.type_of).fold(T.NullType(), records.merged))
        kind = kind if isinstance(kind, T.StructType) else self._frame.schema
        frame = self._frame.sparkSession.createDataFrame(
            made.map(lambda item: records.shaped(item, kind)), kind, verifySchema=False
        )
        return self._with(frame, transformation_ctx)

    # Fields.

    def select_fields(self, paths, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0):
        """These fields only; one that is not there is no error."""
        paths = [paths] if isinstance(paths, str) else paths
        found = [fields.resolve(self._frame.schema, path) for path in paths]
        columns = [(place[0], fields.column(place[0])) for place in found if place]
        return self._with(self._frame.select(*fields.nested(columns)), transformation_ctx)

    def drop_fields(self, paths, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0):
        """All but these fields; one that is not there is no error."""
        frame = self._frame
        for path in [paths] if isinstance(paths, str) else paths:
            place = fields.resolve(frame.schema, path)
            if place:
                frame = fields.without(frame, place[0])
        return self._with(frame, transformation_ctx)

    def rename_field(self, oldName, newName, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0):
        """One field under another name; one that is not there is no error."""
        place = fields.resolve(self._frame.schema, oldName)
        if not place:
            return self._with(self._frame, transformation_ctx)
        old, new = place[0], fields.new_path(newName)
        if len(old) == 1 and len(new) == 1:
            columns = [
                fields.column([name]).alias(new[0] if name == old[0] else name)
                for name in self._frame.columns
                # The new name replaces a field that had it.
                if name == old[0] or name != new[0]
            ]
            return self._with(self._frame.select(*columns), transformation_ctx)
        frame = fields.replaced(self._frame, new, fields.column(old))
        return self._with(fields.without(frame, old), transformation_ctx)

    def apply_mapping(
        self, mappings, case_sensitive=False, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0
    ):
        """Fields chosen, renamed and cast by (source, source type, target, target type)."""
        columns = []
        for mapping in mappings:
            source, _, target, kind = _mapping(mapping)
            place = fields.resolve(self._frame.schema, source)
            if not place or (case_sensitive and place[0][-1] != fields.split(source)[-1].replace("`", "")):
                continue
            value, cast = fields.column(place[0]), fields.spark_type(kind) if kind else None
            if cast and not (isinstance(place[1], T.StringType) and cast == "string"):
                value = value.cast(cast)
            columns.append((fields.new_path(target), value))
        return self._with(self._frame.select(*fields.nested(columns)), transformation_ctx)

    def resolveChoice(
        self, specs=None, choice="", database=None, table_name=None, transformation_ctx="", info="", stageThreshold=0,
        totalThreshold=0, catalog_id=None,
    ):
        """Settles types: by (path, action) pairs, or one action for all."""
        if specs and choice:
            raise ValueError("Both specs and choice can't be specified at the same time.")
        if not specs and not choice:
            raise ValueError("Either specs or choice must be specified.")
        frame = self._frame
        for path, action in specs or []:
            place = fields.resolve(frame.schema, path)
            verb, _, kind = action.partition(":")
            if verb in ("cast", "project"):
                if "[]" in path:
                    raise NotImplementedError(f"resolveChoice of {path!r}: the sandbox does not cast inside lists")
                if place and fields.spark_type(kind):
                    value = fields.column(place[0]).cast(fields.spark_type(kind))
                    frame = fields.replaced(frame, place[0], value)
            elif verb not in ("make_cols", "make_struct", "match_catalog"):
                raise ValueError(f"Invalid resolve choice action: {action}")
        if choice == "match_catalog":
            from lakeform_glue import catalog

            if not database or not table_name:
                raise ValueError("match_catalog needs database and table_name")
            wanted = reading.declared(frame.sparkSession, catalog.table(database, table_name))
            frame = to_declared(frame, wanted, force=True)
        elif choice.partition(":")[0] not in ("", "make_cols", "make_struct", "cast", "project"):
            raise ValueError(f"Invalid resolve choice action: {choice}")
        return self._with(frame, transformation_ctx)

    def unnest(self, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0):
        """Structs as fields with dotted names."""
        return self._with(flattening.unnested(self._frame), transformation_ctx)

    def relationalize(
        self, root_table_name, staging_path=None, options=None, transformation_ctx="", info="", stageThreshold=0,
        totalThreshold=0,
    ):
        """Flat tables: the root, and one for each list or map."""
        made = flattening.relationalized(self._frame, root_table_name)
        frames = {name: self._with(frame, name) for name, frame in made.items()}
        return DynamicFrameCollection(frames, self.glue_ctx)

    def unbox(self, path, format, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0, **options):
        """A field whose text is JSON, as what it says."""
        if format != "json":
            raise NotImplementedError(f"unbox of {format!r}: the sandbox unboxes JSON")
        place, _ = fields.required(self._frame.schema, path)
        texts = self._frame.select(fields.column(place)).rdd.map(lambda row: row[0]).filter(lambda text: text)
        kind = self._frame.sparkSession.read.json(texts).schema
        value = F.from_json(fields.column(place), kind)
        return self._with(fields.replaced(self._frame, place, value), transformation_ctx)

    # Several frames.

    def join(self, paths1, paths2, frame2, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0):
        """Records of both whose keys are equal. Both keep all fields; a name of `frame2` that is taken gets a dot."""
        if len(paths1) != len(paths2):
            raise ValueError("Join needs as many keys of one frame as of the other")
        left, right = self._frame, frame2._frame
        keys1 = [fields.required(left.schema, path)[0] for path in paths1]
        keys2 = [fields.required(right.schema, path)[0] for path in paths2]
        left = left.select("*", *[fields.column(key).alias(f"__left{n}") for n, key in enumerate(keys1)])
        taken = {name.lower() for name in self._frame.columns}
        columns = [
            fields.column([name]).alias("." + name if name.lower() in taken else name) for name in right.columns
        ]
        right = right.select(*columns, *[fields.column(key).alias(f"__right{n}") for n, key in enumerate(keys2)])
        condition = F.lit(True)
        for n in range(len(keys1)):
            condition = condition & (F.col(f"__left{n}") == F.col(f"__right{n}"))
        helpers = [f"__{side}{n}" for side in ("left", "right") for n in range(len(keys1))]
        return self._with(left.join(right, condition, "inner").drop(*helpers), transformation_ctx)

    def union(self, frame2, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0):
        """The records of both."""
        whole = self._frame.unionByName(frame2._frame, allowMissingColumns=True)
        return self._with(whole, transformation_ctx)

    def mergeDynamicFrame(
        self, stage_dynamic_frame, primary_keys, transformation_ctx="", options=None, info="", stageThreshold=0,
        totalThreshold=0,
    ):
        """The staged records, and those of this frame whose keys are not among them."""
        stage = stage_dynamic_frame._frame
        rest = self._frame.join(stage.select(*primary_keys).distinct(), list(primary_keys), "left_anti")
        return self._with(rest.unionByName(stage, allowMissingColumns=True), transformation_ctx)

    def split_fields(self, paths, name1, name2, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0):
        """Two frames: one with these fields, one with the others."""
        frames = {name1: self.select_fields(paths, name1), name2: self.drop_fields(paths, name2)}
        return DynamicFrameCollection(frames, self.glue_ctx)

    def split_rows(
        self, comparison_dict, name1, name2, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0
    ):
        """Two frames: one with the records that meet every comparison, one with the others."""
        compare = {
            ">": lambda a, b: a > b, "<": lambda a, b: a < b, ">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b,
            "=": lambda a, b: a == b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
        }
        condition = F.lit(True)
        for path, tests in comparison_dict.items():
            place, _ = fields.required(self._frame.schema, path)
            for operator, value in tests.items():
                condition = condition & compare[operator](fields.column(place), value)
        condition = F.coalesce(condition, F.lit(False))
        frames = {
            name1: self._with(self._frame.where(condition), name1),
            name2: self._with(self._frame.where(~condition), name2),
        }
        return DynamicFrameCollection(frames, self.glue_ctx)

    # Out.

    def spigot(self, path, options=None, transformation_ctx="", info="", stageThreshold=0, totalThreshold=0):
        """Writes a sample as JSON, and gives all records on."""
        options = options or {}
        sample = self._frame
        if "prob" in options:
            sample = sample.sample(float(options["prob"]), seed=0)
        writing.write_files(sample.limit(int(options.get("topk", 100))), "json", path)
        return self._with(self._frame, transformation_ctx)

    def write(
        self, connection_type, connection_options=None, format=None, format_options=None, accumulator_size=0
    ):
        """Writes the records; see `GlueContext.write_dynamic_frame_from_options`."""
        return self.glue_ctx.write_dynamic_frame_from_options(
            self, connection_type, connection_options or {}, format, format_options or {}
        )


def _kept(before, made):
    """The type a field had, where the function's values fit in it; else the type they have."""
    if isinstance(made, T.NullType):
        return before or T.StringType()
    if before is None or isinstance(made, (T.StructType, T.ArrayType)):
        return records.settled(made)
    alike = (isinstance(before, T.NumericType) and isinstance(made, T.NumericType)) or type(before) is type(made)
    fraction = (T.DoubleType, T.FloatType, T.DecimalType)
    narrower = isinstance(made, fraction) and not isinstance(before, fraction)
    return before if alike and not narrower else records.settled(made)


def _mapping(mapping):
    """A mapping in full: two parts name source and target, three add the target's type."""
    parts = tuple(mapping)
    if len(parts) == 4:
        return parts
    if len(parts) == 3:
        return parts[0], None, parts[1], parts[2]
    if len(parts) == 2:
        return parts[0], None, parts[1], None
    raise ValueError(f"a mapping is (source, source type, target, target type), not {mapping!r}")


class DynamicFrameCollection:
    """Dynamic frames by name."""

    def __init__(self, dynamic_frames, glue_ctx):
        if not isinstance(dynamic_frames, dict):
            dynamic_frames = {frame.name: frame for frame in dynamic_frames}
        self._frames = dict(dynamic_frames)
        self._glue_ctx = glue_ctx

    def __getitem__(self, key):
        return self._frames[key]

    def __len__(self):
        return len(self._frames)

    def __iter__(self):
        return iter(self._frames)

    def keys(self):
        return self._frames.keys()

    def values(self):
        return self._frames.values()

    def items(self):
        return self._frames.items()

    def select(self, key, transformation_ctx=""):
        """The frame of a name."""
        if key not in self._frames:
            raise ValueError(f"no frame {key!r} in the collection; there are {', '.join(self._frames)}")
        return self._frames[key]

    def map(self, callable, transformation_ctx=""):
        """A collection of what a function, of a frame and its name, makes of each frame."""
        made = {name: callable(frame, transformation_ctx) for name, frame in self._frames.items()}
        return DynamicFrameCollection(made, self._glue_ctx)

    def flatmap(self, f, transformation_ctx=""):
        """A collection of all frames in the collections that a function makes."""
        made = {}
        for frame in self._frames.values():
            made.update(f(frame, transformation_ctx).items())
        return DynamicFrameCollection(made, self._glue_ctx)

    def write(self, connection_type, connection_options, format=None, format_options=None):
        """Writes every frame, each below its name where the options say so."""
        for name, frame in self._frames.items():
            options = dict((connection_options or {}).get(name) or connection_options)
            frame.write(connection_type, options, format, format_options)

    def __repr__(self):
        return f"DynamicFrameCollection({', '.join(self._frames)})"


class DynamicFrameReader:
    """`glueContext.create_dynamic_frame`."""

    def __init__(self, glue_context):
        self._glue_context = glue_context

    def from_rdd(self, data, name, schema=None, sampleRatio=None):
        return self._glue_context.create_dynamic_frame_from_rdd(data, name, schema, sampleRatio)

    def from_catalog(self, database=None, table_name=None, redshift_tmp_dir="", transformation_ctx="", **options):
        database = options.pop("name_space", database)
        return self._glue_context.create_dynamic_frame_from_catalog(
            database, table_name, redshift_tmp_dir, transformation_ctx, **options
        )

    def from_options(
        self, connection_type, connection_options=None, format=None, format_options=None, transformation_ctx="",
        push_down_predicate="", **options,
    ):
        return self._glue_context.create_dynamic_frame_from_options(
            connection_type, connection_options or {}, format, format_options or {}, transformation_ctx,
            push_down_predicate, **options,
        )


class DynamicFrameWriter:
    """`glueContext.write_dynamic_frame`."""

    def __init__(self, glue_context):
        self._glue_context = glue_context

    def from_options(
        self, frame, connection_type, connection_options=None, format=None, format_options=None, transformation_ctx=""
    ):
        return self._glue_context.write_dynamic_frame_from_options(
            frame, connection_type, connection_options or {}, format, format_options or {}, transformation_ctx
        )

    def from_catalog(
        self, frame, database=None, table_name=None, redshift_tmp_dir="", transformation_ctx="",
        additional_options=None, catalog_id=None, **options,
    ):
        database = options.pop("name_space", database)
        return self._glue_context.write_dynamic_frame_from_catalog(
            frame, database, table_name, redshift_tmp_dir, transformation_ctx, additional_options or {}, catalog_id
        )

    def from_jdbc_conf(self, frame, catalog_connection, connection_options=None, *args, **kwargs):
        return self._glue_context.write_dynamic_frame_from_jdbc_conf(frame, catalog_connection, connection_options)
