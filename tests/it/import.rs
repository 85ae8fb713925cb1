//! A lakehouse that somebody made by hand, as the classic walk-through does: planned, refused, adopted with nothing
//! changed but the marks, let go again, and at last removed.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_athena::types::{QueryExecutionState, ResultConfiguration};
use aws_sdk_s3::types::PublicAccessBlockConfiguration;
use lakeform_model::{Action, Desired, Plan};
use lakeform_planner::PlanOptions;
use serde_json::json;

use crate::binary::{at, said};
use lakeform_tests::lab::{Lab, On, outline, proxy};

const MANIFEST: &str = "
lakeform: 1
stack: imported
region: us-east-1
buckets:
  lake: { name: NAME }
network:
  vpc: default
  gateway_endpoints:
    s3: { service: s3, route_tables: main }
roles:
  glue:
    name: my-glue-service-role
    trust: glue.amazonaws.com
    policies:
      S3Access: { preset: s3-access, buckets: [lake] }
      GlueAccess: { preset: glue-service }
databases:
  stedi:
    tables:
      customer_landing: { ddl: customer_landing.sql }
";

pub(crate) const DDL: &str = "
CREATE EXTERNAL TABLE IF NOT EXISTS `stedi`.`customer_landing` (
  `customername` string, `email` string, `sharewithresearchasofdate` bigint
)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES ('ignore.malformed.json' = 'FALSE')
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://${bucket.lake}/customer/landing/'
TBLPROPERTIES ('classification' = 'json');
";

/// What `aws s3 mb`, `create-vpc-endpoint`, `create-role`, two `put-role-policy` and two statements in Athena leave.
pub(crate) async fn make_by_hand(lab: &Lab, bucket: &str) {
    let cloud = &lab.cloud;
    cloud.s3().create_bucket().bucket(bucket).send().await.expect("s3 mb");
    // AWS does this to every new bucket.
    let block = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .block_public_policy(true)
        .ignore_public_acls(true)
        .restrict_public_buckets(true)
        .build();
    let put = cloud.s3().put_public_access_block().bucket(bucket).public_access_block_configuration(block);
    put.send().await.expect("public access is blocked");
    let put =
        cloud.s3().put_object().bucket(bucket).key("customer/landing/a.json").body(b"{}\n".to_vec().into());
    put.send().await.expect("an object");

    let vpcs = cloud.ec2().describe_vpcs().send().await.expect("VPCs");
    let vpc = vpcs.vpcs().iter().find(|vpc| vpc.is_default() == Some(true)).expect("a default VPC");
    let vpc = vpc.vpc_id().expect("an id");
    let tables = cloud.ec2().describe_route_tables().send().await.expect("route tables");
    let main = tables.route_tables().iter().find(|table| {
        table.vpc_id() == Some(vpc) && table.associations().iter().any(|one| one.main() == Some(true))
    });
    let main = main.and_then(|table| table.route_table_id()).expect("a main route table");
    let endpoint = cloud.ec2().create_vpc_endpoint().vpc_id(vpc).route_table_ids(main);
    endpoint.service_name("com.amazonaws.us-east-1.s3").send().await.expect("create-vpc-endpoint");
    make_role(lab, bucket).await;
    run_statement(lab, bucket, "CREATE DATABASE stedi").await;
    run_statement(lab, bucket, &DDL.replace("${bucket.lake}", bucket)).await;
}

async fn make_role(lab: &Lab, bucket: &str) {
    let iam = lab.cloud.iam();
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "glue.amazonaws.com" }, "Action": "sts:AssumeRole",
    }]});
    let role = iam.create_role().role_name("my-glue-service-role");
    role.assume_role_policy_document(trust.to_string()).send().await.expect("create-role");
    let objects = json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "ListObjectsInBucket", "Effect": "Allow", "Action": ["s3:ListBucket"],
          "Resource": [format!("arn:aws:s3:::{bucket}")] },
        { "Sid": "AllObjectActions", "Effect": "Allow", "Action": "s3:*Object",
          "Resource": [format!("arn:aws:s3:::{bucket}/*")] },
    ]});
    let glue = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Resource": ["*"], "Action": [
            "glue:*", "s3:GetBucketLocation", "s3:ListBucket", "s3:ListAllMyBuckets", "s3:GetBucketAcl",
            "ec2:DescribeVpcEndpoints", "ec2:DescribeRouteTables", "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets", "ec2:DescribeVpcAttribute", "iam:ListRolePolicies", "iam:GetRole",
            "iam:GetRolePolicy", "cloudwatch:PutMetricData"] },
        { "Effect": "Allow", "Action": ["s3:CreateBucket", "s3:PutBucketPublicAccessBlock"],
          "Resource": ["arn:aws:s3:::aws-glue-*"] },
        { "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
          "Resource": ["arn:aws:s3:::aws-glue-*/*", "arn:aws:s3:::*/*aws-glue-*/*"] },
        { "Effect": "Allow", "Action": ["s3:GetObject"],
          "Resource": ["arn:aws:s3:::crawler-public*", "arn:aws:s3:::aws-glue-*"] },
        { "Effect": "Allow", "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents",
            "logs:AssociateKmsKey"], "Resource": ["arn:aws:logs:*:*:/aws-glue/*"] },
        { "Effect": "Allow", "Action": ["ec2:CreateTags", "ec2:DeleteTags"],
          "Condition": { "ForAllValues:StringEquals": { "aws:TagKeys": ["aws-glue-service-resource"] } },
          "Resource": ["arn:aws:ec2:*:*:network-interface/*", "arn:aws:ec2:*:*:security-group/*",
            "arn:aws:ec2:*:*:instance/*"] },
    ]});
    for (name, document) in [("S3Access", objects), ("GlueAccess", glue)] {
        let put = iam.put_role_policy().role_name("my-glue-service-role").policy_name(name);
        put.policy_document(document.to_string()).send().await.expect("put-role-policy");
    }
}

/// Runs a statement in Athena to its end.
async fn run_statement(lab: &Lab, bucket: &str, statement: &str) {
    let athena = lab.cloud.athena();
    let results = ResultConfiguration::builder().output_location(format!("s3://{bucket}/athena/")).build();
    let start = athena.start_query_execution().query_string(statement).result_configuration(results);
    let id = start.send().await.expect("the statement is taken").query_execution_id.expect("an id");
    for _ in 0..200 {
        let answer =
            athena.get_query_execution().query_execution_id(&id).send().await.expect("the execution");
        let status = answer.query_execution.and_then(|execution| execution.status).expect("a status");
        match status.state.as_ref().expect("a state") {
            QueryExecutionState::Succeeded => return,
            QueryExecutionState::Queued | QueryExecutionState::Running => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            _ => panic!("{statement}: {status:?}"),
        }
    }
    panic!("no end: {statement}");
}

type Texts = BTreeMap<String, String>;

fn sorted(map: Option<HashMap<String, String>>) -> Texts {
    map.unwrap_or_default().into_iter().collect()
}

/// Everything that can be read of the lakehouse, by what it is of; marks are apart.
async fn photo(lab: &Lab, bucket: &str) -> BTreeMap<&'static str, (String, Texts)> {
    let cloud = &lab.cloud;
    let s3 = cloud.s3();
    let tags = s3.get_bucket_tagging().bucket(bucket).send().await.map(|answer| answer.tag_set);
    let tags = tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
    let block = s3.get_public_access_block().bucket(bucket).send().await.expect("public access");
    let versioning = s3.get_bucket_versioning().bucket(bucket).send().await.expect("versioning");
    let encryption = s3.get_bucket_encryption().bucket(bucket).send().await.expect("encryption");
    let ownership = s3.get_bucket_ownership_controls().bucket(bucket).send().await;
    let lifecycle = s3.get_bucket_lifecycle_configuration().bucket(bucket).send().await;
    let objects = s3.list_objects_v2().bucket(bucket).send().await.expect("objects");
    let keys: Vec<_> = objects.contents().iter().map(|object| (object.key(), object.e_tag())).collect();
    let settings = format!(
        "{:?} {:?} {:?} {:?} {:?} {keys:?}",
        block.public_access_block_configuration,
        versioning.status,
        encryption.server_side_encryption_configuration,
        ownership.ok().map(|found| found.ownership_controls),
        lifecycle.ok().map(|found| found.rules),
    );
    let mut photo = BTreeMap::from([("bucket", (settings, tags))]);

    let endpoints = cloud.ec2().describe_vpc_endpoints().send().await.expect("endpoints");
    let [endpoint] = endpoints.vpc_endpoints() else { panic!("{endpoints:?}") };
    let mut endpoint = endpoint.clone();
    let tags = endpoint.tags.take().unwrap_or_default().into_iter();
    let tags = tags.filter_map(|tag| Some((tag.key?, tag.value?))).collect();
    photo.insert("endpoint", (format!("{endpoint:?}"), tags));

    let name = "my-glue-service-role";
    let role = cloud.iam().get_role().role_name(name).send().await.expect("the role");
    let mut role = role.role.expect("a role");
    let tags = role.tags.take().unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
    let attached = cloud.iam().list_attached_role_policies().role_name(name).send().await.expect("a list");
    let mut text = format!("{role:?} {:?}", attached.attached_policies());
    let inline = cloud.iam().list_role_policies().role_name(name).send().await.expect("a list");
    for policy in inline.policy_names() {
        let policy = cloud.iam().get_role_policy().role_name(name).policy_name(policy).send().await;
        text += &policy.expect("a policy").policy_document;
    }
    photo.insert("role", (text, tags));

    let database = cloud.glue().get_database().name("stedi").send().await.expect("the database");
    let mut database = database.database.expect("a database");
    let parameters = sorted(database.parameters.take());
    photo.insert("database", (format!("{database:?}"), parameters));

    let table = cloud.glue().get_table().database_name("stedi").name("customer_landing").send().await;
    let mut table = table.expect("the table").table.expect("a table");
    // What every write moves.
    (table.version_id, table.update_time) = (None, None);
    let parameters = sorted(table.parameters.take());
    let serde = table.storage_descriptor.as_mut().and_then(|storage| storage.serde_info.as_mut());
    let serde = sorted(serde.and_then(|serde| serde.parameters.take()));
    if let Some(storage) = table.storage_descriptor.as_mut() {
        storage.parameters = storage.parameters.take().filter(|parameters| !parameters.is_empty());
    }
    photo.insert("table", (format!("{table:?} {serde:?}"), parameters));
    photo
}

/// The same without the marks.
fn unmarked(photo: &BTreeMap<&'static str, (String, Texts)>) -> BTreeMap<&'static str, (String, Texts)> {
    let mut photo = photo.clone();
    for (_, tags) in photo.values_mut() {
        tags.retain(|key, _| !key.starts_with("lakeform:"));
    }
    photo
}

fn adopting() -> PlanOptions {
    PlanOptions { adopt: true, ..PlanOptions::default() }
}

async fn carry_out(lab: &Lab, desired: &Desired, options: &PlanOptions) -> Plan {
    let plan = lab.plan(desired, options).await;
    assert_eq!(plan.denials().collect::<Vec<_>>(), Vec::<&lakeform_model::Finding>::new());
    let summary = lab.apply(&plan).await;
    assert!(summary.is_success(), "{:#?}\n{}", summary.outcomes, outline(&plan));
    plan
}

#[tokio::test]
async fn a_lakehouse_made_by_hand_is_taken_over_and_given_back() {
    let lab = Lab::new(On::Ministack).await;
    let bucket = format!("by-hand-{}", lab.cloud.account);
    make_by_hand(&lab, &bucket).await;
    lab.write("customer_landing.sql", DDL);
    let desired = lab.load(&MANIFEST.replace("NAME", &bucket));
    let before = photo(&lab, &bucket).await;

    // The plan says what it would take over, that nothing of it would change, and how to permit it.
    let plan = lab.plan(&desired, &PlanOptions::default()).await;
    assert_eq!(plan.steps.len(), 5, "{}", outline(&plan));
    for step in &plan.steps {
        assert_eq!(
            (step.action, step.changes.as_slice()),
            (Action::Adopt, [].as_slice()),
            "{}",
            outline(&plan)
        );
    }
    let denials: Vec<_> = plan.denials().collect();
    assert_eq!(denials.len(), 5, "{denials:?}");
    for denial in denials {
        assert_eq!(denial.code, "adoption");
        assert!(denial.hint.as_ref().is_some_and(|hint| hint.contains("--adopt")), "{denial:?}");
    }
    // In words, by the binary; an apply without the permission changes nothing either.
    for command in ["plan", "apply"] {
        let mut lakeform = at(lab.folder.path(), proxy().endpoint(), &lab.cloud.account);
        let output = lakeform.arg(command).output().expect("the binary runs");
        let told = said(&output);
        for step in &plan.steps {
            assert!(told.contains(&step.address.to_string()), "{told}");
        }
        assert!(told.contains("5 to adopt") && told.contains("--adopt"), "{told}");
        assert_eq!(output.status.success(), command == "plan", "{told}");
    }
    assert_eq!(photo(&lab, &bucket).await, before, "a plan changes nothing");

    // Nothing but the marks.
    carry_out(&lab, &desired, &adopting()).await;
    let adopted = photo(&lab, &bucket).await;
    assert_eq!(unmarked(&adopted), before);
    for (what, (_, tags)) in &adopted {
        assert_eq!(tags.get("lakeform:stack").map(String::as_str), Some("imported"), "{what}");
        assert_eq!(tags.get("lakeform:adopted").map(String::as_str), Some("true"), "{what}");
    }
    let again = lab.plan(&desired, &PlanOptions::default()).await;
    assert!(again.is_empty(), "{}", outline(&again));

    // A destroy gives everything back as it was.
    let destroy = PlanOptions { destroy: true, ..PlanOptions::default() };
    carry_out(&lab, &desired, &destroy).await;
    assert_eq!(photo(&lab, &bucket).await, before);

    // Taken over again, it goes on request only, and the data on permission only.
    carry_out(&lab, &desired, &adopting()).await;
    let mut all = PlanOptions { include_adopted: true, ..destroy };
    let plan = lab.plan(&desired, &all).await;
    let denied: Vec<String> = plan.denials().map(|denial| denial.address.to_string()).collect();
    assert_eq!(denied, ["bucket.lake", "database.stedi"], "{:?}", plan.inventories);
    all.allow.extend(denied);
    carry_out(&lab, &desired, &all).await;
    let left = lab.cloud.s3().head_bucket().bucket(&bucket).send().await;
    assert!(left.is_err(), "the bucket is gone");
    let plan = lab.plan(&desired, &PlanOptions::default()).await;
    assert!(plan.steps.iter().all(|step| step.action == Action::Create), "{}", outline(&plan));
    assert_eq!(plan.steps.len(), 5);
}
