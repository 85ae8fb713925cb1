//! The problems of a manifest for people, each with its line quoted, and for scripts.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level as Shown, Origin, Renderer, Snippet};
use lakeform_model::{Diagnostic, Level, Sources, Span};
use serde_json::{Value, json};

use crate::Loaded;

/// The most bytes of a line that are quoted: beyond, only the place is named.
const LONGEST_LINE: usize = 2000;

impl Loaded {
    /// Every problem with its line quoted, and how many there are. Empty when there is none.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let mut text = String::new();
        for diagnostic in &self.diagnostics.0 {
            text.push_str(&renderer.render(&[group(diagnostic, &self.sources)]));
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
        text.push_str(" in the manifest\n");
        text
    }

    /// Every problem with its place, for scripts.
    pub fn to_json(&self) -> Value {
        let problem = |diagnostic: &Diagnostic| {
            let Diagnostic { level, message, span, label, hint } = diagnostic;
            let place = span.and_then(|span| place(span, &self.sources));
            json!({
                "level": match level { Level::Error => "error", Level::Warning => "warning" },
                "message": message,
                "file": place.as_ref().map(|(file, ..)| file),
                "line": place.as_ref().map(|(_, line, _)| line),
                "column": place.as_ref().map(|(.., column)| column),
                "text": span.and_then(|span| self.sources.get(span.file)?.text.get(span.start..span.end)),
                "label": label,
                "hint": hint,
            })
        };
        self.diagnostics.0.iter().map(problem).collect()
    }
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Group<'a> {
    let Diagnostic { level, message, span, label, hint } = diagnostic;
    let level = match level {
        Level::Error => Shown::ERROR,
        Level::Warning => Shown::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(printable(message)));
    if let Some(span) = span
        && let Some(source) = sources.get(span.file)
    {
        group = match first_line(*span, &source.text) {
            Some(marked) => {
                let annotation = AnnotationKind::Primary.span(marked);
                let annotation = annotation.label(label.as_deref().map(printable));
                group.element(Snippet::source(source.text.as_str()).path(&source.name).annotation(annotation))
            }
            None => {
                let (_, line, column) = place(*span, sources).unwrap_or_default();
                group.element(Origin::path(&source.name).line(line).char_column(column))
            }
        };
    }
    match hint {
        Some(hint) => group.element(Shown::HELP.with_name(Some("hint")).message(printable(hint))),
        None => group,
    }
}

/// The part of a span that lies on its first line; `None` where that line is too long to be quoted.
fn first_line(span: Span, text: &str) -> Option<std::ops::Range<usize>> {
    let start = span.start.min(text.len());
    let begin = text.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
    let end = text.get(start..)?.find('\n').map_or(text.len(), |at| start + at);
    (end - begin <= LONGEST_LINE).then(|| start..span.end.clamp(start, end))
}

/// File, line and column of a span's start, counted from 1.
fn place(span: Span, sources: &Sources) -> Option<(String, usize, usize)> {
    let position = sources.position(span);
    let (rest, column) = position.rsplit_once(':')?;
    let (file, line) = rest.rsplit_once(':')?;
    Some((file.to_owned(), line.parse().ok()?, column.parse().ok()?))
}

/// Without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}
