"""Files and catalog tables, in and out."""

from pyspark.sql import Row

from lakeform_glue import writing
from tests.support import SparkCase

PEOPLE = [("customername", "string"), ("sharedate", "bigint"), ("born", "date"), ("count", "int")]


class Reading(SparkCase):
    def read(self, path, format="json", **options):
        return self.glue.create_dynamic_frame.from_options(
            connection_type="s3", connection_options={"paths": [path], "recurse": True}, format=format,
            format_options=options,
        )

    def test_every_object_is_read_with_and_without_multi_line(self):
        path = self.write("in/a.json", '{"aB": 1}\n{"aB": 2}\n')
        self.write("in/b.json", '[{"aB": 3},\n {"aB": 4}]')
        self.write("in/c.json", '{\n "aB": 5\n}\n{"aB":\n6}')
        whole = self.read(self.path("in"), multiLine="true")
        self.assertEqual([row["aB"] for row in self.rows(whole)], [1, 2, 3, 4, 5, 6])
        self.assertEqual([row["aB"] for row in self.rows(self.read(path))], [1, 2])

    def test_broken_lines_are_left_out(self):
        path = self.write("in/a.json", '{"a": 1}\n{"a": \n{"a": 2}\n')
        self.assertEqual([row["a"] for row in self.rows(self.read(path))], [1, 2])
        self.assertEqual([row["a"] for row in self.rows(self.read(path, multiLine=True))], [1, 2])

    def test_nothing_there_is_an_empty_frame(self):
        self.assertEqual(self.read(self.path("none")).count(), 0)

    def test_folders_below_are_read_too(self):
        self.lines("in/x/y/a.json", {"a": 1})
        self.lines("in/b.json", {"a": 2})
        self.assertEqual(self.read(self.path("in")).count(), 2)

    def test_csv_follows_its_options(self):
        path = self.write("a.csv", 'n;s\n1;"x;y"\n')
        frame = self.read(path, "csv", withHeader=True, separator=";")
        self.assertEqual(self.rows(frame), [{"n": "1", "s": "x;y"}])
        self.assertEqual(self.read(path, "csv", separator=";").toDF().columns, ["col0", "col1"])

    def test_what_is_not_here_says_so(self):
        with self.assertRaisesRegex(NotImplementedError, "avro"):
            self.read(self.path("a"), "avro")
        with self.assertRaisesRegex(NotImplementedError, "connection type 'mysql'"):
            self.glue.create_dynamic_frame.from_options("mysql", {"url": "x"})
        with self.assertRaisesRegex(NotImplementedError, "jdbc"):
            self.glue.write_dynamic_frame.from_jdbc_conf(self.frame({"a": 1}), "connection")


class Tables(SparkCase):
    def test_a_table_has_the_catalogs_names_and_what_else_the_file_holds(self):
        self.table("people", "json", PEOPLE)
        self.lines(
            "people/a.json", {"customerName": "x", "shareDate": 5, "born": "1899-02-03", "count": 1, "Extra": True},
            {"CustomerName": "y"},
        )
        frame = self.glue.create_dynamic_frame.from_catalog(database="lake", table_name="people")
        kinds = "customername:string,sharedate:bigint,born:date,count:int,extra:boolean"
        self.assertEqual(frame.toDF().schema.simpleString(), f"struct<{kinds}>")
        self.assertEqual([row["customername"] for row in self.rows(frame)], ["x", "y"])
        self.assertEqual(frame.filter(lambda row: row["sharedate"] != 0).count(), 1)

    def test_values_that_do_not_fit_stay_until_the_catalog_is_to_be_matched(self):
        self.table("t", "json", [("n", "bigint"), ("absent", "string")])
        self.lines("t/a.json", {"n": "12"}, {"n": "x"})
        frame = self.glue.create_dynamic_frame.from_catalog(database="lake", table_name="t")
        self.assertEqual([row["n"] for row in self.rows(frame)], ["12", "x"])
        matched = frame.resolveChoice(choice="match_catalog", database="lake", table_name="t")
        self.assertEqual([row["n"] for row in self.rows(matched)], [12, None])

    def test_an_empty_table_has_its_columns(self):
        self.table("t", "parquet", [("n", "bigint")])
        frame = self.glue.create_dynamic_frame.from_catalog(database="lake", table_name="t")
        self.assertEqual((frame.count(), frame.toDF().columns), (0, ["n"]))

    def test_partitions_are_those_the_catalog_knows(self):
        self.table("t", "json", [("n", "bigint")], keys=[("year", "int")])
        self.lines("t/year=2023/a.json", {"n": 1})
        self.lines("t/year=2024/a.json", {"n": 2})
        self.assertEqual(self.glue.create_dynamic_frame.from_catalog("lake", "t").count(), 0)
        base = self.catalog.tables["lake", "t"]["StorageDescriptor"]
        for year in ("2023", "2024"):
            place = {**base, "Location": self.path(f"t/year={year}/")}
            self.catalog.batch_create_partition("lake", "t", [{"Values": [year], "StorageDescriptor": place}])
        frame = self.glue.create_dynamic_frame.from_catalog("lake", "t", push_down_predicate="year == '2024'")
        self.assertEqual(self.rows(frame), [{"n": 2, "year": 2024}])
        self.assertEqual(self.rows(self.spark.sql("select sum(n) as s from lake.t where year > 2023")), [{"s": 2}])

    def test_sql_finds_tables_blind_to_case(self):
        self.table("people", "json", PEOPLE)
        self.lines("people/a.json", {"customerName": "x", "shareDate": 5})
        found = self.spark.sql("SELECT CUSTOMERNAME AS c, sharedate FROM Lake.People WHERE sharedate = 5")
        self.assertEqual(self.rows(found), [{"c": "x", "sharedate": 5}])
        self.spark.sql("USE lake")
        self.assertEqual(self.spark.table("people").count(), 1)
        self.spark.sql("USE default")

    def test_an_insert_tells_the_catalog_its_partitions(self):
        self.table("t", "parquet", [("n", "bigint")], keys=[("year", "int")])
        self.spark.sql("INSERT INTO lake.t PARTITION (year = 2024) VALUES (1), (2)")
        self.assertEqual([part["Values"] for part in self.catalog.parts["lake", "t"]], [["2024"]])
        self.assertEqual(self.glue.create_dynamic_frame.from_catalog("lake", "t").count(), 2)

    def test_what_sparks_catalog_would_lose_is_refused(self):
        with self.assertRaises(NotImplementedError):
            self.spark.sql("CREATE TABLE lake.t (a int)")
        with self.assertRaises(NotImplementedError):
            self.spark.range(1).write.saveAsTable("t")


class Writing(SparkCase):
    def sink(self, frame, name, kind="parquet", **options):
        sink = self.glue.getSink(connection_type="s3", path=self.path(name) + "/", enableUpdateCatalog=True, **options)
        sink.setFormat(kind)
        sink.setCatalogInfo(catalogDatabase="lake", catalogTableName=name)
        sink.writeFrame(frame)

    def test_writing_adds(self):
        for _ in range(2):
            self.glue.write_dynamic_frame.from_options(
                frame=self.frame({"a b": 1}), connection_type="s3", format="glueparquet",
                connection_options={"path": self.path("out"), "partitionKeys": []}, format_options={"compression": "snappy"},
            )
        self.assertEqual(self.spark.read.parquet(self.path("out")).collect(), [Row(**{"a b": 1})] * 2)

    def test_a_sink_makes_its_table_and_then_adds_columns_and_partitions(self):
        self.sink(self.frame({"Id": 1, "day": "a"}), "t", partitionKeys=["day"])
        made = self.catalog.tables["lake", "t"]
        self.assertEqual(made["StorageDescriptor"]["Columns"], [{"Name": "id", "Type": "bigint"}])
        self.assertEqual(made["PartitionKeys"], [{"Name": "day", "Type": "string"}])
        made["Parameters"]["theirs"] = "kept"
        self.sink(self.frame({"Id": 1.5, "more": [1], "day": "b c"}), "t", partitionKeys=["day"])
        now = self.catalog.tables["lake", "t"]
        columns = [(item["Name"], item["Type"]) for item in now["StorageDescriptor"]["Columns"]]
        self.assertEqual(columns, [("id", "double"), ("more", "array<bigint>")])
        self.assertEqual(now["Parameters"]["theirs"], "kept")
        self.assertEqual([part["Values"] for part in self.catalog.parts["lake", "t"]], [["a"], ["b c"]])

    def test_updates_that_are_only_to_be_logged_leave_the_columns(self):
        self.table("t", "json", [("a", "bigint")])
        self.sink(self.frame({"a": 1, "b": 2}), "t", "json", updateBehavior="LOG")
        self.assertEqual(len(self.catalog.tables["lake", "t"]["StorageDescriptor"]["Columns"]), 1)

    def test_a_table_is_written_where_and_as_the_catalog_says(self):
        self.table("t", "json", [("a", "bigint")])
        self.glue.write_dynamic_frame.from_catalog(frame=self.frame({"a": 1}), database="lake", table_name="t")
        self.assertEqual(self.spark.read.json(self.path("t")).count(), 1)

    def test_types_are_spelled_as_the_catalog_does(self):
        schema = "a timestamp, b decimal(10,2), c struct<D:int>, e map<string,bigint>, f tinyint"
        columns, _ = writing.written_schema(self.spark.createDataFrame([], schema))
        kinds = [item["Type"] for item in columns]
        self.assertEqual(kinds, ["timestamp", "decimal(10,2)", "struct<d:int>", "map<string,bigint>", "tinyint"])
