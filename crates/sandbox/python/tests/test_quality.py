"""Data quality rules: honest outcomes."""

from awsgluedq.transforms import EvaluateDataQuality
from lakeform_glue import quality
from tests.support import SparkCase


class Quality(SparkCase):
    def outcomes(self, *rules):
        frame = self.frame((1, "a", None), (2, "b", 5), (3, "b", 6), schema="id int, name string, n int")
        text = "Rules = [\n" + ",\n".join(rules) + "\n]"
        made = EvaluateDataQuality().process_rows(frame=frame, ruleset=text, publishing_options={})
        self.assertEqual(made.select("originalData").count(), 3)
        return {row["Rule"]: row["Outcome"] for row in self.rows(made.select("ruleOutcomes"))}, made

    def test_rules_pass_and_fail_by_the_data(self):
        wanted = {
            "ColumnCount > 0": "Passed", "ColumnCount = 2": "Failed", "RowCount between 2 and 4": "Passed",
            "RowCount > 3": "Failed", 'ColumnExists "name"': "Passed", 'ColumnExists "none"': "Failed",
            'IsComplete "id"': "Passed", 'IsComplete "n"': "Failed", 'Completeness "n" > 0.5': "Passed",
            'IsUnique "id"': "Passed", 'IsUnique "name"': "Failed", 'IsPrimaryKey "id" "name"': "Passed",
            'ColumnValues "name" in ["a", "b"]': "Passed", 'ColumnValues "id" > 1': "Failed",
            'ColumnValues "id" > 1 with threshold > 0.5': "Passed", 'ColumnValues "name" matches "[ab]"': "Passed",
            'Mean "id" = 2': "Passed", 'DistinctValuesCount "name" = 2': "Passed",
        }
        self.assertEqual(self.outcomes(*wanted)[0], wanted)

    def test_a_rule_that_is_not_known_is_an_error_and_never_passed(self):
        rules = ['DataFreshness "n" <= 24 hours', '(RowCount > 1) and (RowCount < 9)', "RowCount > avg(last(3))"]
        found, _ = self.outcomes(*rules)
        self.assertEqual(found, dict.fromkeys(rules, "Error"))

    def test_records_know_their_rules(self):
        _, made = self.outcomes('IsComplete "n"', "RowCount > 1")
        rows = self.rows(made.select("rowLevelOutcomes"))
        self.assertEqual([row["DataQualityEvaluationResult"] for row in rows], ["Failed", "Passed", "Passed"])
        self.assertEqual(rows[0]["DataQualityRulesSkip"], ["RowCount > 1"])

    def test_a_ruleset_is_split_at_its_own_commas(self):
        text = 'Rules = [ ColumnValues "a" in ["x,y", "]"], # why\n RowCount > 1 ]'
        self.assertEqual(quality.rules(text), ['ColumnValues "a" in ["x,y", "]"]', "RowCount > 1"])
