//! Names that AWS refuses.

use http::Method;
use serde_json::json;

use crate::client::client;

#[tokio::test]
async fn names_are_held_against_each_services_rules() {
    let aws = client();
    let long = "x".repeat(256);
    for name in ["ab", "Upper", "under_score", "two..dots", "-dash", &"x".repeat(64), "192.168.5.4"] {
        let refused = aws.s3(Method::PUT, &format!("/{name}"), "").await.unwrap_err();
        assert_eq!((refused.code.as_str(), refused.status), ("InvalidBucketName", 400), "{name}");
    }
    for name in ["", long.as_str()] {
        let refused = aws.glue("CreateDatabase", json!({ "DatabaseInput": { "Name": name } })).await;
        assert_eq!(refused.unwrap_err().code, "ValidationException", "database `{name}`");
    }
    aws.glue("CreateDatabase", json!({ "DatabaseInput": { "Name": "names" } })).await.unwrap();
    for name in ["", long.as_str()] {
        let table = json!({ "DatabaseName": "names", "TableInput": { "Name": name } });
        assert_eq!(
            aws.glue("CreateTable", table).await.unwrap_err().code,
            "ValidationException",
            "table `{name}`"
        );
    }
    aws.glue_role("etl").await.unwrap();
    let job = json!({ "Name": long, "Role": "etl", "Command": { "Name": "glueetl", "ScriptLocation": "s3://b/k" } });
    assert_eq!(aws.glue("CreateJob", job).await.unwrap_err().code, "ValidationException");
    for name in ["with space", &"x".repeat(65)] {
        let trust = "{}";
        let refused = aws.iam("CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", trust)]).await;
        let refused = refused.unwrap_err();
        assert_eq!((refused.code.as_str(), refused.status), ("ValidationError", 400), "{name}");
    }
    for name in ["with space", &"x".repeat(129)] {
        let refused = aws.athena("CreateWorkGroup", json!({ "Name": name })).await.unwrap_err();
        assert_eq!(refused.code, "InvalidRequestException", "{name}");
    }
}
