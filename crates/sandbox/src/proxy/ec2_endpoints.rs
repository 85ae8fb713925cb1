//! Endpoints of a VPC: their policy is kept, filters are honoured, a route table takes one route a service, and
//! what is unknown is an error. The emulator holds the endpoints; only policies are kept here.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::Value;

use super::call::{Answer, Call};
use super::cloud::Cloud;
use super::recognise::{Scope, Service};
use super::refusal::Refusal;
use super::rules::Rule;
use super::xml::Element;

const POLICY: &str = "ec2.policy";
/// What an endpoint without a policy of its own reads.
const FULL_ACCESS: &str = r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

/// Create, modify, delete and describe endpoints.
pub(super) struct Endpoints;

#[async_trait]
impl Rule for Endpoints {
    fn covers(&self, service: Service, operation: &str) -> bool {
        const OPERATIONS: [&str; 4] =
            ["CreateVpcEndpoint", "ModifyVpcEndpoint", "DeleteVpcEndpoints", "DescribeVpcEndpoints"];
        service == Service::Ec2 && OPERATIONS.contains(&operation)
    }

    async fn request(&self, call: &mut Call, cloud: &Cloud) -> Result<Option<Answer>, Refusal> {
        match call.operation.as_str() {
            "CreateVpcEndpoint" => {
                check_policy(call)?;
                let vpc = call.field("VpcId").unwrap_or_default().to_owned();
                let wanted =
                    Wanted { vpc, service: call.field("ServiceName").unwrap_or_default().to_owned() };
                wanted.check(&call.members("RouteTableId"), &call.scope, cloud).await?;
            }
            "ModifyVpcEndpoint" => {
                check_policy(call)?;
                let id = call.field("VpcEndpointId").unwrap_or_default().to_owned();
                let held = all(&call.scope, cloud).await?;
                let held = held.iter().find(|endpoint| endpoint.value("vpcEndpointId") == id);
                let held = held.ok_or_else(|| unknown(&id))?;
                let wanted = Wanted {
                    vpc: held.value("vpcId").to_owned(),
                    service: held.value("serviceName").to_owned(),
                };
                wanted.check(&call.members("AddRouteTableId"), &call.scope, cloud).await?;
            }
            "DeleteVpcEndpoints" => {
                let known = all(&call.scope, cloud).await?;
                let lost: Vec<String> = call
                    .members("VpcEndpointId")
                    .into_iter()
                    .filter(|id| !known.iter().any(|endpoint| endpoint.value("vpcEndpointId") == id))
                    .collect();
                call.notes.insert("lost", Value::from(lost));
            }
            _ => {}
        }
        Ok(None)
    }

    async fn answer(&self, call: &Call, answer: &mut Answer, cloud: &Cloud) -> Result<(), Refusal> {
        if !answer.ok() {
            return Ok(());
        }
        let Some(mut root) = Element::parse(&answer.text()) else { return Ok(()) };
        let (scope, memory) = (&call.scope, &cloud.memory);
        match call.operation.as_str() {
            "CreateVpcEndpoint" => {
                let Some(endpoint) = root.child_mut("vpcEndpoint") else { return Ok(()) };
                if let Some(policy) = call.field("PolicyDocument") {
                    memory.put(POLICY, scope, endpoint.value("vpcEndpointId"), Value::from(policy));
                }
                dress(endpoint, scope, cloud);
            }
            "ModifyVpcEndpoint" => {
                let id = call.field("VpcEndpointId").unwrap_or_default();
                if call.field("ResetPolicy") == Some("true") {
                    memory.remove(POLICY, scope, id);
                } else if let Some(policy) = call.field("PolicyDocument") {
                    memory.put(POLICY, scope, id, Value::from(policy));
                }
            }
            "DeleteVpcEndpoints" => {
                for id in call.members("VpcEndpointId") {
                    memory.remove(POLICY, scope, &id);
                }
                report_lost(&mut root, call.notes.get("lost"));
            }
            _ => describe(&mut root, call, cloud)?,
        }
        answer.set_text(root.document());
        Ok(())
    }
}

fn unknown(id: &str) -> Refusal {
    Refusal::new("InvalidVpcEndpointId.NotFound", format!("The Vpc Endpoint Id '{id}' does not exist"))
}

/// Every endpoint of the account, as the emulator has it.
pub(super) async fn all(scope: &Scope, cloud: &Cloud) -> Result<Vec<Element>, Refusal> {
    let answer = cloud.form(scope, Service::Ec2, "DescribeVpcEndpoints", &[]).await?;
    Ok(answer.items("vpcEndpointSet").to_vec())
}

/// The route tables of an endpoint.
pub(super) fn route_tables(endpoint: &Element) -> impl Iterator<Item = &str> {
    endpoint.items("routeTableIdSet").iter().map(|item| item.text.as_str())
}

fn check_policy(call: &Call) -> Result<(), Refusal> {
    let Some(policy) = call.field("PolicyDocument") else { return Ok(()) };
    let parsed: Option<Value> = serde_json::from_str(policy).ok();
    let sound = parsed.is_some_and(|policy| !policy["Statement"].is_null());
    if !sound || policy.len() > 20_480 {
        return Err(Refusal::new("InvalidPolicyDocument", "The Policy document is malformed or too large."));
    }
    Ok(())
}

/// What is to be reached from which VPC.
struct Wanted {
    vpc: String,
    service: String,
}

impl Wanted {
    /// Whether these tables are there, in this VPC, and free of a route to the service.
    async fn check(&self, tables: &[String], scope: &Scope, cloud: &Cloud) -> Result<(), Refusal> {
        if tables.is_empty() {
            return Ok(());
        }
        let known = cloud.form(scope, Service::Ec2, "DescribeRouteTables", &[]).await?;
        let endpoints = all(scope, cloud).await?;
        for table in tables {
            let found =
                known.items("routeTableSet").iter().find(|known| known.value("routeTableId") == table);
            let Some(found) = found else {
                let text = format!("The routeTable ID '{table}' does not exist");
                return Err(Refusal::new("InvalidRouteTableID.NotFound", text));
            };
            if found.value("vpcId") != self.vpc {
                let text =
                    format!("route table {table} and network {} belong to different networks", self.vpc);
                return Err(Refusal::new("InvalidParameter", text));
            }
            let taken = endpoints.iter().any(|endpoint| {
                endpoint.value("serviceName") == self.service
                    && route_tables(endpoint).any(|held| held == table)
            });
            if taken {
                let text = format!(
                    "route table {table} already has a route with destination-prefix-list-id of {}",
                    self.service
                );
                return Err(Refusal::new("RouteAlreadyExists", text));
            }
        }
        Ok(())
    }
}

/// AWS answers a lost endpoint inside a good answer.
fn report_lost(root: &mut Element, lost: Option<&Value>) {
    let mut unsuccessful = Element::new("unsuccessful");
    for id in lost.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        let error = Element::new("error")
            .with(Element::leaf("code", "InvalidVpcEndpoint.NotFound"))
            .with(Element::leaf("message", &format!("The Vpc Endpoint Id '{id}' does not exist")));
        unsuccessful =
            unsuccessful.with(Element::new("item").with(error).with(Element::leaf("resourceId", id)));
    }
    root.children.retain(|child| child.name != "unsuccessful");
    root.children.push(unsuccessful);
}

fn describe(root: &mut Element, call: &Call, cloud: &Cloud) -> Result<(), Refusal> {
    let Some(set) = root.child_mut("vpcEndpointSet") else { return Ok(()) };
    for id in call.members("VpcEndpointId") {
        if !set.children.iter().any(|endpoint| endpoint.value("vpcEndpointId") == id) {
            return Err(unknown(&id));
        }
    }
    let filters = filters(call);
    set.children.retain(|endpoint| filters.iter().all(|(name, values)| fits(endpoint, name, values)));
    set.children.iter_mut().for_each(|endpoint| dress(endpoint, &call.scope, cloud));
    Ok(())
}

/// `Filter.n.Name` with its values.
fn filters(call: &Call) -> BTreeMap<String, Vec<String>> {
    (1..)
        .map_while(|n| {
            let name = call.field(&format!("Filter.{n}.Name"))?;
            Some((name.to_owned(), call.members(&format!("Filter.{n}.Value"))))
        })
        .collect()
}

fn fits(endpoint: &Element, name: &str, values: &[String]) -> bool {
    let any = |held: &str| values.iter().any(|value| super::faults::globs(value, held));
    let mut tags = endpoint.items("tagSet").iter();
    match name {
        "vpc-id" => any(endpoint.value("vpcId")),
        "service-name" => any(endpoint.value("serviceName")),
        "vpc-endpoint-id" => any(endpoint.value("vpcEndpointId")),
        "vpc-endpoint-type" => any(endpoint.value("vpcEndpointType")),
        "vpc-endpoint-state" => {
            values.iter().any(|value| value.eq_ignore_ascii_case(endpoint.value("state")))
        }
        "tag-key" => tags.any(|tag| any(tag.value("key"))),
        "tag-value" => tags.any(|tag| any(tag.value("value"))),
        _ => match name.strip_prefix("tag:") {
            Some(key) => tags.any(|tag| tag.value("key") == key && any(tag.value("value"))),
            // AWS refuses a filter it does not know; a test must not pass on one that does nothing.
            None => false,
        },
    }
}

/// What AWS fills in.
fn dress(endpoint: &mut Element, scope: &Scope, cloud: &Cloud) {
    let policy = cloud.memory.get(POLICY, scope, endpoint.value("vpcEndpointId"));
    endpoint.set("policyDocument", policy.as_ref().and_then(Value::as_str).unwrap_or(FULL_ACCESS));
    endpoint.set("ipAddressType", "ipv4");
    endpoint.set("privateDnsEnabled", "false");
    endpoint.set("serviceRegion", &scope.region);
}
