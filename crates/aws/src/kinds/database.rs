//! `database`: a database of the Glue Data Catalog.
//!
//! Its mark lies in its `Parameters`, which come with every listing; so one `GetDatabases` page answers for a
//! hundred databases, and tags are read only where the manifest gives some.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_glue::types::{Database as GlueDatabase, DatabaseInput};
use lakeform_model::{
    Change, Class, CloudError, Draft, Entry, Facts, FieldRule, Fields, Force, Holds, Inventory, Key, Kind,
    Literal, MARK_PREFIX, Managed, Mark, Merge, Need, Place, Present, Purpose, Resource, Scope, Shape,
    Survey, SurveyRequest, Target, TextRule, Value, Wanted,
};

use crate::Cloud;
use crate::contact::{Contact, each, live};
use crate::error::{Named, absent};
use crate::glue_catalog;
use crate::s3_url;
use crate::tags::{self, TagPatch};

/// The kind.
pub(crate) struct Database;

const SHAPE: Shape = Shape::Object(&[
    Key::new(
        "name",
        Shape::Text(TextRule::checked("a database name", glue_catalog::name)),
        "The database's name, by default the key. Glue keeps it in lower case; Athena wants letters, digits and `_`.",
    ),
    Key::new(
        "description",
        Shape::Text(TextRule::checked("a description", glue_catalog::description)),
        "What it is about; at most 2,048 characters.",
    ),
    Key::new(
        "location",
        s3_url::SHAPE,
        "Where tables without a location of their own are put, as an S3 URL.",
    ),
    Key::new("parameters", glue_catalog::PARAMETERS, "Parameters of the database, besides the stack's mark."),
    tags::KEY,
]);

const RULES: &[FieldRule] = &[
    FieldRule::new("description").default(Literal::Text("")),
    FieldRule::new("location").absent().note("a final `/` is no difference"),
    FieldRule::new("parameters").merge(Merge::Keys).note("parameters that others wrote stay as they are"),
    tags::RULE,
];

impl Kind for Database {
    fn facts(&self) -> &'static Facts {
        &Facts {
            name: "database",
            place: &["databases"],
            shape: SHAPE,
            rules: RULES,
            holds: Holds::Configuration,
            about: "A database of the Glue Data Catalog: the namespace of tables that Athena and Glue jobs see.",
            beside: &[],
        }
    }

    fn identity(&self, entry: &Entry<'_>) -> String {
        entry.name().to_lowercase()
    }

    fn outputs(
        &self,
        _entry: &Entry<'_>,
        identity: &str,
        scope: &Scope<'_>,
    ) -> BTreeMap<&'static str, String> {
        let (partition, region, account) = (scope.partition(), scope.region, scope.account);
        BTreeMap::from([("arn", format!("arn:{partition}:glue:{region}:{account}:database/{identity}"))])
    }

    fn needs(&self, purpose: Purpose, resource: Option<&Resource>, place: &Place<'_>) -> Vec<Need> {
        let catalog = place.arn("glue", "catalog");
        let Some(resource) = resource else {
            let find = Need::new(["glue:GetDatabases"], [catalog, place.arn("glue", "database/*")]);
            return if purpose == Purpose::Plan { vec![find] } else { Vec::new() };
        };
        let name = &resource.identity;
        let database = place.arn("glue", &format!("database/{name}"));
        let tables = place.arn("glue", &format!("table/{name}/*"));
        let here = [catalog.clone(), database.clone()];
        match purpose {
            Purpose::Plan => vec![
                Need::new(["glue:GetDatabase"], here),
                Need::new(["glue:GetTables"], [catalog, database.clone(), tables]),
                Need::new(["glue:GetTags"], [database]),
            ],
            Purpose::Apply => {
                // Deleting one wants a say over what is in it. Source: the Glue guide, "Specifying AWS Glue resource
                // ARNs".
                let functions = place.arn("glue", &format!("userDefinedFunction/{name}/*"));
                vec![
                    Need::new(["glue:CreateDatabase", "glue:UpdateDatabase"], here),
                    Need::new(["glue:DeleteDatabase"], [catalog, database.clone(), tables, functions]),
                    Need::new(["glue:TagResource", "glue:UntagResource"], [database]),
                ]
            }
            Purpose::Run => vec![Need::new(["glue:GetDatabase"], here)],
        }
    }

    fn decode(&self, entry: &Entry<'_>, scope: &mut Scope<'_>) -> Option<Draft> {
        let name = entry.name();
        let at = entry.node.some("name").unwrap_or(entry.key);
        if let Err(problem) = glue_catalog::name(&name) {
            scope.error(at, format!("the database's name {problem}"));
            return None;
        }
        glue_catalog::warn_of_name("database", &name, at, scope);
        let mut fields = Fields::new();
        fields.set_some("description", entry.node.text("description"));
        fields.set_some("location", entry.node.text("location").map(|url| s3_url::value(&url)));
        let parameters = entry.node.some("parameters").map(lakeform_model::Node::text_map);
        fields.set_some(
            "parameters",
            parameters.filter(|parameters| !parameters.is_empty()).map(Value::text_map),
        );
        fields.set_some("tags", tags::desired(entry, scope));
        Some(Draft { fields, ..Draft::default() })
    }
}

#[async_trait]
impl Contact for Database {
    async fn survey(&self, cloud: &Cloud, request: SurveyRequest<'_>) -> Survey {
        if !request.find_owned && request.wanted.len() <= 1 {
            let found = each(request.wanted, |wanted| async move { live(read(cloud, wanted).await) }).await;
            return Survey { found, ..Survey::default() };
        }
        let listed = match list(cloud).await {
            Ok(listed) => listed,
            // Who may not list may still read the ones that are named.
            Err(error) => {
                let found =
                    each(request.wanted, |wanted| async move { live(read(cloud, wanted).await) }).await;
                return Survey { found, owned: Vec::new(), blind: request.find_owned.then_some(error) };
            }
        };
        let listed = &listed;
        let found = each(request.wanted, |wanted| async move {
            match listed.iter().find(|database| database.name.to_lowercase() == wanted.identity) {
                Some(database) => live(present(cloud, database, Some(&wanted.fields)).await.map(Some)),
                // Lake Formation lists only what the caller may see, so a list is no proof of absence.
                None => live(read(cloud, wanted).await),
            }
        })
        .await;
        let mut survey = Survey { found, ..Survey::default() };
        if request.find_owned {
            let others = listed.iter().filter(|database| {
                let is_wanted = request.wanted.iter().any(|w| w.identity == database.name.to_lowercase());
                let mark = Mark::split(parameters_of(database)).0;
                !is_wanted && mark.is_some_and(|mark| mark.stack == request.stack)
            });
            for read in each(others, |database| present(cloud, database, None)).await {
                match read {
                    Ok(present) => survey.owned.push(present),
                    Err(error) => survey.blind = Some(error),
                }
            }
        }
        survey
    }

    async fn inventory(&self, cloud: &Cloud, present: &Present) -> Result<Inventory, CloudError> {
        let stack = present.mark.as_ref().map(|mark| mark.stack.as_str());
        let others = others_tables(cloud, &present.identity, stack).await?;
        if others.is_empty() {
            return Ok(Inventory::default());
        }
        let shown = others.iter().take(10).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let more = if others.len() > 10 { ", …" } else { "" };
        let line = match others.len() {
            1 => format!("1 table that this stack did not make: {shown}"),
            count => format!("{count} tables that this stack did not make: {shown}{more}"),
        };
        Ok(Inventory { lines: vec![line], needs_permission: true })
    }

    async fn create(&self, cloud: &Cloud, target: &Target) -> Result<(), CloudError> {
        // The mark is in the very call that creates it, the tags too: nothing half-made can be left unmarked.
        let mut input = blank(&target.identity)?;
        for (field, value) in &target.fields.0 {
            set(&mut input, &[field.as_str()], Some(value));
        }
        put_mark(&mut input, target.mark.as_ref());
        let tags = target.fields.text_map("tags");
        cloud
            .glue
            .create_database()
            .database_input(input)
            .set_tags((!tags.is_empty()).then(|| tags.into_iter().collect()))
            .send()
            .await
            .named("glue:CreateDatabase")?;
        Ok(())
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target,
        live: &Present,
        changes: &[Change],
    ) -> Result<(), CloudError> {
        // Tags go first: the mark tells which tags are lakeform's, so it must not forget one that is still there.
        retag(cloud, target, live, changes).await?;
        let ours: Vec<&Change> = changes.iter().filter(|change| change.path.field() != "tags").collect();
        if ours.is_empty() && live.mark == target.mark {
            return Ok(());
        }
        // UpdateDatabase replaces the whole, so it starts from what is there now.
        // Source: the UpdateDatabase API reference.
        let output = cloud.glue.get_database().name(&target.identity).send().await;
        let output = output.named("glue:GetDatabase")?;
        let database = output.database.ok_or_else(|| no_answer("glue:GetDatabase"))?;
        let mut input = blank(&database.name)?;
        input.description = database.description;
        input.location_uri = database.location_uri;
        input.parameters = database.parameters;
        input.create_table_default_permissions = database.create_table_default_permissions;
        input.target_database = database.target_database;
        input.federated_database = database.federated_database;
        for change in ours {
            let path: Vec<&str> = change.path.0.iter().map(String::as_str).collect();
            set(&mut input, &path, change.to.as_ref());
        }
        put_mark(&mut input, target.mark.as_ref());
        let update = cloud.glue.update_database().name(&target.identity).database_input(input);
        update.send().await.named("glue:UpdateDatabase")?;
        Ok(())
    }

    async fn delete(&self, cloud: &Cloud, present: &Present, force: Force) -> Result<(), CloudError> {
        // DeleteDatabase takes every table with it. Source: the DeleteDatabase API reference.
        if force == Force::No {
            let stack = present.mark.as_ref().map(|mark| mark.stack.as_str());
            let others = others_tables(cloud, &present.identity, stack).await?;
            if let Some(first) = others.first() {
                let message = format!(
                    "`{}` holds {} that this stack may not delete, such as `{first}`",
                    present.identity,
                    if others.len() == 1 { "a table".to_owned() } else { format!("{} tables", others.len()) },
                );
                return Err(CloudError::new(Class::Invalid, "glue:DeleteDatabase", message));
            }
        }
        let deleted = cloud.glue.delete_database().name(&present.identity).send().await;
        absent(deleted.named("glue:DeleteDatabase")).map(drop)
    }
}

/// Every database of the account, with what its listing tells.
pub(super) async fn list(cloud: &Cloud) -> Result<Vec<GlueDatabase>, CloudError> {
    let mut databases = Vec::new();
    let mut token: Option<String> = None;
    loop {
        // 100 is the most. Source: the GetDatabases API reference.
        let request = cloud.glue.get_databases().max_results(100).set_next_token(token.clone());
        let page = request.send().await.named("glue:GetDatabases")?;
        databases.extend(page.database_list);
        match page.next_token.filter(|next| !next.is_empty() && Some(next) != token.as_ref()) {
            Some(next) => token = Some(next),
            None => return Ok(databases),
        }
    }
}

/// What a database carries that came with its listing.
pub(super) fn parameters_of(database: &GlueDatabase) -> BTreeMap<String, String> {
    database.parameters.iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

async fn read(cloud: &Cloud, wanted: &Wanted) -> Result<Option<Present>, CloudError> {
    let output = cloud.glue.get_database().name(&wanted.identity).send().await;
    let Some(output) = absent(output.named("glue:GetDatabase"))? else { return Ok(None) };
    let database = output.database.ok_or_else(|| no_answer("glue:GetDatabase"))?;
    present(cloud, &database, Some(&wanted.fields)).await.map(Some)
}

async fn present(
    cloud: &Cloud,
    database: &GlueDatabase,
    wanted: Option<&Fields>,
) -> Result<Present, CloudError> {
    let identity = database.name.to_lowercase();
    let (mut fields, mark) = fields_of(database, wanted);
    if wanted.is_some_and(|wanted| wanted.get("tags").is_some()) || may_manage_more(mark.as_ref(), &fields) {
        let arn = cloud.arn("glue", &format!("database/{identity}"));
        let output = cloud.glue.get_tags().resource_arn(arn).send().await.named("glue:GetTags")?;
        tags::read(&mut fields, output.tags.unwrap_or_default().into_iter().collect());
    }
    Ok(Present { identity, handle: None, fields, mark })
}

/// Whether the mark manages more than the parameters that are there: tags then, which cost a call to see.
fn may_manage_more(mark: Option<&Mark>, fields: &Fields) -> bool {
    let none = Managed::default();
    let managed = mark.map_or(&none, |mark| &mark.managed);
    glue_catalog::explained(managed, fields, &["parameters"]) < managed.len()
}

fn fields_of(database: &GlueDatabase, wanted: Option<&Fields>) -> (Fields, Option<Mark>) {
    let mut fields = Fields::new();
    let (mark, parameters) = Mark::split(parameters_of(database));
    fields.set_some("description", database.description.as_deref().filter(|text| !text.is_empty()));
    let location = database.location_uri.as_deref().filter(|url| !url.is_empty());
    let meant = wanted.and_then(|wanted| wanted.text("location"));
    fields.set_some("location", location.map(|url| s3_url::live_value(url, meant)));
    fields.set_some("parameters", (!parameters.is_empty()).then(|| Value::text_map(parameters)));
    (fields, mark)
}

/// Puts one field, or one key of a map, into a definition.
fn set(input: &mut DatabaseInput, path: &[&str], value: Option<&Value>) {
    let text = || value.and_then(Value::as_text).map(str::to_owned);
    match path {
        ["description"] => input.description = text(),
        ["location"] => input.location_uri = text(),
        ["parameters"] => {
            input
                .parameters
                .get_or_insert_default()
                .extend(value.map(Value::to_text_map).unwrap_or_default());
        }
        ["parameters", key] => glue_catalog::put(&mut input.parameters, key, text()),
        _ => {}
    }
}

fn put_mark(input: &mut DatabaseInput, mark: Option<&Mark>) {
    glue_catalog::put_mark(input.parameters.get_or_insert_default(), mark);
}

async fn retag(cloud: &Cloud, target: &Target, live: &Present, changes: &[Change]) -> Result<(), CloudError> {
    let mut patch = TagPatch::of(target, live, changes);
    // The mark lies in the parameters.
    patch.set.retain(|key, _| !key.starts_with(MARK_PREFIX));
    patch.remove.retain(|key| !key.starts_with(MARK_PREFIX));
    let arn = cloud.arn("glue", &format!("database/{}", target.identity));
    if !patch.remove.is_empty() {
        let untag = cloud.glue.untag_resource().resource_arn(&arn).set_tags_to_remove(Some(patch.remove));
        untag.send().await.named("glue:UntagResource")?;
    }
    if !patch.set.is_empty() {
        let tag = cloud.glue.tag_resource().resource_arn(&arn);
        let tag = tag.set_tags_to_add(Some(patch.set.into_iter().collect()));
        tag.send().await.named("glue:TagResource")?;
    }
    Ok(())
}

/// The tables that deleting a database would take from others: unmarked, another stack's, or adopted.
async fn others_tables(
    cloud: &Cloud,
    database: &str,
    stack: Option<&str>,
) -> Result<Vec<String>, CloudError> {
    let tables = glue_catalog::tables(cloud, database).await?;
    let others = tables.into_iter().flatten().filter(|table| {
        let mark = Mark::split(glue_catalog::parameters(table)).0;
        !mark.is_some_and(|mark| !mark.adopted && Some(mark.stack.as_str()) == stack)
    });
    Ok(others.map(|table| table.name).collect())
}

fn blank(name: &str) -> Result<DatabaseInput, CloudError> {
    DatabaseInput::builder().name(name).build().map_err(|error| glue_catalog::unbuilt(&error))
}

fn no_answer(operation: &str) -> CloudError {
    CloudError::new(Class::Unknown, operation, "the answer holds no database")
}

#[cfg(test)]
mod tests {
    use lakeform_model::diff;

    use super::*;

    fn differences(wanted: &Fields, database: &GlueDatabase) -> Vec<String> {
        let (live, mark) = fields_of(database, Some(wanted));
        let managed = mark.map(|mark| mark.managed).unwrap_or_default();
        diff(wanted, &live, RULES, &managed).iter().map(|change| change.path.to_string()).collect()
    }

    #[test]
    fn what_aws_fills_in_is_no_difference() {
        let untouched = GlueDatabase::builder()
            .name("sales")
            .set_parameters(Some(std::collections::HashMap::new()))
            .description("")
            .build()
            .unwrap();
        assert_eq!(differences(&Fields::new(), &untouched), Vec::<String>::new());
    }

    #[test]
    fn a_final_slash_and_foreign_parameters_are_no_difference() {
        let mut wanted = Fields::new();
        wanted.set("location", s3_url::value("s3://lake/sales/"));
        let database = GlueDatabase::builder()
            .name("sales")
            .location_uri("s3://lake/sales")
            .parameters("written_by", "a colleague")
            .build()
            .unwrap();
        assert_eq!(differences(&wanted, &database), Vec::<String>::new());
        assert_eq!(differences(&Fields::new(), &database), ["location"]);
    }
}
