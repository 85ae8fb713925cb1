//! What is in an account, in words that are the same for every account: no account number, no id that AWS made.
//! Taken in two ways, so that neither can hide what the other shows: through lakeform's own survey, and by
//! listing everything, whoever made it.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_glue::operation::get_databases::GetDatabasesOutput;
use aws_sdk_glue::operation::get_jobs::GetJobsOutput;
use aws_sdk_glue::operation::get_tables::GetTablesOutput;
use lakeform_aws::Cloud;
use lakeform_aws::kinds::KINDS;
use lakeform_executor::survey;
use lakeform_model::Desired;
use serde_json::Value;

/// Ids begin so, and go on with hexadecimal digits.
const IDS: &[&str] = &["vpc-", "rtb-", "vpce-"];

/// An account's content, a line a thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    /// Everything that is listed.
    pub(crate) listed: Vec<String>,
    /// The wanted resources, field by field and with their marks, and what else is marked.
    pub(crate) surveyed: Vec<String>,
}

impl Census {
    /// Asserts that both are the same, and shows what is not.
    pub(crate) fn assert_same(&self, other: &Self, when: &str) {
        let (ours, theirs) = (self.lines(), other.lines());
        let (here, there): (BTreeSet<_>, BTreeSet<_>) =
            (ours.iter().copied().collect(), theirs.iter().copied().collect());
        let more: Vec<_> = here.difference(&there).collect();
        let less: Vec<_> = there.difference(&here).collect();
        assert!(
            ours == theirs,
            "{when}: the account is not as it should be\nmore: {more:#?}\nless: {less:#?}"
        );
    }

    fn lines(&self) -> Vec<&String> {
        self.listed.iter().chain(&self.surveyed).collect()
    }
}

pub(crate) async fn take(cloud: &Cloud, desired: &Desired) -> Census {
    let snapshot = survey(cloud, desired, KINDS).await;
    let mut value = serde_json::to_value(&snapshot).expect("a snapshot is JSON");
    for part in ["resolved", "inventories"] {
        value.as_object_mut().expect("an object").remove(part);
    }
    let mut surveyed = Vec::new();
    flatten("", &value, &mut surveyed);
    let listed = listed(cloud).await;
    Census { listed: plain(cloud, listed), surveyed: plain(cloud, surveyed) }
}

/// Everything there is, whoever made it.
async fn listed(cloud: &Cloud) -> Vec<String> {
    let mut lines = Vec::new();
    let buckets = cloud.s3().list_buckets().send().await.expect("buckets are listed");
    for bucket in buckets.buckets() {
        objects(cloud, bucket.name().unwrap_or_default(), &mut lines).await;
    }
    let endpoints = cloud.ec2().describe_vpc_endpoints().send().await.expect("endpoints are listed");
    for endpoint in endpoints.vpc_endpoints() {
        let tables = endpoint.route_table_ids().len();
        lines.push(format!("endpoint {} on {tables} tables", endpoint.service_name().unwrap_or_default()));
    }
    let roles = cloud.iam().list_roles().send().await.expect("roles are listed");
    for role in roles.roles() {
        let inline = cloud.iam().list_role_policies().role_name(role.role_name()).send().await;
        let inline = inline.expect("policies are listed").policy_names;
        lines.push(format!("role {} with {}", role.role_name(), inline.join(" ")));
    }
    let groups = cloud.athena().list_work_groups().send().await.expect("workgroups are listed");
    for group in groups.work_groups() {
        let name = group.name().unwrap_or_default();
        let queries = cloud.athena().list_named_queries().work_group(name).send().await;
        let queries = queries.expect("queries are listed").named_query_ids().len();
        lines.push(format!("workgroup {name} with {queries} queries"));
    }
    let databases = cloud.glue().get_databases().into_paginator().send();
    let databases = databases.collect::<Result<Vec<_>, _>>().await.expect("databases are listed");
    for database in databases.iter().flat_map(GetDatabasesOutput::database_list) {
        lines.push(format!("database {}", database.name()));
        let tables = cloud.glue().get_tables().database_name(database.name()).into_paginator().send();
        let tables = tables.collect::<Result<Vec<_>, _>>().await.expect("tables are listed");
        for table in tables.iter().flat_map(GetTablesOutput::table_list) {
            lines.push(format!("table {}.{}", database.name(), table.name()));
        }
    }
    let jobs = cloud.glue().get_jobs().into_paginator().send();
    let jobs = jobs.collect::<Result<Vec<_>, _>>().await.expect("jobs are listed");
    lines.extend(
        jobs.iter()
            .flat_map(GetJobsOutput::jobs)
            .map(|job| format!("job {}", job.name().unwrap_or_default())),
    );
    lines
}

/// A bucket's objects, with their content where it may name the account; and what is left of broken uploads.
async fn objects(cloud: &Cloud, bucket: &str, lines: &mut Vec<String>) {
    lines.push(format!("bucket {bucket}"));
    let found = cloud.s3().list_objects_v2().bucket(bucket).into_paginator().send();
    for page in found.collect::<Result<Vec<_>, _>>().await.expect("objects are listed") {
        for object in page.contents() {
            let key = object.key().unwrap_or_default();
            let content = if key.starts_with(".lakeform/") {
                let answer = cloud.s3().get_object().bucket(bucket).key(key).send().await.expect("it reads");
                let bytes = answer.body.collect().await.expect("it reads to its end").into_bytes();
                let mark: Value = serde_json::from_slice(&bytes).expect("a mark is JSON");
                mark["lakeform:address"].to_string()
            } else {
                object.e_tag().unwrap_or_default().to_owned()
            };
            lines
                .push(format!("object {bucket}/{key} {} bytes {content}", object.size().unwrap_or_default()));
        }
    }
    let broken = cloud.s3().list_multipart_uploads().bucket(bucket).send().await.expect("uploads are listed");
    lines.extend(broken.uploads().iter().map(|upload| format!("part of {bucket}/{:?}", upload.key())));
}

/// `a.b: value` for every leaf.
fn flatten(path: &str, value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            // Hashes of what names the account are the account's own: here only their number is compared.
            let sorted: BTreeMap<_, _> = map.iter().collect();
            for (key, value) in sorted {
                match (key.as_str(), value) {
                    ("handle", _) => {}
                    ("managed", Value::Array(hashes)) => {
                        lines.push(format!("{path}.managed: {}", hashes.len()));
                    }
                    _ => flatten(&format!("{path}.{key}"), value, lines),
                }
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                flatten(&format!("{path}[{number}]"), item, lines);
            }
        }
        leaf => lines.push(format!("{path}: {leaf}")),
    }
}

fn plain(cloud: &Cloud, lines: Vec<String>) -> Vec<String> {
    let mut lines: Vec<String> =
        lines.into_iter().map(|line| without_ids(&line.replace(&cloud.account, "ACCOUNT"))).collect();
    lines.sort();
    lines
}

/// Leaves of every id only what sort it is of.
fn without_ids(line: &str) -> String {
    let mut plain = line.to_owned();
    for sort in IDS {
        let mut from = 0;
        while let Some(at) = plain[from..].find(sort) {
            let begin = from + at + sort.len();
            let id = plain[begin..].bytes().take_while(u8::is_ascii_hexdigit).count();
            plain.replace_range(begin..begin + id, "");
            from = begin;
        }
    }
    plain
}

#[test]
fn ids_of_an_account_are_left_out() {
    assert_eq!(without_ids("on vpc-0a1b in rtb-12, rtb-3f"), "on vpc- in rtb-, rtb-");
}
