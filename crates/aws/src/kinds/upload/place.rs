//! Where an upload goes: a bucket, a folder in it, and the keys of its files.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use lakeform_model::{Class, CloudError, FieldPath, Fields, LocalFile, Node};

use super::marks::MARKS;
use crate::objects::Listed;
use crate::s3_url::S3Url;
use crate::{Cloud, objects};

/// Where the files of an upload lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) bucket: String,
    /// Empty, or ends in `/`: every object's key is this and its name.
    pub(super) prefix: String,
    /// The one name, where the URL is that of a file.
    pub(super) file: Option<String>,
}

impl Place {
    /// A lone file goes exactly to a URL that does not end in `/`; everything else goes below the URL.
    pub(super) fn of(url: &S3Url, files: &[LocalFile], from: &Node) -> Self {
        let from = from.scalar_text().unwrap_or_default();
        let from: PathBuf =
            Path::new(&from).components().filter(|part| !matches!(part, Component::CurDir)).collect();
        let lone = matches!(files, [file] if !file.path.ends_with(from.join(&file.relative)));
        let mut key = url.key.clone();
        if !(lone || key.is_empty() || key.ends_with('/')) {
            key.push('/');
        }
        Self::at(&url.bucket, &key)
    }

    pub(super) fn at(bucket: &str, key: &str) -> Self {
        let split = key.rfind('/').map_or(0, |slash| slash + 1);
        let (prefix, file) = key.split_at(split);
        let file = (!file.is_empty()).then(|| file.to_owned());
        Self { bucket: bucket.to_owned(), prefix: prefix.to_owned(), file }
    }

    /// From the canonical `to`.
    pub(super) fn read(fields: &Fields) -> Result<Self, CloudError> {
        let url = fields.text("to").and_then(S3Url::parse);
        let url =
            url.ok_or_else(|| CloudError::new(Class::Invalid, "lakeform:Upload", "it has no S3 URL"))?;
        Ok(Self::at(&url.bucket, &url.key))
    }

    pub(super) fn file_key(&self) -> String {
        format!("{}{}", self.prefix, self.file.as_deref().unwrap_or_default())
    }

    pub(super) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(super) fn identity(&self) -> String {
        format!("{}/{}", self.bucket, self.file_key())
    }

    pub(super) fn url(&self) -> String {
        format!("s3://{}", self.identity())
    }

    /// What is there, by name, marks left out.
    pub(super) async fn list(&self, cloud: &Cloud) -> Result<BTreeMap<String, Listed>, CloudError> {
        let found = objects::list(cloud, &self.bucket, &self.file_key()).await?.into_iter();
        let named = found.filter_map(|object| {
            let name = object.key.strip_prefix(&self.prefix)?.to_owned();
            let ours = self.file.as_ref().is_none_or(|file| *file == name);
            (ours && !name.is_empty() && !object.key.starts_with(MARKS)).then_some((name, object))
        });
        Ok(named.collect())
    }
}

pub(super) fn object_path(name: &str) -> FieldPath {
    FieldPath(vec!["objects".to_owned(), name.to_owned()])
}
