//! Patterns of file names: `*` and `?` stop at `/`, `**` does not.

/// Whether a path below a folder fits a pattern. A pattern without `/` is held against the file's own name.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
    let subject = if pattern.contains('/') { path } else { path.rsplit('/').next().unwrap_or(path) };
    let (pattern, subject): (Vec<char>, Vec<char>) = (pattern.chars().collect(), subject.chars().collect());
    fits(&pattern, &subject)
}

/// Holds the pattern against the text by the set of positions in the pattern that may come next: the time is
/// the product of both lengths whatever the pattern is.
fn fits(pattern: &[char], text: &[char]) -> bool {
    let mut at = vec![false; pattern.len() + 1];
    at[0] = true;
    skip_stars(pattern, &mut at, true);
    for c in text {
        let mut next = vec![false; pattern.len() + 1];
        for (index, wanted) in pattern.iter().enumerate().filter(|(index, _)| at[*index]) {
            match wanted {
                '*' => {
                    let across =
                        pattern.get(index + 1) == Some(&'*') || (index > 0 && pattern[index - 1] == '*');
                    next[index] |= across || *c != '/';
                }
                '?' => next[index + 1] |= *c != '/',
                wanted => next[index + 1] |= wanted == c,
            }
        }
        skip_stars(pattern, &mut next, *c == '/');
        at = next;
    }
    at[pattern.len()]
}

/// A star may stand for nothing, and `**/` where a name begins for no folder at all.
fn skip_stars(pattern: &[char], at: &mut [bool], name_begins: bool) {
    for index in 0..pattern.len() {
        if at[index] && pattern[index] == '*' {
            at[index + 1] = true;
            let whole = index == 0 || pattern[index - 1] == '/';
            if name_begins && whole && pattern[index + 1..].starts_with(&['*', '/']) {
                at[index + 3] = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_fit_as_people_expect() {
        for (pattern, path) in [
            ("*.crc", "a/b/.part.crc"),
            (".DS_Store", "a/.DS_Store"),
            ("a/*.json", "a/b.json"),
            ("a/**", "a/b/c"),
            ("**/b.json", "b.json"),
            ("**/b.json", "x/y/b.json"),
            ("x/**/b", "x/b"),
            ("?.txt", "a.txt"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("a/*.json", "a/b/c.json"),
            ("*.json", "a.jsonl"),
            ("?", "ab"),
            ("a/**", "b/a/c"),
            ("", "a"),
            ("**/b.json", "xb.json"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
        assert!(!matches(&"*a".repeat(60), &"a".repeat(59)));
    }
}
