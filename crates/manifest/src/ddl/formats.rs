//! The storage formats people name, and the classes each stands for.
//!
//! One table serves `STORED AS` in a definition and `format:` in a manifest. It decides nothing about Iceberg,
//! whose files need no classes.

use std::collections::BTreeMap;

use super::Storage;

/// The classes behind the name of a storage format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// The class that reads and writes rows.
    pub serde_library: &'static str,
    /// What that class is told.
    pub serde_parameters: &'static [(&'static str, &'static str)],
    /// The class that splits files into records.
    pub input_format: &'static str,
    /// The class that writes records into files.
    pub output_format: &'static str,
}

impl From<Format> for Storage {
    fn from(format: Format) -> Self {
        let Format { serde_library, serde_parameters, input_format, output_format } = format;
        let parameters = serde_parameters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Self {
            serde_library: serde_library.to_owned(),
            serde_parameters: parameters.collect::<BTreeMap<_, _>>(),
            input_format: input_format.to_owned(),
            output_format: output_format.to_owned(),
        }
    }
}

/// The names [`formats`] knows.
pub const FORMAT_NAMES: &[&str] =
    &["json", "parquet", "orc", "avro", "csv", "tsv", "textfile", "ion", "rcfile", "sequencefile"];

const TEXT_INPUT: &str = "org.apache.hadoop.mapred.TextInputFormat";
const TEXT_OUTPUT: &str = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat";

/// Hive's default: one line a row, fields apart by U+0001 unless a delimiter is given.
pub(super) const LAZY_SIMPLE: &str = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe";

/// What a table is stored as when nothing says otherwise.
pub(super) const TEXTFILE: Format = Format {
    serde_library: LAZY_SIMPLE,
    serde_parameters: &[],
    input_format: TEXT_INPUT,
    output_format: TEXT_OUTPUT,
};

/// The classes for a format's name, in any case.
///
/// `csv` is `OpenCSVSerde`: it understands quoted fields, which is what people mean by CSV, and where a typed
/// column does not fit, the query fails instead of returning fields cut at the wrong comma. Its dates are days
/// and its timestamps milliseconds since 1970; a file without quotes and with real dates wants `ROW FORMAT
/// DELIMITED`, as `tsv` and `textfile` use. `json` is the `OpenX` SerDe, the one Athena's own examples use.
pub fn formats(name: &str) -> Option<Format> {
    let (serde_library, serde_parameters, input_format, output_format) =
        match name.to_ascii_lowercase().as_str() {
            "json" => ("org.openx.data.jsonserde.JsonSerDe", &[][..], TEXT_INPUT, TEXT_OUTPUT),
            "parquet" => (
                "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
                &[][..],
                "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            ),
            "orc" => (
                "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
                &[][..],
                "org.apache.hadoop.hive.ql.io.orc.OrcInputFormat",
                "org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat",
            ),
            "avro" => (
                "org.apache.hadoop.hive.serde2.avro.AvroSerDe",
                &[][..],
                "org.apache.hadoop.hive.ql.io.avro.AvroContainerInputFormat",
                "org.apache.hadoop.hive.ql.io.avro.AvroContainerOutputFormat",
            ),
            "csv" => ("org.apache.hadoop.hive.serde2.OpenCSVSerde", &[][..], TEXT_INPUT, TEXT_OUTPUT),
            "tsv" => (
                LAZY_SIMPLE,
                &[("field.delim", "\t"), ("serialization.format", "\t")][..],
                TEXT_INPUT,
                TEXT_OUTPUT,
            ),
            "textfile" => return Some(TEXTFILE),
            "ion" => (
                "com.amazon.ionhiveserde.IonHiveSerDe",
                &[][..],
                "com.amazon.ionhiveserde.formats.IonInputFormat",
                "com.amazon.ionhiveserde.formats.IonOutputFormat",
            ),
            "rcfile" => (
                "org.apache.hadoop.hive.serde2.columnar.LazyBinaryColumnarSerDe",
                &[][..],
                "org.apache.hadoop.hive.ql.io.RCFileInputFormat",
                "org.apache.hadoop.hive.ql.io.RCFileOutputFormat",
            ),
            "sequencefile" => (
                LAZY_SIMPLE,
                &[][..],
                "org.apache.hadoop.mapred.SequenceFileInputFormat",
                "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat",
            ),
            _ => return None,
        };
    Some(Format { serde_library, serde_parameters, input_format, output_format })
}

/// What `STORED AS` takes: the formats Hive's grammar has a word for.
pub(super) const STORED_AS: &[&str] =
    &["TEXTFILE", "PARQUET", "ORC", "AVRO", "ION", "RCFILE", "SEQUENCEFILE"];

/// The SerDe classes of Athena's guide. Class names are exact, so another case of one of these is a mistake.
pub(super) const SERDES: &[&str] = &[
    "org.openx.data.jsonserde.JsonSerDe",
    "org.apache.hive.hcatalog.data.JsonSerDe",
    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
    "org.apache.hadoop.hive.serde2.avro.AvroSerDe",
    "org.apache.hadoop.hive.serde2.OpenCSVSerde",
    "org.apache.hadoop.hive.serde2.RegexSerDe",
    "org.apache.hadoop.hive.serde2.columnar.LazyBinaryColumnarSerDe",
    LAZY_SIMPLE,
    "com.amazonaws.glue.serde.GrokSerDe",
    "com.amazon.emr.hive.serde.CloudTrailSerde",
    "com.amazon.ionhiveserde.IonHiveSerDe",
];
