//! What Spark is told: small for a small machine, quiet, and with every bucket mounted under its `s3://` name.

use std::fmt::Write as _;
use std::path::Path;

/// All the ways scripts spell an S3 path.
const SCHEMES: [&str; 3] = ["s3", "s3a", "s3n"];

/// Settings that make a small Spark start fast; a job's own `--conf` comes after them.
const SETTINGS: &[(&str, &str)] = &[
    ("spark.master", "local[2]"),
    ("spark.driver.memory", "2g"),
    ("spark.driver.host", "127.0.0.1"),
    ("spark.driver.bindAddress", "127.0.0.1"),
    // One compiler and one collector are best for a JVM that lives for seconds.
    ("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Duser.timezone=UTC"),
    ("spark.ui.enabled", "false"),
    ("spark.ui.showConsoleProgress", "false"),
    ("spark.sql.shuffle.partitions", "4"),
    ("spark.default.parallelism", "4"),
    ("spark.sql.session.timeZone", "UTC"),
    // A job that writes what it then reads must see it.
    ("spark.sql.filesourceTableRelationCacheSize", "0"),
    ("spark.sql.catalogImplementation", "in-memory"),
    // Hadoop's own defaults name a committer that comes with its AWS library.
    (
        "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3a",
        "org.apache.hadoop.mapreduce.lib.output.FileOutputCommitterFactory",
    ),
];

/// `log4j2.properties`: warnings to the error log, without the two that every start repeats.
pub(super) const LOGGING: &str = "\
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
logger.caching.name = org.apache.spark.sql.execution.datasources.SharedInMemoryCache
logger.caching.level = error
";

/// `spark-defaults.conf`.
pub(super) fn defaults(folder: &Path, staging: &Path, buckets: &[String], own: &str) -> String {
    let mut text = String::new();
    let mut set = |name: &str, value: &str| {
        // The file is one of Java's: a backslash escapes.
        let _ = writeln!(text, "{name} {}", value.replace('\\', "\\\\"));
    };
    for (name, value) in SETTINGS {
        set(name, value);
    }
    set("spark.sql.warehouse.dir", &format!("file://{}", folder.join("warehouse").display()));
    // Files on disk without checksum files beside them, as objects have none.
    let local = "org.apache.hadoop.fs.RawLocalFileSystem";
    set("spark.hadoop.fs.viewfs.overload.scheme.target.file.impl", local);
    for scheme in SCHEMES {
        let view = "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme";
        set(&format!("spark.hadoop.fs.{scheme}.impl"), view);
        set(&format!("spark.hadoop.fs.viewfs.overload.scheme.target.{scheme}.impl"), local);
    }
    for bucket in buckets {
        let place = format!("file://{}", staging.join(bucket).display());
        set(&format!("spark.hadoop.fs.viewfs.mounttable.{bucket}.linkFallback"), &place);
    }
    for (name, value) in settings(own) {
        set(name, value);
    }
    text
}

/// The settings in a job's `--conf` argument: `a=b --conf c=d`.
fn settings(own: &str) -> impl Iterator<Item = (&str, &str)> {
    own.split("--conf").filter_map(|setting| {
        let (name, value) = setting.trim().split_once('=')?;
        Some((name.trim(), value.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jobs_own_settings_come_last() {
        let own = "spark.sql.shuffle.partitions=8 --conf spark.x=a=b";
        let text = defaults(Path::new("/run"), Path::new("/run/s3"), &["lake".to_owned()], own);
        assert!(text.contains("fs.viewfs.mounttable.lake.linkFallback file:///run/s3/lake\n"));
        assert!(text.ends_with("spark.sql.shuffle.partitions 8\nspark.x a=b\n"), "{text}");
    }
}
