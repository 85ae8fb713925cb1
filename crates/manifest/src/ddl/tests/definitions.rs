use super::super::{PartitionTransform, SortColumn, Transform, parse};
use super::{columns, keys, table};

#[test]
fn a_plain_json_table_is_read_whole() {
    let found = table(
        "-- one JSON object a line\n\
         CREATE EXTERNAL TABLE IF NOT EXISTS `Stedi`.`Customer_Landing` (\n\
           `customerName` STRING COMMENT 'as typed; may be \"quoted\"',\n\
           `birthDay` string,\n\
           `registrationdate` bigint\n\
         )\n\
         COMMENT 'customers'\n\
         ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'\n\
         WITH SERDEPROPERTIES ('ignore.malformed.json' = 'FALSE', 'case.insensitive'='TRUE')\n\
         LOCATION 's3://lake/customer/landing/'\n\
         TBLPROPERTIES ('classification' = 'json', \"owner\"=\"me\");\n",
    );
    assert_eq!(found.database.as_deref(), Some("stedi"));
    assert_eq!(found.name, "customer_landing");
    assert!(found.if_not_exists);
    assert_eq!(columns(&found), ["customername string", "birthday string", "registrationdate bigint"]);
    assert_eq!(found.columns[0].comment.as_deref(), Some("as typed; may be \"quoted\""));
    assert_eq!(found.comment.as_deref(), Some("customers"));
    assert_eq!(found.location.as_deref(), Some("s3://lake/customer/landing/"));
    let storage = found.storage.unwrap();
    assert_eq!(storage.serde_library, "org.openx.data.jsonserde.JsonSerDe");
    assert_eq!(storage.serde_parameters["ignore.malformed.json"], "FALSE");
    assert_eq!(storage.serde_parameters.len(), 2);
    assert_eq!(storage.input_format, "org.apache.hadoop.mapred.TextInputFormat");
    assert_eq!(found.parameters["classification"], "json");
    assert_eq!(found.parameters["owner"], "me");
    assert!(!found.iceberg);
}

#[test]
fn a_trail_of_nested_structs_keeps_its_classes() {
    let found = table(
        "CREATE EXTERNAL TABLE trail (
            eventVersion STRING,
            userIdentity STRUCT<
               type: STRING,
               principalid: STRING,
               sessioncontext: STRUCT<
                  attributes: STRUCT<mfaauthenticated: STRING, creationdate: STRING>, -- who and when
                  sessionissuer: STRUCT<type: STRING, principalId: STRING>,
                  ec2RoleDelivery: string,
                  webIdFederationData: struct<federatedProvider: string, attributes: map<string,string>>
               >
            >,
            resources ARRAY<STRUCT<arn: STRING, accountid: STRING, type: STRING>>,
            eventTime STRING
        )
        COMMENT 'who did what'
        PARTITIONED BY (region string, year string COMMENT 'of the event')
        ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'
        STORED AS INPUTFORMAT 'com.amazon.emr.cloudtrail.CloudTrailInputFormat'
        OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
        LOCATION 's3://audit/AWSLogs/111122223333/CloudTrail/'",
    );
    assert_eq!(
        found.columns[1].type_name,
        "struct<type:string,principalid:string,sessioncontext:struct<attributes:struct<mfaauthenticated:string,\
         creationdate:string>,sessionissuer:struct<type:string,principalid:string>,ec2roledelivery:string,\
         webidfederationdata:struct<federatedprovider:string,attributes:map<string,string>>>>"
    );
    assert_eq!(found.columns[2].type_name, "array<struct<arn:string,accountid:string,type:string>>");
    assert_eq!(keys(&found), ["region string", "year string"]);
    assert_eq!(found.partition_keys[1].comment.as_deref(), Some("of the event"));
    assert_eq!(found.storage.unwrap().input_format, "com.amazon.emr.cloudtrail.CloudTrailInputFormat");
}

#[test]
fn a_projected_parquet_table_keeps_athenas_own_placeholders() {
    let found = table(
        "CREATE EXTERNAL TABLE lake.events (id bigint, price DECIMAL( 12 , 2 ), tags map<string, array<int>>)
         PARTITIONED BY (`day` string, hour int)
         STORED AS PARQUET
         LOCATION 's3://lake/events/'
         TBLPROPERTIES (
           'projection.enabled'='true',
           'projection.day.type'='date',
           'projection.day.range'='2023/01/01,NOW',
           'projection.day.format'='yyyy/MM/dd',
           'projection.hour.type'='integer', 'projection.hour.range'='0,23',
           'storage.location.template'='s3://lake/events/${day}/${hour}/',
           'parquet.compression'='SNAPPY'
         )",
    );
    assert_eq!(columns(&found), ["id bigint", "price decimal(12,2)", "tags map<string,array<int>>"]);
    assert_eq!(found.parameters["storage.location.template"], "s3://lake/events/${day}/${hour}/");
    let storage = found.storage.unwrap();
    assert!(storage.serde_library.ends_with("ParquetHiveSerDe"));
    assert!(storage.input_format.ends_with("MapredParquetInputFormat"));
    assert!(storage.output_format.ends_with("MapredParquetOutputFormat"));
}

#[test]
fn an_iceberg_table_keeps_its_transforms_and_has_no_classes() {
    let found = table(
        "CREATE TABLE lake.orders (id bigint, category string, ordered timestamp, shipped date)
         PARTITIONED BY (category, bucket(16, id), month(ordered), DAY(shipped), truncate(4, `Category`), hour(ordered))
         LOCATION 's3://lake/orders/'
         TBLPROPERTIES ('table_type' = 'iceberg', 'format'='parquet')",
    );
    assert!(found.iceberg);
    assert!(found.storage.is_none());
    assert!(found.partition_keys.is_empty());
    let transform = |column: &str, transform| PartitionTransform { column: column.to_owned(), transform };
    assert_eq!(
        found.partition_transforms,
        [
            transform("category", Transform::Identity),
            transform("id", Transform::Bucket(16)),
            transform("ordered", Transform::Month),
            transform("shipped", Transform::Day),
            transform("category", Transform::Truncate(4)),
            transform("ordered", Transform::Hour),
        ]
    );
    assert_eq!(found.parameters["table_type"], "iceberg");
}

#[test]
fn buckets_and_their_order_are_kept() {
    let found = table(
        "CREATE EXTERNAL TABLE t (a int, b string, c date)
         CLUSTERED BY (a, `B`) SORTED BY (b DESC, c, a ASC) INTO 32 BUCKETS
         STORED AS ORC LOCATION 's3://lake/t/'",
    );
    assert_eq!(found.bucket_columns, ["a", "b"]);
    assert_eq!(found.number_of_buckets, Some(32));
    let sort: Vec<_> =
        found.sort_columns.iter().map(|SortColumn { name, ascending }| (&**name, *ascending)).collect();
    assert_eq!(sort, [("b", false), ("c", true), ("a", true)]);
}

#[test]
fn several_statements_need_no_semicolon() {
    let text = "\u{feff}CREATE EXTERNAL TABLE a (x int) LOCATION 's3://b/a/'\r\n\r\n\
                create external table b (x int) location 's3://b/b/';;\r\n\
                CREATE EXTERNAL TABLE c (x int) TBLPROPERTIES ('k'='v')\r\n\
                CREATE TABLE d (x int) TBLPROPERTIES ('table_type'='ICEBERG') -- the end";
    let tables = parse(text).unwrap();
    let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
    assert_eq!(tables[2].location, None);
    assert_eq!(&text[tables[1].location_range.clone().unwrap()], "'s3://b/b/'");
    assert_eq!(&text[tables[3].name_range.clone()], "d");
}

#[test]
fn the_examples_own_definitions_are_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/stedi/sql");
    for (name, count) in [("customer_landing", 10), ("accelerometer_landing", 5), ("step_trainer_landing", 3)]
    {
        let text = std::fs::read_to_string(format!("{folder}/{name}.sql")).unwrap();
        let found = table(&text.replace("${bucket.lake}", "lake"));
        assert_eq!((&*found.name, found.columns.len()), (name, count));
    }
}

#[test]
fn comments_may_stand_anywhere() {
    let found = table(
        "# exported by hand\n\
         /* it's a \"trap\" ( */ CREATE /* not a view */ EXTERNAL TABLE t -- isn't it\n\
         (a int, /* 'b string,' */ -- don't\n\
          # nor this `one\n\
          c array< /* of */ int -- each\n > COMMENT 'has -- and /* and # inside'\n\
         ) LOCATION 's3://b/t--x/#y/' # done",
    );
    assert_eq!(columns(&found), ["a int", "c array<int>"]);
    assert_eq!(found.columns[1].comment.as_deref(), Some("has -- and /* and # inside"));
    assert_eq!(found.location.as_deref(), Some("s3://b/t--x/#y/"));
}

#[test]
fn a_name_is_split_at_its_dots_wherever_its_backticks_are() {
    for (written, database, name) in [
        ("t", None, "t"),
        ("`T`", None, "t"),
        ("db.t", Some("db"), "t"),
        ("`db.t`", Some("db"), "t"),
        ("`db` . `t`", Some("db"), "t"),
        ("AwsDataCatalog.db.t", Some("db"), "t"),
        ("2024_raw.2025_events", Some("2024_raw"), "2025_events"),
        ("db._private", Some("db"), "_private"),
        ("`my-db`.`_t`", Some("my-db"), "_t"),
    ] {
        let found = table(&format!("CREATE EXTERNAL TABLE {written} (a int)"));
        assert_eq!((found.database.as_deref(), &*found.name), (database, name), "{written}");
    }
}

#[test]
fn words_of_the_grammar_may_be_columns() {
    let found = table(
        "CREATE EXTERNAL TABLE t (date date, timestamp timestamp, `order` int, location string, comment string COMMENT 'x',
         row string, stored string, partitioned int, tblproperties string, unique string, 1st int, 2e5 int, größe double,
         `with space` int, `x.y` int, `create` string) LOCATION 's3://b/t/'",
    );
    let names: Vec<_> = found.columns.iter().map(|column| column.name.as_str()).collect();
    let wanted =
        "date timestamp order location comment row stored partitioned tblproperties unique 1st 2e5 größe";
    assert_eq!(names[..13], wanted.split(' ').collect::<Vec<_>>());
    assert_eq!(names[13..], ["with space", "x.y", "create"]);
    assert_eq!(found.columns[4].comment.as_deref(), Some("x"));
}

#[test]
fn clauses_may_come_in_any_order() {
    let found = table(
        "CREATE EXTERNAL TABLE t (a int) TBLPROPERTIES ('k'='v') LOCATION 's3://b/t/' STORED AS AVRO
         PARTITIONED BY (p string) COMMENT 'late'",
    );
    assert_eq!(keys(&found), ["p string"]);
    assert_eq!(found.comment.as_deref(), Some("late"));
    assert!(found.storage.unwrap().serde_library.ends_with("AvroSerDe"));
}
