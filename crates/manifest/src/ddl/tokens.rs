//! Cuts a definition's text into words, quoted names, strings and symbols, each with its bytes.
//!
//! Where strings and comments begin and end is `sqlparser`'s knowledge, told by a dialect that is Hive's as
//! Athena reads it. The crate's operators and numbers are cut again into single symbols and words, since `>>`
//! closes two types here and `1e3` may be a field's name.

use std::ops::Range;

use sqlparser::dialect::Dialect;
use sqlparser::tokenizer::{Location, Token as SqlToken, TokenWithSpan, Tokenizer};

use super::{DdlError, strings};

/// How often the tokenizer is started again after something it has no token for.
const RESTARTS: usize = 64;

/// A piece of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) range: Range<usize>,
}

/// What a piece is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters, digits and underscores, in any order.
    Word,
    /// A name in backticks, without them.
    Quoted(String),
    /// A string's value.
    Text(String),
    /// Any other character.
    Symbol(char),
    /// The end of the text.
    End,
}

#[derive(Debug)]
struct AthenaDialect;

impl Dialect for AthenaDialect {
    fn is_identifier_start(&self, ch: char) -> bool {
        is_word(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        is_word(ch)
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '`'
    }

    fn supports_hash_comment(&self) -> bool {
        true
    }

    fn supports_string_literal_backslash_escape(&self) -> bool {
        true
    }

    fn supports_numeric_prefix(&self) -> bool {
        true
    }

    // Without it `$$` would open a string that runs to the next `$$`.
    fn supports_dollar_placeholder(&self) -> bool {
        true
    }
}

fn is_word(ch: char) -> bool {
    ch.is_alphanumeric() || ch == '_'
}

/// The tokens of a text, closed by [`Kind::End`], and what is wrong with them.
///
/// No tokens come back where a string, name or comment is never closed: all behind it would be read inside out.
pub(super) fn read(text: &str) -> (Option<Vec<Token>>, Vec<DdlError>) {
    let mut reader = Reader { text, tokens: Vec::new(), errors: Vec::new() };
    let mut from = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    for _ in 0..RESTARTS {
        match reader.run(from) {
            Ok(()) => {
                reader.tokens.push(Token { kind: Kind::End, range: text.len()..text.len() });
                return (Some(reader.tokens), reader.errors);
            }
            Err(Stop::At(next)) => from = next,
            Err(Stop::Unclosed(error)) => {
                reader.errors.push(error);
                return (None, reader.errors);
            }
        }
    }
    let range = from..text[from..].chars().next().map_or(from, |found| from + found.len_utf8());
    reader.errors.push(DdlError { range, message: "this is no table definition".to_owned(), hint: None });
    (None, reader.errors)
}

enum Stop {
    /// The tokenizer gave up; go on from this byte.
    At(usize),
    Unclosed(DdlError),
}

struct Reader<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    errors: Vec<DdlError>,
}

impl Reader<'_> {
    fn run(&mut self, from: usize) -> Result<(), Stop> {
        let mut found = Vec::new();
        let ended = Tokenizer::new(&AthenaDialect, &self.text[from..])
            .with_unescape(false)
            .tokenize_with_location_into_buf(&mut found);
        let mut places = Places::new(self.text, from);
        let mut last = from;
        for TokenWithSpan { token, span } in found {
            let start = places.byte(span.start).max(last);
            let end = places.byte(span.end).max(start);
            last = end;
            self.add(&token, start..end);
        }
        if ended.is_ok() {
            return Ok(());
        }
        self.stopped(last)
    }

    fn add(&mut self, token: &SqlToken, range: Range<usize>) {
        let raw = &self.text[range.clone()];
        match token {
            SqlToken::Whitespace(_) | SqlToken::EOF => {}
            SqlToken::Word(word) if word.quote_style.is_some() => {
                let inner = raw.strip_prefix('`').unwrap_or(raw);
                let name = inner.strip_suffix('`').unwrap_or(inner).replace("``", "`");
                self.tokens.push(Token { kind: Kind::Quoted(name), range });
            }
            SqlToken::SingleQuotedString(_) | SqlToken::DoubleQuotedString(_) => {
                let value = strings::unescape(raw).unwrap_or_else(|mistake| {
                    let from = range.start;
                    self.errors.push(DdlError {
                        range: from + mistake.range.start..from + mistake.range.end,
                        message: mistake.message.to_owned(),
                        hint: Some(mistake.hint.to_owned()),
                    });
                    String::new()
                });
                self.tokens.push(Token { kind: Kind::Text(value), range });
            }
            _ => self.cut(range),
        }
    }

    /// Cuts what is neither string nor name into words and single characters.
    fn cut(&mut self, range: Range<usize>) {
        let mut rest = &self.text[range.clone()];
        while let Some(first) = rest.chars().next() {
            let start = range.end - rest.len();
            let length = if is_word(first) {
                rest.find(|ch| !is_word(ch)).unwrap_or(rest.len())
            } else {
                first.len_utf8()
            };
            rest = &rest[length..];
            let here = start..start + length;
            match self.tokens.last_mut() {
                _ if first.is_whitespace() => {}
                // `1` and `e3` are two tokens there and one name here.
                Some(Token { kind: Kind::Word, range }) if is_word(first) && range.end == start => {
                    range.end = here.end;
                }
                _ if is_word(first) => self.tokens.push(Token { kind: Kind::Word, range: here }),
                _ => self.tokens.push(Token { kind: Kind::Symbol(first), range: here }),
            }
        }
    }

    /// Decides by the first character behind the last token what the tokenizer stumbled over.
    fn stopped(&mut self, last: usize) -> Result<(), Stop> {
        let rest = &self.text[last..];
        let Some(first) = rest.chars().next() else { return Ok(()) };
        let line = last..last + rest.find(['\r', '\n']).unwrap_or(rest.len());
        let (range, message, hint) = match first {
            '\'' | '"' => {
                let trap = self.text.contains(r"'\'") || self.text.contains(r#""\""#);
                let hint = if trap {
                    r"a backslash before the closing quote keeps the string open: write `'\\'`"
                } else {
                    "a quote is missing here or further up"
                };
                (line, "this string is never closed", hint)
            }
            '`' => {
                (line, "this name in backticks is never closed", "a backtick is missing here or further up")
            }
            '/' if rest.starts_with("/*") => {
                (last..last + 2, "this comment is never closed", "close it with `*/`")
            }
            other => {
                let next = last + other.len_utf8();
                self.cut(last..next);
                return Err(Stop::At(next));
            }
        };
        Err(Stop::Unclosed(DdlError { range, message: message.to_owned(), hint: Some(hint.to_owned()) }))
    }
}

/// Turns the tokenizer's lines and columns, which only ever grow, into bytes.
struct Places<'t> {
    chars: std::str::CharIndices<'t>,
    from: usize,
    here: usize,
    line: u64,
    column: u64,
}

impl<'t> Places<'t> {
    fn new(text: &'t str, from: usize) -> Self {
        Self { chars: text[from..].char_indices(), from, here: from, line: 1, column: 1 }
    }

    fn byte(&mut self, place: Location) -> usize {
        while (self.line, self.column) < (place.line, place.column) {
            let Some((_, ch)) = self.chars.next() else { break };
            self.here = self.from + self.chars.offset();
            if ch == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.here
    }
}
