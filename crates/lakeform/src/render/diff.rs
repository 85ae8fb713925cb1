//! Two texts of many lines as one: the lines that differ, with a little of what stands around them.

use similar::{ChangeTag, TextDiff};

use super::text::{DIM, GONE, GOOD, escape, paint};

/// How many equal lines are shown around a difference.
const AROUND: usize = 2;

/// The lines of a unified diff, each with its sign.
pub(crate) fn lines(from: &str, to: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(from, to);
    let mut lines = Vec::new();
    for (index, hunk) in diff.grouped_ops(AROUND).iter().enumerate() {
        if index > 0 {
            lines.push(paint(DIM, "⋮"));
        }
        for change in hunk.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let text = escape(change.value().trim_end_matches('\n'));
            lines.push(match change.tag() {
                ChangeTag::Delete => paint(GONE, &format!("- {text}")),
                ChangeTag::Insert => paint(GOOD, &format!("+ {text}")),
                ChangeTag::Equal => paint(DIM, &format!("  {text}")),
            });
        }
    }
    // Two texts that differ only in their last line's end differ all the same.
    if lines.is_empty() && from != to {
        lines.push(paint(DIM, "only white space at the end of a line differs"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(from: &str, to: &str) -> Vec<String> {
        lines(from, to).iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect()
    }

    #[test]
    fn only_what_differs_and_its_neighbours_are_shown() {
        let from = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let to = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n";
        assert_eq!(plain(from, to), ["  3", "  4", "- 5", "+ five", "  6", "  7"]);
    }

    #[test]
    fn equal_texts_have_no_lines() {
        assert!(plain("a\n", "a\n").is_empty());
    }
}
