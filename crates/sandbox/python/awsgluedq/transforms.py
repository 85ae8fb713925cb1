"""The transform that Glue Studio puts in front of every sink."""

from pyspark.sql import functions as F

from awsglue.dynamicframe import DynamicFrame, DynamicFrameCollection
from awsglue.transforms.transform import GlueTransform
from lakeform_glue import quality


class EvaluateDataQuality(GlueTransform):
    """Rules over a frame. A rule that the sandbox cannot evaluate ends as an error and says so."""

    def __call__(self, frame, ruleset, publishing_options=None, additional_options=None, transformation_ctx="", **kwargs):
        """A frame with one row a rule."""
        outcomes = quality.evaluate(frame.toDF(), ruleset)
        return _outcomes(frame, outcomes)

    def process_rows(
        self, frame, ruleset, publishing_options=None, additional_options=None, transformation_ctx="", **kwargs
    ):
        """The data as it came, what became of each rule, and the data with what became of each record."""
        data = frame.toDF()
        outcomes = quality.evaluate(data, ruleset)
        context = (publishing_options or {}).get("dataQualityEvaluationContext", "")
        for outcome in outcomes:
            reason = f": {outcome.reason}" if outcome.reason else ""
            print(f"data quality {context} {outcome.rule}: {outcome.outcome}{reason}".replace("  ", " "))
        frames = {
            "originalData": frame,
            "ruleOutcomes": _outcomes(frame, outcomes),
            "rowLevelOutcomes": DynamicFrame.fromDF(_rows(data, outcomes), frame.glue_ctx, "rowLevelOutcomes"),
        }
        return DynamicFrameCollection(frames, frame.glue_ctx)


def _outcomes(frame, outcomes):
    rows = [
        (item.rule, item.outcome, item.reason or None, {name: float(value) for name, value in item.metrics.items()})
        for item in outcomes
    ]
    kind = "Rule string, Outcome string, FailureReason string, EvaluatedMetrics map<string, double>"
    made = frame.toDF().sparkSession.createDataFrame(rows, kind)
    return DynamicFrame.fromDF(made, frame.glue_ctx, "ruleOutcomes")


def _rows(data, outcomes):
    """Each record with the rules that it passes, that it fails, and that say nothing about one record."""
    def names(tests):
        whole = F.array(*[F.when(test, F.lit(rule)) for rule, test in tests]) if tests else F.array().cast("array<string>")
        return F.array_compact(whole) if tests else whole

    tests = [(item.rule, F.coalesce(item.row_test, F.lit(False))) for item in outcomes if item.row_test is not None]
    skipped = [item.rule for item in outcomes if item.row_test is None]
    failed = names([(rule, ~test) for rule, test in tests])
    return (
        data.withColumn("DataQualityRulesPass", names(tests))
        .withColumn("DataQualityRulesFail", failed)
        .withColumn("DataQualityRulesSkip", F.array(*[F.lit(rule) for rule in skipped]).cast("array<string>"))
        .withColumn("DataQualityEvaluationResult", F.when(F.size(failed) > 0, "Failed").otherwise("Passed"))
    )
