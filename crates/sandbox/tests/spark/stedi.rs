//! The STEDI scripts, unmodified, over the project's sample: counts as recorded, read through Athena.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::jobs::Account;

const CUSTOMER: &[(&str, &str)] = &[
    ("customername", "string"),
    ("email", "string"),
    ("phone", "string"),
    ("birthday", "string"),
    ("serialnumber", "string"),
    ("registrationdate", "bigint"),
    ("lastupdatedate", "bigint"),
    ("sharewithresearchasofdate", "bigint"),
    ("sharewithpublicasofdate", "bigint"),
    ("sharewithfriendsasofdate", "bigint"),
];
const READING: &[(&str, &str)] =
    &[("user", "string"), ("timestamp", "bigint"), ("x", "double"), ("y", "double"), ("z", "double")];
const RECORD: &[(&str, &str)] =
    &[("sensorreadingtime", "bigint"), ("serialnumber", "string"), ("distancefromobject", "int")];

/// Each job with the table it writes, in an order that its reads allow.
const JOBS: [(&str, &str); 5] = [
    ("customer_landing_to_trusted", "customer_trusted"),
    ("accelerometer_landing_to_trusted_zone", "accelerometer_trusted"),
    ("customer_trusted_to_curated", "customers_curated"),
    ("step_trainer_landing_to_trusted", "step_trainer_trusted"),
    ("trainer_trusted_to_curated", "machine_learning_curated"),
];

fn manifest() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests/stedi")
}

#[tokio::test]
#[ignore = "needs Spark: make spark-tests"]
async fn the_five_scripts_give_the_recorded_counts() {
    let account = Account::new().await;
    // Another folder of the same shape, with its own counts, may be named.
    let data =
        std::env::var_os("LAKEFORM_TEST_STEDI_DATA").map_or_else(|| manifest().join("data"), PathBuf::from);
    let landing = [
        ("customer_landing", CUSTOMER),
        ("accelerometer_landing", READING),
        ("step_trainer_landing", RECORD),
    ];
    for (table, columns) in landing {
        account.table("stedi", table, "json", columns).await;
        let folder = data.join(table.trim_end_matches("_landing")).join("landing");
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            let text = std::fs::read_to_string(entry.path()).unwrap();
            account.put(&format!("{table}/{name}"), &text).await;
        }
    }
    let joined = [RECORD, READING].concat();
    let written = [
        ("customer_trusted", CUSTOMER),
        ("accelerometer_trusted", READING),
        ("customers_curated", CUSTOMER),
        ("step_trainer_trusted", RECORD),
        ("machine_learning_curated", joined.as_slice()),
    ];
    for (table, columns) in written {
        account.table("stedi", table, "parquet", columns).await;
    }
    let began = std::time::Instant::now();
    for (job, table) in JOBS {
        let script = std::fs::read_to_string(manifest().join("scripts").join(format!("{job}.py"))).unwrap();
        let target = format!("s3://{}/{table}/", account.bucket);
        let arguments = json!({ "--database": "stedi", "--target": target });
        account.job(job, "glueetl", &script, json!({ "DefaultArguments": arguments })).await;
        account.succeed(job).await;
    }
    println!("the five jobs took {:.1} s", began.elapsed().as_secs_f64());
    let expected: Value = match std::env::var("LAKEFORM_TEST_STEDI_COUNTS") {
        Ok(counts) => serde_json::from_str(&counts).unwrap(),
        Err(_) => serde_json::from_slice(&std::fs::read(manifest().join("expected.json")).unwrap()).unwrap(),
    };
    for (table, count) in expected.as_object().unwrap() {
        let counted = account.ask("stedi", &format!("select count(*) from {table}")).await;
        assert_eq!(counted, count.to_string(), "{table}");
    }
}
