//! Local files copied into a bucket, as `aws s3 cp --recursive` would; later, only those that changed.
//!
//! What is there is read from the bucket itself: a listing shows every object's `ETag`, and the `ETag` of a
//! local file can be told without AWS. A listing shows no metadata, so the mark is an object of its own,
//! `.lakeform/<stack>/<address>`, that holds nothing but whose the upload is, where it lies, and short hashes
//! of the names it manages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use async_trait::async_trait;
use aws_sdk_s3::primitives::ByteStream;
use lakeform_model::{
    Address, Change, Class, CloudError, Draft, Entry, Facts, FieldPath, FieldRule, Fields, Force, Holds,
    Inventory, Key, Kind, LocalFile, Mark, Merge, Need, Node, PART_SIZE, Present, Purpose, Resource, Scope,
    Shape, Survey, SurveyRequest, Target, Value, Wanted,
};

use crate::contact::{Contact, each, live};
use crate::error::{Named, absent};
use crate::objects::Listed;
use crate::s3_url::S3Url;
use crate::sending::{Before, Parcel, SHA256, content_type, send, spreading};
use crate::{Cloud, glob, objects, s3_url};

/// An upload.
pub(crate) struct Upload;

/// Where the marks of all uploads into a bucket lie. Athena and Spark skip names that start with a dot.
const MARKS: &str = ".lakeform/";
/// Metadata that says whose an object is, so that a delete takes nobody else's.
const STACK: &str = "lakeform-stack";
/// Source: the multipart upload limits of the S3 user guide.
const MOST_PARTS: u64 = 10_000;
/// Source: the object key rules of the S3 user guide.
const LONGEST_KEY: usize = 1024;

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

/// The local files that are not excluded; at least one.
fn chosen(node: &Node, from: &Node, scope: &mut Scope<'_>) -> Option<Vec<LocalFile>> {
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

fn check_file(from: &Node, key: &str, file: &LocalFile, scope: &mut Scope<'_>) {
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
fn check_overlaps(entries: &[Entry<'_>], scope: &mut Scope<'_>) {
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

fn is_pruned(node: &Node) -> bool {
    node.get("prune").and_then(Node::as_bool) == Some(true)
}

/// Where the files of an upload lie.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    bucket: String,
    /// Empty, or ends in `/`: every object's key is this and its name.
    prefix: String,
    /// The one name, where the URL is that of a file.
    file: Option<String>,
}

impl Place {
    /// A lone file goes exactly to a URL that does not end in `/`; everything else goes below the URL.
    fn of(url: &S3Url, files: &[LocalFile], from: &Node) -> Self {
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

    fn at(bucket: &str, key: &str) -> Self {
        let split = key.rfind('/').map_or(0, |slash| slash + 1);
        let (prefix, file) = key.split_at(split);
        let file = (!file.is_empty()).then(|| file.to_owned());
        Self { bucket: bucket.to_owned(), prefix: prefix.to_owned(), file }
    }

    /// From the canonical `to`.
    fn read(fields: &Fields) -> Result<Self, CloudError> {
        let url = fields.text("to").and_then(S3Url::parse);
        let url =
            url.ok_or_else(|| CloudError::new(Class::Invalid, "lakeform:Upload", "it has no S3 URL"))?;
        Ok(Self::at(&url.bucket, &url.key))
    }

    fn file_key(&self) -> String {
        format!("{}{}", self.prefix, self.file.as_deref().unwrap_or_default())
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn identity(&self) -> String {
        format!("{}/{}", self.bucket, self.file_key())
    }

    fn url(&self) -> String {
        format!("s3://{}", self.identity())
    }

    /// What is there, by name, marks left out.
    async fn list(&self, cloud: &Cloud) -> Result<BTreeMap<String, Listed>, CloudError> {
        let found = objects::list(cloud, &self.bucket, &self.file_key()).await?.into_iter();
        let named = found.filter_map(|object| {
            let name = object.key.strip_prefix(&self.prefix)?.to_owned();
            let ours = self.file.as_ref().is_none_or(|file| *file == name);
            (ours && !name.is_empty() && !object.key.starts_with(MARKS)).then_some((name, object))
        });
        Ok(named.collect())
    }
}

fn path(name: &str) -> FieldPath {
    FieldPath(vec!["objects".to_owned(), name.to_owned()])
}

/// A mark found in a bucket.
#[derive(Clone, Debug)]
struct Found {
    place: Place,
    mark: Mark,
}

fn mark_key(stack: &str, address: &Address) -> String {
    format!("{MARKS}{stack}/{address}")
}

/// The mark object at a key; `None` where there is none, or none that reads.
async fn get_mark(cloud: &Cloud, bucket: &str, key: &str) -> Result<Option<Found>, CloudError> {
    const OPERATION: &str = "s3:GetObject";
    let answer = cloud.s3.get_object().bucket(bucket).key(key).send().await.named(OPERATION);
    let Some(answer) = absent(answer)? else { return Ok(None) };
    let body = answer.body.collect().await;
    let body = body.map_err(|error| CloudError::new(Class::Unavailable, OPERATION, error.to_string()))?;
    Ok(read_mark(bucket, &body.into_bytes()))
}

fn read_mark(bucket: &str, body: &[u8]) -> Option<Found> {
    let mut tags: BTreeMap<String, String> = serde_json::from_slice(body).ok()?;
    let url = S3Url::parse(&tags.remove("to")?)?;
    let (mark, _) = Mark::split(tags);
    // A mark copied from another bucket says nothing of this one.
    (url.bucket == bucket).then_some(Found { place: Place::at(&url.bucket, &url.key), mark: mark? })
}

async fn put_mark(cloud: &Cloud, place: &Place, mark: &Mark) -> Result<(), CloudError> {
    let mut tags = mark.to_tags();
    tags.insert("to".to_owned(), place.url());
    let body = serde_json::to_vec_pretty(&tags)
        .map_err(|error| CloudError::new(Class::Invalid, "s3:PutObject", error.to_string()))?;
    let request = cloud.s3.put_object().bucket(&place.bucket).key(mark_key(&mark.stack, &mark.address));
    let request = request.content_type("application/json").body(ByteStream::from(body));
    request.send().await.named("s3:PutObject").map(drop).map_err(spreading)
}

async fn delete_mark(cloud: &Cloud, place: &Place, mark: &Mark) -> Result<(), CloudError> {
    let key = mark_key(&mark.stack, &mark.address);
    let deleted = cloud.s3.delete_object().bucket(&place.bucket).key(key).send().await;
    absent(deleted.named("s3:DeleteObject")).map(drop)
}

/// Every mark below a prefix; a bucket that is not there has none.
async fn marks(cloud: &Cloud, bucket: &str, prefix: &str) -> Result<Vec<Found>, CloudError> {
    let keys = absent(objects::list(cloud, bucket, prefix).await)?.unwrap_or_default();
    let reads = each(keys, |object| async move { get_mark(cloud, bucket, &object.key).await }).await;
    let found: Result<Vec<Option<Found>>, CloudError> = reads.into_iter().collect();
    Ok(found?.into_iter().flatten().collect())
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
                let found = marks(cloud, &bucket, prefix).await;
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
            found.into_keys().filter(|name| mark.managed.holds(&path(name), None)).collect();
        let ours = ours(cloud, &place, &mark.stack, candidates).await?;
        let keys = ours.iter().map(|name| place.key(name)).collect();
        objects::delete(cloud, &place.bucket, keys).await?;
        let managed = |key: &str| {
            key.strip_prefix(&place.prefix).is_some_and(|name| mark.managed.holds(&path(name), None))
        };
        objects::abort_uploads(cloud, &place.bucket, &place.file_key(), managed).await?;
        // The mark goes last: killed before, the next destroy finds the rest.
        delete_mark(cloud, &place, mark).await
    }
}

/// A marked upload that is not wanted under its identity.
fn left(found: &Found, request: SurveyRequest<'_>) -> Option<Present> {
    let identity = found.place.identity();
    if found.mark.stack != request.stack || request.wanted.iter().any(|wanted| wanted.identity == identity) {
        return None;
    }
    let mut fields = Fields::new();
    fields.set("to", s3_url::value(&found.place.url()));
    Some(Present { identity, handle: None, fields, mark: Some(found.mark.clone()) })
}

/// The mark of a wanted upload: its own, or one that another key of the manifest left at the same place.
async fn find_mark(
    cloud: &Cloud,
    stack: &str,
    wanted: &Wanted,
    place: &Place,
    known: Option<&Result<Vec<Found>, CloudError>>,
) -> Result<Option<Mark>, CloudError> {
    let here = |found: &Found| found.place == *place;
    let mut all = match known {
        Some(known) => known.clone()?,
        None => {
            let own = get_mark(cloud, &place.bucket, &mark_key(stack, &wanted.address)).await?;
            match own {
                Some(own) if here(&own) => return Ok(Some(own.mark)),
                _ => marks(cloud, &place.bucket, &format!("{MARKS}{stack}/")).await?,
            }
        }
    };
    all.retain(here);
    let own = all.iter().position(|found| found.mark.address == wanted.address).unwrap_or(0);
    Ok((!all.is_empty()).then(|| all.swap_remove(own).mark))
}

async fn survey_one(
    cloud: &Cloud,
    stack: &str,
    wanted: &Wanted,
    known: Option<&Result<Vec<Found>, CloudError>>,
) -> Result<Option<Present>, CloudError> {
    let place = Place::read(&wanted.fields)?;
    let (found, mark) =
        futures_util::join!(place.list(cloud), find_mark(cloud, stack, wanted, &place, known));
    let Some(mut found) = absent(found)? else { return Ok(None) };
    let mut mark = mark?;
    let nothing = BTreeMap::new();
    let names = wanted.fields.get("objects").and_then(Value::as_map).unwrap_or(&nothing);
    let mut there: BTreeMap<String, Listed> = BTreeMap::new();
    for name in names.keys() {
        there.extend(found.remove_entry(name));
    }
    let prunes = wanted.fields.0.contains_key("others");
    if mark.is_none() {
        let in_the_way = !there.is_empty() || (prunes && !found.is_empty());
        if !in_the_way {
            return Ok(None);
        }
        // Somebody's objects are in the way: another stack's, if its mark is here.
        let others = marks(cloud, &place.bucket, MARKS).await?;
        mark = others.into_iter().find(|found| found.place == place).map(|found| found.mark);
    }
    let dropped = dropped(cloud, &place, stack, mark.as_ref(), &found).await?;
    let mut fields = Fields::new();
    fields.set("to", s3_url::value(&place.url()));
    let texts = each(&there, |(name, listed)| {
        let bucket = place.bucket.as_str();
        async move {
            let text = content(cloud, bucket, wanted.files.get(name), listed, &names[name]).await?;
            Ok::<_, CloudError>((name.clone(), text))
        }
    });
    let objects: Result<BTreeMap<String, Value>, CloudError> = texts.await.into_iter().collect();
    let mut objects = objects?;
    for name in dropped {
        if let Some(object) = found.remove(&name) {
            objects.insert(name, object.etag.into());
        }
    }
    fields.set("objects", objects);
    if prunes {
        let others = found.into_iter().map(|(name, object)| (name, Value::from(object.etag)));
        fields.set("others", others.collect::<BTreeMap<String, Value>>());
    }
    if let Some(class) = wanted.fields.text("storage_class") {
        let other = there.values().map(|object| object.class.as_str()).find(|found| *found != class);
        fields.set("storage_class", other.unwrap_or(class));
    }
    if let Some(wanted) = wanted.fields.text("content_type") {
        fields.set("content_type", live_content_type(cloud, &place, &there, wanted).await?);
    }
    Ok(Some(Present { identity: wanted.identity.clone(), handle: None, fields, mark }))
}

/// The value that stands for an object's content: its `ETag`, or the wanted one's where it is the same
/// content under an `ETag` that is no MD5 (KMS, or parts of another size); our own hash in the metadata tells.
async fn content(
    cloud: &Cloud,
    bucket: &str,
    file: Option<&LocalFile>,
    listed: &Listed,
    wanted: &Value,
) -> Result<Value, CloudError> {
    if wanted.as_text() == Some(listed.etag.as_str()) {
        return Ok(wanted.clone());
    }
    if let Some(file) = file.filter(|file| file.size == listed.size) {
        let head = cloud.s3.head_object().bucket(bucket).key(&listed.key).send().await;
        let head = absent(head.named("s3:HeadObject"))?;
        let sha256 = head.as_ref().and_then(|head| head.metadata()?.get(SHA256));
        if sha256 == Some(&file.sha256) {
            return Ok(wanted.clone());
        }
    }
    Ok(listed.etag.as_str().into())
}

/// The names that the mark manages, that are not wanted any more, and whose objects are ours indeed.
async fn dropped(
    cloud: &Cloud,
    place: &Place,
    stack: &str,
    mark: Option<&Mark>,
    found: &BTreeMap<String, Listed>,
) -> Result<Vec<String>, CloudError> {
    let Some(mark) = mark.filter(|mark| mark.stack == stack) else { return Ok(Vec::new()) };
    let managed = found.keys().filter(|name| mark.managed.holds(&path(name), None));
    ours(cloud, place, stack, managed.cloned().collect()).await
}

/// Those of the names whose object says that this stack put it there: hashes as short as a mark's can meet
/// by chance.
async fn ours(
    cloud: &Cloud,
    place: &Place,
    stack: &str,
    names: Vec<String>,
) -> Result<Vec<String>, CloudError> {
    let checks = each(names, |name| async move {
        let head = cloud.s3.head_object().bucket(&place.bucket).key(place.key(&name)).send().await;
        let head = absent(head.named("s3:HeadObject"))?;
        let ours = head.as_ref().and_then(|head| head.metadata()?.get(STACK)).is_some_and(|of| of == stack);
        Ok::<_, CloudError>(ours.then_some(name))
    });
    let names: Result<Vec<Option<String>>, CloudError> = checks.await.into_iter().collect();
    Ok(names?.into_iter().flatten().collect())
}

/// The content type of all the objects: the wanted one only if none has another.
async fn live_content_type(
    cloud: &Cloud,
    place: &Place,
    there: &BTreeMap<String, Listed>,
    wanted: &str,
) -> Result<String, CloudError> {
    let reads = each(there.values(), |object| async move {
        let head = cloud.s3.head_object().bucket(&place.bucket).key(&object.key).send().await;
        let head = absent(head.named("s3:HeadObject"))?;
        Ok::<_, CloudError>(head.and_then(|head| head.content_type))
    });
    let types: Result<Vec<Option<String>>, CloudError> = reads.await.into_iter().collect();
    let other = types?.into_iter().flatten().find(|found| found != wanted);
    Ok(other.unwrap_or_else(|| wanted.to_owned()))
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
    use lakeform_model::{Managed, NodeValue};

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
