//! Jobs as AWS keeps them.

use lakeform_sandbox::{Proxy, ProxyConfig};
use serde_json::{Value, json};

use crate::client::{Client, client, emulator, new_account};

fn job(name: &str) -> Value {
    json!({
        "Name": name, "Role": "etl", "Description": "all of it", "LogUri": "s3://b/logs/",
        "Command": { "Name": "glueetl", "ScriptLocation": "s3://b/x.py", "PythonVersion": "3" },
        "ExecutionProperty": { "MaxConcurrentRuns": 3 }, "ExecutionClass": "FLEX", "JobMode": "SCRIPT",
        "NotificationProperty": { "NotifyDelayAfter": 7 }, "JobRunQueuingEnabled": true,
        "DefaultArguments": { "--a": "1" }, "NonOverridableArguments": { "--b": "2" },
        "Connections": { "Connections": ["c"] }, "MaxRetries": 2, "Timeout": 11, "GlueVersion": "4.0",
        "WorkerType": "G.2X", "NumberOfWorkers": 4, "MaintenanceWindow": "Sun:10",
        "SecurityConfiguration": "s", "SourceControlDetails": { "Provider": "GITHUB" },
    })
}

#[tokio::test]
async fn every_member_of_a_job_is_read_back() {
    let aws = client();
    aws.glue_role("etl").await.unwrap();
    aws.glue("CreateJob", job("j")).await.unwrap();
    let single = aws.glue("GetJob", json!({ "JobName": "j" })).await.unwrap()["Job"].clone();
    let listed = aws.glue("GetJobs", json!({})).await.unwrap()["Jobs"][0].clone();
    let batch = aws.glue("BatchGetJobs", json!({ "JobNames": ["j", "gone"] })).await.unwrap();
    assert_eq!(batch["JobsNotFound"], json!(["gone"]));
    for read in [&single, &listed, &batch["Jobs"][0]] {
        for (member, value) in job("j").as_object().unwrap() {
            assert_eq!(&read[member], value, "{member}");
        }
        assert_eq!((&read["MaxCapacity"], &read["AllocatedCapacity"]), (&json!(8.0), &json!(8)));
        assert!(read["CreatedOn"].is_number() && read.get("Tags").is_none());
    }
}

#[tokio::test]
async fn a_bare_job_reads_awss_defaults() {
    let aws = client();
    aws.glue_role("etl").await.unwrap();
    let bare = json!({ "Name": "j", "Role": "etl", "Command": { "Name": "glueetl", "ScriptLocation": "s3://b/x.py" } });
    aws.glue("CreateJob", bare).await.unwrap();
    let read = aws.glue("GetJob", json!({ "JobName": "j" })).await.unwrap()["Job"].clone();
    for (member, value) in [
        ("GlueVersion", json!("5.1")),
        ("Timeout", json!(480)),
        ("MaxRetries", json!(0)),
        ("ExecutionProperty", json!({ "MaxConcurrentRuns": 1 })),
        ("MaxCapacity", json!(10.0)),
        ("JobRunQueuingEnabled", json!(false)),
    ] {
        assert_eq!(read[member], value, "{member}");
    }
    for absent in
        ["Description", "WorkerType", "NumberOfWorkers", "DefaultArguments", "SecurityConfiguration"]
    {
        assert!(read.get(absent).is_none(), "{absent}");
    }
    assert_eq!(read["Command"]["PythonVersion"], "2");
}

#[tokio::test]
async fn an_update_replaces_a_job_and_keeps_only_its_version() {
    let aws = client();
    aws.glue_role("etl").await.unwrap();
    aws.glue("CreateJob", job("j")).await.unwrap();
    let update = json!({ "Role": "etl", "Command": { "Name": "glueetl", "ScriptLocation": "s3://b/y.py" } });
    aws.glue("UpdateJob", json!({ "JobName": "j", "JobUpdate": update })).await.unwrap();
    let read = aws.glue("GetJob", json!({ "JobName": "j" })).await.unwrap()["Job"].clone();
    assert_eq!((&read["GlueVersion"], &read["Timeout"]), (&json!("4.0"), &json!(2880)));
    assert_eq!((&read["WorkerType"], &read["NumberOfWorkers"]), (&json!("G.1X"), &json!(10)));
    for gone in
        ["Description", "DefaultArguments", "Connections", "NotificationProperty", "SecurityConfiguration"]
    {
        assert!(read.get(gone).is_none(), "{gone}");
    }
    let missing = aws.glue("UpdateJob", json!({ "JobName": "no", "JobUpdate": update })).await.unwrap_err();
    assert_eq!(missing.code, "EntityNotFoundException");
}

#[tokio::test]
async fn tags_given_at_creation_are_seen_filtered_by_and_go_with_the_job() {
    let aws = client();
    aws.glue_role("etl").await.unwrap();
    for n in 0..3 {
        let mut job = job(&format!("j{n}"));
        job["Tags"] = json!({ "team": if n == 1 { "red" } else { "blue" } });
        aws.glue("CreateJob", job).await.unwrap();
    }
    let arn = format!("arn:aws:glue:us-east-1:{}:job/j1", aws.account);
    let tags = || aws.glue("GetTags", json!({ "ResourceArn": arn }));
    assert_eq!(tags().await.unwrap()["Tags"], json!({ "team": "red" }));
    let blue = aws.glue("ListJobs", json!({ "Tags": { "team": "blue" } })).await.unwrap();
    assert_eq!(blue["JobNames"], json!(["j0", "j2"]));
    aws.glue("DeleteJob", json!({ "JobName": "j1" })).await.unwrap();
    assert_eq!(tags().await.unwrap_err().code, "EntityNotFoundException");
    aws.glue("CreateJob", job("j1")).await.unwrap();
    assert_eq!(tags().await.unwrap()["Tags"], json!({}));
    aws.glue("DeleteJob", json!({ "JobName": "never" })).await.unwrap();
}

#[tokio::test]
async fn job_lists_come_in_pages() {
    let aws = client();
    aws.glue_role("etl").await.unwrap();
    for n in 0..5 {
        aws.glue("CreateJob", job(&format!("j{n}"))).await.unwrap();
    }
    let mut names = Vec::new();
    let mut token = Value::Null;
    loop {
        let page = aws.glue("ListJobs", json!({ "MaxResults": 2, "NextToken": token })).await.unwrap();
        names.extend(page["JobNames"].as_array().unwrap().clone());
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(names, ["j0", "j1", "j2", "j3", "j4"]);
    let bad = aws.glue("GetJobs", json!({ "NextToken": "mine" })).await.unwrap_err();
    assert_eq!(bad.code, "InvalidInputException");
}

#[tokio::test]
async fn clashing_capacities_are_refused() {
    let aws = client();
    aws.glue_role("etl").await.unwrap();
    let mut clash = job("j");
    clash["MaxCapacity"] = json!(2.0);
    assert_eq!(aws.glue("CreateJob", clash).await.unwrap_err().code, "InvalidInputException");
}

#[tokio::test]
async fn a_role_is_refused_while_it_is_missing_untrusting_or_new() {
    let strict =
        Proxy::start(emulator().endpoint(), ProxyConfig { role_refusals: 2, ..ProxyConfig::default() })
            .unwrap();
    let aws = Client::new(strict.endpoint(), &new_account());
    let refused = |error: crate::client::AwsError| {
        assert_eq!(error.code, "InvalidInputException");
        assert!(error.message.contains("is unable to assume provided role"), "{}", error.message);
    };
    refused(aws.glue("CreateJob", job("j")).await.unwrap_err());
    let other = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    aws.iam("CreateRole", &[("RoleName", "etl"), ("AssumeRolePolicyDocument", other)]).await.unwrap();
    refused(aws.glue("CreateJob", job("j")).await.unwrap_err());
    aws.iam("DeleteRole", &[("RoleName", "etl")]).await.unwrap();
    aws.glue_role("etl").await.unwrap();
    for _ in 0..2 {
        refused(aws.glue("CreateJob", job("j")).await.unwrap_err());
    }
    aws.glue("CreateJob", job("j")).await.unwrap();
}
