"""Dynamic frames and the transforms over them."""

from awsglue.dynamicframe import DynamicFrame, DynamicFrameCollection
from awsglue.transforms import (
    ApplyMapping, DropDuplicates, DropFields, DropNullFields, Filter, Join, Map, Relationalize, RenameField,
    ResolveChoice, SelectFields, SelectFromCollection, Spigot, SplitFields, SplitRows, UnnestFrame,
)
from tests.support import SparkCase


class Records(SparkCase):
    def test_a_predicate_over_an_absent_field_is_false(self):
        frame = self.frame({"n": 1, "share": 5}, {"n": 2}, {"n": 3, "share": 0})
        kept = Filter.apply(frame=frame, f=lambda row: row["share"] != 0)
        self.assertEqual([row["n"] for row in self.rows(kept)], [1])
        self.assertEqual(frame.filter(lambda row: row["share"] < "x").count(), 0, "a TypeError is False too")
        nested = self.frame({"a": {"b": 1}}, {"a": {"b": None}}, {"a": None})
        self.assertEqual(nested.filter(lambda row: row["a"]["b"] == 1).count(), 1)

    def test_other_errors_of_a_predicate_fail_the_job(self):
        with self.assertRaisesRegex(Exception, "ZeroDivisionError"):
            self.frame({"n": 1}).filter(lambda row: 1 / 0).count()

    def test_a_map_changes_records_and_drops_those_it_fails_on(self):
        def change(row):
            row["twice"] = row["n"] * 2
            del row["old"]
            return row

        mapped = Map.apply(frame=self.frame({"n": 1, "old": "x"}, {"n": 2, "old": "y"}, {"n": 3}), f=change)
        self.assertEqual(self.rows(mapped), [{"n": 1, "twice": 2}, {"n": 2, "twice": 4}])
        self.assertEqual(mapped.errorsCount(), 1)
        self.assertEqual(mapped.toDF().columns, ["n", "twice"])

    def test_duplicates_go(self):
        frame = self.frame({"a": 1, "b": 1}, {"a": 1, "b": 1}, {"a": 1, "b": 2})
        self.assertEqual(DropDuplicates.apply(frame).count(), 2)
        self.assertEqual(DropDuplicates.apply(frame, ["a"]).count(), 1)

    def test_rows_are_split_by_a_comparison(self):
        frame = self.frame({"n": 1}, {"n": 5}, {"n": None})
        parts = SplitRows.apply(frame, {"n": {">": 2, "<": 9}}, "in", "out")
        self.assertEqual((parts.select("in").count(), parts["out"].count()), (1, 2))

    def test_a_spigot_writes_a_sample_and_passes_all_on(self):
        frame = self.frame({"n": 1}, {"n": 2}, {"n": 3})
        self.assertEqual(Spigot.apply(frame, self.path("sample"), {"topk": 2}).count(), 3)
        self.assertEqual(self.spark.read.json(self.path("sample")).count(), 2)

    def test_merging_replaces_by_key(self):
        merged = self.frame({"k": 1, "v": "old"}, {"k": 2, "v": "old"}).mergeDynamicFrame(
            self.frame({"k": 2, "v": "new"}), ["k"]
        )
        self.assertEqual(self.rows(merged), [{"k": 1, "v": "old"}, {"k": 2, "v": "new"}])


class Fields(SparkCase):
    def test_a_mapping_chooses_renames_casts_and_nests(self):
        frame = self.frame({"Id": 1, "a.b": "dotted", "in": {"x": "7"}, "gone": 1})
        mapped = ApplyMapping.apply(frame, [
            ("id", "long", "ident", "string"), ("`a.b`", "string", "plain", "string"),
            ("in.x", "string", "out.y", "int"), ("absent", "string", "absent", "string"),
        ])
        self.assertEqual(self.rows(mapped), [{"ident": "1", "plain": "dotted", "out": {"y": 7}}])

    def test_names_with_spaces_brackets_and_dots_are_names(self):
        frame = self.frame({"(right) x": 1, "a b": 2, ".id": 3, "c": 4})
        self.assertEqual(self.rows(DropFields.apply(frame, paths=["`(right) x`", ".id"])), [{"a b": 2, "c": 4}])
        renamed = RenameField.apply(frame, "`a b`", "d")
        self.assertEqual(renamed.toDF().columns, ["(right) x", ".id", "d", "c"])
        self.assertEqual(self.rows(SelectFields.apply(frame, ["c", "`(right) x`", "none"])), [{"c": 4, "(right) x": 1}])

    def test_nested_fields_are_dropped_and_renamed(self):
        frame = self.frame({"a": {"b": 1, "c": 2}})
        self.assertEqual(self.rows(frame.drop_fields(["a.b"])), [{"a": {"c": 2}}])
        self.assertEqual(self.rows(frame.rename_field("a.b", "top")), [{"a": {"c": 2}, "top": 1}])

    def test_a_join_keeps_both_sides_with_a_dot_before_what_clashes(self):
        left = self.frame({"id": 1, "v": "l"}, {"id": 2, "v": "l"})
        right = self.frame({"id": 1, "v": "r"}, {"id": 1, "v": "s"}, {"id": 3, "v": "r"})
        joined = Join.apply(left, right, ["id"], ["id"])
        self.assertEqual(joined.toDF().columns, ["id", "v", ".id", ".v"])
        self.assertEqual([row[".v"] for row in self.rows(joined)], ["r", "s"])
        self.assertEqual(joined.drop_fields([".id"]).toDF().columns, ["id", "v", ".v"])

    def test_fields_without_a_value_go(self):
        schema = "a int, b string, c struct<d:int,e:int>"
        frame = self.frame((1, None, (None, 2)), (2, None, None), schema=schema)
        self.assertEqual(DropNullFields.apply(frame).toDF().schema.simpleString(), "struct<a:int,c:struct<e:int>>")

    def test_choices_are_cast(self):
        frame = self.frame({"a": "1", "b": 2})
        resolved = ResolveChoice.apply(frame, specs=[("a", "cast:long"), ("b", "project:string"), ("z", "make_cols")])
        self.assertEqual(self.rows(resolved), [{"a": 1, "b": "2"}])
        with self.assertRaises(ValueError):
            frame.resolveChoice()
        with self.assertRaises(ValueError):
            frame.resolveChoice(choice="guess")

    def test_a_collection_gives_its_frames(self):
        parts = SplitFields.apply(self.frame({"a": 1, "b": 2}), ["a"], "one", "two")
        self.assertIsInstance(parts, DynamicFrameCollection)
        self.assertEqual(sorted(parts.keys()), ["one", "two"])
        self.assertEqual(self.rows(SelectFromCollection.apply(dfc=parts, key="two")), [{"b": 2}])

    def test_nested_records_become_flat_tables(self):
        frame = self.frame({"k": "x", "s": {"t": 1}, "l": [{"m": 1}, {"m": 2}], "p": [5]}, {"k": "y", "l": []})
        tables = Relationalize.apply(frame, staging_path="s3://none/", name="root")
        self.assertEqual(sorted(tables.keys()), ["root", "root_l", "root_p"])
        root = self.rows(tables.select("root"))
        self.assertEqual((root[0]["k"], root[0]["s.t"]), ("x", 1))
        items = self.rows(tables.select("root_l"))
        self.assertEqual([(item["id"], item["index"], item["l.val.m"]) for item in items], [(root[0]["l"], 0, 1), (root[0]["l"], 1, 2)])
        self.assertEqual(UnnestFrame.apply(frame).toDF().columns, ["k", "l", "p", "s.t"])

    def test_a_schema_is_glues(self):
        schema = self.frame({"n": 1, "s": "x", "l": [1.5]}).schema()
        self.assertEqual([field.name for field in schema], ["l", "n", "s"])
        self.assertEqual(schema.field_map["n"].dataType.typeName(), "long")

    def test_text_that_is_json_is_unboxed(self):
        frame = self.frame({"a": '{"b": 1}'})
        self.assertEqual(self.rows(frame.unbox("a", "json")), [{"a": {"b": 1}}])
        self.assertIsInstance(frame.union(frame), DynamicFrame)
