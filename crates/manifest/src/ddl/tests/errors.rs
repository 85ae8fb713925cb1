use super::{mistakes, one_mistake, table};

#[test]
fn all_mistakes_of_a_file_come_together_in_their_order() {
    let text = "CREATE EXTERNAL TABLE a (x strng, y int, y date, z) PARTITIONED BY (x int, y string)
                STORED IN PARQUET LOCATON 's3://b/a/'
                TBLPROPERTIES ('k'='1', 'k'='2', 'n'=1)
                DROP TABLE b; ALTER TABLE b ADD COLUMNS (c int);
                CREATE EXTERNAL TABLE c (x int y int, z int,) LOCATION '/c'";
    let found: Vec<_> =
        mistakes(text).into_iter().map(|(marked, message, _)| format!("{marked} | {message}")).collect();
    assert_eq!(
        found,
        [
            "strng | unknown type: `strng`",
            "y | the column is there twice: `y`",
            "z | the column has no type: `z`",
            "y | a partition column is also a column: `y`",
            "IN | expected `AS`: found `IN`",
            "'k' | the property is there twice: 'k'",
            "1 | the value of 'n' is not a string: `1`",
            "DROP | unknown clause: `DROP`",
            "ALTER TABLE | a table file holds `CREATE EXTERNAL TABLE` only: found `ALTER TABLE`",
            "y | expected `,` or `)` after the column `x`: found `y`",
            ") | expected a column: found `)`",
            "'/c' | this is no S3 location: `/c`",
        ]
    );
}

#[test]
fn a_file_without_a_table_says_so() {
    for text in ["", "  \r\n", "-- nothing yet\n;;", "\u{feff}"] {
        one_mistake(text, "", "the file creates no table", "write a `CREATE EXTERNAL TABLE` statement");
    }
}

#[test]
fn other_statements_are_named() {
    for (statement, named, hint) in [
        ("DROP TABLE IF EXISTS t", "DROP TABLE", "delete the statement from this file"),
        ("MSCK REPAIR TABLE t", "MSCK REPAIR TABLE", "delete the statement from this file"),
        ("select * from t", "select", "delete the statement from this file"),
        ("CREATE DATABASE d", "CREATE DATABASE", "describe the database under `databases` in the manifest"),
        (
            "CREATE OR REPLACE VIEW v AS SELECT 1",
            "CREATE OR REPLACE VIEW",
            "write `CREATE EXTERNAL TABLE`: lakeform updates what is there",
        ),
        ("USE d", "USE", "name the database before the table: `database.table`"),
        (
            "CREATE TEMPORARY TABLE t (a int)",
            "CREATE TEMPORARY TABLE",
            "keep only `CREATE EXTERNAL TABLE` statements in this file",
        ),
    ] {
        let message =
            format!("a table file holds `CREATE EXTERNAL TABLE` only: found `{}`", named.to_uppercase());
        one_mistake(&format!("{statement};\nCREATE EXTERNAL TABLE ok (a int)"), named, &message, hint);
    }
    one_mistake(
        "CRATE EXTERNAL TABLE t (a int)",
        "CRATE",
        "unknown statement: `CRATE`",
        "did you mean `CREATE`?",
    );
}

#[test]
fn a_table_is_external_or_iceberg() {
    one_mistake(
        "CREATE TABLE t (a int) STORED AS ORC LOCATION 's3://b/t/'",
        "CREATE TABLE",
        "Athena creates external tables and Iceberg tables only",
        "write `CREATE EXTERNAL TABLE`, or add `TBLPROPERTIES ('table_type' = 'ICEBERG')`",
    );
    one_mistake(
        "CREATE EXTERNAL TABLE t (a int) TBLPROPERTIES ('table_type'='ICEBERG')",
        "EXTERNAL",
        "an Iceberg table is not `EXTERNAL`: Athena refuses it",
        "write `CREATE TABLE`",
    );
    one_mistake(
        "CREATE EXTERNAL TABLE t LOCATION 's3://b/t/' TBLPROPERTIES ('table_type'='DELTA')",
        "'DELTA'",
        "a Delta table's columns are in its log, where only Athena reads them",
        "create this table with a query in Athena",
    );
}

#[test]
fn queries_that_make_tables_are_refused_once() {
    for text in [
        "CREATE TABLE t AS SELECT a FROM x WHERE l = 'LOCATION' ORDER BY 1",
        "CREATE EXTERNAL TABLE t (a int) AS WITH y AS SELECT 1",
        "CREATE TABLE t WITH (format = 'PARQUET') AS SELECT 1",
        "CREATE EXTERNAL TABLE t LIKE other",
        "CREATE EXTERNAL TABLE t (a int) USING parquet",
    ] {
        let found = mistakes(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(["AS", "WITH", "LIKE", "USING"].contains(&found[0].0), "{found:?}");
    }
}

#[test]
fn an_unknown_clause_is_named_with_what_was_meant() {
    for (clause, marked, near) in [
        ("PARTITION BY (p string)", "PARTITION", "PARTITIONED BY"),
        ("LOCATON 's3://b/t/'", "LOCATON", "LOCATION"),
        ("TBLPROPERTY ('a'='b')", "TBLPROPERTY", "TBLPROPERTIES"),
        ("SERDEPROPERTIES ('a'='b')", "SERDEPROPERTIES", "WITH SERDEPROPERTIES"),
    ] {
        let text = format!("CREATE EXTERNAL TABLE t (a int) {clause} COMMENT 'c'");
        let message = format!("unknown clause: `{marked}`");
        one_mistake(&text, marked, &message, &format!("did you mean `{near}`?"));
    }
    one_mistake(
        "CREATE EXTERNAL TABLE t (a int) ROW FORMAT SERDE 'a.B' FIELDS TERMINATED BY ','",
        "FIELDS",
        "a delimiter stands behind `ROW FORMAT DELIMITED`",
        "write it there, or as a property of the SerDe",
    );
    one_mistake(
        "CREATE EXTERNAL TABLE t (a int) SKEWED BY (a) ON (1) LOCATION 's3://b/t/'",
        "SKEWED",
        "Athena does not know `SKEWED BY`",
        "delete the clause",
    );
    one_mistake(
        "CREATE EXTERNAL TABLE t (a int) LOCATION 's3://b/t/' LOCATION 's3://b/u/'",
        "'s3://b/u/'",
        "the statement has two clauses of one kind: `LOCATION`",
        "",
    );
    one_mistake(
        "CREATE EXTERNAL TABLE t (a int)) LOCATION 's3://b/t/'",
        ")",
        "expected a clause: found `)`",
        "one `)` too many here, or a `(` is missing further up",
    );
}

#[test]
fn placeholders_that_nobody_filled_are_shown_whole() {
    let hint = "write the value, or `${var.name}` of a variable the manifest has";
    for (text, marked) in [
        ("CREATE EXTERNAL TABLE ${db}.t (a int)", "${db}"),
        ("CREATE EXTERNAL TABLE `${db}`.t (a int)", "${db}"),
        ("CREATE EXTERNAL TABLE <table> (a int)", "<table>"),
        ("CREATE EXTERNAL TABLE {{ table }} (a int)", "{{ table }"),
        ("CREATE EXTERNAL TABLE t (a <type>)", "<type>"),
        ("CREATE EXTERNAL TABLE t (a int) LOCATION 's3://${bucket}/t/'", "${bucket}"),
        ("CREATE EXTERNAL TABLE t (a int) LOCATION \"s3://<your bucket>/t/\"", "<your bucket>"),
        ("CREATE EXTERNAL TABLE t (a int) LOCATION ${location}", "${location}"),
        ("CREATE EXTERNAL TABLE t (a int, ${columns}) COMMENT 'x'", "${columns}"),
    ] {
        one_mistake(text, marked, &format!("nothing was put in place of `{marked}`"), hint);
    }
}

#[test]
fn a_location_template_names_partition_columns_only() {
    let text = |template: &str| {
        format!(
            "CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (day string)
             TBLPROPERTIES ('storage.location.template'='{template}')"
        )
    };
    table(&text("s3://b/${day}/"));
    table(&text("s3://b/${DAY}/"));
    one_mistake(
        &text("s3://b/${dya}/"),
        "'s3://b/${dya}/'",
        "the template names no partition column: `dya`",
        "did you mean `day`?",
    );
    one_mistake(
        &text("s3://b/$${day}/"),
        "'s3://b/$${day}/'",
        "a `$` is left over before a placeholder",
        "in a manifest's table file write `$${column}`: it becomes `${column}`",
    );
    one_mistake(
        &text("s3://<b>/${day}/"),
        "'s3://<b>/${day}/'",
        "nothing was put in place of `<b>`",
        "write the value",
    );
}

#[test]
fn locations_must_be_in_s3() {
    one_mistake(
        "CREATE EXTERNAL TABLE t (a int) LOCATION 's3a://b/t/'",
        "'s3a://b/t/'",
        "Athena reads `s3://` only: `s3a://b/t/`",
        "write `s3://b/t/`",
    );
    let empty = "CREATE EXTERNAL TABLE t (a int) LOCATION 's3:///t/'";
    one_mistake(empty, "'s3:///t/'", "this is no S3 location: `s3:///t/`", "write `s3://bucket/folder/`");
}

#[test]
fn what_is_never_closed_is_marked() {
    let string = "CREATE EXTERNAL TABLE t (a int COMMENT 'oops)\nLOCATION s3";
    one_mistake(string, "'oops)", "this string is never closed", "a quote is missing here or further up");
    let escape = "CREATE EXTERNAL TABLE t (a int) ROW FORMAT DELIMITED ESCAPED BY '\\' LINES TERMINATED BY x";
    let hint = r"a backslash before the closing quote keeps the string open: write `'\\'`";
    one_mistake(escape, "'\\' LINES TERMINATED BY x", "this string is never closed", hint);
    let name = "CREATE EXTERNAL TABLE `t (a int)";
    let hint = "a backtick is missing here or further up";
    one_mistake(name, "`t (a int)", "this name in backticks is never closed", hint);
    one_mistake("CREATE /* x", "/*", "this comment is never closed", "close it with `*/`");
    one_mistake(
        "CREATE EXTERNAL TABLE t (a int, b date PARTITIONED BY (p int) LOCATION 's3://b/t/'",
        "PARTITIONED",
        "expected `,` or `)` after the column `b`: found `PARTITIONED`",
        "",
    );
}

#[test]
fn strings_that_hive_reads_differently_are_refused() {
    one_mistake(
        "CREATE EXTERNAL TABLE t (a int COMMENT 'it''s')",
        "''",
        "a doubled quote inside a string: Hive drops it",
        "write a backslash before the quote instead",
    );
    one_mistake(
        r"CREATE EXTERNAL TABLE t (a int COMMENT 'C:\users')",
        r"\u",
        "`\\u` is not followed by the four hexadecimal digits of a character",
        "write `\\\\u` for a backslash and a `u`",
    );
    let text = r#"CREATE EXTERNAL TABLE t (a int) TBLPROPERTIES ('k'='it\'s \u00fc \ud83d\ude00 100\% a\_b \0101 ""')"#;
    assert_eq!(table(text).parameters["k"], "it's ü 😀 100\\% a\\_b \u{8}1 \"\"");
}

#[test]
fn names_and_strings_are_told_apart() {
    one_mistake(
        "CREATE EXTERNAL TABLE \"t\" (a int)",
        "\"t\"",
        "expected the table's name: found the string \"t\"",
        "in a table definition names stand in backticks, not in quotes",
    );
    one_mistake(
        "CREATE EXTERNAL TABLE t (my-column int)",
        "my-column",
        "a bare name has letters, digits and `_` only: my-column",
        "put it in backticks: `` `my-column` ``",
    );
    one_mistake(
        "CREATE EXTERNAL TABLE t (a int) TBLPROPERTIES (classification='json')",
        "classification",
        "a property's key is a string: found `classification`",
        "put it in single quotes",
    );
    one_mistake(
        "CREATE EXTERNAL TABLE t (a int) COMMENT ‘x’",
        "‘",
        "expected the table's comment: found `‘`",
        "write strings in straight quotes: `'`",
    );
    one_mistake(
        "CREATE EXTERNAL TABLE a.b.c.d (x int)",
        "a.b.c.d",
        "a table's name is `database.table`: a.b.c.d",
        "",
    );
}

#[test]
fn constraints_are_refused() {
    for (column, marked) in [
        ("a int NOT NULL", "NOT"),
        ("a int PRIMARY KEY", "PRIMARY"),
        ("primary key (a)", "primary"),
        ("constraint c unique (a)", "constraint"),
    ] {
        let text = format!("CREATE EXTERNAL TABLE t ({column}, b int)");
        let message = format!("Athena's tables have no constraints: found `{}`", marked.to_uppercase());
        one_mistake(&text, marked, &message, "delete it; a check in the manifest can assert it instead");
    }
}

#[test]
fn partitions_fit_the_kind_of_table() {
    one_mistake(
        "CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (p)",
        "p",
        "the partition column has no type: `p`",
        "write `p string`, or whatever type it has",
    );
    one_mistake(
        "CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (bucket(4, a))",
        "bucket(4, a)",
        "only an Iceberg table is partitioned by a transform",
        "write `name type`, or add `TBLPROPERTIES ('table_type' = 'ICEBERG')`",
    );
    let iceberg = |partition: &str| {
        format!(
            "CREATE TABLE t (id int, name string, at timestamp) PARTITIONED BY ({partition})
             TBLPROPERTIES ('table_type'='ICEBERG')"
        )
    };
    one_mistake(
        &iceberg("p string"),
        "p",
        "an Iceberg table is partitioned by its own columns, named without a type",
        "list `p` among the columns and write `p` here",
    );
    one_mistake(&iceberg("nmae"), "nmae", "the table has no such column: `nmae`", "did you mean `name`?");
    one_mistake(
        &iceberg("months(at)"),
        "months",
        "unknown partition transform: `months`",
        "did you mean `month`?",
    );
    one_mistake(
        &iceberg("day(name)"),
        "name",
        "this transform wants a `date` or `timestamp`: `name` is `string`",
        "",
    );
    one_mistake(
        &iceberg("bucket(id, 4)"),
        "id",
        "expected a number from 1 before the column's name: found `id`",
        "",
    );
    one_mistake(&iceberg("id, id"), "id", "the table is partitioned by this twice", "");
}

#[test]
fn an_iceberg_table_has_no_classes_and_no_hive_buckets() {
    let text = "CREATE TABLE t (a int) CLUSTERED BY (a) INTO 4 BUCKETS ROW FORMAT DELIMITED STORED AS PARQUET
                TBLPROPERTIES ('table_type'='ICEBERG')";
    let found: Vec<_> = mistakes(text).into_iter().map(|(_, message, _)| message).collect();
    assert_eq!(
        found,
        ["CLUSTERED BY", "ROW FORMAT", "STORED AS"]
            .map(|clause| format!("an Iceberg table has no `{clause}`: its metadata says it"))
    );
}

#[test]
fn what_is_longer_than_aws_keeps_is_refused() {
    let text = format!("CREATE EXTERNAL TABLE t (a int COMMENT '{}')", "é".repeat(256));
    assert_eq!(mistakes(&text)[0].1, "a column's comment has at most 255 characters: 256");
    let lines = "CREATE EXTERNAL TABLE t (a int COMMENT 'two\nlines')";
    assert_eq!(mistakes(lines)[0].1, "a column's comment holds a line break or control character");
}

#[test]
fn a_table_created_twice_in_one_file_is_a_mistake() {
    let text = "CREATE EXTERNAL TABLE d.t (a int) CREATE EXTERNAL TABLE `D.T` (a int)";
    one_mistake(text, "`D.T`", "the file creates the table twice: `t`", "");
}
