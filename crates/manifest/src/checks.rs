//! The `checks` section: SQL assertions and what their results must be.

use lakeform_model::{Check, Diagnostics, Expect, Key, Names, Node, NodeValue, Severity, Shape, Value};

use crate::references::Entries;

/// The kind whose entries a check's `database` names.
const DATABASE: &str = "database";

const OPERATORS: [&str; 6] = [">=", "<=", "!=", ">", "<", "="];

/// The keys of a check.
pub(crate) const KEYS: &[Key] = &[
    Key::new("sql", Shape::TEXT, "The query. It runs in the stack's workgroup."),
    Key::new("file", Shape::TEXT, "A file with the query, instead of `sql`."),
    Key::required(
        "expect",
        Shape::Any(&[
            Shape::TEXT,
            Shape::Object(&[Key::required(
                "rows",
                Shape::Int { min: 0, max: i64::MAX },
                "How many rows the result must have.",
            )]),
            Shape::List(&Shape::List(&Shape::Any(&[Shape::TEXT, Shape::Free]))),
        ]),
        "What the result must be: a value for a result of one row and column (`0`), a comparison (`\">= 1\"`), \
         `empty`, `{ rows: N }`, or the rows themselves as a list of lists.",
    ),
    Key::new(
        "severity",
        Shape::Word(&["error", "warn"]),
        "`warn`: a failure is told, and the exit code stays 0.",
    ),
    Key::new(
        "database",
        Shape::TEXT,
        "The database of unqualified table names: a key of `databases`, or a name. Default: the manifest's only one.",
    ),
    Key::new("description", Shape::TEXT, "What it is about."),
];

/// The checks of a validated section.
pub(crate) fn decode(
    section: Option<&Node>,
    entries: &Entries<'_>,
    files: &dyn lakeform_model::Files,
    diagnostics: &mut Diagnostics,
) -> Vec<Check> {
    let nodes = section.map(Node::entries).unwrap_or_default();
    nodes.iter().filter_map(|(key, node)| check(key, node, entries, files, diagnostics)).collect()
}

fn check(
    key: &Node,
    node: &Node,
    entries: &Entries<'_>,
    files: &dyn lakeform_model::Files,
    diagnostics: &mut Diagnostics,
) -> Option<Check> {
    let name = key.as_text()?.to_owned();
    let sql = match (node.text("sql"), node.some("file")) {
        (Some(sql), None) => Some(sql),
        (None, Some(file)) => read(file, entries, files, diagnostics),
        (Some(_), Some(file)) => {
            let message = format!("the check `{name}` gives both `sql` and `file`");
            diagnostics.error(Some(file.span), message).hint("remove one of them");
            None
        }
        (None, None) => {
            diagnostics
                .error(Some(key.span), format!("the check `{name}` needs `sql`"))
                .hint("or `file`, the path of a file with it");
            None
        }
    };
    let expect = node.some("expect").and_then(|node| expect(node, diagnostics));
    let database = match node.text("database") {
        Some(named) => Some(entries.identity(DATABASE, &named).unwrap_or(named)),
        None => {
            let mut keys = entries.keys(DATABASE);
            match (keys.next(), keys.next()) {
                (Some(only), None) => entries.identity(DATABASE, &only),
                _ => None,
            }
        }
    };
    let severity =
        if node.text("severity").as_deref() == Some("warn") { Severity::Warn } else { Severity::Error };
    Some(Check {
        name,
        sql: sql?,
        expect: expect?,
        severity,
        database,
        description: node.text("description"),
        span: node.span,
    })
}

fn read(
    node: &Node,
    entries: &Entries<'_>,
    files: &dyn lakeform_model::Files,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    let name = node.scalar_text()?;
    let text = match files.read(&name) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| ("is not UTF-8".to_owned(), None)),
        Err(problem) => Err((problem.reason, problem.hint)),
    };
    match text {
        Ok(text) => entries.interpolate(&name, text, diagnostics).map(|(_, text, _)| text),
        Err((reason, hint)) => {
            diagnostics.error(Some(node.span), format!("`{name}` {reason}")).hint = hint;
            None
        }
    }
}

fn expect(node: &Node, diagnostics: &mut Diagnostics) -> Option<Expect> {
    match &node.value {
        NodeValue::Map(_) => u64::try_from(node.get("rows")?.as_int()?).ok().map(Expect::Rows),
        NodeValue::List(rows) => Some(Expect::Table(
            rows.iter()
                .map(|row| row.items().iter().map(|cell| Value::from_json(&cell.to_json())).collect())
                .collect(),
        )),
        NodeValue::Text(text) if text == "empty" => Some(Expect::Empty),
        NodeValue::Text(text) => {
            match OPERATORS.iter().find_map(|operator| Some((operator, text.strip_prefix(operator)?))) {
                None => Some(Expect::Scalar(Value::Text(text.clone()))),
                Some((operator, number)) => match number.trim().parse::<f64>() {
                    Ok(number) if number.is_finite() => Some(Expect::Compare((*operator).to_owned(), number)),
                    _ => {
                        let message = format!("`{}` is no comparison with a number", text.escape_debug());
                        diagnostics.error(Some(node.span), message).hint("write it like `\">= 1\"`");
                        None
                    }
                },
            }
        }
        NodeValue::Null => None,
        NodeValue::Bool(_) | NodeValue::Int(_) | NodeValue::Float(_) => {
            Some(Expect::Scalar(Value::from_json(&node.to_json())))
        }
    }
}
