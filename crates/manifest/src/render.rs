//! The problems of a manifest for people, each with its line quoted, and for scripts. What comes from the manifest
//! never commands the terminal, and however many and long the problems are, the output stays readable.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level as Shown, Origin, Renderer, Snippet};
use lakeform_model::{Diagnostic, Level, Sources, Span, is_obeyed};
use serde_json::{Value, json};

use crate::Loaded;

/// The most bytes of a line that are quoted: beyond, only the place is named.
const LONGEST_LINE: usize = 2000;
/// The most characters of a message.
const LONGEST_MESSAGE: usize = 2000;
/// The most problems that are quoted.
const MOST_QUOTED: usize = 200;

impl Loaded {
    /// The problems with their lines quoted, and how many there are. Empty when there is none.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let lines = Lines::of(&self.sources);
        let mut text = String::new();
        for diagnostic in self.diagnostics.0.iter().take(MOST_QUOTED) {
            let quoted = Quoted::of(diagnostic, &lines);
            text.push_str(&renderer.render(&[quoted.group()]));
            text.push_str("\n\n");
        }
        let (errors, warnings) = self.counts();
        let plural = |number: usize, noun: &str| {
            if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
        };
        let counts = match (errors, warnings) {
            (0, 0) => return text,
            (errors, 0) => plural(errors, "error"),
            (0, warnings) => plural(warnings, "warning"),
            (errors, warnings) => format!("{} and {}", plural(errors, "error"), plural(warnings, "warning")),
        };
        text.push_str(&counts);
        text.push_str(" in the manifest");
        if errors + warnings > MOST_QUOTED {
            let _ = write!(text, ", the first {MOST_QUOTED} are shown");
        }
        text.push('\n');
        text
    }

    /// Every problem with its place, for scripts.
    pub fn to_json(&self) -> Value {
        let lines = Lines::of(&self.sources);
        let problem = |diagnostic: &Diagnostic| {
            let Diagnostic { level, message, span, label, hint } = diagnostic;
            let place = span.and_then(|span| lines.place(span));
            json!({
                "level": match level { Level::Error => "error", Level::Warning => "warning" },
                "message": message,
                "file": place.as_ref().map(|place| place.file),
                "line": place.as_ref().map(|place| place.line),
                "column": place.as_ref().map(|place| place.column),
                "text": span.and_then(|span| lines.text(span)),
                "label": label,
                "hint": hint,
            })
        };
        self.diagnostics.0.iter().map(problem).collect()
    }
}

/// Where the lines of each source begin: looked up for every problem, counted once.
struct Lines<'a> {
    sources: &'a Sources,
    starts: Vec<Vec<usize>>,
}

/// A place as a user counts, from 1.
struct Place<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    /// The bytes of the line.
    within: Range<usize>,
}

impl<'a> Lines<'a> {
    fn of(sources: &'a Sources) -> Self {
        let starts = |text: &str| {
            let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
            std::iter::once(0).chain(ends).collect()
        };
        Self { sources, starts: sources.0.iter().map(|source| starts(&source.text)).collect() }
    }

    /// Where a span starts.
    fn place(&self, span: Span) -> Option<Place<'a>> {
        let source = self.sources.get(span.file)?;
        let starts = self.starts.get(span.file.0 as usize)?;
        let line = starts.partition_point(|start| *start <= span.start);
        let begin = *starts.get(line.checked_sub(1)?)?;
        let end = starts.get(line).map_or(source.text.len(), |next| next - 1);
        let column = source.text.get(begin..span.start)?.chars().count() + 1;
        Some(Place { file: &source.name, line, column, within: begin..end })
    }

    /// The text of a span, its beginning where it is long.
    fn text(&self, span: Span) -> Option<&'a str> {
        let text = self.sources.get(span.file)?.text.get(span.start..span.end)?;
        Some(&text[..text.floor_char_boundary(LONGEST_LINE)])
    }
}

/// A problem as it is shown: every text of it fit for a terminal.
struct Quoted {
    level: Level,
    message: String,
    label: Option<String>,
    hint: Option<String>,
    file: String,
    line: usize,
    column: usize,
    /// The line and what is marked in it; `None` where it is too long to be quoted.
    quote: Option<(String, Range<usize>)>,
}

impl Quoted {
    fn of(diagnostic: &Diagnostic, lines: &Lines<'_>) -> Self {
        let Diagnostic { level, message, span, label, hint } = diagnostic;
        let mut quoted = Self {
            level: *level,
            message: printable(message),
            label: label.as_deref().map(printable),
            hint: hint.as_deref().map(printable),
            file: String::new(),
            line: 0,
            column: 0,
            quote: None,
        };
        if let Some(span) = span
            && let Some(Place { file, line, column, within }) = lines.place(*span)
        {
            quoted.file = printable(file);
            (quoted.line, quoted.column) = (line, column);
            quoted.quote = lines.sources.get(span.file).and_then(|source| {
                let text = source.text.get(within.clone())?;
                let start = span.start - within.start;
                let end = span.end.clamp(span.start, within.end.max(span.start)) - within.start;
                (text.len() <= LONGEST_LINE).then(|| quote(text, start..end))
            });
        }
        quoted
    }

    fn group(&self) -> Group<'_> {
        let level = match self.level {
            Level::Error => Shown::ERROR,
            Level::Warning => Shown::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(self.message.as_str()));
        if let Some((line, marked)) = &self.quote {
            let annotation = AnnotationKind::Primary.span(marked.clone()).label(self.label.as_deref());
            let snippet = Snippet::source(line.as_str()).line_start(self.line).path(self.file.as_str());
            group = group.element(snippet.annotation(annotation));
        } else if self.line > 0 {
            let origin = Origin::path(self.file.as_str()).line(self.line).char_column(self.column);
            group = group.element(origin);
        }
        match &self.hint {
            Some(hint) => group.element(Shown::HELP.with_name(Some("hint")).message(hint.as_str())),
            None => group,
        }
    }
}

/// A line without what a terminal would obey, a character for a character, and where the marked part went.
fn quote(line: &str, marked: Range<usize>) -> (String, Range<usize>) {
    let (mut out, mut start, mut end) = (String::with_capacity(line.len()), None, None);
    // The end of a Windows line is no part of it.
    let line = line.strip_suffix('\r').unwrap_or(line);
    for (at, character) in line.char_indices() {
        if at >= marked.start {
            start.get_or_insert(out.len());
        }
        if at >= marked.end {
            end.get_or_insert(out.len());
        }
        out.push(if is_obeyed(character) && character != '\t' { '\u{fffd}' } else { character });
    }
    let start = start.unwrap_or(out.len());
    let end = end.unwrap_or(out.len()).max(start);
    (out, start..end)
}

/// Without what a terminal would obey, a line break included, and not endless.
fn printable(text: &str) -> String {
    let shown = |c: char| if is_obeyed(c) { '\u{fffd}' } else { c };
    let mut out: String = text.chars().take(LONGEST_MESSAGE).map(shown).collect();
    if text.chars().nth(LONGEST_MESSAGE).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use lakeform_model::Diagnostics;

    fn problem(text: &str, start: usize, end: usize) -> Loaded {
        let mut loaded = Loaded::default();
        let file = loaded.sources.add("m\u{1b}.yaml", text);
        loaded
            .diagnostics
            .error(Some(Span { file, start, end }), "a \u{202e}b")
            .hint("\u{9b}c")
            .label("\u{7}");
        loaded
    }

    #[test]
    fn a_quoted_line_does_not_command_the_terminal() {
        let text = "x: 1\ny: \u{1b}]0;t\u{7} \u{202e}é\u{9b}z\r\n";
        for end in 8..text.len() {
            if text.is_char_boundary(end) {
                let shown = problem(text, 8, end).render(false);
                assert!(shown.chars().all(|c| c == '\n' || !is_obeyed(c)), "{shown:?}");
                assert!(shown.contains("--> m\u{fffd}.yaml:2:4"), "{shown}");
            }
        }
    }

    #[test]
    fn the_very_place_stays_marked_after_longer_characters() {
        let (line, marked) = quote("\u{7}é\u{1b}name\r", 4..8);
        assert_eq!((line.as_str(), &line[marked]), ("\u{fffd}é\u{fffd}name", "name"));
    }

    #[test]
    fn a_thousand_problems_are_counted_and_some_are_quoted() {
        let mut loaded = problem("a: b\n", 0, 1);
        let one = loaded.diagnostics.0[0].clone();
        loaded.diagnostics = Diagnostics(vec![one; 1000]);
        let shown = loaded.render(false);
        assert_eq!(shown.matches("--> m").count(), MOST_QUOTED);
        assert!(shown.ends_with("1000 errors in the manifest, the first 200 are shown\n"));
        assert_eq!(loaded.to_json().as_array().map(Vec::len), Some(1000));
    }
}
