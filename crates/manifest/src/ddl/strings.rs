//! Turns a quoted Hive string into its value.
//!
//! Follows Hive's own unescaping to the letter, because regular expressions and grok patterns in the wild are
//! written for it: `\001` is octal, `\\s` is `\s`, and a lone `\s` is just `s`.

use std::ops::Range;

/// What is wrong inside a string; the range counts from its opening quote.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StringMistake {
    pub(super) range: Range<usize>,
    pub(super) message: &'static str,
    pub(super) hint: &'static str,
}

/// The value of a string given with its quotes.
pub(super) fn unescape(quoted: &str) -> Result<String, StringMistake> {
    let mut chars = quoted.chars();
    let quote = chars.next().unwrap_or('\'');
    let body = chars.as_str().strip_suffix(quote).unwrap_or(chars.as_str());
    let start = quote.len_utf8();
    let mut value = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(found) = rest.chars().next() {
        let at = start + body.len() - rest.len();
        rest = &rest[found.len_utf8()..];
        if found == quote {
            // Hive takes `'it''s'` for two strings side by side and loses the quote; nobody means that.
            return Err(StringMistake {
                range: at..at + 1 + usize::from(rest.starts_with(quote)),
                message: "a doubled quote inside a string: Hive drops it",
                hint: "write a backslash before the quote instead",
            });
        }
        if found != '\\' {
            value.push(found);
            continue;
        }
        let (text, used) = escape(rest).map_err(|used| StringMistake {
            range: at..at + 1 + used,
            message: "`\\u` is not followed by the four hexadecimal digits of a character",
            hint: "write `\\\\u` for a backslash and a `u`",
        })?;
        match text {
            Escape::Char(char) => value.push(char),
            // Hive keeps the backslash before the wildcards of `LIKE`.
            Escape::Wildcard(char) => value.extend(['\\', char]),
        }
        rest = &rest[used..];
    }
    Ok(value)
}

enum Escape {
    Char(char),
    Wildcard(char),
}

/// Reads what follows a backslash: its value and how many bytes it took.
fn escape(rest: &str) -> Result<(Escape, usize), usize> {
    let bytes = rest.as_bytes();
    if bytes.first() == Some(&b'u') {
        return unicode(rest);
    }
    if let [first @ b'0'..=b'1', second @ b'0'..=b'7', third @ b'0'..=b'7', ..] = bytes {
        let code = (first - b'0') * 64 + (second - b'0') * 8 + (third - b'0');
        return Ok((Escape::Char(char::from(code)), 3));
    }
    let Some(char) = rest.chars().next() else { return Ok((Escape::Char('\\'), 0)) };
    let value = match char {
        '0' => '\0',
        'b' => '\u{8}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'Z' => '\u{1a}',
        '%' | '_' => return Ok((Escape::Wildcard(char), 1)),
        other => other,
    };
    Ok((Escape::Char(value), char.len_utf8()))
}

fn unicode(rest: &str) -> Result<(Escape, usize), usize> {
    let unit = |at: usize| {
        let digits = rest.get(at..at + 5)?.strip_prefix('u')?;
        let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| hexadecimal)
    };
    let first = unit(0).ok_or(1_usize)?;
    if let Some(char) = char::from_u32(first) {
        return Ok((Escape::Char(char), 5));
    }
    // Hive's strings are UTF-16: a character beyond it is written as a pair.
    let second = (rest.as_bytes().get(5) == Some(&b'\\')).then(|| unit(6)).flatten().ok_or(5_usize)?;
    if !(0xD800..0xDC00).contains(&first) || !(0xDC00..0xE000).contains(&second) {
        return Err(5);
    }
    let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    char::from_u32(code).map(|char| (Escape::Char(char), 11)).ok_or(5)
}
