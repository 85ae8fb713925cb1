//! What a command asked of AWS, by operation.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::text::thousands;

/// A line an operation, the most frequent first, and the total.
pub(crate) fn calls(by_operation: &BTreeMap<String, u64>) -> String {
    let mut operations: Vec<(&String, &u64)> = by_operation.iter().collect();
    operations.sort_by(|left, right| right.1.cmp(left.1).then(left.0.cmp(right.0)));
    let total: u64 = by_operation.values().sum();
    let mut text = String::new();
    for (operation, number) in operations {
        let _ = writeln!(text, "{:>8}  {operation}", thousands(*number));
    }
    let _ = writeln!(text, "{:>8}  {}", thousands(total), if total == 1 { "call" } else { "calls in all" });
    text
}
