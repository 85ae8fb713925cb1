//! Whether an answer is what a check expects. Athena gives every value as text; the column's type says how to
//! read it.

use lakeform_model::{Expect, Value};

use crate::query::{Answer, Column};

/// Computed decimals such as averages may differ in their last digits from what a person writes down.
const NEARLY: f64 = 1e-9;
/// So many values of a table are told when it is not the expected one.
const TOLD: usize = 5;

/// What came of holding an answer against an expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As expected.
    Pass,
    /// Not as expected.
    Fail {
        /// What was expected, in words.
        expected: String,
        /// What was found, in words.
        found: String,
    },
}

/// Holds an answer against an expectation.
pub fn judge(expect: &Expect, answer: &Answer) -> Verdict {
    let passes = match expect {
        Expect::Scalar(value) => single(answer).is_some_and(|(column, cell)| equals(value, cell, column)),
        Expect::Compare(operator, number) => single(answer)
            .and_then(|(_, cell)| cell?.trim().parse::<f64>().ok())
            .is_some_and(|found| compare(found, operator, *number)),
        Expect::Empty => answer.rows.is_empty(),
        Expect::Rows(number) => answer.rows.len() as u64 == *number,
        Expect::Table(rows) => rows.len() == answer.rows.len() && difference(rows, answer).is_none(),
    };
    if passes {
        Verdict::Pass
    } else {
        Verdict::Fail { expected: expected(expect), found: found(expect, answer) }
    }
}

/// The one value of an answer of one row and one column.
fn single(answer: &Answer) -> Option<(&Column, Option<&str>)> {
    match (answer.rows.as_slice(), answer.columns.as_slice()) {
        ([row], [column]) => Some((column, row.first()?.as_deref())),
        _ => None,
    }
}

/// A null equals an empty text: a manifest has no other way to write it.
fn equals(expected: &Value, found: Option<&str>, column: &Column) -> bool {
    let Some(found) = found else { return expected.as_text().is_some_and(str::is_empty) };
    match expected {
        Value::Int(_) | Value::Float(_) => {
            expected.as_number().is_some_and(|expected| same_number(expected, found, column))
        }
        Value::Bool(expected) => found.eq_ignore_ascii_case(&expected.to_string()),
        Value::Text(_) | Value::Pointer(_) => {
            let expected = expected.as_text().unwrap_or_default();
            let number = column.is_number().then(|| expected.trim().parse::<f64>().ok()).flatten();
            expected == found || number.is_some_and(|number| same_number(number, found, column))
        }
        Value::List(_) | Value::Map(_) => expected.to_string() == found,
    }
}

#[expect(clippy::float_cmp, reason = "whole numbers and decimals are meant exactly")]
fn same_number(expected: f64, found: &str, column: &Column) -> bool {
    let Ok(found) = found.trim().parse::<f64>() else { return false };
    let inexact = ["double", "float", "real"].contains(&column.kind.to_ascii_lowercase().as_str());
    expected == found || (inexact && (expected - found).abs() <= NEARLY * expected.abs().max(found.abs()))
}

#[expect(clippy::float_cmp, reason = "the manifest asks for exactly this")]
fn compare(found: f64, operator: &str, number: f64) -> bool {
    match operator {
        ">=" => found >= number,
        ">" => found > number,
        "<=" => found <= number,
        "<" => found < number,
        "!=" => found != number,
        "=" | "==" => found == number,
        _ => false,
    }
}

/// The first row that differs, by its index.
fn difference(rows: &[Vec<Value>], answer: &Answer) -> Option<usize> {
    let fits = |expected: &[Value], found: &[Option<String>]| {
        expected.len() == found.len()
            && expected.len() == answer.columns.len()
            && expected
                .iter()
                .zip(found)
                .zip(&answer.columns)
                .all(|((expected, found), column)| equals(expected, found.as_deref(), column))
    };
    rows.iter().zip(&answer.rows).position(|(expected, found)| !fits(expected, found))
}

fn expected(expect: &Expect) -> String {
    match expect {
        Expect::Scalar(value) => format!("`{value}`"),
        Expect::Compare(operator, number) => format!("{operator} {number}"),
        Expect::Empty => "no rows".to_owned(),
        Expect::Rows(1) => "1 row".to_owned(),
        Expect::Rows(number) => format!("{number} rows"),
        Expect::Table(rows) => match rows.len() {
            1 => "a table of 1 row".to_owned(),
            number => format!("a table of {number} rows"),
        },
    }
}

fn found(expect: &Expect, answer: &Answer) -> String {
    let size = || {
        let plural = |number: usize, noun: &str| match number {
            1 => format!("1 {noun}"),
            number => format!("{number} {noun}s"),
        };
        format!("{} of {}", plural(answer.rows.len(), "row"), plural(answer.columns.len(), "column"))
    };
    match expect {
        Expect::Scalar(_) | Expect::Compare(..) => match single(answer) {
            Some((_, cell)) => cell.map_or_else(|| "null".to_owned(), |cell| format!("`{cell}`")),
            None => format!("{} instead of one value", size()),
        },
        Expect::Empty | Expect::Rows(_) => match answer.rows.first() {
            Some(row) => format!("{}, the first {}", size(), told(row)),
            None => "no rows".to_owned(),
        },
        Expect::Table(rows) => match difference(rows, answer) {
            Some(index) => {
                let wanted: Vec<String> = rows[index].iter().map(ToString::to_string).collect();
                let wanted: Vec<Option<String>> = wanted.into_iter().map(Some).collect();
                format!("row {} is {} instead of {}", index + 1, told(&answer.rows[index]), told(&wanted))
            }
            None => size(),
        },
    }
}

fn told(row: &[Option<String>]) -> String {
    let mut cells: Vec<&str> = row.iter().take(TOLD).map(|cell| cell.as_deref().unwrap_or("null")).collect();
    if row.len() > TOLD {
        cells.push("…");
    }
    format!("({})", cells.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(columns: &[(&str, &str)], rows: &[&[Option<&str>]]) -> Answer {
        Answer {
            columns: columns
                .iter()
                .map(|(name, kind)| Column { name: (*name).to_owned(), kind: (*kind).to_owned() })
                .collect(),
            rows: rows.iter().map(|row| row.iter().map(|cell| cell.map(str::to_owned)).collect()).collect(),
            ..Answer::default()
        }
    }

    fn passes(expect: &Expect, answer: &Answer) -> bool {
        judge(expect, answer) == Verdict::Pass
    }

    fn one(kind: &str, cell: Option<&str>) -> Answer {
        answer(&[("x", kind)], &[&[cell]])
    }

    #[test]
    fn a_scalar_is_read_by_its_columns_type() {
        for (value, kind, cell) in [
            (Value::Int(0), "bigint", Some("0")),
            (Value::Int(12), "decimal(10,2)", Some("12.00")),
            (Value::Float(0.3), "double", Some("0.30000000000000004")),
            (Value::Bool(true), "boolean", Some("true")),
            ("a b".into(), "varchar", Some("a b")),
            ("12.5".into(), "decimal(4,2)", Some("12.50")),
            ("".into(), "varchar", None),
        ] {
            assert!(passes(&Expect::Scalar(value.clone()), &one(kind, cell)), "{value:?} {cell:?}");
        }
        for (value, kind, cell) in [
            (Value::Int(0), "bigint", Some("1")),
            (Value::Int(0), "bigint", None),
            (Value::Float(0.3), "decimal(4,2)", Some("0.31")),
            ("1.0".into(), "varchar", Some("1")),
        ] {
            assert!(!passes(&Expect::Scalar(value.clone()), &one(kind, cell)), "{value:?} {cell:?}");
        }
    }

    #[test]
    fn a_comparison_needs_one_number() {
        let at_least = Expect::Compare(">=".to_owned(), 1.0);
        assert!(passes(&at_least, &one("bigint", Some("1"))));
        assert!(!passes(&at_least, &one("bigint", Some("0"))));
        assert!(!passes(&at_least, &one("bigint", None)));
        let two = answer(&[("x", "bigint")], &[&[Some("1")], &[Some("2")]]);
        let verdict = judge(&at_least, &two);
        let Verdict::Fail { expected, found } = verdict else { panic!("{verdict:?}") };
        assert_eq!((expected.as_str(), found.as_str()), (">= 1", "2 rows of 1 column instead of one value"));
    }

    #[test]
    fn rows_are_counted_and_tables_compared_in_order() {
        let two =
            answer(&[("a", "varchar"), ("n", "bigint")], &[&[Some("x"), Some("1")], &[Some("y"), None]]);
        assert!(passes(&Expect::Rows(2), &two));
        assert!(!passes(&Expect::Empty, &two));
        assert!(passes(&Expect::Empty, &answer(&[("a", "varchar")], &[])));
        let table = |second: &str| {
            Expect::Table(vec![vec!["x".into(), Value::Int(1)], vec![second.into(), "".into()]])
        };
        assert!(passes(&table("y"), &two));
        let verdict = judge(&table("z"), &two);
        let Verdict::Fail { found, .. } = verdict else { panic!("{verdict:?}") };
        assert_eq!(found, "row 2 is (y, null) instead of (z, )");
    }
}
