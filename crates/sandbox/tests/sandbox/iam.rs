//! Roles as IAM keeps them.

use crate::client::{client, first};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"glue.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

#[tokio::test]
async fn a_roles_description_can_be_emptied_and_given_again() {
    let aws = client();
    let create = [("RoleName", "etl"), ("AssumeRolePolicyDocument", TRUST), ("Description", "old")];
    aws.iam("CreateRole", &create).await.unwrap();
    let read = async || {
        let single = aws.iam("GetRole", &[("RoleName", "etl")]).await.unwrap();
        let listed = aws.iam("ListRoles", &[]).await.unwrap();
        let of = |text: &str| first(text, "Description").unwrap_or_default();
        assert_eq!(of(&single), of(&listed));
        assert!(single.contains("glue.amazonaws.com"), "{single}");
        of(&single)
    };
    assert_eq!(read().await, "old");
    aws.iam("UpdateRole", &[("RoleName", "etl"), ("Description", "")]).await.unwrap();
    assert_eq!(read().await, "");
    aws.iam("UpdateRole", &[("RoleName", "etl"), ("Description", "new")]).await.unwrap();
    assert_eq!(read().await, "new");
}

#[tokio::test]
async fn a_role_is_one_whatever_its_case() {
    let aws = client();
    aws.glue_role("etl").await.unwrap();
    assert_eq!(aws.glue_role("ETL").await.unwrap_err().code, "EntityAlreadyExists");
}

#[tokio::test]
async fn a_trust_policy_must_be_a_policy() {
    let aws = client();
    let bad = [("RoleName", "etl"), ("AssumeRolePolicyDocument", "{")];
    assert_eq!(aws.iam("CreateRole", &bad).await.unwrap_err().code, "MalformedPolicyDocument");
    aws.glue_role("etl").await.unwrap();
    let bad = [("RoleName", "etl"), ("PolicyDocument", "{}")];
    assert_eq!(aws.iam("UpdateAssumeRolePolicy", &bad).await.unwrap_err().code, "MalformedPolicyDocument");
}
