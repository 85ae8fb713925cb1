//! A workgroup's configuration: what AWS says of it, the whole of a new one, and the least that an update changes.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_athena::types::{
    AclConfiguration, EncryptionConfiguration, EncryptionOption, EngineVersion, ResultConfiguration,
    ResultConfigurationUpdates, S3AclOption, WorkGroup, WorkGroupConfiguration,
    WorkGroupConfigurationUpdates, WorkGroupState,
};
use lakeform_model::{Change, Fields, Value};

use crate::s3_url::{self};

pub(super) fn encryption_value(kind: &str, key: Option<String>) -> Value {
    let mut map = BTreeMap::from([("type".to_owned(), Value::from(kind))]);
    map.extend(key.map(|key| ("kms_key".to_owned(), Value::from(key))));
    map.into()
}

/// The canonical fields of a live workgroup; with `wanted`, spelled as it spells what means the same.
pub(super) fn read(group: &WorkGroup, wanted: &Fields) -> Fields {
    let mut fields = Fields::new();
    fields.set_some("description", group.description().filter(|text| !text.is_empty()));
    fields.set_some("state", group.state().map(WorkGroupState::as_str));
    let Some(settings) = group.configuration() else { return fields };
    fields.set_some("enforce", settings.enforce_work_group_configuration());
    fields.set_some("publish_metrics", settings.publish_cloud_watch_metrics_enabled());
    fields.set_some("requester_pays", settings.requester_pays_enabled());
    fields.set_some("bytes_scanned_cutoff", settings.bytes_scanned_cutoff_per_query());
    let engine = settings.engine_version().and_then(EngineVersion::selected_engine_version);
    fields.set_some("engine_version", engine);
    let Some(results) = settings.result_configuration() else { return fields };
    let location = results.output_location().filter(|url| !url.is_empty());
    fields.set_some("results", location.map(|url| s3_url::live_value(url, wanted.text("results"))));
    fields.set_some("expected_bucket_owner", results.expected_bucket_owner());
    fields.set_some("acl", results.acl_configuration().map(|acl| acl.s3_acl_option().as_str()));
    if let Some(encryption) = results.encryption_configuration() {
        let wanted = wanted.text("encryption.kms_key");
        let key = encryption.kms_key().map(|key| match wanted {
            // The key's id and its ARN name the same key.
            Some(wanted)
                if key.ends_with(&format!("key/{wanted}")) || wanted.ends_with(&format!("key/{key}")) =>
            {
                wanted
            }
            _ => key,
        });
        let value = encryption_value(encryption.encryption_option().as_str(), key.map(str::to_owned));
        fields.set("encryption", value);
    }
    fields
}

pub(super) fn encryption_of(fields: &Fields) -> Option<EncryptionConfiguration> {
    let option = EncryptionOption::from(fields.text("encryption.type")?);
    let key = fields.text("encryption.kms_key").map(str::to_owned);
    EncryptionConfiguration::builder().encryption_option(option).set_kms_key(key).build().ok()
}

pub(super) fn acl_of(fields: &Fields) -> Option<AclConfiguration> {
    AclConfiguration::builder().s3_acl_option(S3AclOption::from(fields.text("acl")?)).build().ok()
}

pub(super) fn engine_of(fields: &Fields) -> Option<EngineVersion> {
    Some(EngineVersion::builder().selected_engine_version(fields.text("engine_version")?).build())
}

pub(super) fn whole(fields: &Fields) -> WorkGroupConfiguration {
    let results = ResultConfiguration::builder()
        .set_output_location(fields.text("results").map(str::to_owned))
        .set_encryption_configuration(encryption_of(fields))
        .set_expected_bucket_owner(fields.text("expected_bucket_owner").map(str::to_owned))
        .set_acl_configuration(acl_of(fields))
        .build();
    let any = ["results", "encryption", "expected_bucket_owner", "acl"];
    WorkGroupConfiguration::builder()
        .set_result_configuration(any.iter().any(|field| fields.get(field).is_some()).then_some(results))
        .enforce_work_group_configuration(fields.bool("enforce").unwrap_or(true))
        .publish_cloud_watch_metrics_enabled(fields.bool("publish_metrics").unwrap_or(true))
        .requester_pays_enabled(fields.bool("requester_pays").unwrap_or(false))
        .set_bytes_scanned_cutoff_per_query(fields.int("bytes_scanned_cutoff"))
        .set_engine_version(engine_of(fields))
        .build()
}

/// The update that makes these changes and no other: what an update leaves out stays as it is, and what goes
/// has a `Remove…` of its own. `None` when no setting changes.
pub(super) fn delta(target: &Fields, changes: &[Change]) -> Option<WorkGroupConfigurationUpdates> {
    let mut results = ResultConfigurationUpdates::builder();
    let mut updates = WorkGroupConfigurationUpdates::builder();
    let (mut of_results, mut any) = (false, false);
    let fields: BTreeSet<&str> = changes.iter().map(|change| change.path.field()).collect();
    for field in fields {
        let to =
            changes.iter().find(|change| change.path.field() == field).and_then(|change| change.to.as_ref());
        let flag = to.and_then(Value::as_bool);
        (any, of_results) = match field {
            "results" | "encryption" | "expected_bucket_owner" | "acl" => (true, true),
            "description" | "state" | "tags" => continue,
            _ => (true, of_results),
        };
        match field {
            "results" => match to.and_then(Value::as_text) {
                Some(url) => results = results.output_location(url),
                None => results = results.remove_output_location(true),
            },
            // Changed in one member or whole, it is written whole.
            "encryption" => match encryption_of(target) {
                Some(encryption) => results = results.encryption_configuration(encryption),
                None => results = results.remove_encryption_configuration(true),
            },
            "expected_bucket_owner" => match to.and_then(Value::as_text) {
                Some(owner) => results = results.expected_bucket_owner(owner),
                None => results = results.remove_expected_bucket_owner(true),
            },
            "acl" => match acl_of(target) {
                Some(acl) => results = results.acl_configuration(acl),
                None => results = results.remove_acl_configuration(true),
            },
            "bytes_scanned_cutoff" => match to.and_then(Value::as_int) {
                Some(bytes) => updates = updates.bytes_scanned_cutoff_per_query(bytes),
                None => updates = updates.remove_bytes_scanned_cutoff_per_query(true),
            },
            "enforce" => updates = updates.set_enforce_work_group_configuration(flag),
            "publish_metrics" => updates = updates.set_publish_cloud_watch_metrics_enabled(flag),
            "requester_pays" => updates = updates.set_requester_pays_enabled(flag),
            "engine_version" => updates = updates.set_engine_version(engine_of(target)),
            _ => {}
        }
    }
    if of_results {
        updates = updates.result_configuration_updates(results.build());
    }
    any.then(|| updates.build())
}

#[cfg(test)]
mod tests {
    use lakeform_model::{Managed, diff};

    use super::super::RULES;
    use super::*;

    fn bare() -> WorkGroup {
        let engine = EngineVersion::builder()
            .selected_engine_version("AUTO")
            .effective_engine_version("Athena engine version 3")
            .build();
        let settings = WorkGroupConfiguration::builder()
            .enforce_work_group_configuration(true)
            .publish_cloud_watch_metrics_enabled(true)
            .requester_pays_enabled(false)
            .engine_version(engine)
            .build();
        WorkGroup::builder().name("w").state(WorkGroupState::Enabled).configuration(settings).build().unwrap()
    }

    #[test]
    fn what_aws_fills_in_is_no_difference() {
        let live = read(&bare(), &Fields::new());
        assert_eq!(diff(&Fields::new(), &live, RULES, &Managed::default()), []);
    }

    #[test]
    fn a_dropped_setting_is_removed_by_name() {
        let mut live = Fields::new();
        live.set("results", s3_url::value("s3://a/b/")).set("bytes_scanned_cutoff", 20_000_000_i64);
        live.set("encryption", encryption_value("SSE_S3", None)).set("enforce", false);
        let wanted = Fields::new();
        let changes = diff(&wanted, &live, RULES, &Managed::default());
        let updates = delta(&wanted, &changes).unwrap();
        assert_eq!(updates.remove_bytes_scanned_cutoff_per_query(), Some(true));
        assert_eq!(updates.enforce_work_group_configuration(), Some(true));
        let results = updates.result_configuration_updates().unwrap();
        assert_eq!(results.remove_output_location(), Some(true));
        assert_eq!(results.remove_encryption_configuration(), Some(true));
        assert_eq!(updates.requester_pays_enabled(), None);
    }
}
