//! Somebody at the console, who changes one thing of a resource and leaves the rest as it is: each kind once, on
//! the stack of `change/before`.

use std::collections::BTreeMap;

use aws_sdk_athena::types::WorkGroupConfigurationUpdates;
use aws_sdk_ec2::types::Tag as Ec2Tag;
use aws_sdk_glue::types::{Column, DatabaseInput, JobUpdate, TableInput};
use aws_sdk_s3::types::{Tag, Tagging};

use crate::stage::Stage;

const DATABASE: &str = "torture_lake";

/// A change by hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edit {
    /// The resource.
    pub(crate) address: &'static str,
    /// The field that moves.
    pub(crate) field: &'static str,
    /// What the console shows then.
    pub(crate) value: &'static str,
}

const fn edit(address: &'static str, field: &'static str, value: &'static str) -> Edit {
    Edit { address, field, value }
}

/// One of each kind; the manifest of `change/after` wants another value of the same field.
pub(crate) const EDITS: [Edit; 9] = [
    edit("table.lake.events", "columns", "theirs"),
    edit("upload.raw", "objects.a.json", "theirs"),
    edit("bucket.lake", "tags.phase", "theirs"),
    edit("gateway_endpoint.s3", "tags.phase", "theirs"),
    edit("role.glue", "description", "theirs"),
    edit("workgroup.w", "bytes_scanned_cutoff", "30000000"),
    edit("database.lake", "description", "theirs"),
    edit("job.clean", "timeout", "99"),
    edit("query.q", "sql", "select 99"),
];

impl Edit {
    /// Makes the change.
    pub(crate) async fn make(self, stage: &Stage) {
        let (cloud, bucket) = (&stage.lab.cloud, stage.bucket());
        let done = match self.address {
            "table.lake.events" => {
                let table = cloud.glue().get_table().database_name(DATABASE).name("events").send().await;
                let table = table.expect("it is read").table.expect("a table");
                let mut input = TableInput::builder().name("events").build().expect("an input");
                input.storage_descriptor = table.storage_descriptor;
                input.parameters = table.parameters;
                input.table_type = table.table_type;
                let theirs = Column::builder().name(self.value).r#type("int").build().expect("a column");
                let storage = input.storage_descriptor.as_mut().expect("a storage descriptor");
                storage.columns.get_or_insert_default().push(theirs);
                cloud.glue().update_table().database_name(DATABASE).table_input(input).send().await.is_ok()
            }
            "upload.raw" => {
                let body = self.value.as_bytes().to_vec().into();
                cloud.s3().put_object().bucket(bucket).key("raw/a.json").body(body).send().await.is_ok()
            }
            "bucket.lake" => {
                let tags = cloud.s3().get_bucket_tagging().bucket(&bucket).send().await;
                let mut tags = tags.expect("they are read").tag_set;
                tags.retain(|tag| tag.key != "phase");
                tags.push(Tag::builder().key("phase").value(self.value).build().expect("a tag"));
                let tags = Tagging::builder().set_tag_set(Some(tags)).build().expect("tags");
                cloud.s3().put_bucket_tagging().bucket(bucket).tagging(tags).send().await.is_ok()
            }
            "gateway_endpoint.s3" => {
                let id = endpoint(stage).await.0;
                let tag = Ec2Tag::builder().key("phase").value(self.value).build();
                cloud.ec2().create_tags().resources(id).tags(tag).send().await.is_ok()
            }
            "role.glue" => {
                let update = cloud.iam().update_role().role_name("torture-glue");
                update.description(self.value).send().await.is_ok()
            }
            "workgroup.w" => {
                let cutoff = self.value.parse().expect("a number");
                let updates =
                    WorkGroupConfigurationUpdates::builder().bytes_scanned_cutoff_per_query(cutoff).build();
                let update = cloud.athena().update_work_group().work_group("torture-w");
                update.configuration_updates(updates).send().await.is_ok()
            }
            "database.lake" => {
                let found = cloud.glue().get_database().name(DATABASE).send().await;
                let found = found.expect("it is read").database.expect("a database");
                let mut input = DatabaseInput::builder().name(DATABASE).build().expect("an input");
                input.description = Some(self.value.to_owned());
                input.parameters = found.parameters;
                input.location_uri = found.location_uri;
                cloud.glue().update_database().name(DATABASE).database_input(input).send().await.is_ok()
            }
            "job.clean" => {
                let job = cloud.glue().get_job().job_name("torture-clean").send().await;
                let job = job.expect("it is read").job.expect("a job");
                let mut update = JobUpdate::builder().build();
                update.role = job.role;
                update.command = job.command;
                update.default_arguments = job.default_arguments;
                update.glue_version = job.glue_version;
                update.worker_type = job.worker_type;
                update.number_of_workers = job.number_of_workers;
                update.timeout = Some(self.value.parse().expect("a number"));
                cloud.glue().update_job().job_name("torture-clean").job_update(update).send().await.is_ok()
            }
            "query.q" => {
                let id = query(stage).await.0;
                let update = cloud.athena().update_named_query().named_query_id(id).name("torture-q");
                update.query_string(self.value).send().await.is_ok()
            }
            other => panic!("nobody edits {other}"),
        };
        assert!(done, "{self:?} is made");
    }

    /// What the console shows of the field now.
    pub(crate) async fn shown(self, stage: &Stage) -> String {
        let (cloud, bucket) = (&stage.lab.cloud, stage.bucket());
        let shown = match self.address {
            "table.lake.events" => {
                let table = cloud.glue().get_table().database_name(DATABASE).name("events").send().await;
                let table = table.expect("it is read").table.expect("a table");
                let columns = table.storage_descriptor.and_then(|storage| storage.columns);
                columns.unwrap_or_default().pop().map(|column| column.name)
            }
            "upload.raw" => {
                let object = cloud.s3().get_object().bucket(bucket).key("raw/a.json").send().await;
                let body = object.expect("it is read").body.collect().await.expect("to its end");
                String::from_utf8(body.to_vec()).ok()
            }
            "bucket.lake" => {
                let tags = cloud.s3().get_bucket_tagging().bucket(&bucket).send().await;
                let tags = tags.expect("they are read").tag_set.into_iter();
                tags.map(|tag| (tag.key, tag.value)).collect::<BTreeMap<_, _>>().remove("phase")
            }
            "gateway_endpoint.s3" => Some(endpoint(stage).await.1),
            "role.glue" => {
                let role = cloud.iam().get_role().role_name("torture-glue").send().await;
                role.expect("it is read").role.and_then(|role| role.description)
            }
            "workgroup.w" => {
                let group = cloud.athena().get_work_group().work_group("torture-w").send().await;
                let group = group.expect("it is read").work_group.and_then(|group| group.configuration);
                group.and_then(|found| found.bytes_scanned_cutoff_per_query).map(|bytes| bytes.to_string())
            }
            "database.lake" => {
                let found = cloud.glue().get_database().name(DATABASE).send().await;
                found.expect("it is read").database.and_then(|database| database.description)
            }
            "job.clean" => {
                let job = cloud.glue().get_job().job_name("torture-clean").send().await;
                let timeout = job.expect("it is read").job.and_then(|job| job.timeout);
                timeout.map(|minutes| minutes.to_string())
            }
            "query.q" => Some(query(stage).await.1),
            other => panic!("nobody looks at {other}"),
        };
        shown.unwrap_or_default()
    }
}

/// The endpoint's id and its tag `phase`.
async fn endpoint(stage: &Stage) -> (String, String) {
    let found = stage.lab.cloud.ec2().describe_vpc_endpoints().send().await.expect("they are listed");
    let endpoint = found.vpc_endpoints().first().cloned().expect("there is one");
    let mut tags = endpoint.tags().iter().filter(|tag| tag.key() == Some("phase"));
    let phase = tags.next().and_then(Ec2Tag::value).unwrap_or_default().to_owned();
    (endpoint.vpc_endpoint_id.unwrap_or_default(), phase)
}

/// The id of the saved query, and its SQL.
async fn query(stage: &Stage) -> (String, String) {
    let athena = stage.lab.cloud.athena();
    let ids = athena.list_named_queries().work_group("torture-w").send().await.expect("they are listed");
    let id = ids.named_query_ids().first().cloned().expect("there is one");
    let query = athena.get_named_query().named_query_id(&id).send().await.expect("it is read");
    (id, query.named_query.map(|query| query.query_string).unwrap_or_default())
}
