//! The letters of the output: colours by role, escapes of what a terminal would obey, counts and durations.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use lakeform_model::{Action, is_obeyed};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const CHANGED: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const GONE: Style = AnsiColor::Red.on_default();
pub(crate) const NOTE: Style = AnsiColor::Cyan.on_default();
pub(crate) const HEAD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();

/// The text in a style. The text must be escaped already.
pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Makes every character visible that a terminal would obey instead of show.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if is_obeyed(character) {
            match character {
                '\n' => escaped.push_str("\\n"),
                '\t' => escaped.push_str("\\t"),
                '\r' => escaped.push_str("\\r"),
                _ => drop(write!(escaped, "\\u{{{:x}}}", u32::from(character))),
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Like [`escape`], but lines stay lines.
pub(crate) fn escape_lines(text: &str) -> String {
    text.split('\n').map(escape).collect::<Vec<_>>().join("\n")
}

/// A text of somebody else's whose further lines cannot pass for lines of ours.
pub(crate) fn quoted(text: &str) -> String {
    escape_lines(text.trim_end()).replace('\n', "\n  | ")
}

/// Writes what a terminal would obey as JSON's own escapes. In JSON such characters stand only in texts, and
/// `serde_json` escapes but those below 32.
pub(crate) fn escape_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if is_obeyed(character) && character != '\n' {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// The symbol of an action, its word, and its colour.
pub(crate) fn action(action: Action) -> (&'static str, &'static str, Style) {
    match action {
        Action::Create => ("+", "create", GOOD),
        Action::Update => ("~", "update", CHANGED),
        Action::Replace => ("-/+", "replace", GONE),
        Action::Delete => ("-", "delete", GONE),
        Action::Adopt => (">", "adopt", NOTE),
    }
}

/// `1 step`, `2 steps`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number as u64))
}

/// `12,345`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `0.3s`, `12s`, `2m 5s`.
pub(crate) fn duration(took: Duration) -> String {
    let seconds = took.as_secs();
    match seconds {
        0..10 => format!("{:.1}s", took.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        _ => format!("{}m {}s", seconds / 60, seconds % 60),
    }
}

/// `512 B`, `3.1 MB`.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if number < 1000 {
        return format!("{number} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let mut size = number as f64 / 1000.0;
    let mut unit = 0;
    while size >= 999.95 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_never_commanded_by_a_value() {
        assert_eq!(escape("a\u{1b}[2Jb\nc\u{202e}d\u{9b}"), "a\\u{1b}[2Jb\\nc\\u{202e}d\\u{9b}");
        assert_eq!(escape_lines("a\nb\r"), "a\nb\\r");
        assert_eq!(quoted("a\n+ create\u{1b}\n"), "a\n  | + create\\u{1b}");
        assert_eq!(escape("déjà vu — 東京"), "déjà vu — 東京");
    }

    #[test]
    fn json_means_the_same_and_commands_no_terminal() {
        let value = serde_json::json!({ "a\u{7f}\u{9b}": "\u{202e}\u{1b}\n é" });
        let json = escape_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(json.chars().all(|character| character == '\n' || !is_obeyed(character)), "{json:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), value);
    }

    #[test]
    fn counts_sizes_and_durations_read_well() {
        assert_eq!(count(1, "step"), "1 step");
        assert_eq!(count(81_273, "row"), "81,273 rows");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(3_140_000), "3.1 MB");
        assert_eq!(duration(Duration::from_millis(320)), "0.3s");
        assert_eq!(duration(Duration::from_secs(125)), "2m 5s");
    }
}
