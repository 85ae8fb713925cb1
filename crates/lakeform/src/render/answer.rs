//! The answer of a query, as a table, CSV or JSON; and a failed statement with the place of its mistake.

use std::fmt::Write as _;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use lakeform_engine::{Answer, Column, Position};
use serde_json::{Map, Value as Json, json};

use super::text::{BAD, DIM, bytes, count, duration, escape, paint};

/// The rows in a frame, numbers to the right, a null as such.
pub(crate) fn table(answer: &Answer) -> String {
    if answer.columns.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(answer.columns.iter().map(|column| escape(&column.name)));
    for row in &answer.rows {
        table.add_row(row.iter().map(|cell| cell.as_deref().map_or_else(|| "null".to_owned(), escape)));
    }
    for (index, column) in answer.columns.iter().enumerate() {
        if let Some(shown) = table.column_mut(index).filter(|_| column.is_number()) {
            shown.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{table}\n")
}

/// RFC 4180; a null is empty, an empty text is `""`.
pub(crate) fn csv(answer: &Answer) -> String {
    fn record<'a>(cells: impl Iterator<Item = Option<&'a str>>) -> String {
        let cell = |cell: Option<&str>| match cell {
            None => String::new(),
            Some(text) if text.is_empty() || text.contains(['"', ',', '\n', '\r']) => {
                format!("\"{}\"", text.replace('"', "\"\""))
            }
            Some(text) => text.to_owned(),
        };
        cells.map(cell).collect::<Vec<_>>().join(",") + "\n"
    }
    let mut text = record(answer.columns.iter().map(|column| Some(column.name.as_str())));
    for row in &answer.rows {
        text.push_str(&record(row.iter().map(Option::as_deref)));
    }
    text
}

/// Columns with their types, rows as objects, and what the query cost.
pub(crate) fn json(answer: &Answer) -> Json {
    let Answer { id, columns, rows, cut, scanned, took } = answer;
    // Two columns may have one name; then rows are lists, so that nothing is lost.
    let unique = columns
        .iter()
        .enumerate()
        .all(|(index, column)| columns[..index].iter().all(|other| other.name != column.name));
    let row = |row: &Vec<Option<String>>| -> Json {
        let cells = row.iter().zip(columns).map(|(cell, column)| typed(cell.as_deref(), column));
        if unique {
            let named = columns.iter().map(|column| column.name.clone()).zip(cells);
            Json::Object(named.collect::<Map<String, Json>>())
        } else {
            cells.collect()
        }
    };
    json!({
        "query_id": id,
        "columns": columns
            .iter()
            .map(|column| json!({ "name": column.name, "type": column.kind }))
            .collect::<Vec<_>>(),
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
        "truncated": cut,
        "scanned_bytes": scanned,
        "took_seconds": took.as_secs_f64(),
    })
}

/// Whole numbers, floats and booleans as JSON has them; everything else as its text. A decimal stays a text:
/// JSON's readers would round it.
fn typed(cell: Option<&str>, column: &Column) -> Json {
    let Some(text) = cell else { return Json::Null };
    let kind = column.kind.split('(').next().unwrap_or_default().to_ascii_lowercase();
    let value = match kind.as_str() {
        "tinyint" | "smallint" | "int" | "integer" | "bigint" => text.parse::<i64>().ok().map(Json::from),
        "double" | "float" | "real" => {
            text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Json::Number)
        }
        "boolean" => text.parse::<bool>().ok().map(Json::Bool),
        _ => None,
    };
    value.unwrap_or_else(|| text.into())
}

/// `3 rows, 1.2 MB scanned, 0.8s`.
pub(crate) fn tally(answer: &Answer) -> String {
    let more = if answer.cut { " (there are more: raise `--limit`)" } else { "" };
    let text = format!(
        "{}{more}, {} scanned, {}",
        count(answer.rows.len(), "row"),
        bytes(answer.scanned),
        duration(answer.took)
    );
    paint(DIM, &text) + "\n"
}

/// The line of a statement that a failure names, the place marked.
pub(crate) fn place(sql: &str, position: Position) -> Option<String> {
    let line = sql.lines().nth(position.line.checked_sub(1)?)?;
    let before: String = line.chars().take(position.column.saturating_sub(1)).collect();
    let number = position.line.to_string();
    let mut text = String::new();
    let margin = " ".repeat(number.len());
    let _ = writeln!(text, "{margin} |");
    let _ = writeln!(text, "{number} | {}", escape(&line.replace('\t', " ")));
    let indent = " ".repeat(escape(&before.replace('\t', " ")).chars().count());
    let _ = writeln!(text, "{margin} | {indent}{}", paint(BAD, "^"));
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answer() -> Answer {
        let column = |name: &str, kind: &str| Column { name: name.to_owned(), kind: kind.to_owned() };
        Answer {
            id: "q-1".to_owned(),
            columns: vec![column("who", "varchar"), column("n", "bigint"), column("part", "decimal(4,2)")],
            rows: vec![
                vec![
                    Some("Ann, \"the\u{1b}[31m\"".to_owned()),
                    Some("7".to_owned()),
                    Some("0.50".to_owned()),
                ],
                vec![Some(String::new()), None, Some("12.00".to_owned())],
            ],
            cut: false,
            scanned: 3_140_000,
            took: Duration::from_millis(800),
        }
    }

    #[test]
    fn a_table_is_framed_and_never_commands_the_terminal() {
        insta::assert_snapshot!(table(&answer()), @r#"
        ┌──────────────────────┬──────┬───────┐
        │ who                  ┆    n ┆  part │
        ╞══════════════════════╪══════╪═══════╡
        │ Ann, "the\u{1b}[31m" ┆    7 ┆  0.50 │
        │                      ┆ null ┆ 12.00 │
        └──────────────────────┴──────┴───────┘
        "#);
    }

    #[test]
    fn csv_tells_a_null_from_an_empty_text() {
        assert_eq!(csv(&answer()), "who,n,part\n\"Ann, \"\"the\u{1b}[31m\"\"\",7,0.50\n\"\",,12.00\n");
    }

    #[test]
    fn json_has_types_and_nulls() {
        let json = json(&answer());
        assert_eq!(json["rows"][0]["n"], 7);
        assert_eq!(json["rows"][1], json!({ "who": "", "n": null, "part": "12.00" }));
        let mut twice = answer();
        twice.columns[1].name = "who".to_owned();
        assert_eq!(super::json(&twice)["rows"][1], json!(["", null, "12.00"]));
    }

    #[test]
    fn the_place_of_a_mistake_is_marked() {
        let text = place("select a,\n\tx from t", Position { line: 2, column: 2 }).unwrap();
        assert_eq!(anstream::adapter::strip_str(&text).to_string(), "  |\n2 |  x from t\n  |  ^\n");
        assert_eq!(place("select 1", Position { line: 5, column: 1 }), None);
        assert_eq!(place("select 1", Position { line: 0, column: 0 }), None);
    }
}
