//! Partition indexes, which have calls of their own, and the count of registered partitions.

use std::time::Duration;

use aws_sdk_glue::types::{PartitionIndex, PartitionIndexDescriptor, PartitionIndexStatus};
use lakeform_model::{Change, Class, CloudError, Fields, Value};

use super::parts;
use crate::Cloud;
use crate::error::{Named, absent};
use crate::glue_catalog::unbuilt;

/// How often and how long an index that is being made is looked at: filling one takes minutes.
const PAUSE: Duration = Duration::from_secs(5);
const PATIENCE: usize = 120;
/// How many pages of a thousand partitions are counted.
const MOST_PAGES: usize = 10;

/// The indexes of a table, by name; none for a table that cannot have any.
pub(super) async fn read(cloud: &Cloud, identity: &str) -> Result<Option<Value>, CloudError> {
    let indexes = list(cloud, identity).await?;
    let indexes = indexes.into_iter().filter(|index| index.index_status != PartitionIndexStatus::Deleting);
    let map: std::collections::BTreeMap<String, Value> = indexes
        .map(|index| {
            let keys = index.keys.iter().map(|key| key.name.to_lowercase());
            (index.index_name.clone(), Value::texts(keys))
        })
        .collect();
    Ok((!map.is_empty()).then_some(Value::Map(map)))
}

async fn list(cloud: &Cloud, identity: &str) -> Result<Vec<PartitionIndexDescriptor>, CloudError> {
    let (database, name) = parts(identity);
    let mut indexes = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let request = cloud.glue.get_partition_indexes().database_name(database).table_name(name);
        let page = request.set_next_token(token.clone()).send().await.named("glue:GetPartitionIndexes");
        let page = match page {
            // A multi-dialect view has no indexes and says so in this way.
            Err(error) if error.message.contains("Operation not supported") => return Ok(indexes),
            other => match absent(other)? {
                Some(page) => page,
                None => return Ok(indexes),
            },
        };
        indexes.extend(page.partition_index_descriptor_list.unwrap_or_default());
        match page.next_token.filter(|next| !next.is_empty() && Some(next) != token.as_ref()) {
            Some(next) => token = Some(next),
            None => return Ok(indexes),
        }
    }
}

/// The indexes of a new table.
pub(super) fn for_create(fields: &Fields) -> Result<Vec<PartitionIndex>, CloudError> {
    let indexes = fields.get("partition_indexes").and_then(Value::as_map).into_iter().flatten();
    indexes.map(|(name, keys)| index(name, keys)).collect()
}

fn index(name: &str, keys: &Value) -> Result<PartitionIndex, CloudError> {
    let index = PartitionIndex::builder().index_name(name).set_keys(Some(keys.to_texts()));
    index.build().map_err(|error| unbuilt(&error))
}

/// Makes, unmakes and remakes indexes: their keys cannot be changed in place.
pub(super) async fn change(cloud: &Cloud, identity: &str, changes: &[Change]) -> Result<(), CloudError> {
    let (database, name) = parts(identity);
    for change in changes.iter().filter(|change| change.path.field() == "partition_indexes") {
        if change.from.is_some() {
            // One that is being made cannot be deleted. Source: the CreatePartitionIndex API reference.
            wait(cloud, identity).await?;
            let delete = cloud.glue.delete_partition_index().database_name(database).table_name(name);
            let deleted = delete.index_name(change.path.last()).send().await;
            absent(deleted.named("glue:DeletePartitionIndex"))?;
            wait(cloud, identity).await?;
        }
        if let Some(keys) = &change.to {
            let create = cloud.glue.create_partition_index().database_name(database).table_name(name);
            let create = create.partition_index(index(change.path.last(), keys)?);
            create.send().await.named("glue:CreatePartitionIndex")?;
            wait(cloud, identity).await?;
        }
    }
    Ok(())
}

/// Waits until no index is being made or unmade.
pub(super) async fn wait(cloud: &Cloud, identity: &str) -> Result<(), CloudError> {
    for _ in 0..PATIENCE {
        let indexes = list(cloud, identity).await?;
        let busy = |index: &&PartitionIndexDescriptor| {
            matches!(index.index_status, PartitionIndexStatus::Creating | PartitionIndexStatus::Deleting)
        };
        if indexes.iter().find(busy).is_none() {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    let message = format!("an index of `{identity}` is still being made or unmade after ten minutes");
    Err(CloudError::new(Class::Propagating, "glue:GetPartitionIndexes", message))
}

/// How many partitions are registered, in words.
pub(super) async fn registered_partitions(
    cloud: &Cloud,
    identity: &str,
) -> Result<Option<String>, CloudError> {
    let (database, name) = parts(identity);
    let mut count = 0;
    let mut token: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let request = cloud.glue.get_partitions().database_name(database).table_name(name);
        let request = request.exclude_column_schema(true).max_results(1000);
        let page = request.set_next_token(token.clone()).send().await.named("glue:GetPartitions");
        let Some(page) = absent(page)? else { return Ok(None) };
        count += page.partitions.unwrap_or_default().len();
        token = page.next_token.filter(|next| !next.is_empty() && Some(next) != token.as_ref());
        if token.is_none() {
            break;
        }
    }
    let more = if token.is_some() { "more than " } else { "" };
    let noun = if count == 1 { "partition" } else { "partitions" };
    let line = format!("{more}{count} registered {noun}; the files stay in S3 and can be registered again");
    Ok((count > 0).then_some(line))
}
