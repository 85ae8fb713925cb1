use aws_sdk_iam::types::AttachedPermissionsBoundary;
use aws_smithy_types::DateTime;
use lakeform_model::diff;
use serde_json::json;

use aws_sdk_iam::types::Role as IamRole;
use lakeform_model::Managed;
use serde_json::Value as Json;

use crate::policy;

use super::decode::*;
use super::live::*;
use super::*;

fn role(trust: &Json, boundary: Option<&str>) -> IamRole {
    let encode = percent_encoding::NON_ALPHANUMERIC;
    let trust = percent_encoding::utf8_percent_encode(&trust.to_string(), encode).to_string();
    let boundary =
        boundary.map(|arn| AttachedPermissionsBoundary::builder().permissions_boundary_arn(arn).build());
    IamRole::builder()
        .path("/")
        .role_name("etl")
        .role_id("AROAEXAMPLE")
        .arn("arn:aws:iam::111122223333:role/etl")
        .create_date(DateTime::from_secs(0))
        .description("")
        .max_session_duration(3600)
        .assume_role_policy_document(trust)
        .set_permissions_boundary(boundary)
        .build()
        .expect("a role")
}

fn trust_in(principal: &Json, action: &Json) -> Json {
    let statement = json!({ "Action": action, "Effect": "Allow", "Principal": principal });
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

fn differences(wanted: &Json, live: &IamRole) -> Vec<String> {
    let mut desired = Fields::new();
    desired.set("trust", Value::from_json(wanted));
    let (fields, _) = fields_of(live, Some(&desired));
    let changes = diff(&desired, &fields, RULES, &Managed::default());
    changes.iter().map(|change| change.path.to_string()).collect()
}

#[test]
fn what_iam_fills_in_and_spells_otherwise_is_no_difference() {
    let services = ["glue.amazonaws.com".to_owned(), "lambda.amazonaws.com".to_owned()];
    let live = trust_in(
        &json!({ "Service": ["lambda.amazonaws.com", "glue.amazonaws.com"] }),
        &json!(["sts:AssumeRole"]),
    );
    assert_eq!(differences(&policy::trust_of(&services), &role(&live, None)), Vec::<String>::new());
    let root = trust_in(&json!({ "AWS": "arn:aws:iam::111122223333:root" }), &json!("sts:AssumeRole"));
    let account = trust_in(&json!({ "AWS": "111122223333" }), &json!("sts:AssumeRole"));
    assert_eq!(differences(&account, &role(&root, None)), Vec::<String>::new());
}

#[test]
fn a_principal_that_was_deleted_and_a_boundary_that_was_put_on_are_differences() {
    let wanted = trust_in(&json!({ "AWS": "arn:aws:iam::111122223333:role/a" }), &json!("sts:AssumeRole"));
    let gone = trust_in(&json!({ "AWS": "AROAEXAMPLE" }), &json!("sts:AssumeRole"));
    assert_eq!(differences(&wanted, &role(&gone, None)), ["trust.Statement"]);
    let bounded = role(&wanted, Some("arn:aws:iam::aws:policy/ReadOnlyAccess"));
    assert_eq!(differences(&wanted, &bounded), ["permissions_boundary"]);
}

#[test]
fn a_managed_policy_is_known_by_arn_or_by_awss_name() {
    let cases = [
        ("AmazonAthenaFullAccess", "arn:aws:iam::aws:policy/AmazonAthenaFullAccess"),
        ("AWSGlueServiceRole", "arn:aws:iam::aws:policy/service-role/AWSGlueServiceRole"),
        ("service-role/AWSGlueServiceRole", "arn:aws:iam::aws:policy/service-role/AWSGlueServiceRole"),
        ("arn:aws:iam::111122223333:policy/own/p", "arn:aws:iam::111122223333:policy/own/p"),
    ];
    for (given, expected) in cases {
        assert_eq!(managed_policy(given), Ok(()), "{given}");
        assert_eq!(policy_arn(given, "aws"), expected);
    }
    for bad in ["arn:aws:iam::1:policy/x", "arn:aws:s3:::x", "arn:aws:iam::aws:role/x", "a b", ""] {
        assert!(managed_policy(bad).is_err(), "{bad}");
    }
}
