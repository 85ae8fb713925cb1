//! Workgroups and saved queries as AWS keeps them.

use http::Method;
use serde_json::{Value, json};

use crate::client::{Client, client};

async fn workgroup(aws: &Client, name: &str) -> Value {
    aws.athena("GetWorkGroup", json!({ "WorkGroup": name })).await.unwrap()["WorkGroup"].clone()
}

#[tokio::test]
async fn a_bare_workgroup_reads_awss_defaults() {
    let aws = client();
    aws.athena("CreateWorkGroup", json!({ "Name": "w" })).await.unwrap();
    let read = workgroup(&aws, "w").await;
    let wanted = json!({
        "EnforceWorkGroupConfiguration": true, "PublishCloudWatchMetricsEnabled": true, "RequesterPaysEnabled": false,
        "EngineVersion": { "SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3" },
    });
    assert_eq!((&read["State"], &read["Configuration"]), (&json!("ENABLED"), &wanted));
    assert!(read.get("Description").is_none());
    let twice = aws.athena("CreateWorkGroup", json!({ "Name": "w" })).await.unwrap_err();
    assert_eq!(
        (twice.code.as_str(), twice.message.as_str()),
        ("InvalidRequestException", "WorkGroup w is already created")
    );
    for operation in ["GetWorkGroup", "UpdateWorkGroup", "DeleteWorkGroup"] {
        let missing = aws.athena(operation, json!({ "WorkGroup": "no" })).await.unwrap_err();
        assert_eq!(missing.message, "WorkGroup no is not found.", "{operation}");
    }
    let empty = aws.athena("CreateWorkGroup", json!({ "Name": "v", "Tags": [] })).await.unwrap_err();
    assert_eq!(empty.code, "InvalidRequestException");
}

#[tokio::test]
async fn a_workgroup_is_updated_by_what_is_named_and_removed_by_what_says_so() {
    let aws = client();
    let configuration = json!({
        "BytesScannedCutoffPerQuery": 20_000_000, "EnforceWorkGroupConfiguration": false,
        "ResultConfiguration": { "OutputLocation": "s3://b/r/", "ExpectedBucketOwner": "111122223333",
            "EncryptionConfiguration": { "EncryptionOption": "SSE_S3" } },
    });
    aws.athena("CreateWorkGroup", json!({ "Name": "w", "Configuration": configuration })).await.unwrap();
    let updates = json!({
        "RemoveBytesScannedCutoffPerQuery": true, "RequesterPaysEnabled": true,
        "ResultConfigurationUpdates": { "RemoveExpectedBucketOwner": true, "RemoveEncryptionConfiguration": true },
    });
    let update =
        json!({ "WorkGroup": "w", "Description": "d", "State": "DISABLED", "ConfigurationUpdates": updates });
    aws.athena("UpdateWorkGroup", update).await.unwrap();
    let read = workgroup(&aws, "w").await;
    let kept = &read["Configuration"];
    assert!(kept.get("BytesScannedCutoffPerQuery").is_none());
    assert_eq!(kept["ResultConfiguration"], json!({ "OutputLocation": "s3://b/r/" }));
    assert_eq!(
        (&kept["EnforceWorkGroupConfiguration"], &kept["RequesterPaysEnabled"]),
        (&json!(false), &json!(true))
    );
    assert_eq!((&read["State"], &read["Description"]), (&json!("DISABLED"), &json!("d")));
    let low = json!({ "WorkGroup": "w", "ConfigurationUpdates": { "BytesScannedCutoffPerQuery": 5 } });
    assert_eq!(aws.athena("UpdateWorkGroup", low).await.unwrap_err().code, "InvalidRequestException");
    let disabled = json!({ "WorkGroup": "w", "QueryString": "select 1" });
    assert!(aws.athena("StartQueryExecution", disabled).await.unwrap_err().message.contains("disabled"));
}

#[tokio::test]
async fn a_workgroup_with_queries_stays_until_it_is_told_to_take_them_along() {
    let aws = client();
    aws.athena("CreateWorkGroup", json!({ "Name": "w" })).await.unwrap();
    let query = json!({ "Name": "q", "Database": "d", "QueryString": "select 1", "WorkGroup": "w" });
    aws.athena("CreateNamedQuery", query).await.unwrap();
    let refused = aws.athena("DeleteWorkGroup", json!({ "WorkGroup": "w" })).await.unwrap_err();
    assert_eq!(refused.message, "WorkGroup w is not empty");
    let all = json!({ "WorkGroup": "w", "RecursiveDeleteOption": true });
    aws.athena("DeleteWorkGroup", all).await.unwrap();
    aws.athena("CreateWorkGroup", json!({ "Name": "w" })).await.unwrap();
    let left = aws.athena("ListNamedQueries", json!({ "WorkGroup": "w" })).await.unwrap();
    assert_eq!(left["NamedQueryIds"], json!([]));
    aws.athena("DeleteWorkGroup", json!({ "WorkGroup": "w" })).await.unwrap();
}

#[tokio::test]
async fn query_history_belongs_to_the_workgroup_it_was_made_in() {
    let aws = client();
    aws.s3(http::Method::PUT, &format!("/results-{}", aws.account), "").await.unwrap();
    let location = format!("s3://results-{}/r", aws.account);
    let create =
        json!({ "Name": "w", "Configuration": { "ResultConfiguration": { "OutputLocation": location } } });
    aws.athena("CreateWorkGroup", create.clone()).await.unwrap();
    let asked = json!({ "WorkGroup": "w", "QueryString": "select 1 as one",
        "ResultConfiguration": { "OutputLocation": "s3://elsewhere/" } });
    let id = aws.athena("StartQueryExecution", asked).await.unwrap()["QueryExecutionId"].clone();
    let run = aws.athena("GetQueryExecution", json!({ "QueryExecutionId": id })).await.unwrap();
    let placed = run["QueryExecution"]["ResultConfiguration"]["OutputLocation"].as_str().unwrap();
    assert_eq!(placed, format!("{location}/{}.csv", id.as_str().unwrap()), "the workgroup's settings win");
    let refused = aws.athena("DeleteWorkGroup", json!({ "WorkGroup": "w" })).await.unwrap_err();
    assert_eq!(refused.message, "WorkGroup w is not empty");
    aws.athena("DeleteWorkGroup", json!({ "WorkGroup": "w", "RecursiveDeleteOption": true })).await.unwrap();
    aws.athena("CreateWorkGroup", create).await.unwrap();
    let history = aws.athena("ListQueryExecutions", json!({ "WorkGroup": "w" })).await.unwrap();
    assert_eq!(history["QueryExecutionIds"], json!([]));
    aws.athena("DeleteWorkGroup", json!({ "WorkGroup": "w" })).await.unwrap();
}

#[tokio::test]
async fn a_saved_query_is_updated_under_its_id_and_made_once_per_token() {
    let aws = client();
    let token = "t".repeat(32);
    let create =
        json!({ "Name": "q", "Database": "d", "QueryString": "select 1", "ClientRequestToken": token });
    let id = aws.athena("CreateNamedQuery", create.clone()).await.unwrap()["NamedQueryId"].clone();
    assert_eq!(aws.athena("CreateNamedQuery", create.clone()).await.unwrap()["NamedQueryId"], id);
    let mut other = create;
    other["QueryString"] = json!("select 2");
    assert_eq!(aws.athena("CreateNamedQuery", other).await.unwrap_err().code, "InvalidRequestException");
    let update = json!({ "NamedQueryId": id, "Name": "r", "QueryString": "select 3", "Description": "d" });
    aws.athena("UpdateNamedQuery", update).await.unwrap();
    let batch = aws.athena("BatchGetNamedQuery", json!({ "NamedQueryIds": [id] })).await.unwrap();
    let single = aws.athena("GetNamedQuery", json!({ "NamedQueryId": id })).await.unwrap();
    for read in [&batch["NamedQueries"][0], &single["NamedQuery"]] {
        assert_eq!((&read["Name"], &read["QueryString"]), (&json!("r"), &json!("select 3")));
    }
    assert_eq!(aws.athena("ListNamedQueries", json!({})).await.unwrap()["NamedQueryIds"], json!([id]));
    let missing = aws.athena("GetNamedQuery", json!({ "NamedQueryId": "no" })).await.unwrap_err();
    assert!(missing.message.contains("does not exist"), "{}", missing.message);
}

#[tokio::test]
async fn a_database_made_by_a_statement_is_in_the_catalogue() {
    let aws = client();
    aws.s3(Method::PUT, "/made-by-a-statement", "").await.unwrap();
    let run = async |statement: &str| {
        let start = json!({ "QueryString": statement,
            "ResultConfiguration": { "OutputLocation": "s3://made-by-a-statement/" } });
        let id = aws.athena("StartQueryExecution", start).await.unwrap()["QueryExecutionId"].clone();
        loop {
            let execution = aws.athena("GetQueryExecution", json!({ "QueryExecutionId": id })).await.unwrap();
            let execution = execution["QueryExecution"].clone();
            assert_eq!(
                (&execution["Query"], &execution["StatementType"]),
                (&json!(statement), &json!("DDL"))
            );
            match execution["Status"]["State"].as_str() {
                Some("QUEUED" | "RUNNING") => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
                _ => return execution["Status"].clone(),
            }
        }
    };
    assert_eq!(run("CREATE DATABASE Stedi COMMENT 'of steps'").await["State"], "SUCCEEDED");
    let read = aws.glue("GetDatabase", json!({ "Name": "stedi" })).await.unwrap();
    assert_eq!(read["Database"]["Description"], "of steps");
    assert_eq!(run("CREATE DATABASE IF NOT EXISTS stedi").await["State"], "SUCCEEDED");
    let twice = run("CREATE DATABASE stedi").await;
    assert_eq!(twice["State"], "FAILED", "{twice}");
}
