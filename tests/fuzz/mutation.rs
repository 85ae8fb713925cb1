//! Damage to a file, as an editor, a merge or a bad disk does it: bytes, tokens and lines deleted, doubled,
//! swapped, or made something else. A list of small steps, so that a failing case shrinks to the one that
//! matters.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// What is put in: what has broken readers before.
const ODD: &[&str] = &[
    "${",
    "$${",
    "}",
    "${}",
    "${.}",
    "${var.}",
    "${bucket.lake}",
    "${account}",
    "${é",
    "&a ",
    "*a",
    "<<: ",
    "- ",
    ": ",
    "? ",
    "| ",
    ">\n",
    "'",
    "\"",
    "`",
    "[",
    "]",
    "{",
    "}",
    ",",
    "(",
    ")",
    "<",
    ">",
    ";",
    "--",
    "/*",
    "*/",
    "#",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "!!binary ",
    "!t ",
    "\\",
    "\\u0000",
    "\0",
    "\t",
    "\r\n",
    "\r",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "\u{202e}",
    "\u{1b}[2J",
    "é",
    "😀",
    "e\u{301}",
    "99999999999999999999",
    "-9223372036854775808",
    "1e999",
    "0x10",
    "-0",
    ".nan",
    ".inf",
    "null",
    "~",
    "true",
    "s3://",
    "s3:///",
    "arn:aws:",
    "../",
    "/",
    "//",
];

/// One step.
#[derive(Clone, Debug)]
pub(crate) enum Damage {
    Delete(Unit, Index),
    Double(Unit, Index),
    Swap(Unit, Index, Index),
    Move(Unit, Index, Index),
    Insert(Index, Vec<u8>),
    Set(Index, u8),
    Cut(Index),
    Indent(Index, i8),
}

/// What a step takes at once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Byte,
    Token,
    Line,
}

fn unit() -> impl Strategy<Value = Unit> {
    prop_oneof![1 => Just(Unit::Byte), 2 => Just(Unit::Token), 2 => Just(Unit::Line)]
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    let put = prop_oneof![
        4 => proptest::sample::select(ODD).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..6),
        1 => any::<String>().prop_map(String::into_bytes),
    ];
    prop_oneof![
        3 => (unit(), at()).prop_map(|(unit, at)| Damage::Delete(unit, at)),
        2 => (unit(), at()).prop_map(|(unit, at)| Damage::Double(unit, at)),
        2 => (unit(), at(), at()).prop_map(|(unit, one, other)| Damage::Swap(unit, one, other)),
        2 => (unit(), at(), at()).prop_map(|(unit, from, to)| Damage::Move(unit, from, to)),
        4 => (at(), put).prop_map(|(at, put)| Damage::Insert(at, put)),
        1 => (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        1 => at().prop_map(Damage::Cut),
        1 => (at(), -4_i8..5).prop_map(|(at, by)| Damage::Indent(at, by)),
    ]
}

/// One of these files, damaged.
pub(crate) fn mutated(files: Vec<(String, Vec<u8>)>) -> impl Strategy<Value = Vec<u8>> {
    (proptest::sample::select(files), vec(damage(), 1..8)).prop_map(|((_, mut bytes), steps)| {
        for step in steps {
            bytes = apply(&bytes, &step);
        }
        bytes
    })
}

/// The bytes in pieces that together are all of them.
fn pieces(bytes: &[u8], unit: Unit) -> Vec<&[u8]> {
    match unit {
        Unit::Byte => bytes.chunks(1).collect(),
        Unit::Line => bytes.split_inclusive(|byte| *byte == b'\n').collect(),
        Unit::Token => bytes
            .chunk_by(|one, next| {
                let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
                is_word(one) && is_word(next)
            })
            .collect(),
    }
}

fn apply(bytes: &[u8], step: &Damage) -> Vec<u8> {
    if bytes.is_empty() {
        return match step {
            Damage::Insert(_, put) => put.clone(),
            _ => Vec::new(),
        };
    }
    let at = |index: &Index| index.index(bytes.len());
    match step {
        Damage::Delete(unit, index) => {
            let mut pieces = pieces(bytes, *unit);
            pieces.remove(index.index(pieces.len()));
            pieces.concat()
        }
        Damage::Double(unit, index) => {
            let mut pieces = pieces(bytes, *unit);
            let at = index.index(pieces.len());
            pieces.insert(at, pieces[at]);
            pieces.concat()
        }
        Damage::Swap(unit, one, other) => {
            let mut pieces = pieces(bytes, *unit);
            let number = pieces.len();
            pieces.swap(one.index(number), other.index(number));
            pieces.concat()
        }
        Damage::Move(unit, from, to) => {
            let mut pieces = pieces(bytes, *unit);
            let piece = pieces.remove(from.index(pieces.len()));
            pieces.insert(to.index(pieces.len() + 1), piece);
            pieces.concat()
        }
        Damage::Insert(index, put) => [&bytes[..at(index)], put, &bytes[at(index)..]].concat(),
        Damage::Set(index, byte) => {
            let mut bytes = bytes.to_vec();
            let at = index.index(bytes.len());
            bytes[at] = *byte;
            bytes
        }
        Damage::Cut(index) => bytes[..at(index)].to_vec(),
        Damage::Indent(index, by) => {
            let mut lines: Vec<Vec<u8>> = pieces(bytes, Unit::Line).into_iter().map(<[u8]>::to_vec).collect();
            let at = index.index(lines.len());
            for _ in 0..by.unsigned_abs() {
                if *by > 0 {
                    lines[at].insert(0, b' ');
                } else if lines[at].first() == Some(&b' ') {
                    lines[at].remove(0);
                }
            }
            lines.concat()
        }
    }
}
