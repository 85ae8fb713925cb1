//! What is read of endpoints, and which of several is the wanted one.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{State, Tag, VpcEndpoint};
use lakeform_model::{Fields, Live, Present, Value, Wanted};

use super::decode::is_full_access;
use crate::Cloud;
use crate::policy::{PolicyUse, equivalent, parse_document};
use crate::tags;

/// An endpoint as it was read.
pub(super) struct Found<'a> {
    pub(super) raw: &'a VpcEndpoint,
    pub(super) present: Present,
}

impl<'a> Found<'a> {
    /// An endpoint that is there; one that is going or gone is not.
    pub(super) fn read(raw: &'a VpcEndpoint, cloud: &Cloud) -> Option<Self> {
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

    pub(super) fn id(&self) -> &str {
        self.raw.vpc_endpoint_id().unwrap_or_default()
    }

    pub(super) fn is_ours(&self, stack: &str) -> bool {
        self.present.mark.as_ref().is_some_and(|mark| mark.stack == stack)
    }

    pub(super) fn serves(&self, tables: &[String]) -> bool {
        self.raw.route_table_ids().iter().any(|table| tables.contains(table))
    }

    /// The identity of a second one of ours for one VPC and service: it names the very endpoint.
    pub(super) fn surplus_identity(&self) -> String {
        format!("{}/{}", self.present.identity, self.id())
    }
}

pub(super) fn same(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
}

/// The state in lower case: the model spells it `Available`, the wire `available`.
pub(super) fn state(endpoint: &VpcEndpoint) -> String {
    endpoint.state().map(|state| State::as_str(state).to_lowercase()).unwrap_or_default()
}

pub(super) fn full(service: &str, cloud: &Cloud) -> String {
    format!("com.amazonaws.{}.{service}", cloud.region)
}

pub(super) fn short(service: &str, cloud: &Cloud) -> String {
    service.strip_prefix(&full("", cloud)).unwrap_or(service).to_owned()
}

pub(super) fn tag_map(tags: &[Tag]) -> BTreeMap<String, String> {
    let pairs =
        tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or("").to_owned())));
    pairs.collect()
}

/// What a wanted endpoint turned out to be, and the index of the live one that is its own.
pub(super) fn choose(wanted: &Wanted, stack: &str, found: &[Found<'_>]) -> (Live, Option<usize>) {
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

pub(super) fn conflict(wanted: &Wanted, other: &Found<'_>, taken: &[String]) -> Live {
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
pub(super) fn spell_policy_as(fields: &mut Fields, wanted: &Fields, raw: &VpcEndpoint) {
    let Some(policy) = wanted.get("policy") else { return };
    let live = raw.policy_document().and_then(parse_document);
    if live.is_some_and(|live| equivalent(&live, &policy.to_json(), PolicyUse::Endpoint)) {
        fields.set("policy", policy.clone());
    }
}
