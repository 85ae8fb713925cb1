//! Scripts in S3: one text object that a job runs. Knows how to read it cheaply, and whose it is: the object
//! carries the stack and the address that put it there, so that only its own job takes it away.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::MetadataDirective;
use lakeform_model::{Address, Class, CloudError, Mark, hex};
use md5::{Digest, Md5};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::Sha256;

use crate::Cloud;
use crate::error::{Named, absent};
use crate::s3_url::S3Url;

/// The most bytes of a script that is read: as much as a local script may have.
const MOST_BYTES: i64 = 4 * 1024 * 1024;
/// Metadata are HTTP headers: ASCII without controls.
const HEADER: &AsciiSet = &CONTROLS.add(b'%');
/// A copy's source is a URL's path.
const COPY_SOURCE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const STACK: &str = "lakeform-stack";
const ADDRESS: &str = "lakeform-address";
/// The object this one took the place of, when the job moved to another key: a crash may leave that one behind.
const FORMER: &str = "lakeform-former";

/// A script to put somewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script<'a> {
    pub(crate) location: &'a str,
    pub(crate) content: &'a str,
    pub(crate) mark: &'a Mark,
    /// Where the job's script was until now, if it was elsewhere.
    pub(crate) former: Option<&'a str>,
    /// Whether an object there that somebody else put may be overwritten: it is the job's own script already.
    pub(crate) may_overwrite: bool,
    /// The former address of this job: what carries it is to carry the new one.
    pub(crate) renamed_from: Option<&'a Address>,
}

/// What has to be done to have a script in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It is there.
    Nothing,
    /// It has to be written.
    Put,
}

/// The `ETag`s of the objects in one folder that are named, from one list call; `None` for one that is not there.
/// Objects the answer says nothing of are left out.
pub(crate) async fn etags(
    cloud: &Cloud,
    bucket: &str,
    folder: &str,
    keys: &[&str],
) -> Result<BTreeMap<String, Option<String>>, CloudError> {
    let listed = cloud.s3.list_objects_v2().bucket(bucket).prefix(folder).delimiter("/").send().await;
    let page = listed.named("s3:ListObjectsV2")?;
    let found: HashMap<&str, &str> =
        page.contents().iter().filter_map(|object| Some((object.key()?, object.e_tag()?))).collect();
    // A folder of more than one page: what is not on the first may be on a later one.
    let whole = page.is_truncated() != Some(true);
    let mut etags = BTreeMap::new();
    for key in keys {
        match found.get(key) {
            Some(etag) => drop(etags.insert((*key).to_owned(), Some(bare(etag)))),
            None if whole => drop(etags.insert((*key).to_owned(), None)),
            None => {}
        }
    }
    Ok(etags)
}

/// The `ETag` of one object; `None` when it is not there.
pub(crate) async fn etag(cloud: &Cloud, url: &S3Url) -> Result<Option<String>, CloudError> {
    Ok(head(cloud, url).await?.and_then(|head| head.e_tag().map(bare)))
}

/// The script's text, a stand-in for what is no text; `None` when there is no object. `etag` is what is known of
/// it: where it is the one of `wanted`, the content is `wanted`, and needs no call.
///
/// Under SSE-KMS the `ETag` is no MD5, so a difference there proves nothing and the object is read.
/// Source: the Object shape of the S3 API reference.
pub(crate) async fn content(
    cloud: &Cloud,
    url: &S3Url,
    etag: Option<&str>,
    wanted: &str,
) -> Result<Option<String>, CloudError> {
    let Some(etag) = etag else { return Ok(None) };
    if etag == md5(wanted) {
        return Ok(Some(wanted.to_owned()));
    }
    let request = cloud.s3.get_object().bucket(&url.bucket).key(&url.key);
    let Some(object) = absent(request.send().await.named("s3:GetObject"))? else { return Ok(None) };
    let size = object.content_length().unwrap_or_default();
    if size > MOST_BYTES {
        return Ok(Some(format!("({size} bytes, ETag {etag})\n")));
    }
    let body = object.body.collect().await.map_err(|error| {
        CloudError::new(Class::Unavailable, "s3:GetObject", format!("the answer broke off: {error}"))
    })?;
    Ok(Some(text(&body.into_bytes())))
}

fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(
        |_| {
            format!(
                "({} bytes that are no UTF-8 text, SHA-256 {})\n",
                bytes.len(),
                hex(&Sha256::digest(bytes))
            )
        },
        str::to_owned,
    )
}

impl Script<'_> {
    /// Looks whether the script has to be written, and refuses to write over what is somebody else's.
    pub(crate) async fn need(&self, cloud: &Cloud) -> Result<Need, CloudError> {
        let Some(head) = head(cloud, &self.url()?).await? else { return Ok(Need::Put) };
        let same = head.e_tag().map(bare).as_deref() == Some(&md5(self.content));
        let stack = metadata(&head, STACK);
        let address = metadata(&head, ADDRESS);
        if stack.as_deref() == Some(&self.mark.stack) {
            // What an upload put there is the upload's. A second job of the stack may run the same script: it
            // stays the first one's.
            let of_a_job = address.as_ref().is_none_or(|address| address.starts_with("job."));
            if let (false, false, Some(address)) = (same, of_a_job, &address) {
                return Err(self.taken(&format!("belongs to `{address}`")));
            }
            let stale = self.renamed_from.map(ToString::to_string);
            let restamp = address.is_none() || (stale.is_some() && address == stale);
            return Ok(if same && !restamp { Need::Nothing } else { Need::Put });
        }
        match (same, self.may_overwrite) {
            (true, _) => Ok(Need::Nothing),
            (false, true) => Ok(Need::Put),
            (false, false) => Err(self.taken(&stack.map_or_else(
                || "is there already, and lakeform did not put it there".to_owned(),
                |stack| format!("belongs to the stack `{stack}`"),
            ))),
        }
    }

    fn taken(&self, owner: &str) -> CloudError {
        let message = format!("`{}` {owner}: give `script_to` another place", self.location);
        CloudError::new(Class::Invalid, "s3:PutObject", message)
    }

    /// Writes it.
    pub(crate) async fn put(&self, cloud: &Cloud) -> Result<(), CloudError> {
        let url = self.url()?;
        let request = cloud
            .s3
            .put_object()
            .bucket(&url.bucket)
            .key(&url.key)
            .content_type("text/plain; charset=utf-8")
            .metadata(STACK, encode(&self.mark.stack))
            .metadata(ADDRESS, encode(&self.mark.address.to_string()))
            .body(self.content.as_bytes().to_vec().into());
        let request = match self.former {
            Some(former) => request.metadata(FORMER, encode(former)),
            None => request,
        };
        request.send().await.named("s3:PutObject")?;
        Ok(())
    }

    fn url(&self) -> Result<S3Url, CloudError> {
        S3Url::parse(self.location).ok_or_else(|| {
            let message = format!("`{}` is no S3 URL", self.location);
            CloudError::new(Class::Invalid, "s3:PutObject", message)
        })
    }
}

/// Takes away the script at `location` if this very address put it there, and what it took the place of.
/// `keep` is a place that is in use.
pub(crate) async fn remove(
    cloud: &Cloud,
    location: &str,
    mark: &Mark,
    keep: Option<&str>,
) -> Result<(), CloudError> {
    let mut seen = Vec::new();
    let mut next = Some(location.to_owned());
    while let Some(location) = next.take() {
        if Some(location.as_str()) == keep || seen.contains(&location) {
            break;
        }
        let Some(url) = S3Url::parse(&location) else { break };
        let Some(head) = head(cloud, &url).await? else { break };
        let ours = metadata(&head, STACK).as_deref() == Some(&mark.stack)
            && metadata(&head, ADDRESS) == Some(mark.address.to_string());
        if !ours {
            break;
        }
        next = metadata(&head, FORMER);
        seen.push(location);
    }
    // The oldest first: while an object is there, it leads to those before it.
    for url in seen.iter().rev().filter_map(|location| S3Url::parse(location)) {
        let request = cloud.s3.delete_object().bucket(&url.bucket).key(&url.key);
        absent(request.send().await.named("s3:DeleteObject"))?;
    }
    Ok(())
}

/// Leaves the script at `location`, if this very address put it there, to another job of the stack that runs it:
/// from now on it is that one's to take away.
pub(crate) async fn hand_over(
    cloud: &Cloud,
    location: &str,
    mark: &Mark,
    heir: &Address,
) -> Result<(), CloudError> {
    let Some(url) = S3Url::parse(location) else { return Ok(()) };
    let Some(head) = head(cloud, &url).await? else { return Ok(()) };
    let ours = metadata(&head, STACK).as_deref() == Some(&mark.stack)
        && metadata(&head, ADDRESS) == Some(mark.address.to_string());
    if !ours {
        return Ok(());
    }
    let source = format!("{}/{}", url.bucket, utf8_percent_encode(&url.key, COPY_SOURCE));
    let mut request = cloud
        .s3
        .copy_object()
        .bucket(&url.bucket)
        .key(&url.key)
        .copy_source(source)
        .metadata_directive(MetadataDirective::Replace)
        .content_type("text/plain; charset=utf-8")
        .metadata(STACK, encode(&mark.stack))
        .metadata(ADDRESS, encode(&heir.to_string()));
    if let Some(former) = metadata(&head, FORMER) {
        request = request.metadata(FORMER, encode(&former));
    }
    request.send().await.named("s3:CopyObject")?;
    Ok(())
}

async fn head(cloud: &Cloud, url: &S3Url) -> Result<Option<HeadObjectOutput>, CloudError> {
    let request = cloud.s3.head_object().bucket(&url.bucket).key(&url.key);
    absent(request.send().await.named("s3:HeadObject"))
}

fn metadata(head: &HeadObjectOutput, name: &str) -> Option<String> {
    let value = head.metadata()?.get(name)?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, HEADER).to_string()
}

fn bare(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

fn md5(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_told_by_its_hash() {
        assert_eq!(text("é\n".as_bytes()), "é\n");
        assert!(text(&[0xff, 0xfe]).starts_with("(2 bytes that are no UTF-8 text, SHA-256 "));
    }

    #[test]
    fn the_etag_of_a_text_is_its_md5() {
        assert_eq!(bare("\"900150983cd24fb0d6963f7d28e17f72\""), md5("abc"));
    }

    #[test]
    fn an_address_of_any_letters_fits_a_header() {
        assert_eq!(encode("job.kühl%"), "job.k%C3%BChl%25");
    }
}
