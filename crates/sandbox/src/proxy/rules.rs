//! What a mend is: a rule with a say in some operations, before the emulator sees the call and after it
//! answered. The list below is the whole catalogue; order matters only where two rules change the same call.

use async_trait::async_trait;

use super::call::{Answer, Call};
use super::cloud::Cloud;
use super::recognise::Service;
use super::refusal::Refusal;
use super::{
    athena_ddl, athena_queries, athena_workgroups, ec2_endpoints, ec2_routes, glue_databases, glue_jobs,
    glue_runs, glue_tables, glue_tags, iam, iam_roles, names, pages, s3,
};

/// One subject on which AWS and the emulator differ.
#[async_trait]
pub(crate) trait Rule: Send + Sync {
    /// Whether the rule has a say in an operation.
    fn covers(&self, service: Service, operation: &str) -> bool;

    /// Changes the call, refuses it, or answers in the emulator's place.
    async fn request(&self, _call: &mut Call, _cloud: &Cloud) -> Result<Option<Answer>, Refusal> {
        Ok(None)
    }

    /// Changes the emulator's answer, errors included.
    async fn answer(&self, _call: &Call, _answer: &mut Answer, _cloud: &Cloud) -> Result<(), Refusal> {
        Ok(())
    }
}

const CATALOGUE: &[&dyn Rule] = &[
    &names::CreatedNames,
    &iam_roles::Roles,
    &iam::RoleBirths,
    &glue_tags::GlueTags,
    &glue_jobs::GlueJobs,
    &glue_databases::GlueDatabases,
    &glue_tables::GlueTables,
    &pages::Pages,
    &glue_runs::GlueRuns,
    &athena_workgroups::Workgroups,
    &athena_queries::Queries,
    &athena_ddl::Databases,
    &ec2_endpoints::Endpoints,
    &ec2_routes::Routes,
    &s3::BucketSettings,
];

/// The rules with a say in an operation, in order.
pub(crate) fn of(service: Service, operation: &str) -> Vec<&'static dyn Rule> {
    CATALOGUE.iter().copied().filter(|rule| rule.covers(service, operation)).collect()
}
