//! An account's buckets as folders, for Spark to work on, and the way back: what differs from what was staged is
//! put or removed, and nothing else, so that runs beside each other do not undo one another.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::objects::{Object, ObjectError, Objects};

/// Copies under way at once.
const AT_ONCE: usize = 16;
/// Longer names of files are not possible on disk.
const LONGEST_NAME: usize = 255;

/// What was staged of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Staged {
    etag: String,
    /// The file as it was then; a folder stands for a key that ends in `/`.
    file: Option<Print>,
}

/// How a file is known again: whoever changes it changes one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Print {
    size: u64,
    modified: (i64, i64),
    number: u64,
}

/// The buckets of one run.
pub(super) struct Staging {
    objects: Objects,
    folder: PathBuf,
    staged: BTreeMap<(String, String), Staged>,
    /// Keys that no file system can hold; they are left alone.
    skipped: BTreeSet<(String, String)>,
}

/// Why a staging cannot be.
#[derive(Debug, thiserror::Error)]
pub(super) enum StagingError {
    #[error(transparent)]
    Object(#[from] ObjectError),
    #[error(
        "the account's buckets hold {held} MB, more than the {limit} MB that the sandbox copies for a run; delete what \
         the job does not need"
    )]
    TooLarge { held: u64, limit: u64 },
}

impl Staging {
    /// Copies all buckets into folders of their names.
    pub(super) async fn make(objects: Objects, folder: PathBuf, limit: u64) -> Result<Self, StagingError> {
        let mut staging = Self { objects, folder, staged: BTreeMap::new(), skipped: BTreeSet::new() };
        let listed = staging.list().await?;
        let held: u64 = listed.iter().map(|(_, object)| object.size).sum();
        if held > limit {
            return Err(StagingError::TooLarge { held: held >> 20, limit: limit >> 20 });
        }
        staging.fetch(listed).await?;
        Ok(staging)
    }

    /// The buckets there are.
    pub(super) fn buckets(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Vec::new() };
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    /// Keys that could not be staged.
    pub(super) fn skipped(&self) -> impl Iterator<Item = String> {
        self.skipped.iter().map(|(bucket, key)| format!("s3://{bucket}/{key}"))
    }

    async fn list(&mut self) -> Result<Vec<(String, Object)>, StagingError> {
        let mut listed = Vec::new();
        std::fs::create_dir_all(&self.folder).map_err(ObjectError::file(&self.folder))?;
        for bucket in self.objects.buckets().await? {
            let folder = self.folder.join(&bucket);
            std::fs::create_dir_all(&folder).map_err(ObjectError::file(&folder))?;
            listed
                .extend(self.objects.list(&bucket).await?.into_iter().map(|object| (bucket.clone(), object)));
        }
        Ok(listed)
    }

    /// Brings objects into their files.
    async fn fetch(&mut self, listed: Vec<(String, Object)>) -> Result<(), StagingError> {
        // A key that others lie below is a folder on disk; its own content has no place.
        let folders: BTreeSet<(String, String)> = listed
            .iter()
            .flat_map(|(bucket, object)| {
                object.key.match_indices('/').map(|(at, _)| (bucket.clone(), object.key[..at].to_owned()))
            })
            .collect();
        let (good, bad): (Vec<_>, Vec<_>) = listed.into_iter().partition(|(bucket, object)| {
            has_a_place(object) && !folders.contains(&(bucket.clone(), object.key.clone()))
        });
        self.skipped.extend(bad.into_iter().map(|(bucket, object)| (bucket, object.key)));
        let (objects, folder) = (&self.objects, &self.folder);
        let done: Vec<_> = futures_util::stream::iter(good)
            .map(|(bucket, object)| async move {
                let path = folder.join(&bucket).join(&object.key);
                let file = bring(objects, &bucket, &object, &path).await?;
                Ok::<_, ObjectError>(((bucket, object.key), Staged { etag: object.etag, file }))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        self.staged.extend(done);
        Ok(())
    }

    /// Takes what changed in the folders to S3.
    pub(super) async fn push(&mut self) -> Result<(), StagingError> {
        let mut found = BTreeMap::new();
        for bucket in self.buckets() {
            walk(&self.folder.join(&bucket), &mut String::new(), &mut |key, print| {
                found.insert((bucket.clone(), key), print);
            })?;
        }
        let changed: Vec<_> = found
            .into_iter()
            .filter(|(place, print)| self.staged.get(place).is_none_or(|staged| staged.file != Some(*print)))
            .collect();
        let (objects, folder) = (&self.objects, &self.folder);
        let put: Vec<_> = futures_util::stream::iter(changed)
            .map(|((bucket, key), print)| async move {
                let etag = objects.upload(&bucket, &key, &folder.join(&bucket).join(&key)).await?;
                Ok::<_, ObjectError>(((bucket, key), Staged { etag, file: Some(print) }))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        self.staged.extend(put);
        let gone: Vec<(String, String)> = self
            .staged
            .keys()
            .filter(|(bucket, key)| !self.folder.join(bucket).join(key).exists())
            .cloned()
            .collect();
        for place in gone {
            self.objects.remove(&place.0, &place.1).await?;
            self.staged.remove(&place);
        }
        Ok(())
    }

    /// Brings what changed on S3 into the folders.
    pub(super) async fn pull(&mut self) -> Result<(), StagingError> {
        let listed = self.list().await?;
        let there: BTreeSet<(String, String)> =
            listed.iter().map(|(bucket, object)| (bucket.clone(), object.key.clone())).collect();
        let gone: Vec<_> = self.staged.keys().filter(|place| !there.contains(place)).cloned().collect();
        for place in gone {
            // A folder with others in it stays.
            let path = self.folder.join(&place.0).join(&place.1);
            let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir(&path));
            self.staged.remove(&place);
        }
        let new = listed
            .into_iter()
            .filter(|(bucket, object)| {
                let place = (bucket.clone(), object.key.clone());
                self.staged.get(&place).is_none_or(|staged| staged.etag != object.etag)
            })
            .collect();
        self.fetch(new).await
    }
}

/// Whether a key can be the name of a file or a folder.
fn has_a_place(object: &Object) -> bool {
    let (key, folder) = match object.key.strip_suffix('/') {
        Some(key) => (key, true),
        None => (object.key.as_str(), false),
    };
    (!folder || object.size == 0)
        && key.split('/').all(|part| {
            !(part.is_empty()
                || part == "."
                || part == ".."
                || part.len() > LONGEST_NAME
                || part.contains('\0'))
        })
}

async fn bring(
    objects: &Objects,
    bucket: &str,
    object: &Object,
    path: &Path,
) -> Result<Option<Print>, ObjectError> {
    if object.key.ends_with('/') {
        std::fs::create_dir_all(path).map_err(ObjectError::file(path))?;
        return Ok(None);
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(ObjectError::file(parent))?;
    }
    // What Spark wrote about an older content of the name would not fit the new one.
    let _ = std::fs::remove_file(checksum_of(path));
    objects.download(bucket, &object.key, path).await?;
    let print = || -> std::io::Result<Print> {
        let file = std::fs::File::options().write(true).open(path)?;
        if let Some(modified) = object.modified {
            file.set_modified(modified)?;
        }
        Ok(print(&file.metadata()?))
    };
    print().map(Some).map_err(ObjectError::file(path))
}

fn print(metadata: &std::fs::Metadata) -> Print {
    Print {
        size: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        number: metadata.ino(),
    }
}

fn checksum_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.crc"))
}

/// Folders of writes that are not committed.
fn is_work(name: &str) -> bool {
    name == "_temporary" || name.starts_with(".spark-staging") || name.starts_with(".hive-staging")
}

/// Tells every file below a folder that is data.
fn walk(folder: &Path, prefix: &mut String, tell: &mut dyn FnMut(String, Print)) -> Result<(), ObjectError> {
    let unreadable = || ObjectError::file(folder);
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable())? {
        entries.push(entry.map_err(unreadable())?);
    }
    let names: BTreeSet<String> =
        entries.iter().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    for entry in entries {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // Spark may take a file away while it is being looked at.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable()(error)),
        };
        if metadata.is_dir() {
            if !is_work(&name) {
                let length = prefix.len();
                prefix.push_str(&name);
                prefix.push('/');
                walk(&entry.path(), prefix, tell)?;
                prefix.truncate(length);
            }
        } else if metadata.is_file() && !is_checksum(&name, &names) {
            tell(format!("{prefix}{name}"), print(&metadata));
        }
    }
    Ok(())
}

/// The local file system's checksum of a file beside it; S3 has none.
fn is_checksum(name: &str, beside: &BTreeSet<String>) -> bool {
    name.strip_prefix('.').and_then(|rest| rest.strip_suffix(".crc")).is_some_and(|of| beside.contains(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(key: &str, size: u64) -> Object {
        Object { key: key.to_owned(), size, etag: String::new(), modified: None }
    }

    #[test]
    fn keys_that_no_folder_holds_have_no_place() {
        for key in ["a//b", "/a", "../a", "a/./b", &"x".repeat(256)] {
            assert!(!has_a_place(&object(key, 1)), "{key}");
        }
        assert!(!has_a_place(&object("a/", 1)), "a folder has no content");
        for key in ["a", "a/b c/(1)", "a/k=v/ü"] {
            assert!(has_a_place(&object(key, 1)), "{key}");
        }
        assert!(has_a_place(&object("a/", 0)));
    }

    #[test]
    fn only_data_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for path in ["out/_temporary/0", "out/year=2024", "out/.spark-staging-1"] {
            std::fs::create_dir_all(root.join(path)).unwrap();
        }
        let files = [
            "out/part-0",
            "out/.part-0.crc",
            "out/_SUCCESS",
            "out/._SUCCESS.crc",
            "out/_temporary/0/part-1",
            "out/year=2024/part-2",
            "out/.spark-staging-1/part-3",
            "out/.own.crc",
        ];
        for path in files {
            std::fs::write(root.join(path), "").unwrap();
        }
        let mut found = Vec::new();
        walk(root, &mut String::new(), &mut |key, _| found.push(key)).unwrap();
        found.sort();
        assert_eq!(found, ["out/.own.crc", "out/_SUCCESS", "out/part-0", "out/year=2024/part-2"]);
    }
}
