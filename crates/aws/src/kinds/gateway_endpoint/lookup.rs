//! Which VPC and which route tables a manifest means.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, RouteTable};
use lakeform_model::{Class, CloudError, Value};

use super::calls::{carries, filter, tag_filters};
use crate::Cloud;
use crate::error::Named;

/// The id of the default VPC, or of the one with these tags. Filtered here, too: not every endpoint filters.
pub(super) async fn vpc_by(
    cloud: &Cloud,
    tags: Option<&BTreeMap<String, String>>,
) -> Result<String, CloudError> {
    const OPERATION: &str = "ec2:DescribeVpcs";
    let filters = tags.map_or_else(|| vec![filter("is-default", ["true"])], tag_filters);
    let mut pages = cloud.ec2.describe_vpcs().set_filters(Some(filters)).into_paginator().send();
    let mut ids: Vec<String> = Vec::new();
    while let Some(page) = pages.next().await {
        let vpcs = page.named(OPERATION)?.vpcs.unwrap_or_default();
        let fitting = vpcs
            .iter()
            .filter(|vpc| tags.map_or(vpc.is_default() == Some(true), |tags| carries(vpc.tags(), tags)));
        ids.extend(fitting.filter_map(|vpc| vpc.vpc_id().map(str::to_owned)));
    }
    let problem = match (ids.as_slice(), tags) {
        ([id], _) => return Ok(id.clone()),
        ([], None) => format!("{} has no default VPC: give `network.vpc` an id or tags", cloud.region),
        ([], Some(_)) => "no VPC has the tags of `network.vpc`".to_owned(),
        (several, _) => format!("`network.vpc` means several VPCs: {}", several.join(", ")),
    };
    Err(CloudError::new(Class::Invalid, OPERATION, problem))
}

/// The ids of a VPC's route tables that pass; never none. Filtered here, too: not every endpoint filters.
pub(super) async fn tables_by(
    cloud: &Cloud,
    vpc: &str,
    mut filters: Vec<Filter>,
    passes: impl Fn(&RouteTable) -> bool + Send,
) -> Result<Value, CloudError> {
    const OPERATION: &str = "ec2:DescribeRouteTables";
    filters.push(filter("vpc-id", [vpc]));
    let request = cloud.ec2.describe_route_tables().set_filters(Some(filters)).max_results(100);
    let mut pages = request.into_paginator().send();
    let mut ids: BTreeSet<String> = BTreeSet::new();
    while let Some(page) = pages.next().await {
        let tables = page.named(OPERATION)?.route_tables.unwrap_or_default();
        let fitting = tables.iter().filter(|table| table.vpc_id() == Some(vpc) && passes(table));
        ids.extend(fitting.filter_map(|table| table.route_table_id().map(str::to_owned)));
    }
    if ids.is_empty() {
        let message = format!("no route table of `{vpc}` is what `route_tables` asks for");
        return Err(CloudError::new(Class::Invalid, OPERATION, message));
    }
    Ok(Value::texts(ids))
}
