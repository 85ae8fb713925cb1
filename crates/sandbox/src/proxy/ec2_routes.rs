//! The routes that gateway endpoints put into route tables, shown where AWS shows them. Computed from the
//! endpoints at each read; nothing is kept.

use async_trait::async_trait;

use super::call::{Answer, Call};
use super::cloud::Cloud;
use super::ec2_endpoints::{all, route_tables};
use super::recognise::Service;
use super::refusal::Refusal;
use super::rules::Rule;
use super::xml::Element;

/// Describing route tables.
pub(super) struct Routes;

#[async_trait]
impl Rule for Routes {
    fn covers(&self, service: Service, operation: &str) -> bool {
        service == Service::Ec2 && operation == "DescribeRouteTables"
    }

    async fn answer(&self, call: &Call, answer: &mut Answer, cloud: &Cloud) -> Result<(), Refusal> {
        if !answer.ok() {
            return Ok(());
        }
        let endpoints = all(&call.scope, cloud).await?;
        let Some(mut root) = Element::parse(&answer.text()) else { return Ok(()) };
        let Some(set) = root.child_mut("routeTableSet") else { return Ok(()) };
        for id in call.members("RouteTableId") {
            if !set.children.iter().any(|table| table.value("routeTableId") == id) {
                let text = format!("The routeTable ID '{id}' does not exist");
                return Err(Refusal::new("InvalidRouteTableID.NotFound", text));
            }
        }
        if endpoints.is_empty() {
            return Ok(());
        }
        let prefixes = cloud.form(&call.scope, Service::Ec2, "DescribePrefixLists", &[]).await?;
        for table in &mut set.children {
            let id = table.value("routeTableId").to_owned();
            for endpoint in endpoints.iter().filter(|endpoint| route_tables(endpoint).any(|held| held == id))
            {
                let service = endpoint.value("serviceName");
                let prefix = prefixes
                    .items("prefixListSet")
                    .iter()
                    .find(|list| list.value("prefixListName") == service);
                let route = Element::new("item")
                    .with(Element::leaf(
                        "destinationPrefixListId",
                        prefix.map_or("", |list| list.value("prefixListId")),
                    ))
                    .with(Element::leaf("gatewayId", endpoint.value("vpcEndpointId")))
                    .with(Element::leaf("state", "active"))
                    .with(Element::leaf("origin", "CreateRoute"));
                if let Some(routes) = table.child_mut("routeSet") {
                    routes.children.push(route);
                }
            }
        }
        answer.set_text(root.document());
        Ok(())
    }
}
