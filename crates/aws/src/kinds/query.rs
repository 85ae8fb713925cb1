//! Saved queries of Athena ("named queries").
//!
//! AWS knows one by an id of its own making, names are not unique, and there are no tags. So the mark stands
//! where a person sees it too: as the last line of the description.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_athena::types::NamedQuery;
use lakeform_model::{
    Change, Class, CloudError, Draft, Entry, Facts, FieldRule, Fields, Force, Holds, Key, Kind, Literal,
    Live, MARK_PREFIX, Mark, Need, OnChange, Place, Present, Purpose, Resource, Scope, Shape, Show, Survey,
    SurveyRequest, Target, TextRule, Value, Wanted,
};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::workgroup::PRIMARY;
use crate::Cloud;
use crate::contact::{Contact, each};
use crate::error::{Named, absent, item_failure};

/// The kind `query`.
pub(super) struct Query;

const BATCH: &str = "athena:BatchGetNamedQuery";
const UPDATE: &str = "athena:UpdateNamedQuery";

/// Source: `DescriptionString`, `NameString` and `QueryString` of the Athena API reference.
const LONGEST_DESCRIPTION: usize = 1024;
const LONGEST_NAME: usize = 128;
const LONGEST_SQL: usize = 262_144;
/// How many queries one batch reads. Source: `NamedQueryIds` of `BatchGetNamedQuery`.
const BATCH_SIZE: usize = 50;

const SHAPE: Shape = Shape::Object(&[
    Key::new(
        "name",
        Shape::Text(TextRule::checked("a query's name", name_check)),
        "The name. Default: the key.",
    ),
    Key::new("sql", Shape::TEXT, "The SQL."),
    Key::new("file", Shape::TEXT, "A file with the SQL, relative to the manifest; interpolated like it."),
    Key::new(
        "database",
        Shape::TEXT,
        "The database of unqualified tables: a key of `databases`, or a name. Default: the manifest's only one.",
    ),
    Key::new(
        "workgroup",
        Shape::TEXT,
        "A key of `athena.workgroups`, or `primary`. Default: the manifest's only one, else `primary`.",
    ),
    Key::new("description", Shape::TEXT, "What it answers. lakeform adds a line with its mark."),
]);

const RULES: &[FieldRule] = &[
    FieldRule::new("name"),
    FieldRule::new("sql").show(Show::Lines),
    FieldRule::new("description").default(Literal::Text("")),
    FieldRule::new("database").on_change(OnChange::Replace).note("a saved query stays in its database"),
    FieldRule::new("workgroup").on_change(OnChange::Replace).note("a saved query stays in its workgroup"),
];

impl Kind for Query {
    fn facts(&self) -> &'static Facts {
        &Facts {
            name: "query",
            place: &["queries"],
            shape: SHAPE,
            rules: RULES,
            holds: Holds::Configuration,
            about: "A saved query of Athena, for people to find in the console.",
            beside: &[],
        }
    }

    /// The workgroup as it is given, and the name; resolving puts in the workgroup's own name.
    fn identity(&self, entry: &Entry<'_>) -> String {
        let group = entry.node.text("workgroup").unwrap_or_else(|| "default".to_owned());
        format!("{group}/{}", entry.name())
    }

    fn needs(&self, purpose: Purpose, resource: Option<&Resource>, place: &Place<'_>) -> Vec<Need> {
        let arn = |group: &str| place.arn("athena", &format!("workgroup/{group}"));
        let find = ["athena:ListNamedQueries", "athena:BatchGetNamedQuery"];
        let Some(resource) = resource else {
            let groups = place.holders.get("workgroup").into_iter().flatten().map(String::as_str);
            let groups = groups.chain([PRIMARY]).map(arn);
            return if purpose == Purpose::Plan { vec![Need::new(find, groups)] } else { Vec::new() };
        };
        let group = [arn(resource.fields.text("workgroup").unwrap_or(PRIMARY))];
        match purpose {
            Purpose::Plan => vec![Need::new(find, group)],
            Purpose::Apply => vec![Need::new(
                ["athena:CreateNamedQuery", "athena:UpdateNamedQuery", "athena:DeleteNamedQuery"],
                group,
            )],
            Purpose::Run => Vec::new(),
        }
    }

    fn decode(&self, entry: &Entry<'_>, scope: &mut Scope<'_>) -> Option<Draft> {
        let node = entry.node;
        let mut fields = Fields::new();
        fields.set("name", entry.name());
        let (at, sql) = match (node.some("sql"), node.some("file")) {
            (Some(sql), None) => (sql, sql.scalar_text()?),
            (None, Some(file)) => (file, scope.read_text(file)?.1),
            _ => {
                scope.error(node, "a query needs either `sql` or `file`");
                return None;
            }
        };
        let sql = sql.trim_end();
        if sql.is_empty() || sql.chars().count() > LONGEST_SQL {
            scope.error(at, "the SQL must be 1 to 262,144 characters long");
            return None;
        }
        fields.set("sql", sql);
        let database = match node.some("database") {
            Some(node) => {
                let name = node.scalar_text().unwrap_or_default();
                let known = scope.has("database", &name);
                if known { scope.reference("database", node)? } else { name }
            }
            None => {
                let Some(only) = scope.only("database") else {
                    scope
                        .error(entry.key, format!("`{}` needs `database`", entry.address))
                        .hint("it may be left out where the manifest has exactly one");
                    return None;
                };
                only
            }
        };
        fields.set("database", Value::pointer("database", database.clone(), database));
        let group = match node.some("workgroup") {
            Some(node) if node.as_text() == Some(PRIMARY) && !scope.has("workgroup", PRIMARY) => {
                PRIMARY.to_owned()
            }
            Some(node) => scope.reference("workgroup", node)?,
            None => scope.only("workgroup").unwrap_or_else(|| PRIMARY.to_owned()),
        };
        fields.set("workgroup", Value::pointer("workgroup", group.clone(), group));
        if let Some(node) = node.some("description") {
            let text = node.scalar_text().unwrap_or_default().trim_end().to_owned();
            if text.contains(OPENS) {
                scope.error(node, format!("the description must not hold `{OPENS}`: lakeform's mark does"));
                return None;
            }
            let adopted = true;
            let mark = Mark {
                stack: scope.stack.to_owned(),
                address: entry.address.clone(),
                adopted,
                managed: lakeform_model::Managed::default(),
            };
            let length = join(&text, Some(&mark)).chars().count();
            if length > LONGEST_DESCRIPTION {
                let over = length - LONGEST_DESCRIPTION;
                scope
                    .error(node, format!("the description is {over} characters too long"))
                    .hint("AWS takes 1,024, and the mark of the stack needs some of them");
                return None;
            }
            fields.set("description", text);
        }
        Some(Draft { fields, ..Draft::default() })
    }
}

fn name_check(name: &str) -> Result<(), String> {
    if (1..=LONGEST_NAME).contains(&name.chars().count()) {
        Ok(())
    } else {
        Err("must be 1 to 128 characters long".to_owned())
    }
}

const OPENS: &str = "[lakeform:";
/// What would be taken for the mark's own grammar.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'[').add(b']').add(b'=');

/// Splits a description into a person's text and the mark: a last line
/// `[lakeform:stack=demo address=query.totals]`.
pub(super) fn split(description: &str) -> (String, Option<Mark>) {
    let whole = || (description.trim_end().to_owned(), None);
    let Some(start) = description.rfind(OPENS) else { return whole() };
    let Some(inner) = description[start..].trim_end().strip_suffix(']') else { return whole() };
    let words = inner[OPENS.len()..].split_whitespace();
    let pairs = words.filter_map(|word| word.split_once('=')).map(|(key, value)| {
        (format!("{MARK_PREFIX}{key}"), percent_decode_str(value).decode_utf8_lossy().into_owned())
    });
    let (mark, _) = Mark::split(pairs.collect());
    if mark.is_none() {
        return whole();
    }
    (description[..start].trim_end().to_owned(), mark)
}

fn join(text: &str, mark: Option<&Mark>) -> String {
    let Some(mark) = mark else { return text.to_owned() };
    let mut tags = mark.to_tags();
    // The stack first, for people.
    let stack = tags.remove_entry(&format!("{MARK_PREFIX}stack"));
    let words = stack.into_iter().chain(tags).map(|(key, value)| {
        let key = key.trim_start_matches(MARK_PREFIX).to_owned();
        format!("{key}={}", utf8_percent_encode(&value, ENCODED))
    });
    let line = format!("{OPENS}{}]", words.collect::<Vec<_>>().join(" "));
    if text.is_empty() { line } else { format!("{text}\n{line}") }
}

/// Every saved query of a workgroup. One that is deleted between the list and its read cannot be read, and in
/// which words AWS says so is not written down: it is gone when another list does not show it any more.
pub(super) async fn saved_in(cloud: &Cloud, group: &str) -> Result<Vec<NamedQuery>, CloudError> {
    let mut ids = ids_in(cloud, group).await?;
    loop {
        let error = match read_all(cloud, &ids).await {
            Ok(all) => return Ok(all),
            Err(error) => error,
        };
        let now = ids_in(cloud, group).await?;
        let left: BTreeSet<String> = ids.intersection(&now).cloned().collect();
        if left.len() == ids.len() {
            return Err(error);
        }
        ids = left;
    }
}

/// The ids of a workgroup's queries, by pages of 50.
async fn ids_in(cloud: &Cloud, group: &str) -> Result<BTreeSet<String>, CloudError> {
    let request = cloud.athena().list_named_queries().work_group(group).max_results(50);
    let mut pages = request.into_paginator().send();
    let mut ids = BTreeSet::new();
    while let Some(page) = pages.next().await {
        ids.extend(page.named("athena:ListNamedQueries")?.named_query_ids.unwrap_or_default());
    }
    Ok(ids)
}

/// What they are, 50 at a time, in the order of their ids.
async fn read_all(cloud: &Cloud, ids: &BTreeSet<String>) -> Result<Vec<NamedQuery>, CloudError> {
    let ids: Vec<String> = ids.iter().cloned().collect();
    let batches: Vec<Vec<String>> = ids.chunks(BATCH_SIZE).map(<[String]>::to_vec).collect();
    let mut all = Vec::new();
    for batch in each(batches, |batch| read_batch(cloud, batch)).await {
        all.extend(batch?);
    }
    all.sort_by(|left, right| left.named_query_id().cmp(&right.named_query_id()));
    Ok(all)
}

/// Reads a batch. What AWS left unprocessed is asked for once more, and then is a failure: it is no absence.
async fn read_batch(cloud: &Cloud, mut ids: Vec<String>) -> Result<Vec<NamedQuery>, CloudError> {
    let mut all = Vec::new();
    for last in [false, true] {
        let request = cloud.athena().batch_get_named_query().set_named_query_ids(Some(ids));
        let answer = request.send().await.named(BATCH)?;
        all.extend(answer.named_queries.unwrap_or_default());
        ids = Vec::new();
        for left in answer.unprocessed_named_query_ids.unwrap_or_default() {
            let error = item_failure(BATCH, left.error_code(), left.error_message());
            match left.named_query_id {
                // Deleted since it was listed.
                _ if error.class == Class::NotFound => {}
                Some(id) if !last => ids.push(id),
                _ => return Err(error),
            }
        }
        if ids.is_empty() {
            break;
        }
    }
    Ok(all)
}

fn present(saved: &NamedQuery, wanted: &Fields) -> Present {
    let group = saved.work_group().unwrap_or(PRIMARY);
    let (description, mark) = split(saved.description().unwrap_or_default());
    // The catalog's names are the same in any case.
    let database = match wanted.text("database") {
        Some(wanted) if wanted.eq_ignore_ascii_case(saved.database()) => wanted,
        _ => saved.database(),
    };
    let mut fields = Fields::new();
    fields
        .set("name", saved.name())
        .set("sql", saved.query_string().trim_end())
        .set("database", Value::pointer("database", database, database))
        .set("workgroup", Value::pointer("workgroup", group, group));
    fields.set_some("description", Some(description).filter(|text| !text.is_empty()));
    let handle = saved.named_query_id().map(str::to_owned);
    Present { identity: format!("{group}/{}", saved.name()), handle, fields, mark }
}

/// The identity of a second one of ours under one name: it names the very query.
fn surplus_identity(present: &Present) -> String {
    format!("{} {}", present.identity, present.handle.as_deref().unwrap_or_default())
}

/// What a wanted query turned out to be, and the id of the live one that is its own. By its mark first, so that
/// a new name is an update; a name alone only ever finds what nobody marked.
fn choose(wanted: &Wanted, stack: &str, saved: &[NamedQuery]) -> (Live, Option<String>) {
    let found: Vec<Present> = saved.iter().map(|saved| present(saved, &wanted.fields)).collect();
    if let Some(exact) = found.iter().find(|one| surplus_identity(one) == wanted.identity) {
        let mut exact = exact.clone();
        exact.identity.clone_from(&wanted.identity);
        return (Live::Present(exact.clone()), exact.handle);
    }
    let marked = |one: &&Present| {
        one.mark.as_ref().is_some_and(|mark| mark.stack == stack && mark.address == wanted.address)
    };
    if let Some(own) = found.iter().find(marked) {
        return (Live::Present(own.clone()), own.handle.clone());
    }
    let (name, group) = (wanted.fields.text("name"), wanted.fields.text("workgroup").unwrap_or_default());
    let unmarked: Vec<&Present> =
        found.iter().filter(|one| one.mark.is_none() && one.fields.text("name") == name).collect();
    match unmarked.as_slice() {
        [] => (Live::Absent, None),
        [one] => (Live::Present((*one).clone()), one.handle.clone()),
        several => {
            let name = name.unwrap_or_default();
            let reason = format!(
                "the workgroup `{group}` has {} saved queries called `{name}`, none of them this stack's",
                several.len()
            );
            let hint = "delete or rename all but one of them, or choose another name".to_owned();
            (Live::Conflict { reason, hint: Some(hint) }, None)
        }
    }
}

/// The workgroups to look into: those of the wanted ones, the stack's own, and `primary`, where queries of a stack
/// without workgroups are.
fn groups(request: &SurveyRequest<'_>) -> BTreeSet<String> {
    let wanted = request.wanted.iter().filter_map(|wanted| wanted.fields.text("workgroup"));
    let mut groups: BTreeSet<String> = wanted.map(str::to_owned).collect();
    if request.find_owned {
        groups.insert(PRIMARY.to_owned());
        groups.extend(request.hints.get("workgroup").into_iter().flatten().cloned());
    }
    groups
}

/// Two applies at once may both have found none and made one: names are not unique. Of those that carry the
/// very mark everybody keeps the one with the first id, as [`choose`] does.
async fn keep_one(cloud: &Cloud, target: &Target) -> Result<(), CloudError> {
    let Some(mark) = &target.mark else { return Ok(()) };
    let saved = saved_in(cloud, target.fields.text("workgroup").unwrap_or(PRIMARY)).await?;
    let own = saved.into_iter().filter(|one| {
        let found = split(one.description().unwrap_or_default()).1;
        found.is_some_and(|found| found.stack == mark.stack && found.address == mark.address)
    });
    for surplus in own.skip(1) {
        let request = cloud.athena().delete_named_query().set_named_query_id(surplus.named_query_id);
        absent(request.send().await.named("athena:DeleteNamedQuery"))?;
    }
    Ok(())
}

#[async_trait]
impl Contact for Query {
    async fn resolve(&self, _cloud: &Cloud, mut wanted: Wanted) -> Result<Wanted, CloudError> {
        let (group, name) = (wanted.fields.text("workgroup"), wanted.fields.text("name"));
        wanted.identity = format!("{}/{}", group.unwrap_or(PRIMARY), name.unwrap_or_default());
        Ok(wanted)
    }

    async fn survey(&self, cloud: &Cloud, request: SurveyRequest<'_>) -> Survey {
        if request.wanted.is_empty() && !request.find_owned {
            return Survey::default();
        }
        let names: Vec<String> = groups(&request).into_iter().collect();
        let lists = each(names.clone(), |name| async move {
            // A workgroup that is not there yet has no queries.
            absent(saved_in(cloud, &name).await).map(Option::unwrap_or_default)
        })
        .await;
        let lists: BTreeMap<String, Result<Vec<NamedQuery>, CloudError>> =
            names.into_iter().zip(lists).collect();
        let mut survey = Survey::default();
        let mut taken: BTreeSet<String> = BTreeSet::new();
        for wanted in request.wanted {
            let group = wanted.fields.text("workgroup").unwrap_or(PRIMARY);
            let (live, id) = match lists.get(group) {
                Some(Ok(saved)) => choose(wanted, request.stack, saved),
                Some(Err(error)) => (Live::Unreadable(error.clone()), None),
                None => (Live::Absent, None),
            };
            taken.extend(id);
            survey.found.push(live);
        }
        if request.find_owned {
            let mut used: BTreeSet<String> = request.wanted.iter().map(|one| one.identity.clone()).collect();
            for list in lists.into_values() {
                match list {
                    Ok(saved) => {
                        for one in saved.iter().map(|saved| present(saved, &Fields::new())) {
                            let ours = one.mark.as_ref().is_some_and(|mark| mark.stack == request.stack);
                            if ours && !one.handle.as_ref().is_some_and(|id| taken.contains(id)) {
                                let mut one = one;
                                if !used.insert(one.identity.clone()) {
                                    one.identity = surplus_identity(&one);
                                }
                                survey.owned.push(one);
                            }
                        }
                    }
                    Err(error) => survey.blind = Some(error),
                }
            }
        }
        survey
    }

    /// The mark comes with the description, in the one call. The SDK gives each creation a token of its own and
    /// repeats it when the answer is lost; a token made of the fields would, after a delete, be answered with
    /// the id of what was deleted.
    async fn create(&self, cloud: &Cloud, target: &Target) -> Result<(), CloudError> {
        let text = |field: &str| target.fields.text(field).unwrap_or_default();
        let description = join(text("description"), target.mark.as_ref());
        cloud
            .athena()
            .create_named_query()
            .name(text("name"))
            .set_description(Some(description).filter(|text| !text.is_empty()))
            .database(text("database"))
            .query_string(text("sql"))
            .work_group(text("workgroup"))
            .send()
            .await
            .named("athena:CreateNamedQuery")?;
        keep_one(cloud, target).await
    }

    /// One call writes all three texts, and the mark with them.
    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target,
        live: &Present,
        changes: &[Change],
    ) -> Result<(), CloudError> {
        let text = |field: &str| {
            let change = changes.iter().find(|change| change.path.field() == field);
            let value = change.map_or_else(|| live.fields.get(field), |change| change.to.as_ref());
            value.and_then(Value::as_text).unwrap_or_default().to_owned()
        };
        cloud
            .athena()
            .update_named_query()
            .named_query_id(live.handle.clone().unwrap_or_default())
            .name(text("name"))
            .query_string(text("sql"))
            .description(join(&text("description"), target.mark.as_ref()))
            .send()
            .await
            .named(UPDATE)
            .map(drop)
    }

    async fn delete(&self, cloud: &Cloud, present: &Present, _force: Force) -> Result<(), CloudError> {
        let id = present.handle.clone().unwrap_or_default();
        let answer = cloud.athena().delete_named_query().named_query_id(id).send().await;
        absent(answer.named("athena:DeleteNamedQuery")).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use lakeform_model::{Address, Managed};

    use super::*;

    fn mark(adopted: bool) -> Mark {
        let address = Address::new("query", ["a [b] c=%"]);
        Mark { stack: "demo".into(), address, adopted, managed: Managed::default() }
    }

    #[test]
    fn a_mark_survives_the_description() {
        for text in ["", "one line", "two\nlines", "with [brackets] and a [lakeform"] {
            for mark in [None, Some(mark(false)), Some(mark(true))] {
                assert_eq!(split(&join(text, mark.as_ref())), (text.to_owned(), mark), "{text:?}");
            }
        }
        // A console that makes one line of it does no harm.
        let flat = join("text", Some(&mark(false))).replace('\n', " ");
        assert_eq!(split(&flat), ("text".to_owned(), Some(mark(false))));
    }

    #[test]
    fn what_only_looks_like_a_mark_is_text() {
        for text in ["[lakeform:]", "[lakeform: x=1]", "see [lakeform:stack=a] above"] {
            assert_eq!(split(text), (text.to_owned(), None), "{text:?}");
        }
    }
}
