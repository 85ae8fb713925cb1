//! Gateway endpoints: the routes from a VPC's route tables to S3 or `DynamoDB` that cost nothing.
//!
//! AWS gives them no name, and a VPC may have several for one service as long as no route table is in two. So
//! the one of an entry is the one that carries its mark; without one, an unmarked one that serves what is
//! wanted is there to be adopted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    Filter, ResourceType, RouteTable, State, Tag, TagSpecification, VpcEndpoint, VpcEndpointType,
};
use lakeform_model::{
    Change, Class, CloudError, Draft, Entry, Facts, FieldPath, FieldRule, Fields, Force, Holds, Inventory,
    Key, Kind, Literal, Live, Merge, Need, Node, NodeValue, OnChange, Place, Present, Purpose, Resource,
    Scope, Shape, Show, Survey, SurveyRequest, Target, TextRule, Value, Wanted,
};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::Cloud;
use crate::contact::Contact;
use crate::error::{Named, item_failure};
use crate::policy::{PolicyUse, equivalent, parse_document};
use crate::tags::{self, TagPatch};

/// The kind `gateway_endpoint`.
pub(super) struct GatewayEndpoint;

const NAME: &str = "gateway_endpoint";
const DESCRIBE: &str = "ec2:DescribeVpcEndpoints";
const MODIFY: &str = "ec2:ModifyVpcEndpoint";
const DELETE: &str = "ec2:DeleteVpcEndpoints";

/// Source: the `PolicyDocument` of the `CreateVpcEndpoint` API reference and the endpoint policy quotas.
const LONGEST_POLICY: usize = 20_480;
/// How often an endpoint is asked whether it is ready, and how long at most within one call of the executor.
const PAUSE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_mins(2);

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

fn vpc_of(entry: &Entry<'_>) -> Option<Node> {
    entry.within.first().and_then(|network| network.some("vpc")).cloned()
}

fn selector(vpc: Option<&Node>) -> String {
    let Some(vpc) = vpc else { return "default".to_owned() };
    vpc.scalar_text().unwrap_or_else(|| {
        let tags = vpc.get("tags").map(Node::text_map).unwrap_or_default();
        tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
    })
}

/// A selector as a value: its word, its ids, or its tags as texts.
fn plain(node: &Node) -> Value {
    match &node.value {
        NodeValue::List(_) => Value::texts(BTreeSet::from_iter(node.texts())),
        NodeValue::Map(_) => {
            let tags = node.get("tags").map(Node::text_map).unwrap_or_default();
            BTreeMap::from([("tags".to_owned(), Value::text_map(tags))]).into()
        }
        _ => node.scalar_text().unwrap_or_default().into(),
    }
}

fn vpc_check(text: &str) -> Result<(), String> {
    if text == "default" { Ok(()) } else { id_check(text, "vpc-", "`default` or an id like `vpc-0a1b2c3d`") }
}

fn table_check(text: &str) -> Result<(), String> {
    id_check(text, "rtb-", "an id like `rtb-0a1b2c3d`")
}

fn id_check(text: &str, prefix: &str, what: &str) -> Result<(), String> {
    let rest = text.strip_prefix(prefix).unwrap_or_default();
    let fine = !rest.is_empty() && rest.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if fine || text.contains("${") { Ok(()) } else { Err(format!("must be {what}")) }
}

fn decode_policy(node: &Node, scope: &mut Scope<'_>) -> Option<Value> {
    let document = match (node.some("document"), node.some("file")) {
        (Some(document), None) => document.to_json(),
        (None, Some(file)) => {
            let (_, text) = scope.read_text(file)?;
            match serde_json::from_str(&text) {
                Ok(document) => document,
                Err(error) => {
                    scope.error(file, format!("the policy is not JSON: {error}"));
                    return None;
                }
            }
        }
        _ => {
            scope.error(node, "`policy` needs either `document` or `file`");
            return None;
        }
    };
    if let Err(problem) = policy_check(&document) {
        scope.error(node, format!("the policy {problem}"));
        return None;
    }
    Some(Value::from_json(&document))
}

fn policy_check(document: &serde_json::Value) -> Result<(), String> {
    let statements = match &document["Statement"] {
        serde_json::Value::Array(items) if !items.is_empty() => items.clone(),
        one @ serde_json::Value::Object(_) => vec![one.clone()],
        _ => return Err("needs a `Statement`".to_owned()),
    };
    for (index, statement) in statements.iter().enumerate() {
        let has = |names: [&str; 2]| names.iter().any(|name| !statement[name].is_null());
        let effect = statement["Effect"].as_str();
        if !matches!(effect, Some("Allow" | "Deny")) {
            return Err(format!("needs `Effect: Allow` or `Deny` in statement {}", index + 1));
        }
        // A policy that hangs on a resource says who may; Source: the endpoint policies of the VPC guide.
        for names in [["Principal", "NotPrincipal"], ["Action", "NotAction"], ["Resource", "NotResource"]] {
            if !has(names) {
                return Err(format!("needs `{}` in statement {}", names[0], index + 1));
            }
        }
    }
    let length = document.to_string().chars().count();
    if length > LONGEST_POLICY {
        return Err(format!("has {length} characters; AWS takes {LONGEST_POLICY}"));
    }
    Ok(())
}

/// The policies of an endpoint that was given none, in both forms that AWS documents.
fn is_full_access(document: &serde_json::Value) -> bool {
    let full =
        json!({ "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" }] });
    equivalent(document, &full, PolicyUse::Endpoint)
}

// ---- What AWS has -------------------------------------------------------------------------------------------

/// An endpoint as it was read.
struct Found<'a> {
    raw: &'a VpcEndpoint,
    present: Present,
}

impl<'a> Found<'a> {
    /// An endpoint that is there; one that is going or gone is not.
    fn read(raw: &'a VpcEndpoint, cloud: &Cloud) -> Option<Self> {
        let state = state(raw);
        let gateway = raw.vpc_endpoint_type().is_some_and(|kind| same(kind.as_str(), "gateway"));
        if !gateway || matches!(state.as_str(), "deleting" | "deleted") {
            return None;
        }
        let service = raw.service_name().unwrap_or_default();
        let vpc = raw.vpc_id().unwrap_or_default();
        let mut fields = Fields::new();
        fields.set("vpc", vpc).set("service", short(service, cloud));
        let tables: BTreeSet<&String> = raw.route_table_ids().iter().collect();
        fields.set("route_tables", Value::texts(tables));
        let document = raw.policy_document().and_then(parse_document);
        if let Some(document) = document.filter(|document| !is_full_access(document)) {
            fields.set("policy", Value::from_json(&document));
        }
        // Gateway endpoints are ready at once; whatever else is no state to stay in.
        if !matches!(state.as_str(), "" | "available" | "pending" | "pendingacceptance") {
            let why = raw.last_error().and_then(|error| error.message());
            fields.set("state", why.map_or_else(|| state.clone(), |why| format!("{state}: {why}")));
        }
        let mark = tags::read(&mut fields, tag_map(raw.tags()));
        let identity = format!("{vpc}/{service}");
        let handle = raw.vpc_endpoint_id().map(str::to_owned);
        Some(Self { raw, present: Present { identity, handle, fields, mark } })
    }

    fn id(&self) -> &str {
        self.raw.vpc_endpoint_id().unwrap_or_default()
    }

    fn is_ours(&self, stack: &str) -> bool {
        self.present.mark.as_ref().is_some_and(|mark| mark.stack == stack)
    }

    fn serves(&self, tables: &[String]) -> bool {
        self.raw.route_table_ids().iter().any(|table| tables.contains(table))
    }

    /// The identity of a second one of ours for one VPC and service: it names the very endpoint.
    fn surplus_identity(&self) -> String {
        format!("{}/{}", self.present.identity, self.id())
    }
}

fn same(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
}

/// The state in lower case: the model spells it `Available`, the wire `available`.
fn state(endpoint: &VpcEndpoint) -> String {
    endpoint.state().map(|state| State::as_str(state).to_lowercase()).unwrap_or_default()
}

fn full(service: &str, cloud: &Cloud) -> String {
    format!("com.amazonaws.{}.{service}", cloud.region)
}

fn short(service: &str, cloud: &Cloud) -> String {
    service.strip_prefix(&full("", cloud)).unwrap_or(service).to_owned()
}

fn tag_map(tags: &[Tag]) -> BTreeMap<String, String> {
    let pairs =
        tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or("").to_owned())));
    pairs.collect()
}

fn filter(name: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(Into::into).collect())).build()
}

fn tag_filters(tags: &BTreeMap<String, String>) -> Vec<Filter> {
    tags.iter().map(|(key, value)| filter(&format!("tag:{key}"), [value])).collect()
}

fn carries(held: &[Tag], wanted: &BTreeMap<String, String>) -> bool {
    let held = tag_map(held);
    wanted.iter().all(|(key, value)| held.get(key) == Some(value))
}

/// Endpoints by these filters. A page holds 1,000.
async fn describe(cloud: &Cloud, filters: Vec<Filter>) -> Result<Vec<VpcEndpoint>, CloudError> {
    let request = cloud.ec2.describe_vpc_endpoints().set_filters(Some(filters)).max_results(1000);
    let mut pages = request.into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        all.extend(page.named(DESCRIBE)?.vpc_endpoints.unwrap_or_default());
    }
    Ok(all)
}

/// One endpoint; `None` when AWS does not know it, or says that it is deleted.
async fn describe_one(cloud: &Cloud, id: &str) -> Result<Option<VpcEndpoint>, CloudError> {
    let answer = cloud.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await.named(DESCRIBE);
    match crate::error::absent(answer)? {
        Some(answer) => {
            let mut all = answer.vpc_endpoints.unwrap_or_default().into_iter();
            Ok(all.find(|one| one.vpc_endpoint_id() == Some(id) && state(one) != "deleted"))
        }
        None => Ok(None),
    }
}

/// Asks for an endpoint until `done`, and gives up for now after a while: a later try goes on.
async fn wait_for(
    cloud: &Cloud,
    id: &str,
    operation: &str,
    done: impl Fn(Option<&VpcEndpoint>) -> Result<bool, CloudError>,
) -> Result<(), CloudError> {
    let began = Instant::now();
    loop {
        let found = describe_one(cloud, id).await?;
        if done(found.as_ref())? {
            return Ok(());
        }
        if began.elapsed() + PAUSE > PATIENCE {
            let state = found.as_ref().map_or_else(|| "not to be seen".to_owned(), state);
            let message = format!("`{id}` is still {state} after {} s", PATIENCE.as_secs());
            return Err(CloudError::new(Class::Propagating, operation, message));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether it is ready and led to by all of `with` and none of `without`; that it failed is an error.
fn ready(
    found: Option<&VpcEndpoint>,
    operation: &str,
    with: &[String],
    without: &[String],
) -> Result<bool, CloudError> {
    let Some(endpoint) = found else { return Ok(false) };
    let state = state(endpoint);
    if matches!(state.as_str(), "failed" | "rejected" | "expired" | "deleting") {
        let why = endpoint.last_error().and_then(|error| error.message()).unwrap_or("no reason given");
        let message = format!("the endpoint is {state}: {why}");
        return Err(CloudError::new(Class::Invalid, operation, message));
    }
    let held = endpoint.route_table_ids();
    Ok(state == "available"
        && with.iter().all(|table| held.contains(table))
        && !without.iter().any(|table| held.contains(table)))
}

// ---- Which one is whose -------------------------------------------------------------------------------------

/// What a wanted endpoint turned out to be, and the index of the live one that is its own.
fn choose(wanted: &Wanted, stack: &str, found: &[Found<'_>]) -> (Live, Option<usize>) {
    let tables = wanted.fields.texts("route_tables");
    let here = |one: &Found<'_>| one.present.identity == wanted.identity;
    let of_ours =
        |one: &Found<'_>| one.present.mark.as_ref().is_some_and(|mark| mark.address == wanted.address);
    let candidates: Vec<(usize, &Found<'_>)> =
        found.iter().enumerate().filter(|(_, one)| here(one)).collect();
    let find = |test: &dyn Fn(&Found<'_>) -> bool| candidates.iter().find(|(_, one)| test(one)).copied();
    let exact = found.iter().enumerate().find(|(_, one)| one.surplus_identity() == wanted.identity);
    // A key that was renamed in the manifest still means this endpoint: making a second one could not take
    // over the route tables while the first is there.
    let chosen = exact
        .or_else(|| find(&|one| one.is_ours(stack) && of_ours(one)))
        .or_else(|| find(&|one| one.is_ours(stack)))
        .or_else(|| find(&|one| one.present.mark.is_none() && one.serves(&tables)))
        .or_else(|| if candidates.len() == 1 { find(&|one| one.present.mark.is_none()) } else { None });
    let index = chosen.map(|(index, _)| index);
    let in_the_way = candidates.iter().find(|(other, one)| Some(*other) != index && one.serves(&tables));
    let held = chosen.map(|(_, one)| one.raw.route_table_ids()).unwrap_or_default();
    if let Some((_, other)) = in_the_way {
        let taken = other.raw.route_table_ids().iter();
        let taken: Vec<String> = taken
            .filter(|table| tables.contains(table) && !held.contains(table))
            .map(|table| format!("`{table}`"))
            .collect();
        if !taken.is_empty() {
            return (conflict(wanted, other, &taken), index);
        }
    }
    match chosen {
        Some((_, one)) => {
            let mut present = one.present.clone();
            if exact.is_some() {
                present.identity.clone_from(&wanted.identity);
            }
            spell_policy_as(&mut present.fields, &wanted.fields, one.raw);
            (Live::Present(present), index)
        }
        None => (Live::Absent, None),
    }
}

fn conflict(wanted: &Wanted, other: &Found<'_>, taken: &[String]) -> Live {
    let service = wanted.fields.text("service").unwrap_or_default();
    let owner = other.present.mark.as_ref().map_or_else(String::new, |mark| {
        format!(", which is `{}` of the stack `{}`", mark.address, mark.stack)
    });
    let (tables, verb) = (taken.join(", "), if taken.len() == 1 { "leads" } else { "lead" });
    Live::Conflict {
        reason: format!("{tables} already {verb} to {service} by `{}`{owner}", other.id()),
        hint: Some("leave it out of `route_tables`, or take it off that endpoint first".to_owned()),
    }
}

/// Where the live policy means what the wanted one does, it is no difference.
fn spell_policy_as(fields: &mut Fields, wanted: &Fields, raw: &VpcEndpoint) {
    let Some(policy) = wanted.get("policy") else { return };
    let live = raw.policy_document().and_then(parse_document);
    if live.is_some_and(|live| equivalent(&live, &policy.to_json(), PolicyUse::Endpoint)) {
        fields.set("policy", policy.clone());
    }
}

// ---- Contact ------------------------------------------------------------------------------------------------

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
    hash.iter().take(16).fold("lakeform-".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

fn tag(key: String, value: Option<String>) -> Tag {
    Tag::builder().key(key).set_value(value).build()
}

async fn write_tags(cloud: &Cloud, id: &str, patch: TagPatch) -> Result<(), CloudError> {
    if !patch.remove.is_empty() {
        let tags = patch.remove.into_iter().map(|key| tag(key, None)).collect();
        cloud.ec2.delete_tags().resources(id).set_tags(Some(tags)).send().await.named("ec2:DeleteTags")?;
    }
    if !patch.set.is_empty() {
        let tags = patch.set.into_iter().map(|(key, value)| tag(key, Some(value))).collect();
        cloud.ec2.create_tags().resources(id).set_tags(Some(tags)).send().await.named("ec2:CreateTags")?;
    }
    Ok(())
}

/// Takes route tables off. One that is gone, or off already, is done; AWS then refuses the others with it, so
/// these are taken off one by one.
async fn detach(cloud: &Cloud, id: &str, tables: &[String]) -> Result<(), CloudError> {
    let remove = |tables: Vec<String>| async move {
        let request = cloud.ec2.modify_vpc_endpoint().vpc_endpoint_id(id);
        request.set_remove_route_table_ids(Some(tables)).send().await.named(MODIFY)
    };
    let is_done = |error: &CloudError| {
        let code = error.code.as_deref().unwrap_or_default().to_lowercase();
        matches!(code.as_str(), "invalidroutetableid.notfound" | "invalidparameter")
    };
    if tables.is_empty() {
        return Ok(());
    }
    match remove(tables.to_vec()).await {
        Err(error) if is_done(&error) && tables.len() > 1 => {
            for table in tables {
                if let Err(error) = remove(vec![table.clone()]).await
                    && !is_done(&error)
                {
                    return Err(error);
                }
            }
            Ok(())
        }
        Err(error) if !is_done(&error) => Err(error),
        _ => Ok(()),
    }
}

/// The id of the default VPC, or of the one with these tags. Filtered here, too: not every endpoint filters.
async fn vpc_by(cloud: &Cloud, tags: Option<&BTreeMap<String, String>>) -> Result<String, CloudError> {
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
async fn tables_by(
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
