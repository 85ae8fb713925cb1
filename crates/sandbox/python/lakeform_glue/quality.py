"""Data quality rules: the simple ones of DQDL, evaluated on the data; all others end as errors, never as passed."""

import dataclasses
import re

from pyspark.sql import functions as F

from lakeform_glue.fields import column, resolve

_NUMBER = r"-?\d+(?:\.\d+)?"
_OPERATORS = {
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    "=": lambda a, b: a == b, "!=": lambda a, b: a != b,
}


@dataclasses.dataclass
class Outcome:
    """What became of a rule."""

    rule: str
    outcome: str
    reason: str = ""
    metrics: dict = dataclasses.field(default_factory=dict)
    # Whether one record passes, where the rule says so of records.
    row_test: object = None


class Unknown(Exception):
    """A rule that cannot be evaluated here."""


def rules(text):
    """The rules of a ruleset, each in its own words."""
    text = re.sub(r"#[^\n]*", "", text)
    match = re.search(r"Rules\s*=\s*\[(.*)\]", text, re.DOTALL | re.IGNORECASE)
    if not match:
        raise ValueError("a ruleset is `Rules = [ … ]`")
    found, current, depth, quote = [], "", 0, False
    for character in match.group(1):
        if character == '"':
            quote = not quote
        if not quote:
            depth += character in "([{"
            depth -= character in ")]}"
        if character == "," and depth == 0 and not quote:
            found.append(current)
            current = ""
        else:
            current += character
    return [" ".join(item.split()) for item in [*found, current] if item.strip()]


def condition(text):
    """A test of a number from an expression: `> 5`, `between 1 and 3`, `in [1, 2]`."""
    text = text.strip()
    match = re.fullmatch(rf"(>=|<=|!=|=|>|<)\s*({_NUMBER})", text)
    if match:
        return lambda value: _OPERATORS[match.group(1)](value, float(match.group(2)))
    match = re.fullmatch(rf"(not\s+)?between\s+({_NUMBER})\s+and\s+({_NUMBER})", text, re.IGNORECASE)
    if match:
        low, high = float(match.group(2)), float(match.group(3))
        # Both ends are outside, as DQDL has it.
        return lambda value: (low < value < high) != bool(match.group(1))
    match = re.fullmatch(rf"(not\s+)?in\s*\[\s*({_NUMBER}(?:\s*,\s*{_NUMBER})*)\s*\]", text, re.IGNORECASE)
    if match:
        among = {float(item) for item in match.group(2).split(",")}
        return lambda value: (value in among) != bool(match.group(1))
    raise Unknown(f"the sandbox does not understand the condition `{text}`")


def _columns(frame, text):
    names = re.findall(r'"([^"]+)"', text)
    if not names:
        raise Unknown("no column is named")
    places = []
    for name in names:
        place = resolve(frame.schema, name)
        if place is None:
            raise LookupError(f"Column {name} does not exist")
        places.append(place[0])
    return places


def _value_test(value, text):
    """Whether a column's value fits: a list or a pattern or a range."""
    match = re.fullmatch(r"(not\s+)?in\s*\[(.*)\]", text, re.IGNORECASE)
    if match:
        body = match.group(2)
        among = re.findall(r'"([^"]*)"', body) or [item.strip() for item in body.split(",") if item.strip()]
        test = value.cast("string").isin(among)
        return ~test if match.group(1) else test
    match = re.fullmatch(r'(not\s+)?matches\s+"(.*)"', text, re.IGNORECASE)
    if match:
        test = value.cast("string").rlike(f"^(?:{match.group(2)})$")
        return ~test if match.group(1) else test
    match = re.fullmatch(rf"between\s+({_NUMBER})\s+and\s+({_NUMBER})", text, re.IGNORECASE)
    if match:
        return (value > float(match.group(1))) & (value < float(match.group(2)))
    match = re.fullmatch(rf'(>=|<=|!=|=|>|<)\s*(?:"([^"]*)"|({_NUMBER}))', text)
    if match:
        right = match.group(2) if match.group(3) is None else float(match.group(3))
        return _OPERATORS[match.group(1)](value, F.lit(right)) if match.group(1) != "=" else value == F.lit(right)
    raise Unknown(f"the sandbox does not understand the condition `{text}`")


def _share(frame, test, threshold, default):
    """The part of the records that pass, against what is asked."""
    total, passed = frame.agg(F.count(F.lit(1)), F.count(F.when(test, 1))).first()
    share = passed / total if total else 1.0
    return share, (condition(threshold) if threshold else default)(share)


def _split_threshold(text):
    match = re.search(r"\s+with\s+threshold\s+(.*)$", text, re.IGNORECASE)
    return (text[: match.start()].strip(), match.group(1)) if match else (text.strip(), "")


def _whole(share):
    return share == 1.0


def _evaluate(frame, rule):
    match = re.match(r"([A-Za-z]+)\s*(.*)$", rule, re.DOTALL)
    if not match or rule.startswith("("):
        raise Unknown("the sandbox evaluates single rules, no compositions")
    name, rest = match.group(1), match.group(2).strip()
    columns = re.match(r'((?:"[^"]*"\s*)*)(.*)$', rest, re.DOTALL)
    quoted, rest = columns.group(1), columns.group(2).strip()
    if name == "RowCount":
        value = frame.count()
        return condition(rest)(value), {"Dataset.*.RowCount": value}, None
    if name == "ColumnCount":
        value = len(frame.columns)
        return condition(rest)(value), {"Dataset.*.ColumnCount": value}, None
    if name == "ColumnExists":
        _columns(frame, quoted)
        return True, {}, None
    if name in ("IsComplete", "Completeness"):
        path = _columns(frame, quoted)[0]
        test = column(path).isNotNull()
        share, passed = _share(frame, test, rest if name == "Completeness" else "", _whole)
        return passed, {f"Column.{'.'.join(path)}.Completeness": share}, test if name == "IsComplete" else None
    if name in ("IsUnique", "Uniqueness", "DistinctValuesCount", "IsPrimaryKey"):
        return _repeated(frame, name, _columns(frame, quoted), rest)
    if name == "ColumnValues":
        path = _columns(frame, quoted)[0]
        text, threshold = _split_threshold(rest)
        test = F.coalesce(_value_test(column(path), text), F.lit(False))
        share, passed = _share(frame, test, threshold, _whole)
        return passed, {f"Column.{'.'.join(path)}.ColumnValues.Compliance": share}, test
    if name in ("Mean", "Sum", "StandardDeviation"):
        path = _columns(frame, quoted)[0]
        function = {"Mean": F.avg, "Sum": F.sum, "StandardDeviation": F.stddev_pop}[name]
        value = frame.agg(function(column(path))).first()[0]
        if value is None:
            raise LookupError("there is no value to calculate from")
        return condition(rest)(float(value)), {f"Column.{'.'.join(path)}.{name}": value}, None
    raise Unknown(f"the sandbox does not evaluate rules of the type {name}")


def _repeated(frame, name, paths, rest):
    keys = [column(path).alias(f"k{n}") for n, path in enumerate(paths)]
    groups = frame.select(*keys).groupBy(*[f"k{n}" for n in range(len(keys))]).count()
    known = F.lit(True)
    for n in range(len(keys)):
        known = known & F.col(f"k{n}").isNotNull()
    total, once, different, unknown = groups.agg(
        F.sum("count"), F.sum(F.when(known & (F.col("count") == 1), 1)), F.count(F.when(known, 1)),
        F.sum(F.when(~known, F.col("count"))),
    ).first()
    total, once, unknown = total or 0, once or 0, unknown or 0
    label = ",".join(".".join(path) for path in paths)
    if name == "DistinctValuesCount":
        return condition(rest)(different), {f"Column.{label}.DistinctValuesCount": different}, None
    counted = total - unknown
    share = once / counted if counted else 1.0
    metrics = {f"Column.{label}.Uniqueness": share}
    if name == "IsPrimaryKey":
        return share == 1.0 and unknown == 0, metrics, None
    return (condition(rest) if name == "Uniqueness" else _whole)(share), metrics, None


def evaluate(frame, ruleset):
    """What becomes of each rule of a ruleset on a data frame."""
    made = []
    for rule in rules(ruleset):
        try:
            passed, metrics, test = _evaluate(frame, rule)
            reason = "" if passed else "Value: " + ", ".join(f"{value}" for value in metrics.values())
            outcome = Outcome(rule, "Passed" if passed else "Failed", reason, metrics, test)
            if not passed:
                outcome.reason += " does not meet the constraint requirement!"
        except LookupError as error:
            outcome = Outcome(rule, "Failed", str(error.args[0]))
        except Unknown as error:
            outcome = Outcome(rule, "Error", str(error))
        made.append(outcome)
    return made
