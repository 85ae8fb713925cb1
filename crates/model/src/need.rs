//! What a kind must be allowed to do in AWS. A kind says it of its resources; what a policy looks like is not
//! known here.

use std::collections::{BTreeMap, BTreeSet};

/// What permissions are for. Each holds only what the ones before it do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Reading what is live, the count of what a deletion would lose included.
    Plan,
    /// Creating, updating and deleting.
    Apply,
    /// Running jobs and queries.
    Run,
}

/// Where a stack is.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: &'a str,
    /// The region, or `*` where it is not known.
    pub region: &'a str,
    /// The account's 12 digits, or `*` where they are not known.
    pub account: &'a str,
    /// The identities of what may hold other kinds' resources, by kind, as [`crate::SurveyRequest::hints`].
    pub holders: &'a Holders,
}

/// Identities by kind.
pub type Holders = BTreeMap<String, BTreeSet<String>>;

/// Actions that are needed on each of some resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The actions: `glue:GetTables`.
    pub actions: Vec<&'static str>,
    /// ARNs, with `*` for any run of characters.
    pub resources: Vec<String>,
    /// What the request must say besides.
    pub condition: Option<Condition>,
}

/// One condition of a policy statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// `StringEquals`.
    pub operator: &'static str,
    /// `iam:PassedToService`.
    pub key: &'static str,
    /// Any of these.
    pub values: Vec<String>,
}

impl Place<'_> {
    /// An ARN in the account and region: `arn:aws:glue:us-east-1:111122223333:job/name`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }

    /// The ARN of a bucket, or of keys in one: `lake/customer/*`.
    pub fn s3(&self, bucket_and_key: &str) -> String {
        format!("arn:{}:s3:::{bucket_and_key}", self.partition)
    }

    /// An ARN of IAM, which has no regions: `role/path/name`.
    pub fn iam(&self, resource: &str) -> String {
        format!("arn:{}:iam::{}:{resource}", self.partition, self.account)
    }
}

impl Need {
    /// These actions on each of these resources.
    pub fn new(
        actions: impl IntoIterator<Item = &'static str>,
        resources: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            actions: actions.into_iter().collect(),
            resources: resources.into_iter().map(Into::into).collect(),
            condition: None,
        }
    }

    /// Actions that AWS takes on no resource in particular.
    pub fn anywhere(actions: impl IntoIterator<Item = &'static str>) -> Self {
        Self::new(actions, ["*"])
    }

    /// Only where the request says one of these values.
    #[must_use]
    pub fn only_if(mut self, operator: &'static str, key: &'static str, values: Vec<String>) -> Self {
        self.condition = Some(Condition { operator, key, values });
        self
    }
}
