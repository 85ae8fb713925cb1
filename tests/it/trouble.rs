//! What a user sees when something is in the way: nobody there, no credentials, a denied read, somebody else's
//! bucket, a manifest full of mistakes, an interrupt. Each is the whole output, as a snapshot.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use lakeform_sandbox::{Effect, Fault, Faults, Proxy, ProxyConfig, ProxyHandle};

use crate::binary::{at, command, said};
use lakeform_tests::lab::{Lab, emulator, new_account};

/// A small lakehouse; its bucket's name is the account's.
const MANIFEST: &str = "\
lakeform: 1
stack: shop
region: us-east-1
variables:
  bucket: {}
buckets:
  lake: { name: \"${var.bucket}\" }
  logs: { name: \"${var.bucket}-logs\" }
uploads:
  orders: { from: orders.json, to: \"s3://${bucket.lake}/orders/\" }
databases:
  shop:
    tables:
      orders: { location: \"s3://${bucket.lake}/orders/\", format: json, columns: { id: int } }
";

/// A folder with the manifest, and an account of its own behind a proxy of its own.
struct Stage {
    folder: tempfile::TempDir,
    account: String,
    bucket: String,
    proxy: ProxyHandle,
}

impl Stage {
    fn new(faults: Vec<Fault>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("lakeform.yaml"), MANIFEST).expect("a manifest");
        std::fs::write(folder.path().join("orders.json"), "{\"id\":1}\n").expect("a file");
        let config = ProxyConfig { faults: Faults { seed: 0, faults }, ..ProxyConfig::default() };
        let proxy = Proxy::start(emulator().endpoint(), config).expect("a proxy");
        let account = new_account();
        let bucket = format!("trouble-{account}");
        Self { folder, account, bucket, proxy }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = at(self.folder.path(), self.proxy.endpoint(), &self.account);
        command.args(arguments).arg("--var").arg(format!("bucket={}", self.bucket));
        command
    }

    /// What a run said, with what differs from run to run by a name.
    fn run(&self, arguments: &[&str]) -> String {
        self.named(&self.command(arguments).output().expect("the binary runs"))
    }

    fn named(&self, output: &Output) -> String {
        let text = said(output)
            .replace(&self.bucket, "BUCKET")
            .replace(&self.account, "ACCOUNT")
            .replace(self.proxy.endpoint(), "ENDPOINT");
        without_requests(&text)
    }

    fn changes(&self) -> Vec<String> {
        let calls = self.proxy.calls();
        calls.iter().filter(|call| call.mutating).map(lakeform_sandbox::CallRecord::name).collect()
    }
}

/// Request ids and times by a name.
fn without_requests(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("(request ") {
        out.push_str(before);
        out.push_str("(request ID");
        rest = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-');
    }
    out.push_str(rest);
    let is_time = |word: &str| {
        word.strip_suffix("ms").or_else(|| word.strip_suffix('s')).is_some_and(|n| n.parse::<f64>().is_ok())
    };
    let times = |line: &str| match line.rsplit_once(' ') {
        Some((before, word)) if is_time(word) => format!("{before} TIME"),
        _ => line.to_owned(),
    };
    out.lines().map(times).collect::<Vec<_>>().join("\n")
}

fn manifest_in(folder: &Path) {
    let text = MANIFEST.replace("bucket: {}", "bucket: { default: some-lake }");
    std::fs::write(folder.join("lakeform.yaml"), text).expect("a manifest");
    std::fs::write(folder.join("orders.json"), "{\"id\":1}\n").expect("a file");
}

#[test]
fn nobody_answers() {
    let folder = tempfile::tempdir().unwrap();
    manifest_in(folder.path());
    let output = at(folder.path(), "http://127.0.0.1:9", "111122223333").arg("plan").output().unwrap();
    insta::assert_snapshot!("nobody-answers", said(&output));
}

#[test]
fn there_are_no_credentials() {
    let folder = tempfile::tempdir().unwrap();
    manifest_in(folder.path());
    let output = command(folder.path()).arg("plan").output().unwrap();
    insta::assert_snapshot!("no-credentials", said(&output));
}

#[test]
fn the_credentials_are_wrong() {
    let wrong = Effect::Error {
        code: "InvalidClientTokenId".to_owned(),
        message: Some("The security token included in the request is invalid.".to_owned()),
        status: Some(403),
    };
    let stage = Stage::new(vec![Fault::on("sts:*", wrong)]);
    insta::assert_snapshot!("wrong-credentials", stage.run(&["plan"]));
    let calls: Vec<String> = stage.proxy.calls().iter().map(lakeform_sandbox::CallRecord::name).collect();
    assert_eq!(calls, ["sts:GetCallerIdentity"], "nothing is asked of AWS with wrong credentials");
}

#[test]
fn a_read_is_denied() {
    let stage = Stage::new(Vec::new());
    stage.run(&["apply", "--yes"]);
    let made = stage.changes().len();
    let denied = vec![Fault::on("s3:GetBucket*", Effect::Denied), Fault::on("s3:HeadBucket", Effect::Denied)];
    stage.proxy.set_faults(Faults { seed: 0, faults: denied });
    insta::assert_snapshot!("denied-read", stage.run(&["plan"]));
    insta::assert_snapshot!("denied-read-apply", stage.run(&["apply", "--yes"]));
    let gone = stage.run(&["destroy", "--yes"]);
    // The order of what goes at the same time is open.
    let (shown, told) = gone.split_once("----- stderr -----\n").unwrap();
    let mut told: Vec<&str> = told.lines().collect();
    told.sort_unstable();
    insta::assert_snapshot!("denied-read-destroy", format!("{shown}{}", told.join("\n")));
    assert!(
        !stage.changes()[made..].iter().any(|call| call.starts_with("s3:") && call.ends_with("Bucket")),
        "a bucket that cannot be read is not touched: {:?}",
        &stage.changes()[made..]
    );
}

#[tokio::test]
async fn a_bucket_of_the_name_is_nobodys() {
    let stage = Stage::new(Vec::new());
    let lab = Lab::at(stage.proxy.endpoint(), &stage.account, None).await;
    lab.cloud.s3().create_bucket().bucket(&stage.bucket).send().await.unwrap();
    let made = stage.changes().len();
    insta::assert_snapshot!("unowned-bucket", stage.run(&["apply", "--yes"]));
    assert_eq!(stage.changes().len(), made, "nothing is touched");
}

#[tokio::test]
async fn a_bucket_of_the_name_is_another_accounts() {
    let stage = Stage::new(Vec::new());
    let other = Lab::at(emulator().endpoint(), &new_account(), None).await;
    other.cloud.s3().create_bucket().bucket(&stage.bucket).send().await.unwrap();
    insta::assert_snapshot!("foreign-bucket", stage.run(&["plan"]));
}

#[test]
fn another_stack_owns_it() {
    let stage = Stage::new(Vec::new());
    stage.run(&["apply", "--yes"]);
    let made = stage.changes().len();
    let path = stage.folder.path().join("lakeform.yaml");
    let text = std::fs::read_to_string(&path).unwrap().replace("stack: shop", "stack: warehouse");
    std::fs::write(&path, text).unwrap();
    insta::assert_snapshot!("other-stack", stage.run(&["apply", "--yes", "--adopt"]));
    insta::assert_snapshot!("other-stack-destroy", stage.run(&["destroy", "--yes"]));
    assert_eq!(stage.changes().len(), made, "nothing is touched");
}

#[test]
fn a_manifest_has_ten_mistakes() {
    let stage = Stage::new(Vec::new());
    std::fs::write(stage.folder.path().join("lakeform.yaml"), include_str!("trouble/ten-mistakes.yaml"))
        .unwrap();
    insta::assert_snapshot!("ten-mistakes", stage.run(&["apply", "--yes"]));
    assert_eq!(stage.proxy.calls().len(), 0, "nothing is asked of AWS before all is right");
}

#[test]
fn it_is_the_wrong_account() {
    let stage = Stage::new(Vec::new());
    let path = stage.folder.path().join("lakeform.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("account: \"111122223333\"\n{text}")).unwrap();
    insta::assert_snapshot!("wrong-account", stage.run(&["destroy", "--yes"]));
    let calls: Vec<String> = stage.proxy.calls().iter().map(lakeform_sandbox::CallRecord::name).collect();
    assert_eq!(calls, ["sts:GetCallerIdentity"]);
}

#[test]
fn nobody_is_there_to_say_yes() {
    let stage = Stage::new(Vec::new());
    insta::assert_snapshot!("nobody-to-ask", stage.run(&["apply"]));
    assert_eq!(stage.changes(), Vec::<String>::new());
}

/// The first interrupt lets what runs end, starts nothing more, and says how to go on.
#[test]
fn an_apply_is_interrupted() {
    let slow = Effect::Latency { ms: 1500, jitter_ms: 0 };
    let stage = Stage::new(vec![Fault::on("s3:CreateBucket", slow)]);
    let mut child = stage
        .command(&["apply", "--yes", "--parallelism", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut heard = String::new();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    for line in lines.by_ref() {
        heard = heard + &line + "\n";
        if line.contains("creat") {
            break;
        }
    }
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    heard.extend(lines.map(|line| format!("{line}\n")));
    let mut output = child.wait_with_output().unwrap();
    output.stderr = heard.into_bytes();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    insta::assert_snapshot!("interrupted", stage.named(&output));
    let made = stage.changes();
    assert!(!made.iter().any(|call| call == "glue:CreateTable"), "nothing more was started: {made:?}");
    stage.proxy.set_faults(Faults::default());
    assert!(stage.run(&["apply", "--yes"]).starts_with("exit code: 0"));
    assert!(stage.run(&["plan"]).contains("No changes"));
}

#[test]
fn what_init_writes_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let init = command(folder.path()).args(["init", "lake"]).output().unwrap();
    insta::assert_snapshot!("init", said(&init));
    let lake = folder.path().join("lake");
    let validate = command(&lake).arg("validate").output().unwrap();
    insta::assert_snapshot!("init-validate", said(&validate));
    let again = command(folder.path()).args(["init", "lake"]).output().unwrap();
    insta::assert_snapshot!("init-again", said(&again));
}
