//! The ready-made policies of a lakehouse's role.

use serde_json::{Value, json};

/// What a role needs to read and write some buckets: their lists, and their objects.
pub(crate) fn s3_access(partition: &str, buckets: &[String]) -> Value {
    let arns = |rest: &str| -> Vec<String> {
        buckets.iter().map(|bucket| format!("arn:{partition}:s3:::{bucket}{rest}")).collect()
    };
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ListObjectsInBucket",
                "Effect": "Allow",
                "Action": ["s3:ListBucket"],
                "Resource": arns(""),
            },
            {
                "Sid": "AllObjectActions",
                "Effect": "Allow",
                "Action": "s3:*Object",
                "Resource": arns("/*"),
            },
        ],
    })
}

/// What Glue itself needs of a role: its catalog, its network interfaces, its own buckets and its logs.
pub(crate) fn glue_service(partition: &str) -> Value {
    let s3 = |name: &str| format!("arn:{partition}:s3:::{name}");
    let ec2 = |kind: &str| format!("arn:{partition}:ec2:*:*:{kind}/*");
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [
                    "glue:*",
                    "s3:GetBucketLocation",
                    "s3:ListBucket",
                    "s3:ListAllMyBuckets",
                    "s3:GetBucketAcl",
                    "ec2:DescribeVpcEndpoints",
                    "ec2:DescribeRouteTables",
                    "ec2:CreateNetworkInterface",
                    "ec2:DeleteNetworkInterface",
                    "ec2:DescribeNetworkInterfaces",
                    "ec2:DescribeSecurityGroups",
                    "ec2:DescribeSubnets",
                    "ec2:DescribeVpcAttribute",
                    "iam:ListRolePolicies",
                    "iam:GetRole",
                    "iam:GetRolePolicy",
                    "cloudwatch:PutMetricData",
                ],
                "Resource": ["*"],
            },
            {
                "Effect": "Allow",
                "Action": ["s3:CreateBucket", "s3:PutBucketPublicAccessBlock"],
                "Resource": [s3("aws-glue-*")],
            },
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
                "Resource": [s3("aws-glue-*/*"), s3("*/*aws-glue-*/*")],
            },
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject"],
                "Resource": [s3("crawler-public*"), s3("aws-glue-*")],
            },
            {
                "Effect": "Allow",
                "Action": [
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:PutLogEvents",
                    "logs:AssociateKmsKey",
                ],
                "Resource": [format!("arn:{partition}:logs:*:*:/aws-glue/*")],
            },
            {
                "Effect": "Allow",
                "Action": ["ec2:CreateTags", "ec2:DeleteTags"],
                "Condition": { "ForAllValues:StringEquals": { "aws:TagKeys": ["aws-glue-service-resource"] } },
                "Resource": [ec2("network-interface"), ec2("security-group"), ec2("instance")],
            },
        ],
    })
}

/// A trust policy that lets AWS services assume a role.
pub(crate) fn trust_of(services: &[String]) -> Value {
    let principal = match services {
        [one] => json!(one),
        several => json!(several),
    };
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": principal },
            "Action": "sts:AssumeRole",
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{PolicyUse, check_document};

    #[test]
    fn aws_would_take_every_preset() {
        let buckets = ["lake".to_owned(), "raw".to_owned()];
        let identity = [s3_access("aws", &buckets), glue_service("aws-us-gov")];
        for document in &identity {
            assert_eq!(check_document(document, PolicyUse::Identity), [], "{document}");
        }
        let trust = trust_of(&["glue.amazonaws.com".to_owned()]);
        assert_eq!(check_document(&trust, PolicyUse::Trust), []);
    }

    #[test]
    fn the_access_to_one_bucket_is_the_walk_throughs() {
        let document = s3_access("aws", &["lake".to_owned()]);
        let expected = json!({
            "Version": "2012-10-17",
            "Statement": [
                { "Sid": "ListObjectsInBucket", "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::lake"] },
                { "Sid": "AllObjectActions", "Effect": "Allow", "Action": "s3:*Object", "Resource": ["arn:aws:s3:::lake/*"] },
            ],
        });
        assert_eq!(document, expected);
        assert_eq!(glue_service("aws")["Statement"].as_array().map(Vec::len), Some(6));
    }
}
