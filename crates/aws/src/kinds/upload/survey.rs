//! What is read of uploads: the objects that the manifest wants, and what it dropped.

use std::collections::BTreeMap;

use lakeform_model::{CloudError, Fields, LocalFile, Mark, Present, Value, Wanted};

use super::STACK;
use super::marks::{Found, MARKS, all_marks, find_mark};
use super::place::{Place, object_path};
use crate::contact::each;
use crate::error::{Named, absent};
use crate::objects::Listed;
use crate::sending::SHA256;
use crate::{Cloud, s3_url};

pub(super) async fn survey_one(
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
        let others = all_marks(cloud, &place.bucket, MARKS).await?;
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
pub(super) async fn content(
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
pub(super) async fn dropped(
    cloud: &Cloud,
    place: &Place,
    stack: &str,
    mark: Option<&Mark>,
    found: &BTreeMap<String, Listed>,
) -> Result<Vec<String>, CloudError> {
    let Some(mark) = mark.filter(|mark| mark.stack == stack) else { return Ok(Vec::new()) };
    let managed = found.keys().filter(|name| mark.managed.holds(&object_path(name), None));
    ours(cloud, place, stack, managed.cloned().collect()).await
}

/// Those of the names whose object says that this stack put it there: hashes as short as a mark's can meet
/// by chance.
pub(super) async fn ours(
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
pub(super) async fn live_content_type(
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
