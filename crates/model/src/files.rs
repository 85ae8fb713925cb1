//! Local files that a manifest names, as the kinds need them. Reading them is somebody else's work.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The part size in bytes of every multipart upload; fixed, so that a file's `ETag` can be told without AWS.
///
/// 16 MiB times 10,000 parts allows 156 GiB. Source: the multipart limits of the S3 user guide.
pub const PART_SIZE: u64 = 16 * 1024 * 1024;

/// A file to upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalFile {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// Its name below what was asked for, with `/` between the parts; its own name when a file was asked for.
    pub relative: String,
    /// Bytes.
    pub size: u64,
    /// The `ETag` S3 gives it without KMS: hex MD5, or above [`PART_SIZE`] the MD5 of the parts' MD5s, `-`, parts.
    pub etag: String,
    /// Hex SHA-256 of the content.
    pub sha256: String,
}

/// A file that could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct FileProblem {
    /// What is wrong, as the end of a sentence: "does not exist".
    pub reason: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Reads files that a manifest names, relative to its folder.
pub trait Files {
    /// The content of one file.
    fn read(&self, path: &str) -> Result<Vec<u8>, FileProblem>;

    /// The files below a directory, or the one file, in the order of their names.
    fn walk(&self, path: &str) -> Result<Vec<LocalFile>, FileProblem>;
}
