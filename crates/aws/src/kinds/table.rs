//! `table`: a table of the Glue Data Catalog, described by columns or by the `CREATE EXTERNAL TABLE` file that a
//! user runs in Athena.
//!
//! Its mark lies in its `Parameters`: tables take no tags. What the manifest says is turned into a definition in
//! [`decode`], what AWS says into the same fields in [`live`], and a change into a `TableInput` in [`input`].

mod decode;
mod iceberg;
mod indexes;
mod input;
mod live;
mod survey;

use async_trait::async_trait;
use lakeform_model::{
    Change, Class, CloudError, Draft, Entry, Facts, FieldRule, Force, Holds, Inventory, Key, Kind, Literal,
    Merge, Need, OnChange, Place, Present, Purpose, Resource, Scope, Shape, Show, Survey, SurveyRequest,
    Target, TextRule,
};

use super::database;
use crate::contact::Contact;
use crate::error::{Named, absent};
use crate::s3_url::{self, S3Url};
use crate::{Cloud, glue_catalog};

/// The kind.
pub(crate) struct Table;

const DESCRIPTION: Shape = Shape::Text(TextRule::checked("a description", glue_catalog::description));
const COMMENT: Shape = Shape::Text(TextRule::checked("a comment", decode::comment));
const COLUMN_NAME: TextRule = TextRule::checked("a column name", decode::column_name);
const CLASS: Shape = Shape::Text(TextRule::checked("a Java class", decode::class));

const COLUMN: &[Key] = &[
    Key::required("name", Shape::Text(COLUMN_NAME), "The name; the catalog keeps it in lower case."),
    Key::required("type", Shape::TEXT, "The Hive type, such as `bigint` or `array<struct<id:int>>`."),
    Key::new("comment", COMMENT, "What it holds; at most 255 characters."),
];
/// Columns as a list, or in short as a mapping of names to types, whose order counts.
const COLUMNS: Shape =
    Shape::Any(&[Shape::List(&Shape::Object(COLUMN)), Shape::Map(COLUMN_NAME, &Shape::TEXT)]);
const SORT_COLUMNS: Shape = Shape::List(&Shape::Any(&[
    Shape::TEXT,
    Shape::Object(&[
        Key::required("column", Shape::TEXT, "The column."),
        Key::new("order", Shape::Word(&["asc", "desc"]), "`asc` (the default) or `desc`."),
    ]),
]));
const SERDE: Shape = Shape::Object(&[
    Key::required("library", CLASS, "The class that reads and writes rows."),
    Key::new("parameters", Shape::TEXT_MAP, "What that class is told."),
    Key::new("input_format", CLASS, "The class that splits files into records; by default Hive's for text."),
    Key::new("output_format", CLASS, "The class that writes records; by default Hive's for text."),
]);

const KEYS: &[Key] = &[
    Key::new(
        "name",
        Shape::Text(TextRule::checked("a table name", glue_catalog::name)),
        "The table's name, by default the key. Glue keeps it in lower case; Athena wants letters, digits and `_`.",
    ),
    Key::new(
        "ddl",
        Shape::Text(TextRule::named("a path")),
        "A file with the `CREATE EXTERNAL TABLE` statement of this table, in Athena's dialect, interpolated like the manifest. It stands in place of `columns`, `format` and what else a statement says.",
    ),
    Key::new("description", DESCRIPTION, "What it holds; at most 2,048 characters."),
    Key::new(
        "columns",
        COLUMNS,
        "The columns in their order: a list of `name`, `type`, `comment`, or a mapping of names to types. Left out, whatever is there stays, such as what a crawler wrote.",
    ),
    Key::new("partition_keys", COLUMNS, "The columns whose values are folders of the location, not data."),
    Key::new("location", s3_url::SHAPE, "The folder of the data, as an S3 URL."),
    Key::new(
        "format",
        Shape::Word(decode::FORMATS),
        "How the files are read: names the SerDe and its formats. `json` is the OpenX SerDe, `csv` the OpenCSV SerDe (every column a string). A new table's `classification`, which Glue jobs want, follows from it unless `parameters` gives one.",
    ),
    Key::new("serde", SERDE, "The SerDe and its formats, in place of `format`."),
    Key::new("serde_parameters", Shape::TEXT_MAP, "What the SerDe is told, besides what `format` implies."),
    Key::new(
        "parameters",
        glue_catalog::PARAMETERS,
        "Table parameters, as in `TBLPROPERTIES`, partition projection included; over those of the `ddl` file.",
    ),
    Key::new("storage_parameters", Shape::TEXT_MAP, "Parameters of the storage descriptor."),
    Key::new(
        "partitioning",
        Shape::TEXTS,
        "How an Iceberg table derives its partitions, when it is created: `day(ts)`, `bucket(16, id)`, or a column.",
    ),
    Key::new(
        "partition_indexes",
        Shape::Map(TextRule::checked("an index name", glue_catalog::name), &Shape::TEXTS),
        "Partition indexes by name, each a list of partition keys; at most 3.",
    ),
    Key::new("bucket_columns", Shape::TEXTS, "The columns that rows are bucketed by."),
    Key::new("number_of_buckets", Shape::Int { min: 1, max: i32::MAX as i64 }, "How many buckets there are."),
    Key::new("sort_columns", SORT_COLUMNS, "The columns that rows are sorted by within a bucket."),
    Key::new("compressed", Shape::Bool, "Whether the data is said to be compressed."),
    Key::new("stored_as_sub_directories", Shape::Bool, "Whether skewed values have folders of their own."),
    Key::new(
        "table_type",
        Shape::Word(&["EXTERNAL_TABLE", "VIRTUAL_VIEW"]),
        "`EXTERNAL_TABLE` (the default) or `VIRTUAL_VIEW`.",
    ),
    Key::new("view_original_text", Shape::TEXT, "A view's text, as Athena encodes it."),
    Key::new("view_expanded_text", Shape::TEXT, "A view's expanded text; Athena writes `/* Presto View */`."),
    Key::new("owner", Shape::TEXT, "The owner's name; Glue does not use it."),
    Key::new(
        "retention",
        Shape::Int { min: 0, max: i32::MAX as i64 },
        "The retention; Glue does not use it.",
    ),
];

const FOREIGN_KEY: &str = "what Athena, crawlers and Iceberg writers wrote stays as it is";
const STATISTICS: &str = "crawlers and Athena write it";
const ICEBERG: &str = "the schema of an Iceberg table is in its metadata, which the catalog does not change: use ALTER TABLE in Athena or Spark, then make the manifest say the same";

/// Where those who change a table's columns sign. Source: observed on tables that Glue jobs and crawlers updated.
const WRITERS: &[(&str, &str, &str)] =
    &[("parameters", "UpdatedByJob", "job"), ("parameters", "UPDATED_BY_CRAWLER", "crawler")];

const RULES: &[FieldRule] = &[
    FieldRule::new("database").on_change(OnChange::Replace),
    FieldRule::new("description").default(Literal::Text("")),
    FieldRule::new("columns")
        .note("partitions that are registered already keep their own columns")
        .writers(WRITERS),
    FieldRule::new("partition_keys").default(Literal::EmptyList).on_change(OnChange::Replace).note(
        "registered partitions are bound to the keys; the data stays, its partitions are to be registered again",
    ),
    FieldRule::new("partition_key_comments").default(Literal::EmptyMap),
    FieldRule::new("location").note("a final `/` is no difference"),
    FieldRule::new("serde_library"),
    FieldRule::new("input_format"),
    FieldRule::new("output_format"),
    FieldRule::new("serde_parameters").merge(Merge::Keys).note(FOREIGN_KEY),
    FieldRule::new("storage_parameters").merge(Merge::Keys).note(FOREIGN_KEY),
    FieldRule::new("parameters").merge(Merge::Keys).note(FOREIGN_KEY),
    FieldRule::new("parameters.EXTERNAL").on_change(OnChange::Ignore).note(STATISTICS),
    FieldRule::new("parameters.transient_lastDdlTime").on_change(OnChange::Ignore).note(STATISTICS),
    FieldRule::new("parameters.CrawlerSchemaDeserializerVersion")
        .on_change(OnChange::Ignore)
        .note(STATISTICS),
    FieldRule::new("parameters.CrawlerSchemaSerializerVersion").on_change(OnChange::Ignore).note(STATISTICS),
    FieldRule::new("parameters.UPDATED_BY_CRAWLER").on_change(OnChange::Ignore).note(STATISTICS),
    FieldRule::new("parameters.averageRecordSize").on_change(OnChange::Ignore).note(STATISTICS),
    FieldRule::new("parameters.objectCount").on_change(OnChange::Ignore).note(STATISTICS),
    FieldRule::new("parameters.recordCount").on_change(OnChange::Ignore).note(STATISTICS),
    FieldRule::new("parameters.sizeKey").on_change(OnChange::Ignore).note(STATISTICS),
    FieldRule::new("partition_indexes").merge(Merge::Keys).note("indexes that others made stay as they are"),
    FieldRule::new("bucket_columns").default(Literal::EmptyList),
    FieldRule::new("number_of_buckets").absent(),
    FieldRule::new("sort_columns").default(Literal::EmptyList),
    FieldRule::new("compressed").default(Literal::Bool(false)),
    FieldRule::new("stored_as_sub_directories").default(Literal::Bool(false)),
    FieldRule::new("table_type"),
    FieldRule::new("open_table_format").absent().on_change(OnChange::Replace).note(
        "an Iceberg table has metadata of its own, so another format is another table; files stay in S3",
    ),
    FieldRule::new("iceberg").on_change(OnChange::Refuse).note(ICEBERG),
    FieldRule::new("iceberg.partitioning")
        .on_change(OnChange::Ignore)
        .note("used when the table is created; the catalog does not tell it afterwards"),
    FieldRule::new("view_original_text").absent().show(Show::Lines),
    FieldRule::new("view_expanded_text").absent().show(Show::Lines),
    FieldRule::new("owner").note("Athena writes one of its own"),
    FieldRule::new("retention").default(Literal::Int(0)),
];

impl Kind for Table {
    fn facts(&self) -> &'static Facts {
        &Facts {
            name: "table",
            place: &["databases", "*", "tables"],
            shape: Shape::Object(KEYS),
            rules: RULES,
            holds: Holds::Configuration,
            about: "A table of the Glue Data Catalog: columns, format and location of data in S3.",
            beside: &[],
        }
    }

    /// The data is in S3 and stays there: what a table holds is configuration. Registered partitions go with it
    /// and can be registered again, so the inventory names them and asks for no permission; the pointer to the
    /// rows of an Iceberg table cannot be had again from the manifest, so there it does.
    fn identity(&self, entry: &Entry<'_>) -> String {
        format!("{}/{}", decode::database(entry), entry.name().to_lowercase())
    }

    fn outputs(
        &self,
        _entry: &Entry<'_>,
        identity: &str,
        scope: &Scope<'_>,
    ) -> std::collections::BTreeMap<&'static str, String> {
        let (partition, region, account) = (scope.partition(), scope.region, scope.account);
        let arn = format!("arn:{partition}:glue:{region}:{account}:table/{identity}");
        let name = identity.rsplit('/').next().unwrap_or(identity).to_owned();
        [("arn", arn), ("name", name)].into()
    }

    fn needs(&self, purpose: Purpose, resource: Option<&Resource>, place: &Place<'_>) -> Vec<Need> {
        let Some(resource) = resource else { return database::Database.needs(purpose, None, place) };
        let (database, name) = parts(&resource.identity);
        let fields = &resource.fields;
        let (catalog, holder) =
            (place.arn("glue", "catalog"), place.arn("glue", &format!("database/{database}")));
        let on = |table: &str| {
            [catalog.clone(), holder.clone(), place.arn("glue", &format!("table/{database}/{table}"))]
        };
        let partitioned = fields.get("partition_keys").is_some();
        let iceberg = fields.get("open_table_format").is_some();
        let location = fields.text("location").and_then(S3Url::parse);
        let data = location.map(|url| (place.s3(&url.bucket), place.s3(&data_of(&url))));
        match purpose {
            Purpose::Plan => {
                let mut needs = vec![Need::new(["glue:GetTables"], on("*"))];
                if partitioned {
                    needs.push(Need::new(["glue:GetPartitions", "glue:GetPartitionIndexes"], on(name)));
                }
                if iceberg {
                    needs.push(Need::new(["glue:GetTable"], on(name)));
                }
                needs
            }
            Purpose::Apply => {
                let mut actions =
                    vec!["glue:GetTable", "glue:CreateTable", "glue:UpdateTable", "glue:DeleteTable"];
                if fields.get("partition_indexes").is_some() {
                    actions.extend(["glue:CreatePartitionIndex", "glue:DeletePartitionIndex"]);
                }
                let mut needs = vec![Need::new(actions, on(name))];
                if let (true, Some((_, keys))) = (iceberg, data) {
                    // Glue writes the first metadata in the caller's name.
                    needs.push(Need::new(["s3:GetObject", "s3:PutObject"], [keys]));
                }
                needs
            }
            Purpose::Run => {
                // Athena reads the catalog and the data in the caller's name. Source: the Athena user guide,
                // "Fine-grained access to databases and tables".
                let mut needs = vec![Need::new(["glue:GetTable"], on(name))];
                if partitioned {
                    let partitions = ["glue:GetPartition", "glue:GetPartitions", "glue:BatchGetPartition"];
                    needs.push(Need::new(partitions, on(name)));
                }
                if let Some((bucket, keys)) = data {
                    needs.push(Need::new(["s3:GetBucketLocation", "s3:ListBucket"], [bucket]));
                    needs.push(Need::new(["s3:GetObject"], [keys]));
                }
                needs
            }
        }
    }

    fn decode(&self, entry: &Entry<'_>, scope: &mut Scope<'_>) -> Option<Draft> {
        decode::fields(entry, scope).map(|fields| Draft { fields, ..Draft::default() })
    }
}

#[async_trait]
impl Contact for Table {
    async fn survey(&self, cloud: &Cloud, request: SurveyRequest<'_>) -> Survey {
        survey::survey(cloud, request).await
    }

    async fn inventory(&self, cloud: &Cloud, present: &Present) -> Result<Inventory, CloudError> {
        let mut inventory = Inventory::default();
        if present.fields.get("partition_keys").is_some()
            && let Some(line) = indexes::registered_partitions(cloud, &present.identity).await?
        {
            inventory.lines.push(line);
        }
        if present.fields.get("open_table_format").is_some()
            && let Some(table) = get(cloud, &present.identity).await?
            && let Some(metadata) = iceberg::written_metadata(&table)
        {
            inventory.lines.push(format!("the pointer to the rows of an Iceberg table, `{metadata}`"));
            inventory.needs_permission = true;
        }
        Ok(inventory)
    }

    async fn create(&self, cloud: &Cloud, target: &Target) -> Result<(), CloudError> {
        let (database, name) = parts(&target.identity);
        // Mark and indexes are in the very call that creates it: nothing half-made can be left.
        let input = input::for_create(name, target)?;
        let indexes = indexes::for_create(&target.fields)?;
        let create = cloud.glue.create_table().database_name(database).table_input(input);
        let create = create.set_partition_indexes((!indexes.is_empty()).then_some(indexes));
        let create = create.set_open_table_format_input(iceberg::for_create(&target.fields)?);
        create.send().await.named("glue:CreateTable")?;
        Ok(())
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target,
        live: &Present,
        changes: &[Change],
    ) -> Result<(), CloudError> {
        // Indexes go first: the mark tells which are lakeform's, so it must not forget one that is still there.
        indexes::change(cloud, &target.identity, changes).await?;
        let of_index = |change: &&Change| change.path.field() == "partition_indexes";
        if changes.iter().filter(|change| !of_index(change)).count() == 0 && live.mark == target.mark {
            return Ok(());
        }
        let (database, name) = parts(&target.identity);
        let Some(table) = get(cloud, &target.identity).await? else {
            let message = format!("`{}` is gone", target.identity);
            return Err(CloudError::new(Class::Moved, "glue:GetTable", message));
        };
        // UpdateTable replaces the whole, so it starts from what is there now, and the version makes AWS refuse
        // it when somebody else was faster. The version before stays in the table's history, as is AWS's default.
        // Source: the UpdateTable API reference.
        let version = table.version_id.clone();
        let input = input::for_update(table, target, changes)?;
        let update = cloud.glue.update_table().database_name(database).table_input(input);
        tracing::debug!(%name, ?version, "update");
        update.set_version_id(version).send().await.named("glue:UpdateTable")?;
        Ok(())
    }

    async fn delete(&self, cloud: &Cloud, present: &Present, force: Force) -> Result<(), CloudError> {
        if force == Force::No && present.fields.get("open_table_format").is_some() {
            let Some(table) = get(cloud, &present.identity).await? else { return Ok(()) };
            if let Some(metadata) = iceberg::written_metadata(&table) {
                let message = format!(
                    "`{}` is an Iceberg table with rows: only the catalog points at `{metadata}`",
                    present.identity
                );
                return Err(CloudError::new(Class::Invalid, "glue:DeleteTable", message));
            }
        }
        if present.fields.get("partition_indexes").is_some() {
            // While an index is being made, its table cannot be deleted. Source: the CreatePartitionIndex reference.
            indexes::wait(cloud, &present.identity).await?;
        }
        let (database, name) = parts(&present.identity);
        let deleted = cloud.glue.delete_table().database_name(database).name(name).send().await;
        absent(deleted.named("glue:DeleteTable")).map(drop)
    }
}

/// The keys at a location, as a policy spells them: `lake/customer/landing/*`.
fn data_of(location: &S3Url) -> String {
    let key = location.key.trim_end_matches('/');
    let slash = if key.is_empty() { "" } else { "/" };
    format!("{}/{key}{slash}*", location.bucket)
}

/// The database and the name in an identity.
fn parts(identity: &str) -> (&str, &str) {
    identity.split_once('/').unwrap_or(("", identity))
}

async fn get(cloud: &Cloud, identity: &str) -> Result<Option<aws_sdk_glue::types::Table>, CloudError> {
    let (database, name) = parts(identity);
    let output = cloud.glue.get_table().database_name(database).name(name).send().await;
    Ok(absent(output.named("glue:GetTable"))?.and_then(|output| output.table))
}
