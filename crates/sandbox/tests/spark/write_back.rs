//! What a job does to S3, through Spark and through boto3.

use http::Method;
use serde_json::json;

use crate::jobs::Account;

#[tokio::test]
#[ignore = "needs Spark: make spark-tests"]
async fn what_a_job_changed_is_on_s3_and_nothing_else_is() {
    let account = Account::new().await;
    account.put("in/a.json", "{\"n\": 1}\n{\"n\": 2}\n").await;
    account.put("out/old.json", "{\"n\": 0}\n").await;
    account.put("beside/kept.txt", "kept").await;
    account.put("odd//name", "stays").await;
    let script = "import sys, time, boto3\nfrom awsglue.utils import getResolvedOptions\n\
        from pyspark.sql import SparkSession\n\
        bucket = getResolvedOptions(sys.argv, ['bucket'])['bucket']\n\
        spark = SparkSession.builder.appName('x').enableHiveSupport().getOrCreate()\n\
        s3 = boto3.client('s3')\n\
        frame = spark.read.json(f's3://{bucket}/in/')\n\
        frame.coalesce(1).write.mode('overwrite').json(f's3a://{bucket}/out/')\n\
        s3.put_object(Bucket=bucket, Key='late/b.json', Body=b'{\"n\": 5}')\n\
        assert spark.read.json(f's3n://{bucket}/late/').first().n == 5\n\
        found = [o['Key'] for o in s3.list_objects_v2(Bucket=bucket, Prefix='out/')['Contents']]\n\
        part = [key for key in found if 'part-' in key]\n\
        assert len(part) == 1 and 'out/old.json' not in found, found\n\
        s3.copy_object(Bucket=bucket, Key='named.json', CopySource={'Bucket': bucket, 'Key': part[0]})\n\
        print('ready', flush=True)\n\
        while 'KeyCount' in (seen := s3.list_objects_v2(Bucket=bucket, Prefix='go')) and not seen['KeyCount']:\n    time.sleep(0.1)\n";
    let arguments = json!({ "--bucket": account.bucket });
    account.job("write", "glueetl", script, json!({ "DefaultArguments": arguments })).await;
    let run = account.run("write").await;
    loop {
        let read = account.read("write", &run).await;
        assert_ne!(read["JobRunState"], "FAILED", "{read:#}\n{}", account.log("write", &run, "error.log"));
        if account.log("write", &run, "output.log").contains("ready") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // Somebody else changes the bucket while the job runs: another prefix, and one the job only read.
    account.put("other/new.json", "new").await;
    account.put("in/a.json", "{\"n\": 9}\n").await;
    account.aws.s3(Method::DELETE, &format!("/{}/beside/kept.txt", account.bucket), "").await.unwrap();
    account.put("go", "").await;
    let ended = account.ended("write", &run).await;
    assert_eq!(ended["JobRunState"], "SUCCEEDED", "{}", account.log("write", &run, "error.log"));
    let keys = account.keys("").await;
    assert!(!keys.contains(&"out/old.json".to_owned()), "overwriting removes: {keys:?}");
    assert!(keys.contains(&"out/_SUCCESS".to_owned()), "{keys:?}");
    assert!(!keys.iter().any(|key| key.contains(".crc") || key.contains("_temporary")), "{keys:?}");
    assert!(!keys.contains(&"beside/kept.txt".to_owned()), "a deleted object does not come back: {keys:?}");
    assert_eq!(account.get("in/a.json").await.unwrap(), "{\"n\": 9}\n", "what was only read is not put back");
    assert_eq!(account.get("other/new.json").await.unwrap(), "new");
    assert_eq!(account.get("named.json").await.unwrap(), "{\"n\":1}\n{\"n\":2}\n");
    assert!(keys.contains(&"odd//name".to_owned()), "{keys:?}");
    assert!(account.log("write", &run, "error.log").contains("odd//name is left out"));
}

#[tokio::test]
#[ignore = "needs Spark: make spark-tests"]
async fn a_run_that_fails_keeps_what_it_had_written_and_tells_sparks_error() {
    let account = Account::new().await;
    let script = format!(
        "from pyspark.sql import SparkSession\nspark = SparkSession.builder.getOrCreate()\n\
         spark.range(3).write.parquet('s3://{0}/done/')\n\
         spark.read.json('s3://{0}/nothing/here/')\n",
        account.bucket
    );
    account.job("half", "glueetl", &script, json!({ "GlueVersion": "4.0" })).await;
    let run = account.run("half").await;
    let ended = account.ended("half", &run).await;
    let message = ended["ErrorMessage"].as_str().unwrap();
    assert!(message.starts_with("AnalysisException: [PATH_NOT_FOUND]"), "{message}");
    assert!(account.keys("done/").await.contains(&"done/_SUCCESS".to_owned()));
    let error = account.log("half", &run, "error.log");
    assert!(error.starts_with("sandbox: Glue 4.0 has Spark 3.3.0"), "{error}");
}
