//! Walks the tokens of a definition, says what it found instead of what it wanted, and collects the mistakes.
//!
//! Knows words, names, strings and symbols, and where a reader may take up again after a mistake; nothing of
//! what the clauses mean.

use std::ops::Range;

use super::DdlError;
use super::tokens::{Kind, Token};

/// More mistakes than this help nobody, and bound the work on a file that is no definition at all.
const MOST_ERRORS: usize = 100;
/// The characters among which the end of a placeholder is looked for.
const LONGEST_PLACEHOLDER: usize = 200;

/// Says that a mistake was reported and the reader must take up again further on.
#[derive(Debug)]
pub(super) struct Reported(());

pub(super) type Parsed<T> = Result<T, Reported>;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) range: Range<usize>,
}

pub(super) struct Cursor<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    end: Token,
    at: usize,
    errors: Vec<DdlError>,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str, tokens: Vec<Token>, errors: Vec<DdlError>) -> Self {
        let end = Token { kind: Kind::End, range: text.len()..text.len() };
        Self { text, tokens, end, at: 0, errors }
    }

    pub(super) fn into_errors(mut self) -> Vec<DdlError> {
        self.errors.sort_by_key(|error| (error.range.start, error.range.end));
        self.errors.dedup();
        self.errors
    }

    pub(super) fn error_count(&self) -> usize {
        self.errors.len()
    }

    /// Whether further mistakes would go unheard, so that looking for their hints is wasted.
    pub(super) fn is_full(&self) -> bool {
        self.errors.len() >= MOST_ERRORS
    }

    // Reporting

    pub(super) fn report(&mut self, range: Range<usize>, message: impl Into<String>) -> Reported {
        self.push(DdlError { range, message: message.into(), hint: None })
    }

    pub(super) fn report_hint(
        &mut self,
        range: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Reported {
        self.push(DdlError { range, message: message.into(), hint: Some(hint.into()) })
    }

    pub(super) fn push(&mut self, error: DdlError) -> Reported {
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(error);
        }
        Reported(())
    }

    /// Reports that the next token is not what was wanted.
    pub(super) fn unexpected(&mut self, wanted: &str) -> Reported {
        if let Some(reported) = self.placeholder() {
            return reported;
        }
        let Token { kind, range } = self.token(0).clone();
        let message = format!("expected {wanted}: found {}", self.describe(0));
        match kind {
            Kind::Symbol('‘' | '’' | '“' | '”') => {
                self.report_hint(range, message, "write strings in straight quotes: `'`")
            }
            Kind::Symbol('\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{2060}') => {
                self.report_hint(range, message, "delete the invisible character")
            }
            Kind::Word | Kind::Quoted(_) | Kind::Text(_) | Kind::Symbol(_) | Kind::End => {
                self.report(range, message)
            }
        }
    }

    /// Reports a placeholder that nobody filled in, if the next tokens are one.
    pub(super) fn placeholder(&mut self) -> Option<Reported> {
        let close = match (&self.token(0).kind, &self.token(1).kind) {
            (Kind::Symbol('$'), Kind::Symbol('{' | '$')) | (Kind::Symbol('{'), Kind::Symbol('{')) => '}',
            (Kind::Symbol('<'), Kind::Word) => '>',
            _ => return None,
        };
        let start = self.token(0).range.start;
        // A placeholder is short and on one line; looking no further keeps hostile text cheap.
        let near =
            self.text[start..].chars().take(LONGEST_PLACEHOLDER).take_while(|ch| !matches!(ch, '\r' | '\n'));
        let near = &self.text[start..start + near.map(char::len_utf8).sum::<usize>()];
        let end = near.find(close).map_or(self.token(0).range.end, |length| start + length + 1);
        Some(self.report_placeholder(start..end))
    }

    pub(super) fn report_placeholder(&mut self, range: Range<usize>) -> Reported {
        let message = format!("nothing was put in place of `{}`", shown(&self.text[range.clone()]));
        self.report_hint(range, message, "write the value, or `${var.name}` of a variable the manifest has")
    }

    fn describe(&self, ahead: usize) -> String {
        let Token { kind, range } = self.token(ahead);
        match kind {
            Kind::Word | Kind::Quoted(_) => format!("`{}`", shown(&self.text[range.clone()])),
            Kind::Text(_) => format!("the string {}", shown(&self.text[range.clone()])),
            Kind::Symbol(ch)
                if ch.is_control() || ch.is_whitespace() || "\u{200b}\u{feff}\u{2060}".contains(*ch) =>
            {
                format!("the character U+{:04X}", u32::from(*ch))
            }
            Kind::Symbol(ch) => format!("`{ch}`"),
            Kind::End => "the end of the text".to_owned(),
        }
    }

    // Looking

    pub(super) fn token(&self, ahead: usize) -> &Token {
        self.tokens.get(self.at.saturating_add(ahead)).unwrap_or(&self.end)
    }

    pub(super) fn place(&self) -> usize {
        self.at
    }

    pub(super) fn range(&self) -> Range<usize> {
        self.token(0).range.clone()
    }

    pub(super) fn slice(&self, range: Range<usize>) -> &'t str {
        &self.text[range]
    }

    /// The text at a range, if the range is one of whole characters inside the text.
    pub(super) fn text_at(&self, range: Range<usize>) -> Option<&'t str> {
        self.text.get(range)
    }

    pub(super) fn at_end(&self) -> bool {
        self.token(0).kind == Kind::End
    }

    pub(super) fn is_symbol(&self, ahead: usize, symbol: char) -> bool {
        self.token(ahead).kind == Kind::Symbol(symbol)
    }

    /// The bare word there, as written.
    pub(super) fn word(&self, ahead: usize) -> Option<&'t str> {
        let Token { kind, range } = self.token(ahead);
        (*kind == Kind::Word).then(|| &self.text[range.clone()])
    }

    /// Whether the next words are these, in any case.
    pub(super) fn is_words(&self, words: &[&str]) -> bool {
        words
            .iter()
            .enumerate()
            .all(|(ahead, wanted)| self.word(ahead).is_some_and(|word| word.eq_ignore_ascii_case(wanted)))
    }

    /// Whether the token there touches the one before it.
    pub(super) fn touches(&self, ahead: usize) -> bool {
        ahead > 0 && self.token(ahead - 1).range.end == self.token(ahead).range.start
    }

    /// Whether the next token touches the one that was read last.
    pub(super) fn touches_previous(&self) -> bool {
        self.previous_end() == self.range().start
    }

    /// Where the token that was read last ends.
    pub(super) fn previous_end(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |token| token.range.end)
    }

    // Moving

    pub(super) fn skip(&mut self) -> Range<usize> {
        let range = self.range();
        self.at = (self.at + 1).min(self.tokens.len());
        range
    }

    pub(super) fn take_symbol(&mut self, symbol: char) -> bool {
        let found = self.is_symbol(0, symbol);
        if found {
            self.skip();
        }
        found
    }

    pub(super) fn take_words(&mut self, words: &[&str]) -> Option<Range<usize>> {
        if !self.is_words(words) {
            return None;
        }
        let start = self.range().start;
        let mut end = start;
        for _ in words {
            end = self.skip().end;
        }
        Some(start..end)
    }

    pub(super) fn want_symbol(&mut self, symbol: char, wanted: &str) -> Parsed<()> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.unexpected(wanted)) }
    }

    pub(super) fn want_words(&mut self, words: &[&str]) -> Parsed<Range<usize>> {
        if let Some(range) = self.take_words(words) {
            return Ok(range);
        }
        let known = words.iter().enumerate().take_while(|(ahead, wanted)| {
            self.word(*ahead).is_some_and(|word| word.eq_ignore_ascii_case(wanted))
        });
        let known = known.count();
        for _ in 0..known {
            self.skip();
        }
        Err(self.unexpected(&format!("`{}`", words[known..].join(" "))))
    }

    pub(super) fn want_text(&mut self, wanted: &str) -> Parsed<Placed<String>> {
        match self.token(0).clone() {
            Token { kind: Kind::Text(value), range } => {
                self.skip();
                Ok(Placed { value, range })
            }
            Token { kind: Kind::Word | Kind::Quoted(_), range } => {
                let message = format!("expected {wanted}: found {}", self.describe(0));
                Err(self.report_hint(range, message, "put it in single quotes"))
            }
            Token { kind: Kind::Symbol(_) | Kind::End, .. } => Err(self.unexpected(wanted)),
        }
    }

    /// Reads a bare or quoted name, in lower case as the catalogue keeps it.
    pub(super) fn want_name(&mut self, wanted: &str) -> Parsed<Placed<String>> {
        let Token { kind, mut range } = self.token(0).clone();
        match kind {
            Kind::Word if (self.is_symbol(1, '-') || self.is_symbol(1, '$')) && self.touches(1) => {
                let mut ahead = 1;
                while self.touches(ahead)
                    && matches!(self.token(ahead).kind, Kind::Word | Kind::Symbol('-' | '$'))
                {
                    range.end = self.token(ahead).range.end;
                    ahead += 1;
                }
                let message =
                    format!("a bare name has letters, digits and `_` only: {}", self.shown(range.clone()));
                let hint = format!("put it in backticks: `` `{}` ``", self.shown(range.clone()));
                Err(self.report_hint(range, message, hint))
            }
            Kind::Word => {
                self.skip();
                Ok(Placed { value: self.text[range.clone()].to_lowercase(), range })
            }
            Kind::Quoted(name) => {
                self.skip();
                if let Some(hole) = placeholder_in(&name) {
                    // One byte for the backtick; exact, as a name with a doubled backtick is refused below.
                    let start = range.start + 1 + hole.start;
                    if !name.contains('`') {
                        return Err(self.report_placeholder(start..range.start + 1 + hole.end));
                    }
                }
                if name.trim().is_empty() {
                    return Err(self.report(range, format!("expected {wanted}: found an empty name")));
                }
                if name.chars().any(|ch| ch.is_control() || ch == '`') {
                    return Err(
                        self.report(range, "a name holds no line break, control character or backtick")
                    );
                }
                if name.trim() != name {
                    return Err(self.report_hint(
                        range,
                        "a name begins or ends with a space",
                        "delete the space",
                    ));
                }
                Ok(Placed { value: name.to_lowercase(), range })
            }
            Kind::Text(_) => {
                let message = format!("expected {wanted}: found {}", self.describe(0));
                Err(self.report_hint(
                    range,
                    message,
                    "in a table definition names stand in backticks, not in quotes",
                ))
            }
            Kind::Symbol(_) | Kind::End => Err(self.unexpected(wanted)),
        }
    }

    pub(super) fn shown(&self, range: Range<usize>) -> String {
        shown(&self.text[range])
    }

    // Recovering

    /// Goes on to the next `,` or `)` of the list whose item began at `item`, or to where the list must have
    /// ended unclosed.
    pub(super) fn next_item(&mut self, item: usize) {
        let stopped = self.at;
        self.at = item;
        let (mut round, mut angle) = (0_usize, 0_usize);
        while !self.at_end() {
            // What was read before the mistake was read as an item, whatever its words look like.
            if self.at >= stopped && round == 0 && self.begins_clause(false) {
                return;
            }
            match self.token(0).kind {
                Kind::Symbol('(') => round += 1,
                Kind::Symbol(')') if round == 0 => return,
                Kind::Symbol(')') => round -= 1,
                Kind::Symbol('<') => angle += 1,
                Kind::Symbol('>') => angle = angle.saturating_sub(1),
                Kind::Symbol(',') if round == 0 && angle == 0 && self.at >= stopped => return,
                Kind::Symbol(';') => return,
                Kind::Word | Kind::Quoted(_) | Kind::Text(_) | Kind::Symbol(_) | Kind::End => {}
            }
            self.skip();
        }
    }

    /// Goes on to where a clause or statement begins.
    pub(super) fn next_clause(&mut self) {
        while !self.at_statement_end() && !self.begins_clause(true) {
            self.skip();
        }
    }

    /// Goes on to the end of the statement.
    pub(super) fn rest_of_statement(&mut self) {
        while !self.at_statement_end() {
            self.skip();
        }
    }

    pub(super) fn at_statement_end(&self) -> bool {
        self.at_end() || self.is_symbol(0, ';') || self.begins_create()
    }

    /// Goes on behind the next `;`, or to the next `CREATE`.
    pub(super) fn next_statement(&mut self) {
        while !self.at_end() && !self.begins_create() {
            if self.take_symbol(';') {
                return;
            }
            self.skip();
        }
    }

    pub(super) fn begins_create(&self) -> bool {
        self.is_words(&["CREATE", "EXTERNAL"]) || self.is_words(&["CREATE", "TABLE"])
    }

    fn begins_clause(&self, comment_too: bool) -> bool {
        const PAIRS: [[&str; 2]; 8] = [
            ["PARTITIONED", "BY"],
            ["CLUSTERED", "BY"],
            ["SKEWED", "BY"],
            ["ROW", "FORMAT"],
            ["STORED", "AS"],
            ["STORED", "BY"],
            ["WITH", "SERDEPROPERTIES"],
            ["AS", "SELECT"],
        ];
        let text_next = matches!(self.token(1).kind, Kind::Text(_));
        PAIRS.iter().any(|pair| self.is_words(pair))
            || self.is_words(&["LOCATION"]) && text_next
            || comment_too && self.is_words(&["COMMENT"]) && text_next
            || self.is_words(&["TBLPROPERTIES"]) && self.is_symbol(1, '(')
            || self.begins_create()
    }
}

/// Shortens a quotation of the text to what fits a message.
pub(super) fn shown(text: &str) -> String {
    const LENGTH: usize = 60;
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(LENGTH) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None if line.len() < text.len() => format!("{line}…"),
        None => line.to_owned(),
    }
}

/// The first placeholder in a value: `${x}`, `{{ x }}` or `<x>`.
pub(super) fn placeholder_in(value: &str) -> Option<Range<usize>> {
    let spans = [("${", "}"), ("{{", "}}"), ("<", ">")];
    let found = spans.iter().filter_map(|(open, close)| {
        let start = value.find(open)?;
        let inner = start + open.len();
        Some(start..inner + value[inner..].find(close)? + close.len())
    });
    found.min_by_key(|range| range.start)
}

/// The word that was probably meant.
pub(super) fn closest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    if word.len() > 64 {
        return None;
    }
    let word = word.to_lowercase();
    let scored = known.iter().map(|known| {
        let lower = known.to_lowercase();
        // Two letters the wrong way round weigh too much in a short word.
        let swapped = word.len() > 2 && strsim::osa_distance(&word, &lower) <= 1;
        (strsim::jaro_winkler(&word, &lower).max(if swapped { 0.9 } else { 0.0 }), *known)
    });
    let best = scored.max_by(|left, right| left.0.total_cmp(&right.0))?;
    (best.0 >= 0.84).then_some(best.1)
}
