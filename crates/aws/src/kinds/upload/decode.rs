//! Which local files an entry means, and what about them or their neighbours could not be uploaded.

use lakeform_model::{Entry, LocalFile, Node, PART_SIZE, Scope};

use crate::glob;
use crate::s3_url::S3Url;

/// Source: the multipart upload limits of the S3 user guide.
pub(super) const MOST_PARTS: u64 = 10_000;

/// Source: the object key rules of the S3 user guide.
pub(super) const LONGEST_KEY: usize = 1024;

/// The local files that are not excluded; at least one.
pub(super) fn chosen(node: &Node, from: &Node, scope: &mut Scope<'_>) -> Option<Vec<LocalFile>> {
    let files = scope.walk(from)?;
    let name = from.scalar_text()?;
    if files.is_empty() {
        let message = format!("`{name}` holds no files");
        scope.error(from, message).hint("put a file there, or remove the upload");
        return None;
    }
    let patterns = node.get("exclude").map(Node::texts).unwrap_or_default();
    let excluded = |file: &LocalFile| patterns.iter().any(|pattern| glob::matches(pattern, &file.relative));
    let files: Vec<LocalFile> = files.into_iter().filter(|file| !excluded(file)).collect();
    if files.is_empty() {
        let at = node.get("exclude").unwrap_or(from).clone();
        scope.error(&at, format!("`exclude` leaves no file of `{name}`"));
        return None;
    }
    Some(files)
}

pub(super) fn check_file(from: &Node, key: &str, file: &LocalFile, scope: &mut Scope<'_>) {
    let name = file.relative.escape_debug().to_string();
    // S3 takes such a key, but its XML listings cannot carry it. Source: the object key rules of the S3 user guide.
    if key.chars().any(char::is_control) {
        scope
            .error(from, format!("the name of `{name}` holds control characters"))
            .hint("rename the file, or leave it out with `exclude`");
    }
    if key.len() > LONGEST_KEY {
        scope.error(from, format!("the key of `{name}` is longer than 1,024 bytes"));
    }
    if file.size > PART_SIZE * MOST_PARTS {
        scope.error(from, format!("`{name}` is larger than {} GiB", (PART_SIZE * MOST_PARTS) >> 30));
    }
}

/// Two uploads to one place would undo each other at every apply, and `prune` what lies below its folder.
pub(super) fn check_overlaps(entries: &[Entry<'_>], scope: &mut Scope<'_>) {
    let place = |entry: &Entry<'_>| {
        let url = S3Url::parse(&entry.node.text("to")?)?;
        Some((url.bucket, url.key.trim_end_matches('/').to_owned()))
    };
    let mut placed: Vec<_> = entries.iter().filter_map(|entry| Some((place(entry)?, entry))).collect();
    placed.sort_by(|(one, first), (other, second)| (one, first.address).cmp(&(other, second.address)));
    for pair in placed.windows(2) {
        let [(first, before), (second, entry)] = pair else { continue };
        if first == second
            && let Some(to) = entry.node.get("to")
        {
            scope
                .error(to, format!("the upload `{}` goes to the same place", before.address.key()))
                .hint("give each upload a folder of its own");
        }
    }
    for ((bucket, key), entry) in &placed {
        let Some(to) = entry.node.get("to").filter(|_| is_pruned(entry.node) && !key.is_empty()) else {
            continue;
        };
        // All that lies below stands together.
        let folder = (bucket.clone(), format!("{key}/"));
        let first = placed.partition_point(|(other, _)| *other < folder);
        if let Some(((other, below), inner)) = placed.get(first)
            && *other == folder.0
            && below.starts_with(&folder.1)
        {
            let name = inner.address.key();
            scope
                .error(to, format!("`prune` would delete what the upload `{name}` puts below this folder"))
                .hint("give each upload a folder of its own");
        }
    }
}

pub(super) fn is_pruned(node: &Node) -> bool {
    node.get("prune").and_then(Node::as_bool) == Some(true)
}
