//! Scripts in the shapes that Glue Studio generates, from the catalog and from files, to sinks that tell the
//! catalog.

use serde_json::json;

use crate::jobs::Account;

const PEOPLE: &str = "{\"Email\": \"a@x\", \"shareWithResearchAsOfDate\": 5, \"birthDay\": \"1899-01-01\"}\n\
    {\"Email\": \"b@x\"}\n{\"Email\": \"c@x\", \"shareWithResearchAsOfDate\": 0}\n\
    {\"Email\": \"d@x\", \"shareWithResearchAsOfDate\": 7}\n";
const VISITS: &str =
    "{\"user\": \"a@x\", \"at\": 1}\n{\"user\": \"a@x\", \"at\": 2}\n{\"user\": \"c@x\", \"at\": 3}\n";

/// Files, a filter, a join with names that clash, a query and a quality check, a sink that makes its table.
const FILES_TO_TABLE: &str = r#"import sys
from awsglue.transforms import *
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from awsglue.context import GlueContext
from awsglue.job import Job
from awsgluedq.transforms import EvaluateDataQuality
from awsglue import DynamicFrame
import re

def sparkSqlQuery(glueContext, query, mapping, transformation_ctx) -> DynamicFrame:
    for alias, frame in mapping.items():
        frame.toDF().createOrReplaceTempView(alias)
    result = spark.sql(query)
    return DynamicFrame.fromDF(result, glueContext, transformation_ctx)

args = getResolvedOptions(sys.argv, ['JOB_NAME', 'BUCKET'])
sc = SparkContext()
glueContext = GlueContext(sc)
spark = glueContext.spark_session
job = Job(glueContext)
job.init(args['JOB_NAME'], args)
bucket = args['BUCKET']

RULES = """
    Rules = [
        ColumnCount > 0,
        IsComplete "Email"
    ]
"""
people = glueContext.create_dynamic_frame.from_options(format_options={"multiLine": "true"}, connection_type="s3", format="json", connection_options={"paths": [f"s3://{bucket}/people/"], "recurse": True}, transformation_ctx="people")
assert people.count() == 4, people.count()
agreed = Filter.apply(frame=people, f=lambda row: (not(row["shareWithResearchAsOfDate"] == 0)), transformation_ctx="agreed")
visits = glueContext.create_dynamic_frame.from_catalog(database="studio", table_name="visits", transformation_ctx="visits")
renamed = ApplyMapping.apply(frame=visits, mappings=[("user", "string", "(right) user", "string"), ("at", "long", "visited at", "long")], transformation_ctx="renamed")
joined = Join.apply(frame1=agreed, frame2=renamed, keys1=["Email"], keys2=["`(right) user`"], transformation_ctx="joined")
dropped = DropFields.apply(frame=joined, paths=["`(right) user`"], transformation_ctx="dropped")
query = '''
select email, `visited at` as visited, year(to_date(birthDay)) as born from myDataSource
'''
result = sparkSqlQuery(glueContext, query=query, mapping={"myDataSource": dropped}, transformation_ctx="result")
EvaluateDataQuality().process_rows(frame=result, ruleset=RULES, publishing_options={"dataQualityEvaluationContext": "EvaluateDataQuality_node1", "enableDataQualityResultsPublishing": True}, additional_options={"dataQualityResultsPublishing.strategy": "BEST_EFFORT", "observations.scope": "ALL"})
sink = glueContext.getSink(path=f"s3://{bucket}/result/", connection_type="s3", updateBehavior="UPDATE_IN_DATABASE", partitionKeys=["visited"], enableUpdateCatalog=True, transformation_ctx="sink")
sink.setCatalogInfo(catalogDatabase="studio", catalogTableName="result")
sink.setFormat("glueparquet", compression="snappy")
sink.writeFrame(result)
job.commit()
"#;

/// Catalog tables in SQL, and a sink that adds a column to a table that is there.
const TABLE_TO_TABLE: &str = r#"import sys
from awsglue.transforms import *
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from awsglue.context import GlueContext
from awsglue.job import Job

args = getResolvedOptions(sys.argv, ['JOB_NAME', 'BUCKET'])
glueContext = GlueContext(SparkContext.getOrCreate())
spark = glueContext.spark_session
job = Job(glueContext)
job.init(args['JOB_NAME'], args)
logger = glueContext.get_logger()
logger.info("begins")
counted = spark.sql("SELECT user, count(*) AS visits FROM studio.visits JOIN studio.result ON user = email GROUP BY user")
rows = [tuple(row) for row in counted.collect()]
assert rows == [("a@x", 4)], rows
again = glueContext.create_dynamic_frame.from_catalog(database="studio", table_name="visits")
mapped = Map.apply(frame=again, f=lambda row: {**row, "half": row["at"] / 2})
sink = glueContext.getSink(connection_type="s3", path=f"s3://{args['BUCKET']}/visits/", enableUpdateCatalog=True, updateBehavior="UPDATE_IN_DATABASE", partitionKeys=[])
sink.setFormat("json")
sink.setCatalogInfo(catalogDatabase="studio", catalogTableName="visits")
sink.writeFrame(mapped)
glueContext.purge_s3_path(f"s3://{args['BUCKET']}/people/", {"retentionPeriod": 0})
try:
    spark.sql("CREATE TABLE studio.lost (a int) USING parquet")
except NotImplementedError as error:
    print("refused:", error)
job.commit()
"#;

#[tokio::test]
#[ignore = "needs Spark: make spark-tests"]
async fn generated_scripts_run_as_they_are_and_the_catalog_knows() {
    let account = Account::new().await;
    account.table("studio", "visits", "json", &[("user", "string"), ("at", "bigint")]).await;
    account.put("visits/v.json", VISITS).await;
    account.put("people/deep/p.json", PEOPLE).await;
    let arguments = json!({ "DefaultArguments": { "--BUCKET": account.bucket, "--job-bookmark-option": "job-bookmark-enable" } });
    account.job("files", "glueetl", FILES_TO_TABLE, arguments.clone()).await;
    let said = account.succeed("files").await;
    assert!(said.contains("IsComplete \"Email\": Passed"), "{said}");
    assert_eq!(account.ask("studio", "select count(*) from result").await, "2");
    assert_eq!(account.ask("studio", "select max(born) from result where visited = 2").await, "1899");
    let made =
        account.aws.glue("GetTable", json!({ "DatabaseName": "studio", "Name": "result" })).await.unwrap();
    let made = &made["Table"];
    assert_eq!(made["PartitionKeys"], json!([{ "Name": "visited", "Type": "bigint" }]));
    assert_eq!(made["Parameters"]["classification"], "parquet");

    let mut live =
        account.aws.glue("GetTable", json!({ "DatabaseName": "studio", "Name": "visits" })).await.unwrap();
    let live = live["Table"].take();
    let input = json!({
        "Name": "visits", "TableType": "EXTERNAL_TABLE", "StorageDescriptor": live["StorageDescriptor"],
        "Parameters": { "classification": "json", "theirs": "kept" }, "Description": "visits of people",
    });
    account.aws.glue("UpdateTable", json!({ "DatabaseName": "studio", "TableInput": input })).await.unwrap();
    account.job("tables", "glueetl", TABLE_TO_TABLE, arguments).await;
    let said = account.succeed("tables").await;
    assert!(said.contains("refused: `CREATE TABLE` in a job"), "{said}");
    let after =
        account.aws.glue("GetTable", json!({ "DatabaseName": "studio", "Name": "visits" })).await.unwrap();
    let after = &after["Table"];
    assert_eq!(
        (&after["Parameters"]["theirs"], &after["Description"]),
        (&json!("kept"), &json!("visits of people"))
    );
    let columns: Vec<&str> = after["StorageDescriptor"]["Columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["Name"].as_str().unwrap())
        .collect();
    assert_eq!(columns, ["user", "at", "half"]);
    assert_eq!(account.ask("studio", "select sum(half) from visits").await, "3.0");
    assert!(account.keys("people/").await.is_empty(), "a purge is on S3 too");
}
