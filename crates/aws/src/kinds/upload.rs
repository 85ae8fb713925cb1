//! Local files copied into a bucket, as `aws s3 cp --recursive` would; later, only those that changed.
//!
//! What is there is read from the bucket itself: a listing shows every object's `ETag`, and the `ETag` of a
//! local file can be told without AWS. A listing shows no metadata, so the mark is an object of its own,
//! `.lakeform/<stack>/<address>`, that holds nothing but whose the upload is, where it lies, and short hashes
//! of the names it manages.

mod decode;
mod marks;
mod place;
mod survey;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use lakeform_model::{
    Change, Class, CloudError, Draft, Entry, Facts, FieldRule, Force, Holds, Inventory, Key, Kind, Mark,
    Merge, Need, Present, Purpose, Resource, Scope, Shape, Survey, SurveyRequest, Target, Value, Wanted,
};

use self::decode::{check_file, check_overlaps, chosen};
use self::marks::{Found, MARKS, all_marks, delete_mark, left, mark_key, put_mark};
use self::place::{Place, object_path};
use self::survey::{ours, survey_one};
use crate::contact::{Contact, each, live};
use crate::error::absent;
use crate::s3_url::S3Url;
use crate::sending::{Before, Parcel, content_type, send};
use crate::{Cloud, objects, s3_url};

/// An upload.
pub(crate) struct Upload;
/// Metadata that says whose an object is, so that a delete takes nobody else's.
const STACK: &str = "lakeform-stack";

const KEYS: &[Key] = &[
    Key::required(
        "from",
        Shape::TEXT,
        "The file, or the directory whose files are all copied, beside the manifest.",
    ),
    Key::required(
        "to",
        s3_url::SHAPE,
        "Where to: a directory's files go below this URL, a file below it if it ends in `/`, else exactly there.",
    ),
    Key::new(
        "exclude",
        Shape::TEXTS,
        "Files to leave out: `*` and `?` stop at `/`, `**` does not; a pattern without `/` is held against each file's own name.",
    ),
    Key::new(
        "prune",
        Shape::Bool,
        "Whether every other object below `to` is deleted, whoever put it there; false by default.",
    ),
    Key::new("content_type", Shape::TEXT, "The content type of every file; by default told by its ending."),
    Key::new(
        "storage_class",
        Shape::Word(&[
            "STANDARD",
            "STANDARD_IA",
            "ONEZONE_IA",
            "INTELLIGENT_TIERING",
            "GLACIER_IR",
            "GLACIER",
            "DEEP_ARCHIVE",
        ]),
        "The storage class of every file. Leave it out where lifecycle rules move objects.",
    ),
];

const RULES: &[FieldRule] = &[
    FieldRule::new("to"),
    FieldRule::new("objects").merge(Merge::Keys).note("objects that others put there stay as they are"),
    // Given, and empty, with `prune: true`: every object found there is then a difference.
    FieldRule::new("others").note("`prune: true` deletes what is not uploaded from here"),
    FieldRule::new("content_type").note("left out, it is not compared"),
    FieldRule::new("storage_class").note("left out, it is not compared"),
];

impl Kind for Upload {
    fn facts(&self) -> &'static Facts {
        &Facts {
            name: "upload",
            place: &["uploads"],
            shape: Shape::Object(KEYS),
            rules: RULES,
            holds: Holds::Configuration,
            about: "Local files in a bucket; only files whose content changed are sent again.",
            beside: &[],
        }
    }

    // What it put there it can put there again; what others put there stays.
    /// The URL may name a bucket of the manifest, which is not known here: [`Contact::resolve`] gives the
    /// identity that AWS would understand, `bucket/folder/`.
    fn identity(&self, entry: &Entry<'_>) -> String {
        entry.address.key().to_owned()
    }

    fn needs(
        &self,
        purpose: Purpose,
        resource: Option<&Resource>,
        place: &lakeform_model::Place<'_>,
    ) -> Vec<Need> {
        let Some(resource) = resource else {
            let buckets = place.holders.get("bucket").into_iter().flatten();
            let (buckets, marks): (Vec<String>, Vec<String>) = buckets
                .map(|bucket| (place.s3(bucket), place.s3(&format!("{bucket}/{MARKS}{}/*", place.stack))))
                .unzip();
            return match purpose {
                Purpose::Plan if !buckets.is_empty() => {
                    vec![Need::new(["s3:ListBucket"], buckets), Need::new(["s3:GetObject"], marks)]
                }
                _ => Vec::new(),
            };
        };
        let Ok(own) = Place::read(&resource.fields) else { return Vec::new() };
        let files = match own.file {
            Some(_) => place.s3(&own.identity()),
            None => place.s3(&format!("{}*", own.identity())),
        };
        // Whoever has put objects in the way is known by any stack's mark.
        let marks = place.s3(&format!("{}/{MARKS}*", own.bucket));
        let mark = place.s3(&format!("{}/{}", own.bucket, mark_key(place.stack, &resource.address)));
        match purpose {
            Purpose::Plan => vec![
                Need::new(["s3:ListBucket"], [place.s3(&own.bucket)]),
                Need::new(["s3:GetObject"], [files, marks]),
            ],
            Purpose::Apply => vec![
                Need::new(["s3:PutObject", "s3:DeleteObject"], [files.clone(), mark]),
                Need::new(["s3:AbortMultipartUpload"], [files]),
                Need::new(["s3:ListBucketMultipartUploads"], [place.s3(&own.bucket)]),
            ],
            Purpose::Run => Vec::new(),
        }
    }

    fn check_together(&self, entries: &[Entry<'_>], scope: &mut Scope<'_>) {
        check_overlaps(entries, scope);
    }

    fn decode(&self, entry: &Entry<'_>, scope: &mut Scope<'_>) -> Option<Draft> {
        let node = entry.node;
        let (from, to) = (node.get("from")?, node.get("to")?);
        let url = S3Url::parse(&to.scalar_text()?)?;
        if url.key.starts_with(MARKS) {
            scope
                .error(to, format!("`{MARKS}` is where lakeform keeps its marks"))
                .hint("choose another folder");
        }
        let files = chosen(node, from, scope)?;
        let place = Place::of(&url, &files, from);
        let prune = node.get("prune").filter(|prune| prune.as_bool() == Some(true));
        if let Some(prune) = prune {
            if place.file.is_some() {
                scope.error(prune, "`prune` needs a folder to prune").hint("end `to` in `/`");
            } else if place.prefix.is_empty() {
                scope.error(prune, "`prune` would empty the whole bucket").hint("give `to` a folder");
            }
        }
        let mut draft = Draft::default();
        let mut objects = BTreeMap::new();
        for file in files {
            let name = place.file.clone().unwrap_or_else(|| file.relative.clone());
            check_file(from, &place.key(&name), &file, scope);
            objects.insert(name.clone(), Value::from(file.etag.as_str()));
            draft.files.insert(name, file);
        }
        draft.fields.set("to", s3_url::value(&place.url())).set("objects", objects);
        if prune.is_some() {
            draft.fields.set("others", BTreeMap::new());
        }
        draft.fields.set_some("content_type", node.text("content_type"));
        draft.fields.set_some("storage_class", node.text("storage_class"));
        Some(draft)
    }
}

#[async_trait]
impl Contact for Upload {
    async fn resolve(&self, _cloud: &Cloud, mut wanted: Wanted) -> Result<Wanted, CloudError> {
        wanted.identity = Place::read(&wanted.fields)?.identity();
        Ok(wanted)
    }

    async fn survey(&self, cloud: &Cloud, request: SurveyRequest<'_>) -> Survey {
        let mut known: BTreeMap<String, Result<Vec<Found>, CloudError>> = BTreeMap::new();
        if request.find_owned {
            let wanted = request.wanted.iter().filter_map(|wanted| Place::read(&wanted.fields).ok());
            let wanted: BTreeSet<String> = wanted.map(|place| place.bucket).collect();
            let hints = request.hints.get("bucket").into_iter().flatten().cloned();
            let buckets: BTreeSet<String> = wanted.into_iter().chain(hints).collect();
            let prefix = format!("{MARKS}{}/", request.stack);
            let prefix = prefix.as_str();
            let reads = each(buckets, |bucket| async move {
                let found = all_marks(cloud, &bucket, prefix).await;
                (bucket, found)
            });
            known = reads.await.into_iter().collect();
        }
        let known = &known;
        let reads = each(request.wanted, |wanted| async move {
            let marks =
                wanted.fields.text("to").and_then(S3Url::parse).and_then(|url| known.get(&url.bucket));
            live(survey_one(cloud, request.stack, wanted, marks).await)
        });
        let mut survey = Survey { found: reads.await, ..Survey::default() };
        for (bucket, found) in known {
            match found {
                Ok(found) => survey.owned.extend(found.iter().filter_map(|found| left(found, request))),
                Err(error) => {
                    let message = format!("the uploads into `{bucket}`: {}", error.message);
                    survey.blind.get_or_insert(CloudError { message, ..error.clone() });
                }
            }
        }
        survey
    }

    async fn inventory(&self, _cloud: &Cloud, present: &Present) -> Result<Inventory, CloudError> {
        let count = present.mark.as_ref().map_or(0, |mark| mark.managed.len());
        let noun = if count == 1 { "object" } else { "objects" };
        Ok(Inventory { lines: vec![format!("{count} uploaded {noun}")], needs_permission: false })
    }

    async fn create(&self, cloud: &Cloud, target: &Target) -> Result<(), CloudError> {
        let place = Place::read(&target.fields)?;
        // The mark comes first: killed at any moment after it, the next apply finds an upload of ours and
        // sends what is missing, and a destroy finds what was sent.
        if let Some(mark) = &target.mark {
            put_mark(cloud, &place, mark).await?;
        }
        let parcels = target.files.keys().map(|name| (name.clone(), Before::Absent));
        send_all(cloud, target, &place, parcels.collect()).await
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target,
        live: &Present,
        changes: &[Change],
    ) -> Result<(), CloudError> {
        let place = Place::read(&live.fields)?;
        let Some(mark) = &target.mark else {
            return match &live.mark {
                Some(mark) => delete_mark(cloud, &place, mark).await,
                None => Ok(()),
            };
        };
        let mut work: BTreeMap<String, Before> = BTreeMap::new();
        let mut gone: Vec<String> = Vec::new();
        for change in changes {
            match (change.path.field(), &change.to, &change.from) {
                ("content_type" | "storage_class", _, _) => {
                    for name in target.files.keys() {
                        work.entry(name.clone()).or_insert(Before::Any);
                    }
                }
                ("objects" | "others", None, _) => gone.push(place.key(change.path.last())),
                ("objects", Some(_), from) => {
                    let etag = from.as_ref().and_then(Value::as_text);
                    let before = etag.map_or(Before::Absent, |etag| Before::Etag(etag.to_owned()));
                    work.insert(change.path.last().to_owned(), before);
                }
                _ => {}
            }
        }
        // Before anything new is sent the mark knows it, and until everything dropped is gone the mark knows
        // that, too: whenever the process is killed, the next apply knows what is ours.
        let before = live.mark.as_ref().map(|mark| &mark.managed);
        let wide = Mark {
            managed: before.map_or(mark.managed.clone(), |old| mark.managed.with(old)),
            ..mark.clone()
        };
        if live.mark.as_ref() != Some(&wide) {
            put_mark(cloud, &place, &wide).await?;
        }
        send_all(cloud, target, &place, work).await?;
        objects::delete(cloud, &place.bucket, gone).await?;
        if wide != *mark {
            put_mark(cloud, &place, mark).await?;
        }
        // The entry was given another key in the manifest: its old mark goes last.
        match &live.mark {
            Some(old) if old.address != mark.address || old.stack != mark.stack => {
                delete_mark(cloud, &place, old).await
            }
            _ => Ok(()),
        }
    }

    async fn delete(&self, cloud: &Cloud, present: &Present, _force: Force) -> Result<(), CloudError> {
        let place = Place::read(&present.fields)?;
        let Some(mark) = &present.mark else { return Ok(()) };
        let Some(found) = absent(place.list(cloud).await)? else { return Ok(()) };
        // The mark has short hashes only: the object itself has to say that it is ours, too.
        let candidates: Vec<String> =
            found.into_keys().filter(|name| mark.managed.holds(&object_path(name), None)).collect();
        let ours = ours(cloud, &place, &mark.stack, candidates).await?;
        let keys = ours.iter().map(|name| place.key(name)).collect();
        objects::delete(cloud, &place.bucket, keys).await?;
        let managed = |key: &str| {
            key.strip_prefix(&place.prefix).is_some_and(|name| mark.managed.holds(&object_path(name), None))
        };
        objects::abort_uploads(cloud, &place.bucket, &place.file_key(), managed).await?;
        // The mark goes last: killed before, the next destroy finds the rest.
        delete_mark(cloud, &place, mark).await
    }
}

/// Sends the named files, several at once. All are tried; the first failure is given.
async fn send_all(
    cloud: &Cloud,
    target: &Target,
    place: &Place,
    work: BTreeMap<String, Before>,
) -> Result<(), CloudError> {
    let metadata: BTreeMap<String, String> =
        target.mark.iter().map(|mark| (STACK.to_owned(), mark.stack.clone())).collect();
    let metadata = &metadata;
    let sent = each(work, |(name, before)| async move {
        let file = target.files.get(&name).ok_or_else(|| {
            CloudError::new(Class::Local, "s3:PutObject", format!("the plan has no file for `{name}`"))
        })?;
        let given = target.fields.text("content_type");
        let parcel = Parcel {
            bucket: &place.bucket,
            key: place.key(&name),
            file,
            content_type: given.unwrap_or_else(|| content_type(&name)),
            storage_class: target.fields.text("storage_class"),
            metadata: metadata.clone(),
            before,
        };
        send(cloud, parcel).await
    });
    sent.await.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use lakeform_model::{Address, LocalFile, Managed, Node, NodeValue};

    use super::marks::read_mark;
    use super::*;

    fn file(path: &str, relative: &str) -> LocalFile {
        let (path, relative) = (PathBuf::from(path), relative.to_owned());
        LocalFile { path, relative, size: 1, etag: "e".into(), sha256: "s".into() }
    }

    fn place(from: &str, to: &str, files: &[LocalFile]) -> String {
        let from = Node { value: NodeValue::Text(from.to_owned()), ..Node::default() };
        Place::of(&S3Url::parse(to).unwrap(), files, &from).url()
    }

    #[test]
    fn a_directory_goes_below_the_url_and_a_file_exactly_there() {
        let one = [file("/m/data/a.json", "a.json")];
        assert_eq!(place("data", "s3://lake/in", &one), "s3://lake/in/");
        assert_eq!(place("./data/", "s3://lake", &one), "s3://lake/");
        assert_eq!(place("data/a.json", "s3://lake/in", &one), "s3://lake/in");
        assert_eq!(place("./data/a.json", "s3://lake/in/", &one), "s3://lake/in/");
        let two = [file("/m/data/a.json", "a.json"), file("/m/data/b/a.json", "b/a.json")];
        assert_eq!(place("data", "s3://lake/in", &two), "s3://lake/in/");
    }

    #[test]
    fn a_place_survives_its_identity() {
        let place = Place::at("lake", "in/a.json");
        assert_eq!(place.file.as_deref(), Some("a.json"));
        assert_eq!(place.key("a.json"), "in/a.json");
        assert_eq!(place.identity(), "lake/in/a.json");
        assert_eq!(Place::at("lake", "").url(), "s3://lake/");
    }

    #[test]
    fn a_mark_is_read_only_in_its_own_bucket() {
        let mark = Mark {
            stack: "demo".into(),
            address: Address::new("upload", ["data"]),
            adopted: false,
            managed: Managed::default(),
        };
        let mut tags = mark.to_tags();
        tags.insert("to".into(), "s3://lake/in/".into());
        let body = serde_json::to_vec(&tags).unwrap();
        let found = read_mark("lake", &body).unwrap();
        assert_eq!((found.place, found.mark), (Place::at("lake", "in/"), mark));
        assert!(read_mark("other", &body).is_none());
        assert!(read_mark("lake", b"not json").is_none());
    }
}
