//! What the data plane needs to know of a stack: its workgroup, its database, its jobs in their order, its saved
//! queries.

use std::collections::{BTreeMap, BTreeSet};

use lakeform_engine::{Job, JobOrder};
use lakeform_model::{Desired, Flow, Resource, Value};

use crate::error::Problem;

/// The resources of one kind, in the order of their addresses.
pub(crate) fn of_kind<'a>(desired: &'a Desired, kind: &'a str) -> impl Iterator<Item = &'a Resource> {
    desired.resources.values().filter(move |resource| resource.address.kind() == kind)
}

/// The one a user means by its key, its address or its name in AWS.
fn named<'a>(desired: &'a Desired, kind: &'a str, name: &str) -> Option<&'a Resource> {
    let fits = |resource: &&Resource| {
        resource.address.key() == name || resource.address.to_string() == name || resource.identity == name
    };
    of_kind(desired, kind).find(fits)
}

fn keys(desired: &Desired, kind: &str) -> String {
    let keys: Vec<String> =
        of_kind(desired, kind).map(|resource| format!("`{}`", resource.address.key())).collect();
    if keys.is_empty() { "none".to_owned() } else { keys.join(", ") }
}

/// The name of the workgroup: the one asked for, else the stack's only one, else Athena's own.
pub(crate) fn workgroup(desired: &Desired, asked: Option<&str>) -> Result<Option<String>, Problem> {
    one_of(desired, "workgroup", asked)
}

/// The name of the database: the one asked for, else the stack's only one.
pub(crate) fn database(desired: &Desired, asked: Option<&str>) -> Result<Option<String>, Problem> {
    match one_of(desired, "database", asked) {
        // Several databases are no problem for SQL that names them.
        Err(_) if asked.is_none() => Ok(None),
        result => result,
    }
}

fn one_of(desired: &Desired, kind: &str, asked: Option<&str>) -> Result<Option<String>, Problem> {
    if let Some(asked) = asked {
        // What the manifest does not know may exist all the same, under its name in AWS.
        return Ok(Some(
            named(desired, kind, asked).map_or_else(|| asked.to_owned(), |found| found.identity.clone()),
        ));
    }
    let mut all = of_kind(desired, kind);
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(only), None) => Ok(Some(only.identity.clone())),
        (Some(_), Some(_)) => Err(Problem::new(format!("the stack has several {kind}s"))
            .hint(format!("choose one with `--{kind}`: {}", keys(desired, kind)))),
    }
}

/// A saved query of the manifest: its SQL, and where it runs.
pub(crate) struct SavedQuery {
    pub(crate) sql: String,
    pub(crate) database: Option<String>,
    pub(crate) workgroup: Option<String>,
}

/// The saved query of that name.
pub(crate) fn saved_query(desired: &Desired, name: &str) -> Option<SavedQuery> {
    let found = of_kind(desired, "query").find(|resource| {
        resource.address.key() == name
            || resource.address.to_string() == name
            || resource.fields.text("name") == Some(name)
    })?;
    // A pointer's text may be spelled in another way than the name: its identity is the name.
    let name_of = |field: &str| {
        found.fields.get(field).map(|value| match value {
            Value::Pointer(pointer) => pointer.identity.clone(),
            other => other.to_string(),
        })
    };
    Some(SavedQuery {
        sql: found.fields.text("sql")?.to_owned(),
        database: name_of("database"),
        workgroup: name_of("workgroup"),
    })
}

/// The stack's jobs that can be run, in their order; `after` counts in that order.
pub(crate) fn jobs(desired: &Desired) -> Result<Vec<Job>, Problem> {
    let nothing = Flow::default();
    let resources: Vec<&Resource> = of_kind(desired, "job").collect();
    let flows: Vec<(&str, &Flow)> =
        resources.iter().map(|job| (job.address.key(), job.flow.as_ref().unwrap_or(&nothing))).collect();
    let order = JobOrder::of(&flows, &locations(desired)).map_err(|error| {
        Problem::new(error.to_string())
            .hint("look at their `reads` and `writes`: one of them must come first")
    })?;
    let place: BTreeMap<usize, usize> =
        order.sequence().iter().enumerate().map(|(place, job)| (*job, place)).collect();
    let job = |index: &usize| {
        let resource = resources[*index];
        Job {
            key: resource.address.key().to_owned(),
            name: resource.identity.clone(),
            after: order.before(*index).iter().map(|before| place[before]).collect(),
            max_retries: resource
                .fields
                .int("max_retries")
                .and_then(|retries| u32::try_from(retries).ok())
                .unwrap_or(0),
        }
    };
    Ok(order.sequence().iter().map(job).collect())
}

/// Where the tables keep their data, by the names that `reads` and `writes` may use: keys and names in AWS.
fn locations(desired: &Desired) -> BTreeMap<String, String> {
    let mut locations = BTreeMap::new();
    for table in of_kind(desired, "table") {
        let Some(location) = table.fields.text("location") else { continue };
        locations.insert(table.address.keys().join("."), location.to_owned());
        locations.insert(table.identity.replacen('/', ".", 1), location.to_owned());
    }
    locations
}

/// The jobs a user asked for, their `after` counting among them: named ones, `from` one on, or all.
pub(crate) fn select(
    jobs: &[Job],
    names: &[String],
    from: Option<&str>,
    all: bool,
) -> Result<Vec<Job>, Problem> {
    let known = || jobs.iter().map(|job| format!("`{}`", job.key)).collect::<Vec<_>>().join(", ");
    if jobs.is_empty() {
        return Err(Problem::new("the manifest has no jobs"));
    }
    let find = |name: &str| {
        let found = jobs
            .iter()
            .position(|job| job.key == name || job.name == name || format!("job.{}", job.key) == name);
        found.ok_or_else(|| {
            Problem::new(format!("the manifest has no job `{name}`")).hint(format!("its jobs: {}", known()))
        })
    };
    let chosen: BTreeSet<usize> = if all {
        (0..jobs.len()).collect()
    } else if let Some(from) = from {
        let start = find(from)?;
        (0..jobs.len()).filter(|job| *job == start || jobs[*job].after.contains(&start)).collect()
    } else if names.is_empty() {
        return Err(Problem::new("which jobs?").hint(format!("name them, or give `--all`: {}", known())));
    } else {
        names.iter().map(|name| find(name)).collect::<Result<_, _>>()?
    };
    let place: BTreeMap<usize, usize> = chosen.iter().enumerate().map(|(place, job)| (*job, place)).collect();
    let job = |index: &usize| Job {
        after: jobs[*index].after.iter().filter_map(|before| place.get(before).copied()).collect(),
        ..jobs[*index].clone()
    };
    Ok(chosen.iter().map(job).collect())
}

#[cfg(test)]
mod tests {
    use lakeform_model::{Address, Fields, Permissions, Span};

    use super::*;

    fn resource(kind: &str, keys: &[&str], identity: &str) -> Resource {
        Resource {
            address: Address::new(kind, keys.iter().copied()),
            identity: identity.to_owned(),
            fields: Fields::new(),
            files: BTreeMap::new(),
            depends_on: BTreeSet::new(),
            flow: None,
            permissions: Permissions::default(),
            span: Span::default(),
        }
    }

    fn desired(resources: Vec<Resource>) -> Desired {
        let resources = resources.into_iter().map(|resource| (resource.address.clone(), resource)).collect();
        Desired { resources, ..Desired::default() }
    }

    fn job(key: &str, reads: &[&str], writes: &[&str]) -> Resource {
        let texts = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        let flow = Some(Flow { reads: texts(reads), writes: texts(writes) });
        Resource { flow, ..resource("job", &[key], &format!("stedi-{key}")) }
    }

    #[test]
    fn a_lone_workgroup_is_meant_and_several_must_be_chosen_from() {
        let one = desired(vec![resource("workgroup", &["a"], "wg-a")]);
        assert_eq!(workgroup(&one, None).unwrap().as_deref(), Some("wg-a"));
        let two = desired(vec![resource("workgroup", &["a"], "wg-a"), resource("workgroup", &["b"], "wg-b")]);
        assert!(workgroup(&two, None).unwrap_err().render().contains("`a`, `b`"));
        assert_eq!(workgroup(&two, Some("b")).unwrap().as_deref(), Some("wg-b"));
        assert_eq!(workgroup(&two, Some("primary")).unwrap().as_deref(), Some("primary"));
        assert_eq!(workgroup(&desired(Vec::new()), None).unwrap(), None);
    }

    #[test]
    fn jobs_are_ordered_through_the_tables_they_share() {
        let mut table = resource("table", &["db", "clean"], "aws_db/clean");
        table.fields.set("location", "s3://lake/clean/");
        let all = desired(vec![
            job("a_last", &["s3://lake/clean"], &[]),
            job("b_first", &["db.raw"], &["aws_db.clean"]),
            table,
        ]);
        let jobs = jobs(&all).unwrap();
        let keys: Vec<&str> = jobs.iter().map(|job| job.key.as_str()).collect();
        assert_eq!(keys, ["b_first", "a_last"]);
        assert_eq!(jobs[1].after, BTreeSet::from([0]));
    }

    #[test]
    fn a_selection_keeps_the_order_and_names_what_there_is() {
        let all = desired(vec![
            job("a", &["db.2"], &["db.3"]),
            job("b", &["db.1"], &["db.2"]),
            job("c", &[], &["db.1"]),
        ]);
        let jobs = jobs(&all).unwrap();
        let select = |names: &[&str], from: Option<&str>| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            select(&jobs, &names, from, false)
        };
        let chosen = select(&["a", "stedi-c"], None).unwrap();
        assert_eq!(chosen.iter().map(|job| job.key.as_str()).collect::<Vec<_>>(), ["c", "a"]);
        assert_eq!(chosen[1].after, BTreeSet::from([0]), "it comes after `c` through `b`");
        assert_eq!(select(&[], Some("job.b")).unwrap().len(), 2);
        assert!(select(&["x"], None).unwrap_err().render().contains("its jobs: `c`, `b`, `a`"));
        assert!(select(&[], None).unwrap_err().render().contains("`--all`"));
    }
}
