use std::collections::BTreeMap;

use super::super::{FORMAT_NAMES, Storage, formats};
use super::{mistakes, one_mistake, table};

fn stored(clauses: &str) -> Storage {
    table(&format!("CREATE EXTERNAL TABLE t (a string) {clauses} LOCATION 's3://b/t/'")).storage.unwrap()
}

fn parameters(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn nothing_said_means_hives_text_files() {
    let found = stored("");
    assert_eq!(found, Storage::from(formats("TextFile").unwrap()));
    assert_eq!(found.serde_library, "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe");
    assert!(found.serde_parameters.is_empty());
}

#[test]
fn a_delimited_row_format_becomes_the_parameters_hive_gives_it() {
    let found = stored(
        r"ROW FORMAT DELIMITED FIELDS TERMINATED BY '\t' ESCAPED BY '\\'
          COLLECTION ITEMS TERMINATED BY '\002' MAP KEYS TERMINATED BY '\003'
          LINES TERMINATED BY '\n' NULL DEFINED AS '' STORED AS TEXTFILE",
    );
    let wanted = [
        ("field.delim", "\t"),
        ("serialization.format", "\t"),
        ("escape.delim", "\\"),
        ("colelction.delim", "\u{2}"),
        ("mapkey.delim", "\u{3}"),
        ("line.delim", "\n"),
        ("serialization.null.format", ""),
    ];
    assert_eq!(found.serde_parameters, parameters(&wanted));
    let control_a = stored(r"ROW FORMAT DELIMITED FIELDS TERMINATED BY '\001'");
    assert_eq!(control_a.serde_parameters["field.delim"], "\u{1}");
}

#[test]
fn delimiters_go_to_the_serde_of_the_storage_format() {
    let found = stored("ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' STORED AS ORC");
    assert_eq!(found.serde_library, formats("orc").unwrap().serde_library);
    assert_eq!(found.serde_parameters["field.delim"], ",");
}

#[test]
fn a_named_serde_wins_over_the_storage_formats_own() {
    let found = stored("ROW FORMAT SERDE 'org.example.Mine' STORED AS PARQUET");
    assert_eq!(found.serde_library, "org.example.Mine");
    assert_eq!(found.input_format, formats("parquet").unwrap().input_format);
    let alone = stored("ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'");
    assert_eq!(alone.input_format, formats("textfile").unwrap().input_format);
}

#[test]
fn a_regular_expression_is_unescaped_as_hive_does() {
    let found = stored(
        r#"ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe'
           WITH SERDEPROPERTIES (
             'serialization.format' = '1',
             'input.regex' = '([^ ]*) ([^ ]*) ([^ ]*):([0-9]*) ([-.0-9]*) \"([^ ]*) (.*) (- |[^ ]*)\" \"([^\"]*)\" ([A-Z0-9-_]+) (\\d+)\\s*$',
             "other" = "^\w'\;`${x}"
           )"#,
    );
    assert_eq!(
        found.serde_parameters["input.regex"],
        r#"([^ ]*) ([^ ]*) ([^ ]*):([0-9]*) ([-.0-9]*) "([^ ]*) (.*) (- |[^ ]*)" "([^"]*)" ([A-Z0-9-_]+) (\d+)\s*$"#
    );
    assert_eq!(found.serde_parameters["other"], "^w';`${x}");
}

#[test]
fn grok_and_open_csv_keep_their_patterns() {
    let grok = stored(
        "ROW FORMAT SERDE 'com.amazonaws.glue.serde.GrokSerDe'
         WITH SERDEPROPERTIES (
           'input.format' = '%{TIMESTAMP_ISO8601:at} %{LOGLEVEL:level} \\\\[%{DATA:thread}\\\\] %{GREEDYDATA:text}',
           'input.grokCustomPatterns' = 'LOGLEVEL (DEBUG|INFO)\\nNAME [a-z_]+')",
    );
    assert_eq!(
        grok.serde_parameters["input.format"],
        r"%{TIMESTAMP_ISO8601:at} %{LOGLEVEL:level} \[%{DATA:thread}\] %{GREEDYDATA:text}"
    );
    assert_eq!(grok.serde_parameters["input.grokCustomPatterns"], "LOGLEVEL (DEBUG|INFO)\nNAME [a-z_]+");
    let csv = stored(
        r#"ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
           WITH SERDEPROPERTIES ("separatorChar" = ";", "quoteChar" = "\"", 'escapeChar' = '\\')"#,
    );
    let wanted = [("separatorChar", ";"), ("quoteChar", "\""), ("escapeChar", "\\")];
    assert_eq!(csv.serde_parameters, parameters(&wanted));
}

#[test]
fn serde_properties_may_follow_the_storage_format() {
    let found = stored("STORED AS PARQUET WITH SERDEPROPERTIES ('parquet.column.index.access'='true')");
    assert_eq!(found.serde_parameters["parquet.column.index.access"], "true");
    one_mistake(
        "CREATE EXTERNAL TABLE t (a int) ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
         WITH SERDEPROPERTIES ('field.delim' = ';', 'serialization.format' = ',')",
        "'field.delim'",
        "the row format says something else about 'field.delim'",
        "",
    );
}

#[test]
fn every_named_format_has_classes_and_every_stored_as_word_is_one() {
    for name in FORMAT_NAMES {
        let format = formats(name).unwrap();
        assert!(format.serde_library.contains('.') && format.input_format.contains('.'), "{name}");
        assert_eq!(formats(&name.to_uppercase()), Some(format));
    }
    for name in super::super::formats::STORED_AS {
        assert_eq!(stored(&format!("STORED AS {name}")), Storage::from(formats(name).unwrap()));
    }
    assert_eq!(formats("iceberg"), None);
}

#[test]
fn a_format_that_athena_does_not_know_names_what_to_write() {
    let hint = |format: &str| {
        let text = format!("CREATE EXTERNAL TABLE t (a int) STORED AS {format} LOCATION 's3://b/t/'");
        let found = mistakes(&text);
        assert_eq!((found.len(), found[0].0), (1, format));
        found[0].2.clone()
    };
    assert_eq!(hint("PARQUETT"), "did you mean `PARQUET`?");
    assert_eq!(hint("JSON"), "write `ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'`");
    assert_eq!(hint("ICEBERG"), "write `TBLPROPERTIES ('table_type' = 'ICEBERG')`");
}

#[test]
fn a_class_in_another_case_is_a_mistake() {
    one_mistake(
        "CREATE EXTERNAL TABLE t (a int) ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerde'",
        "'org.openx.data.jsonserde.JsonSerde'",
        "the class of the SerDe is spelled in another case: `org.openx.data.jsonserde.JsonSerde`",
        "did you mean `org.openx.data.jsonserde.JsonSerDe`?",
    );
}

#[test]
fn storage_handlers_are_refused() {
    one_mistake(
        "CREATE EXTERNAL TABLE t (a int) STORED BY 'org.example.Handler' LOCATION 's3://b/t/'",
        "STORED BY",
        "Athena does not know `STORED BY`: storage handlers are Hive's",
        "for Iceberg write `TBLPROPERTIES ('table_type' = 'ICEBERG')`",
    );
}
