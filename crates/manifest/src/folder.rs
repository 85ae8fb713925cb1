//! The files beside a manifest. Refuses paths that lead out of the manifest's folder, by `..` or by a symbolic
//! link, unless the user wrote an absolute one; and everything that is no regular file, because reading a FIFO
//! or a device may never end.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{File, FileType, Metadata};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use lakeform_model::{FileProblem, Files, LocalFile, PART_SIZE, hex};
use md5::{Digest, Md5};
use sha2::Sha256;
use walkdir::{DirEntry, WalkDir};

/// The most bytes of a file that is read as a text.
const MOST_TEXT: u64 = 4 * 1024 * 1024;

/// The folder that a manifest stands in.
#[derive(Clone, Debug)]
pub struct Folder(pub PathBuf);

impl Folder {
    fn locate(&self, path: &str) -> Result<PathBuf, FileProblem> {
        let given = Path::new(path);
        if path.contains('\0') {
            return Err(problem("cannot be a path: it holds a NUL character", None));
        }
        let mut depth = 0_i64;
        for component in given.components() {
            match component {
                Component::ParentDir => depth -= 1,
                Component::Normal(_) => depth += 1,
                Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
            }
            if depth < 0 && !given.is_absolute() {
                return Err(outside("leads out of the manifest's folder"));
            }
        }
        let located = self.0.join(given);
        if !given.is_absolute() && !self.is_inside(&located)? {
            return Err(outside("is a symbolic link that leads out of the manifest's folder"));
        }
        Ok(located)
    }

    /// Whether a path, its links followed, is below the folder.
    fn is_inside(&self, path: &Path) -> Result<bool, FileProblem> {
        let real = |path: &Path| {
            let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
            path.canonicalize().map_err(|error| from_io(&error))
        };
        Ok(real(path)?.starts_with(real(&self.0)?))
    }

    /// Refuses what a walk met and must not follow or read.
    fn check_entry(&self, entry: &DirEntry, shown: &str, may_leave: bool) -> Result<(), FileProblem> {
        if entry.path_is_symlink() && !may_leave && !self.is_inside(entry.path())? {
            return Err(outside(&format!(
                "holds the symbolic link `{shown}`, which leads out of the manifest's folder"
            )));
        }
        match irregular(entry.file_type()) {
            Some(what) if !entry.file_type().is_dir() => {
                Err(problem(&format!("holds `{shown}`, which is {what}"), Some("move it elsewhere")))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileProblem> {
        read_whole(&self.locate(path)?, MOST_TEXT)
    }

    fn walk(&self, path: &str) -> Result<Vec<LocalFile>, FileProblem> {
        let root = self.locate(path)?;
        let metadata = std::fs::metadata(&root).map_err(|error| from_io(&error))?;
        if !metadata.is_dir() {
            check_regular(&metadata)?;
            let Some(name) = root.file_name().and_then(OsStr::to_str) else {
                return Err(problem("is a file whose name is not UTF-8", Some("rename it")));
            };
            return Ok(vec![hash(&root, name.to_owned())?]);
        }
        let may_leave = Path::new(path).is_absolute();
        let mut files = Vec::new();
        for entry in WalkDir::new(&root).follow_links(true).sort_by_file_name() {
            let entry = entry.map_err(|error| from_walk(&error, &root))?;
            let relative = entry.path().strip_prefix(&root).unwrap_or(entry.path());
            let parts: Option<Vec<&str>> =
                relative.components().map(|part| part.as_os_str().to_str()).collect();
            let Some(parts) = parts else {
                let shown = relative.display();
                return Err(problem(
                    &format!("holds a file whose name is not UTF-8: `{shown}`"),
                    Some("rename it"),
                ));
            };
            let relative = parts.join("/");
            self.check_entry(&entry, &relative, may_leave)?;
            if !entry.file_type().is_dir() {
                files.push(hash(entry.path(), relative)?);
            }
        }
        Ok(files)
    }
}

/// The content of a regular file of at most so many bytes, also when it grows while it is read.
pub(crate) fn read_whole(path: &Path, most: u64) -> Result<Vec<u8>, FileProblem> {
    let too_large = || problem(&format!("is larger than {} MiB", most / 1024 / 1024), None);
    let metadata = std::fs::metadata(path).map_err(|error| from_io(&error))?;
    check_regular(&metadata)?;
    if metadata.len() > most {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| from_io(&error))?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| from_io(&error))?;
    if bytes.len() as u64 > most { Err(too_large()) } else { Ok(bytes) }
}

fn check_regular(metadata: &Metadata) -> Result<(), FileProblem> {
    irregular(metadata.file_type())
        .map_or(Ok(()), |what| Err(problem(&format!("is {what}, not a file"), None)))
}

/// What a thing is that is no file.
fn irregular(kind: FileType) -> Option<&'static str> {
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a directory")
    } else if kind.is_fifo() {
        Some("a FIFO")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

fn from_walk(error: &walkdir::Error, root: &Path) -> FileProblem {
    let below = error.path().unwrap_or(root);
    let at = below.strip_prefix(root).unwrap_or(below).display();
    if error.loop_ancestor().is_some() {
        let message = format!("holds the symbolic link `{at}`, which leads back to a folder it is in");
        return problem(&message, Some("remove the link"));
    }
    let why = error.io_error().map_or_else(|| error.to_string(), |error| from_io(error).reason);
    problem(&format!("cannot be read: `{at}` {why}"), None)
}

fn outside(reason: &str) -> FileProblem {
    problem(reason, Some("put it beside the manifest, or give an absolute path"))
}

/// The most bytes of all texts together: a manifest of many entries may name one large file in each.
const MOST_TEXTS: u64 = 32 * MOST_TEXT;

/// Remembers what was walked, so that a manifest can be loaded again without hashing every file again, and bounds what
/// is read.
#[derive(Debug)]
pub struct Cached<F> {
    files: F,
    read: AtomicU64,
    walks: Mutex<BTreeMap<String, Result<Vec<LocalFile>, FileProblem>>>,
}

impl<F: Files> Cached<F> {
    /// Nothing is remembered yet.
    pub fn new(files: F) -> Self {
        Self { files, read: AtomicU64::new(0), walks: Mutex::default() }
    }
}

impl<F: Files> Files for Cached<F> {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileProblem> {
        if self.read.load(Ordering::Relaxed) > MOST_TEXTS {
            let most = MOST_TEXTS / 1024 / 1024;
            return Err(problem(
                &format!("is not read: the texts before it hold more than {most} MiB"),
                None,
            ));
        }
        let bytes = self.files.read(path)?;
        self.read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes)
    }

    fn walk(&self, path: &str) -> Result<Vec<LocalFile>, FileProblem> {
        let mut walks = self.walks.lock().unwrap_or_else(PoisonError::into_inner);
        walks.entry(path.to_owned()).or_insert_with(|| self.files.walk(path)).clone()
    }
}

fn hash(path: &Path, relative: String) -> Result<LocalFile, FileProblem> {
    let in_file = |error: std::io::Error| {
        problem(&format!("cannot be read: `{relative}` {}", from_io(&error).reason), None)
    };
    let mut file = File::open(path).map_err(in_file)?;
    let (mut part, mut parts, mut whole) = (Md5::new(), Vec::new(), Sha256::new());
    let (mut in_part, mut size) = (0_u64, 0_u64);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let room = usize::try_from(PART_SIZE - in_part).unwrap_or(buffer.len()).min(buffer.len());
        let read = file.read(&mut buffer[..room]).map_err(in_file)?;
        if read == 0 {
            break;
        }
        part.update(&buffer[..read]);
        whole.update(&buffer[..read]);
        in_part += read as u64;
        size += read as u64;
        if in_part == PART_SIZE {
            parts.push(std::mem::replace(&mut part, Md5::new()).finalize());
            in_part = 0;
        }
    }
    let etag = if size <= PART_SIZE && parts.is_empty() {
        hex(&part.finalize())
    } else if size <= PART_SIZE {
        hex(&parts[0])
    } else {
        if in_part > 0 {
            parts.push(part.finalize());
        }
        let mut of_parts = Md5::new();
        for part in &parts {
            of_parts.update(part);
        }
        format!("{}-{}", hex(&of_parts.finalize()), parts.len())
    };
    let path = std::path::absolute(path).map_err(in_file)?;
    Ok(LocalFile { path, relative, size, etag, sha256: hex(&whole.finalize()) })
}

fn problem(reason: &str, hint: Option<&str>) -> FileProblem {
    FileProblem { reason: reason.to_owned(), hint: hint.map(str::to_owned) }
}

fn from_io(error: &std::io::Error) -> FileProblem {
    match error.kind() {
        ErrorKind::NotFound => problem("does not exist", Some("paths are relative to the manifest's folder")),
        ErrorKind::PermissionDenied => problem("may not be read", None),
        _ => problem(&format!("cannot be read: {error}"), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder(directory.path().to_owned());
        (directory, folder)
    }

    #[test]
    fn a_directory_is_walked_in_order_with_etags() {
        let (directory, folder) = folder();
        std::fs::create_dir_all(directory.path().join("data/b")).unwrap();
        std::fs::write(directory.path().join("data/b/x.json"), "hello").unwrap();
        std::fs::write(directory.path().join("data/a.json"), "").unwrap();
        let files = folder.walk("data").unwrap();
        let seen: Vec<(&str, u64, &str)> =
            files.iter().map(|file| (file.relative.as_str(), file.size, file.etag.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("a.json", 0, "d41d8cd98f00b204e9800998ecf8427e"),
                ("b/x.json", 5, "5d41402abc4b2a76b9719d911017c592")
            ]
        );
    }

    #[test]
    fn a_file_larger_than_a_part_has_the_etag_of_its_parts() {
        let (directory, folder) = folder();
        let part = usize::try_from(PART_SIZE).unwrap();
        for (size, etag) in [
            // md5 of one part of zeros; then md5(md5(part) + md5("\0")) with `-2`.
            (part, "2c7ab85a893283e98c931e9511add182".to_owned()),
            (part + 1, {
                let first = Md5::digest(vec![0; part]);
                let second = Md5::digest([0]);
                format!("{}-2", hex(&Md5::digest([first.as_slice(), second.as_slice()].concat())))
            }),
        ] {
            std::fs::write(directory.path().join("big"), vec![0; size]).unwrap();
            assert_eq!(folder.walk("big").unwrap()[0].etag, etag, "{size}");
        }
    }

    #[test]
    fn one_large_text_named_over_and_over_is_read_so_often_and_no_more() {
        let (directory, folder) = folder();
        let file = File::create(directory.path().join("large")).unwrap();
        file.set_len(MOST_TEXT).unwrap();
        let files = Cached::new(folder);
        for _ in 0..=MOST_TEXTS / MOST_TEXT {
            assert_eq!(files.read("large").unwrap().len() as u64, MOST_TEXT);
        }
        let reason = files.read("large").unwrap_err().reason;
        assert_eq!(reason, "is not read: the texts before it hold more than 128 MiB");
    }

    #[test]
    fn a_path_may_not_lead_out_and_a_missing_file_is_said() {
        let (_directory, folder) = folder();
        for path in ["../secret", "a/../../secret"] {
            assert_eq!(folder.read(path).unwrap_err().reason, "leads out of the manifest's folder", "{path}");
        }
        assert_eq!(folder.walk("data").unwrap_err().reason, "does not exist");
    }
}
