//! Gateway endpoints: the routes from a VPC's route tables to S3 or `DynamoDB` that cost nothing.
//!
//! AWS gives them no name, and a VPC may have several for one service as long as no route table is in two. So
//! the one of an entry is the one that carries its mark; without one, an unmarked one that serves what is
//! wanted is there to be adopted.

mod calls;
mod decode;
mod found;
mod lookup;

use std::collections::BTreeSet;
use std::time::SystemTime;

use async_trait::async_trait;
use aws_sdk_ec2::types::{ResourceType, RouteTable, TagSpecification, VpcEndpoint, VpcEndpointType};
use lakeform_model::{
    Change, Class, CloudError, Draft, Entry, Facts, FieldPath, FieldRule, Fields, Force, Holds, Inventory,
    Key, Kind, Literal, Live, Merge, Need, NodeValue, OnChange, Place, Present, Purpose, Resource, Scope,
    Shape, Show, Survey, SurveyRequest, Target, TextRule, Value, Wanted, hex,
};
use sha2::{Digest, Sha256};

use self::calls::{carries, describe, detach, filter, ready, tag, tag_filters, wait_for, write_tags};
use self::decode::{decode_policy, plain, selector, table_check, vpc_check, vpc_of};
use self::found::{Found, choose, full, state};
use self::lookup::{tables_by, vpc_by};
use crate::Cloud;
use crate::contact::Contact;
use crate::error::{Named, item_failure};
use crate::tags::{self, TagPatch};

/// The kind `gateway_endpoint`.
pub(super) struct GatewayEndpoint;

const NAME: &str = "gateway_endpoint";
const DESCRIBE: &str = "ec2:DescribeVpcEndpoints";
const MODIFY: &str = "ec2:ModifyVpcEndpoint";
const DELETE: &str = "ec2:DeleteVpcEndpoints";

/// Source: the `PolicyDocument` of the `CreateVpcEndpoint` API reference and the endpoint policy quotas.
const LONGEST_POLICY: usize = 20_480;

const BY_TAGS: Shape =
    Shape::Object(&[Key::required("tags", Shape::TAGS, "Tags that it carries, all of them.")]);
const VPC: Shape =
    Shape::Any(&[Shape::Text(TextRule::checked("`default` or a VPC's id", vpc_check)), BY_TAGS]);
const TABLE: Shape = Shape::Text(TextRule::checked("a route table's id", table_check));
const TABLES: Shape = Shape::Any(&[Shape::Word(&["main", "all"]), Shape::List(&TABLE), BY_TAGS]);

const SHAPE: Shape = Shape::Object(&[
    Key::new("service", Shape::Word(&["s3", "dynamodb"]), "What is reached through it. Default: `s3`."),
    Key::new(
        "route_tables",
        TABLES,
        "The route tables that lead to it: the VPC's `main` one, `all` of the VPC, ids, or the ones with these `tags`. Default: `main`.",
    ),
    Key::new(
        "policy",
        Shape::Object(&[
            Key::new("document", Shape::Free, "The policy, written out."),
            Key::new("file", Shape::TEXT, "A JSON file with the policy, relative to the manifest."),
        ]),
        "What may be done through it. Default: everything.",
    ),
    tags::KEY,
]);

const RULES: &[FieldRule] = &[
    FieldRule::new("vpc").on_change(OnChange::Replace).note("an endpoint stays in its VPC"),
    FieldRule::new("service").on_change(OnChange::Replace).note("an endpoint leads to one service"),
    FieldRule::new("state")
        .default(Literal::Text("available"))
        .on_change(OnChange::Replace)
        .note("one that failed is made anew"),
    FieldRule::new("route_tables").merge(Merge::Members).note("route tables that others added stay"),
    FieldRule::new("policy").absent().show(Show::Document).note("unset means AWS's full access"),
    tags::RULE,
];

const BESIDE: &[Key] = &[Key::new(
    "vpc",
    VPC,
    "The VPC of the endpoints: `default`, an id, or the one with these `tags`. Default: `default`.",
)];

impl Kind for GatewayEndpoint {
    fn facts(&self) -> &'static Facts {
        &Facts {
            name: NAME,
            place: &["network", "gateway_endpoints"],
            shape: SHAPE,
            rules: RULES,
            holds: Holds::Configuration,
            about: "A gateway endpoint of a VPC: traffic to S3 or DynamoDB stays inside AWS's network, at no charge.",
            beside: BESIDE,
        }
    }

    /// The selector and the service; resolving makes it `vpc-…/com.amazonaws.<region>.s3`.
    fn identity(&self, entry: &Entry<'_>) -> String {
        let service = entry.node.text("service").unwrap_or_else(|| "s3".to_owned());
        format!("{}/{service}", selector(vpc_of(entry).as_ref()))
    }

    fn needs(&self, purpose: Purpose, resource: Option<&Resource>, place: &Place<'_>) -> Vec<Need> {
        let Some(resource) = resource else {
            let find = Need::anywhere(["ec2:DescribeVpcEndpoints"]);
            return if purpose == Purpose::Plan { vec![find] } else { Vec::new() };
        };
        let vpc = resource.fields.text("vpc").filter(|id| id.starts_with("vpc-"));
        let tables = resource.fields.get("route_tables").filter(|tables| tables.as_list().is_some());
        match purpose {
            Purpose::Plan => {
                // EC2's reads are allowed everywhere or not at all.
                let vpcs = vpc.is_none().then_some("ec2:DescribeVpcs");
                let tables = tables.is_none().then_some("ec2:DescribeRouteTables");
                let actions: Vec<&str> = vpcs.into_iter().chain(tables).collect();
                if actions.is_empty() { Vec::new() } else { vec![Need::anywhere(actions)] }
            }
            Purpose::Apply => {
                let endpoint = place.arn("ec2", "vpc-endpoint/*");
                let vpc = place.arn("ec2", &format!("vpc/{}", vpc.unwrap_or("*")));
                let table = |id: &str| place.arn("ec2", &format!("route-table/{id}"));
                let tables: Vec<String> = match tables {
                    Some(ids) => ids.to_texts().iter().map(|id| table(id)).collect(),
                    None => vec![table("*")],
                };
                let with_tables = || std::iter::once(endpoint.clone()).chain(tables.clone());
                vec![
                    Need::new(["ec2:CreateVpcEndpoint"], with_tables().chain([vpc])),
                    Need::new(["ec2:ModifyVpcEndpoint"], with_tables()),
                    Need::new(["ec2:DeleteVpcEndpoints", "ec2:CreateTags", "ec2:DeleteTags"], [endpoint]),
                ]
            }
            Purpose::Run => Vec::new(),
        }
    }

    fn decode(&self, entry: &Entry<'_>, scope: &mut Scope<'_>) -> Option<Draft> {
        let mut fields = Fields::new();
        fields.set("vpc", vpc_of(entry).map_or_else(|| "default".into(), |node| plain(&node)));
        fields.set("service", entry.node.text("service").unwrap_or_else(|| "s3".to_owned()));
        let tables = entry.node.some("route_tables");
        if let Some(node) = tables
            && matches!(&node.value, NodeValue::List(items) if items.is_empty())
        {
            scope
                .error(node, "`route_tables` must not be empty: without one nothing leads to the endpoint")
                .hint("leave it out for the VPC's main route table");
            return None;
        }
        fields.set("route_tables", tables.map_or_else(|| "main".into(), plain));
        if let Some(node) = entry.node.some("policy") {
            fields.set("policy", decode_policy(node, scope)?);
        }
        fields.set_some("tags", tags::desired(entry, scope));
        Some(Draft { fields, ..Draft::default() })
    }
}

#[async_trait]
impl Contact for GatewayEndpoint {
    async fn resolve(&self, cloud: &Cloud, mut wanted: Wanted) -> Result<Wanted, CloudError> {
        let vpc = match wanted.fields.get("vpc") {
            Some(Value::Map(_)) => vpc_by(cloud, Some(&wanted.fields.text_map("vpc.tags"))).await?,
            Some(Value::Text(id)) if id != "default" => id.clone(),
            _ => vpc_by(cloud, None).await?,
        };
        let tables = match wanted.fields.get("route_tables") {
            Some(list @ Value::List(_)) => list.clone(),
            Some(Value::Map(_)) => {
                let tags = wanted.fields.text_map("route_tables.tags");
                tables_by(cloud, &vpc, tag_filters(&tags), |table| carries(table.tags(), &tags)).await?
            }
            Some(Value::Text(word)) if word == "all" => tables_by(cloud, &vpc, Vec::new(), |_| true).await?,
            _ => {
                let main =
                    |table: &RouteTable| table.associations().iter().any(|one| one.main() == Some(true));
                tables_by(cloud, &vpc, vec![filter("association.main", ["true"])], main).await?
            }
        };
        let service = full(wanted.fields.text("service").unwrap_or("s3"), cloud);
        wanted.identity = format!("{vpc}/{service}");
        wanted.fields.set("vpc", vpc).set("route_tables", tables);
        Ok(wanted)
    }

    /// One listing answers all: the wanted ones, what stands in their way, and what is left over.
    async fn survey(&self, cloud: &Cloud, request: SurveyRequest<'_>) -> Survey {
        if request.wanted.is_empty() && !request.find_owned {
            return Survey::default();
        }
        let mut filters = vec![filter("vpc-endpoint-type", [VpcEndpointType::Gateway.as_str()])];
        if !request.find_owned {
            let vpcs: BTreeSet<&str> =
                request.wanted.iter().filter_map(|one| one.fields.text("vpc")).collect();
            filters.push(filter("vpc-id", vpcs));
        }
        let mut raw = match describe(cloud, filters).await {
            Ok(raw) => raw,
            Err(error) => return Survey::unreadable(&request, &error),
        };
        raw.sort_by(|left, right| left.vpc_endpoint_id().cmp(&right.vpc_endpoint_id()));
        let found: Vec<Found<'_>> = raw.iter().filter_map(|raw| Found::read(raw, cloud)).collect();
        let mut survey = Survey::default();
        let mut taken: BTreeSet<usize> = BTreeSet::new();
        for wanted in request.wanted {
            let (live, index) = choose(wanted, request.stack, &found);
            // What is ours and cannot become what is wanted must still be found by a destroy.
            if matches!(live, Live::Present(_)) {
                taken.extend(index);
            }
            survey.found.push(live);
        }
        if request.find_owned {
            let mut names: BTreeSet<String> = request.wanted.iter().map(|one| one.identity.clone()).collect();
            for (index, one) in found.iter().enumerate() {
                if taken.contains(&index) || !one.is_ours(request.stack) {
                    continue;
                }
                let mut present = one.present.clone();
                if !names.insert(present.identity.clone()) {
                    present.identity = one.surplus_identity();
                }
                survey.owned.push(present);
            }
        }
        survey
    }

    async fn inventory(&self, _cloud: &Cloud, present: &Present) -> Result<Inventory, CloudError> {
        let theirs = others_tables(present);
        let lines = if theirs.is_empty() {
            Vec::new()
        } else {
            vec![format!("the routes of route tables that others added: {}", theirs.join(", "))]
        };
        Ok(Inventory { needs_permission: !theirs.is_empty(), lines })
    }

    /// The tags, and the mark among them, come with the endpoint in one call.
    async fn create(&self, cloud: &Cloud, target: &Target) -> Result<(), CloudError> {
        const CREATE: &str = "ec2:CreateVpcEndpoint";
        let (vpc, tables) =
            (target.fields.text("vpc").unwrap_or_default(), target.fields.texts("route_tables"));
        let service = full(target.fields.text("service").unwrap_or("s3"), cloud);
        let tags = tags::for_create(target).into_iter().map(|(key, value)| tag(key, Some(value)));
        let tags = TagSpecification::builder()
            .resource_type(ResourceType::VpcEndpoint)
            .set_tags(Some(tags.collect()))
            .build();
        let answer = cloud
            .ec2
            .create_vpc_endpoint()
            .vpc_endpoint_type(VpcEndpointType::Gateway)
            .vpc_id(vpc)
            .service_name(&service)
            .set_route_table_ids(Some(tables.clone()))
            .set_policy_document(target.fields.get("policy").map(|policy| policy.to_json().to_string()))
            .tag_specifications(tags)
            .client_token(token(target))
            .send()
            .await
            .named(CREATE);
        let answer = match answer {
            Ok(answer) => answer,
            Err(mut error) if error.class == Class::Exists => {
                // Either somebody has the route, or one that is going still holds it, or ours (its answer was
                // lost) is not to be seen yet. Only the first is final.
                let filters = vec![filter("vpc-id", [vpc]), filter("service-name", [&service])];
                let seen = describe(cloud, filters).await?;
                let held = seen
                    .iter()
                    .filter(|one| one.route_table_ids().iter().any(|table| tables.contains(table)));
                let states: Vec<String> = held.map(state).collect();
                if states.iter().all(|state| matches!(state.as_str(), "deleting" | "deleted")) {
                    error.class = Class::Propagating;
                }
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        let id = answer.vpc_endpoint().and_then(VpcEndpoint::vpc_endpoint_id).unwrap_or_default();
        wait_for(cloud, id, CREATE, |found| ready(found, CREATE, &tables, &[])).await
    }

    /// The mark comes last: until then a dropped route table or tag is still known as ours, so that an update
    /// that was cut off is taken up where it stood.
    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target,
        live: &Present,
        changes: &[Change],
    ) -> Result<(), CloudError> {
        let id = live.handle.clone().unwrap_or_default();
        let of = |field: &str| changes.iter().find(|change| change.path.field() == field);
        if let Some(change) = of("state") {
            let message =
                format!("the endpoint is {}", change.from.clone().unwrap_or_else(|| "failed".into()));
            return Err(CloudError::new(Class::Invalid, MODIFY, message));
        }
        let (mut add, mut remove) = (Vec::new(), Vec::new());
        if let Some(change) = of("route_tables") {
            let (before, after) = (
                live.fields.texts("route_tables"),
                change.to.as_ref().map(Value::to_texts).unwrap_or_default(),
            );
            add.extend(after.iter().filter(|table| !before.contains(table)).cloned());
            remove.extend(before.into_iter().filter(|table| !after.contains(table)));
        }
        detach(cloud, &id, &remove).await?;
        let policy = of("policy").is_some();
        if policy || !add.is_empty() {
            let document = target.fields.get("policy").map(|policy| policy.to_json().to_string());
            let reset = (policy && document.is_none()).then_some(true);
            cloud
                .ec2
                .modify_vpc_endpoint()
                .vpc_endpoint_id(&id)
                .set_add_route_table_ids((!add.is_empty()).then(|| add.clone()))
                .set_policy_document(document.filter(|_| policy))
                .set_reset_policy(reset)
                .send()
                .await
                .named(MODIFY)?;
        }
        if policy || !add.is_empty() || !remove.is_empty() {
            wait_for(cloud, &id, MODIFY, |found| ready(found, MODIFY, &add, &remove)).await?;
        }
        write_tags(cloud, &id, TagPatch::of(target, live, changes)).await
    }

    /// Waits until it is gone: while it goes, its route tables take no other endpoint of the service.
    async fn delete(&self, cloud: &Cloud, present: &Present, force: Force) -> Result<(), CloudError> {
        let theirs = others_tables(present);
        if force == Force::No && !theirs.is_empty() {
            let message = format!("route tables that others added lose their route: {}", theirs.join(", "));
            return Err(CloudError::new(Class::Invalid, DELETE, message));
        }
        let id = present.handle.clone().unwrap_or_default();
        let answer = cloud.ec2.delete_vpc_endpoints().vpc_endpoint_ids(&id).send().await.named(DELETE);
        let Some(answer) = crate::error::absent(answer)? else { return Ok(()) };
        // What could not be deleted is said in a good answer.
        let failed = answer.unsuccessful().iter().find_map(|item| item.error());
        if let Some(error) = failed.map(|error| item_failure(DELETE, error.code(), error.message())) {
            return if error.class == Class::NotFound { Ok(()) } else { Err(error) };
        }
        wait_for(cloud, &id, DELETE, |found| Ok(found.is_none())).await
    }
}

/// The route tables of a live endpoint that its mark does not name.
fn others_tables(present: &Present) -> Vec<String> {
    let path = FieldPath::from("route_tables");
    let ours = |table: &String| {
        let managed = present.mark.as_ref().map(|mark| &mark.managed);
        managed.is_some_and(|managed| managed.holds(&path, Some(&table.into())))
    };
    present.fields.texts("route_tables").into_iter().filter(|table| !ours(table)).collect()
}

/// A new token for each creation: the SDK repeats a request whose answer was lost with the same one. It is not
/// made of the fields alone, because EC2 remembers tokens: made again after a destroy, the same endpoint would
/// be answered with the deleted one. A creation that another process began is found by its mark, or refused
/// by the routes it holds.
fn token(target: &Target) -> String {
    let mut digest = Sha256::new();
    let mark = target.mark.as_ref().map(|mark| mark.stack.clone()).unwrap_or_default();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    digest.update(format!("{mark} {} {} {now}", target.address, std::process::id()));
    let hash = digest.finalize();
    format!("lakeform-{}", hex(&hash[..16]))
}
