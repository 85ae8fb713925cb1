//! Reads live tables with the fewest calls: a page of a hundred at a time, or one by one where few are wanted.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_glue::types::Table;
use lakeform_model::{CloudError, Fields, Live, Managed, Mark, Present, Survey, SurveyRequest, Wanted};

use super::{get, indexes, live, parts};
use crate::contact::{each, live as answered};
use crate::kinds::database;
use crate::{Cloud, glue_catalog};

/// Up to so many tables of a database are read one by one, when nothing else has to be found there.
const FEW: usize = 3;

type Listed = Result<Vec<Table>, CloudError>;

pub(super) async fn survey(cloud: &Cloud, request: SurveyRequest<'_>) -> Survey {
    let mut per_database: BTreeMap<&str, usize> = BTreeMap::new();
    for wanted in request.wanted {
        *per_database.entry(parts(&wanted.identity).0).or_default() += 1;
    }
    let mut blind: Option<CloudError> = None;
    let mut listed: BTreeSet<String> = BTreeSet::new();
    if request.find_owned {
        // A table of this stack lives in a database that the manifest names or that carries the stack's mark,
        // which the listing of databases tells.
        listed.extend(per_database.keys().map(|name| (*name).to_owned()));
        match database::list(cloud).await {
            Ok(databases) => listed.extend(databases.iter().filter_map(|database| {
                let mark = Mark::split(database::parameters_of(database)).0?;
                (mark.stack == request.stack).then(|| database.name.to_lowercase())
            })),
            Err(error) => blind = Some(error),
        }
    } else {
        listed.extend(
            per_database.iter().filter(|(_, count)| **count > FEW).map(|(name, _)| (*name).to_owned()),
        );
    }
    let lists = each(listed, |name| async move {
        let list = glue_catalog::tables(cloud, &name).await.map(Option::unwrap_or_default);
        (name, list)
    });
    let lists: BTreeMap<String, Listed> = lists.await.into_iter().collect();
    let found = each(request.wanted, |wanted| find(cloud, wanted, lists.get(parts(&wanted.identity).0)));
    let mut survey = Survey { found: found.await, owned: Vec::new(), blind };
    if request.find_owned {
        let names: BTreeSet<&str> = request.wanted.iter().map(|wanted| wanted.identity.as_str()).collect();
        let mut owned: Vec<(String, Table)> = Vec::new();
        for (database, list) in &lists {
            for table in list.iter().flatten() {
                let mark = Mark::split(glue_catalog::parameters(table)).0;
                let ours = mark.is_some_and(|mark| mark.stack == request.stack);
                if ours && !names.contains(live::identity(database, table).as_str()) {
                    owned.push((database.clone(), table.clone()));
                }
            }
        }
        let reads =
            each(owned, |(database, table)| async move { present(cloud, &database, &table, None).await });
        for read in reads.await {
            match read {
                Ok(present) => survey.owned.push(present),
                Err(error) => survey.blind = Some(error),
            }
        }
        if let Some(error) = lists.values().find_map(|list| list.as_ref().err()) {
            survey.blind = Some(error.clone());
        }
    }
    survey
}

async fn find(cloud: &Cloud, wanted: &Wanted, listed: Option<&Listed>) -> Live {
    let (database, name) = parts(&wanted.identity);
    let table = match listed {
        Some(Err(error)) => return Live::Unreadable(error.clone()),
        Some(Ok(tables)) => match tables.iter().find(|table| table.name.to_lowercase() == name) {
            Some(table) => present(cloud, database, table, Some(&wanted.fields)).await.map(Some),
            None => Ok(None),
        },
        None => match get(cloud, &wanted.identity).await {
            Ok(Some(table)) => present(cloud, database, &table, Some(&wanted.fields)).await.map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        },
    };
    answered(table)
}

async fn present(
    cloud: &Cloud,
    database: &str,
    table: &Table,
    wanted: Option<&Fields>,
) -> Result<Present, CloudError> {
    let (mut fields, mark) = live::fields(database, table, wanted);
    let identity = live::identity(database, table);
    let partitioned = table.partition_keys.as_ref().is_some_and(|keys| !keys.is_empty());
    let asked = wanted.is_some_and(|wanted| wanted.get("partition_indexes").is_some());
    if partitioned && (asked || may_manage_more(mark.as_ref(), &fields)) {
        fields.set_some("partition_indexes", indexes::read(cloud, &identity).await?);
    }
    Ok(Present { identity, handle: None, fields, mark })
}

/// Whether the mark manages more than the parameters that are there: indexes then, which cost a call to see.
fn may_manage_more(mark: Option<&Mark>, fields: &Fields) -> bool {
    let none = Managed::default();
    let managed = mark.map_or(&none, |mark| &mark.managed);
    let maps = ["parameters", "serde_parameters", "storage_parameters"];
    glue_catalog::explained(managed, fields, &maps) < managed.len()
}
