//! Databases and tables as AWS keeps them.

use serde_json::{Value, json};

use crate::client::{Client, client, proxy};

async fn with_database() -> Client {
    let aws = client();
    aws.glue("CreateDatabase", json!({ "DatabaseInput": { "Name": "Stedi" } })).await.unwrap();
    aws
}

async fn table(aws: &Client, name: &str) -> Value {
    aws.glue("GetTable", json!({ "DatabaseName": "stedi", "Name": name })).await.unwrap()["Table"].clone()
}

#[tokio::test]
async fn a_database_is_lowered_filled_in_and_replaced() {
    let aws = client();
    let input =
        json!({ "Name": "Stedi", "Description": "d", "LocationUri": "s3://b/", "Parameters": { "a": "1" } });
    aws.glue("CreateDatabase", json!({ "DatabaseInput": input })).await.unwrap();
    let read = |name: &'static str| aws.glue("GetDatabase", json!({ "Name": name }));
    let database = read("STEDI").await.unwrap()["Database"].clone();
    assert_eq!((&database["Name"], &database["Description"]), (&json!("stedi"), &json!("d")));
    let principal = &database["CreateTableDefaultPermissions"][0]["Principal"]["DataLakePrincipalIdentifier"];
    assert_eq!(principal, "IAM_ALLOWED_PRINCIPALS");

    let update =
        json!({ "Name": "stedi", "DatabaseInput": { "Name": "stedi", "CreateTableDefaultPermissions": [] } });
    aws.glue("UpdateDatabase", update).await.unwrap();
    let database = read("stedi").await.unwrap()["Database"].clone();
    assert!(database.get("Description").is_none() && database.get("LocationUri").is_none());
    assert_eq!(database["Parameters"], json!({}));
    assert_eq!(database["CreateTableDefaultPermissions"], json!([]));

    let rename = json!({ "Name": "stedi", "DatabaseInput": { "Name": "other" } });
    let refused = aws.glue("UpdateDatabase", rename).await.unwrap_err();
    assert_eq!(
        (refused.code.as_str(), refused.message.as_str()),
        ("InvalidInputException", "Database cannot be renamed")
    );
}

#[tokio::test]
async fn a_table_keeps_what_the_emulator_drops_and_reads_what_aws_fills_in() {
    let aws = with_database().await;
    let input = json!({
        "Name": "T", "Retention": 9, "TargetTable": { "DatabaseName": "x", "Name": "y" },
        "StorageDescriptor": { "Columns": [{ "Name": "Email", "Type": "string" }], "Location": "s3://b/t/" },
        "PartitionKeys": [{ "Name": "Day", "Type": "string" }],
    });
    let indexes = json!([{ "IndexName": "by_day", "Keys": ["day"] }]);
    let create = json!({ "DatabaseName": "STEDI", "TableInput": input, "PartitionIndexes": indexes });
    aws.glue("CreateTable", create).await.unwrap();
    let read = table(&aws, "t").await;
    assert_eq!(
        (&read["Name"], &read["Retention"], &read["VersionId"]),
        (&json!("t"), &json!(9), &json!("0"))
    );
    assert_eq!(read["TargetTable"]["Name"], "y");
    assert_eq!(read["StorageDescriptor"]["Columns"][0]["Name"], "email");
    assert_eq!(read["StorageDescriptor"]["NumberOfBuckets"], 0);
    for absent in ["TableType", "Description", "Owner", "ViewOriginalText"] {
        assert!(read.get(absent).is_none(), "{absent}");
    }
    let named = json!({ "DatabaseName": "stedi", "TableName": "t" });
    let list = aws.glue("GetPartitionIndexes", named.clone()).await.unwrap();
    assert_eq!(list["PartitionIndexDescriptorList"][0]["IndexName"], "by_day");
    let mut gone = named.clone();
    gone["IndexName"] = json!("by_day");
    aws.glue("DeletePartitionIndex", gone).await.unwrap();
    let list = aws.glue("GetPartitionIndexes", named).await.unwrap();
    assert_eq!(list["PartitionIndexDescriptorList"], json!([]));
}

#[tokio::test]
async fn an_update_replaces_a_table_archives_it_and_refuses_a_stale_version() {
    let aws = with_database().await;
    let full = json!({ "Name": "t", "TableType": "EXTERNAL_TABLE", "Description": "d", "Retention": 3,
        "Parameters": { "a": "1" }, "StorageDescriptor": { "Location": "s3://b/t/" } });
    aws.glue("CreateTable", json!({ "DatabaseName": "stedi", "TableInput": full })).await.unwrap();
    let update = |version: &str, skip: bool| {
        json!({ "DatabaseName": "stedi", "TableInput": { "Name": "T", "Parameters": { "b": "2" } },
            "VersionId": version, "SkipArchive": skip })
    };
    aws.glue("UpdateTable", update("0", false)).await.unwrap();
    let read = table(&aws, "t").await;
    assert_eq!((&read["VersionId"], &read["Parameters"]), (&json!("1"), &json!({ "b": "2" })));
    assert_eq!(read["Retention"], 0);
    for gone in ["Description", "TableType", "StorageDescriptor"] {
        assert!(read.get(gone).is_none(), "{gone}");
    }
    let stale = aws.glue("UpdateTable", update("0", false)).await.unwrap_err();
    assert_eq!(stale.code, "ConcurrentModificationException");
    assert_eq!(stale.message, "Update table failed due to concurrent modifications.");
    aws.glue("UpdateTable", update("1", true)).await.unwrap();
    let versions =
        aws.glue("GetTableVersions", json!({ "DatabaseName": "stedi", "TableName": "t" })).await.unwrap();
    let ids: Vec<&Value> =
        versions["TableVersions"].as_array().unwrap().iter().map(|v| &v["VersionId"]).collect();
    assert_eq!(ids, ["2", "0"], "a skipped archive leaves no version");
    assert_eq!(versions["TableVersions"][1]["Table"]["Description"], "d");
}

#[tokio::test]
async fn tables_and_databases_come_in_pages_of_a_hundred() {
    let aws = with_database().await;
    for n in 0..205 {
        let input = json!({ "Name": format!("t{n:03}") });
        aws.glue("CreateTable", json!({ "DatabaseName": "stedi", "TableInput": input })).await.unwrap();
    }
    let before = proxy().calls_of(&aws.account).len();
    let (mut sizes, mut token) = (Vec::new(), Value::Null);
    loop {
        let asked = json!({ "DatabaseName": "stedi", "NextToken": token, "MaxResults": 1000 });
        let page = aws.glue("GetTables", asked).await.unwrap();
        sizes.push(page["TableList"].as_array().unwrap().len());
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(sizes, [100, 100, 5]);
    assert_eq!(proxy().calls_of(&aws.account).len() - before, 3, "the proxy's own calls are not counted");
    let missing = aws.glue("GetTables", json!({ "DatabaseName": "nope" })).await.unwrap_err();
    assert_eq!(missing.code, "EntityNotFoundException");
    let names: Vec<String> = (0..101).map(|n| format!("t{n:03}")).collect();
    let many = json!({ "DatabaseName": "stedi", "TablesToDelete": names });
    assert_eq!(aws.glue("BatchDeleteTable", many).await.unwrap_err().code, "ValidationException");
    let some = json!({ "DatabaseName": "stedi", "TablesToDelete": ["T001", "zz"] });
    let errors = aws.glue("BatchDeleteTable", some).await.unwrap();
    assert_eq!(errors["Errors"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_table_made_again_remembers_nothing_of_the_one_before() {
    let aws = with_database().await;
    let create = |retention: Value| json!({ "DatabaseName": "stedi", "TableInput": { "Name": "t", "Retention": retention } });
    aws.glue("CreateTable", create(json!(5))).await.unwrap();
    aws.glue("DeleteDatabase", json!({ "Name": "STEDI" })).await.unwrap();
    aws.glue("CreateDatabase", json!({ "DatabaseInput": { "Name": "stedi" } })).await.unwrap();
    aws.glue("CreateTable", create(Value::Null)).await.unwrap();
    assert_eq!(table(&aws, "t").await["Retention"], 0);
}

#[tokio::test]
async fn a_batch_takes_no_more_than_awss_limit() {
    let aws = with_database().await;
    for (operation, member, most) in
        [("BatchDeleteTable", "TablesToDelete", 100), ("BatchDeletePartition", "PartitionsToDelete", 25)]
    {
        let ask = |count: usize| {
            let item = |n: usize| {
                if member == "TablesToDelete" {
                    json!(format!("t{n}"))
                } else {
                    json!({ "Values": [n.to_string()] })
                }
            };
            let all: Vec<Value> = (0..count).map(item).collect();
            aws.glue(operation, json!({ "DatabaseName": "db", "TableName": "t", member: all }))
        };
        let refused = ask(most + 1).await.unwrap_err();
        assert_eq!(refused.code, "ValidationException", "{operation}");
        assert!(refused.message.contains(&format!("less than or equal to {most}")), "{}", refused.message);
        let taken = ask(most).await;
        assert!(taken.as_ref().err().is_none_or(|error| error.code != "ValidationException"), "{taken:?}");
    }
}
