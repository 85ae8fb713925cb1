//! What a destroy shows and asks at a terminal, and what becomes of each answer.

use std::process::Command;

use lakeform_sandbox::{CallRecord, Proxy, ProxyConfig, ProxyHandle};

use crate::binary::{at, said};
use lakeform_tests::lab::{Lab, emulator, new_account};

const MANIFEST: &str = "
lakeform: 1
stack: doomed
region: us-east-1
buckets:
  lake: { name: doomed-ACCOUNT, versioning: true, force_destroy: true }
uploads:
  orders: { from: orders.json, to: 's3://${bucket.lake}/orders/' }
databases:
  shop:
    tables:
      orders: { location: 's3://${bucket.lake}/orders/', format: json, columns: { id: int } }
";

/// Runs a command on a terminal of its own, answers its question, and shows what it said.
const TERMINAL: &str = r#"
import os, pty, sys
answer, command = sys.argv[1], sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)
said, answered = b"", False
while True:
    try:
        read = os.read(terminal, 65536)
    except OSError:
        break
    if not read:
        break
    said += read
    if b"is taken as yes: " in said and not answered:
        answered = True
        os.write(terminal, answer.encode() + b"\n")
sys.stdout.buffer.write(said.replace(b"\r\n", b"\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

struct Stage {
    folder: tempfile::TempDir,
    account: String,
    proxy: ProxyHandle,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let proxy = Proxy::start(emulator().endpoint(), ProxyConfig::default()).expect("a proxy");
        let account = new_account();
        std::fs::write(folder.path().join("lakeform.yaml"), MANIFEST.replace("ACCOUNT", &account))
            .expect("a manifest");
        std::fs::write(folder.path().join("orders.json"), "{\"id\":1}\n").expect("a file");
        Self { folder, account, proxy }
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut lakeform = at(self.folder.path(), self.proxy.endpoint(), &self.account);
        let output = lakeform.args(arguments).output().expect("the binary runs");
        (output.status.code(), said(&output))
    }

    /// Runs the binary at a terminal where somebody types an answer.
    fn answer(&self, arguments: &[&str], answer: &str) -> (Option<i32>, String) {
        let lakeform = at(self.folder.path(), self.proxy.endpoint(), &self.account);
        let mut python = Command::new("python3");
        python.args(["-c", TERMINAL, answer]).arg(lakeform.get_program()).args(arguments);
        python.env_clear().current_dir(self.folder.path());
        for (name, value) in lakeform.get_envs() {
            python.env(name, value.unwrap_or_default());
        }
        let output = python.output().expect("python3 runs");
        (output.status.code(), said(&output))
    }

    fn changes(&self) -> Vec<String> {
        let calls = self.proxy.calls();
        calls.iter().filter(|call| call.mutating).map(CallRecord::name).collect()
    }
}

#[tokio::test]
async fn a_destroy_shows_what_would_be_lost_and_takes_only_the_stacks_name_for_yes() {
    let stage = Stage::new();
    let (code, told) = stage.run(&["apply", "--yes"]);
    assert_eq!(code, Some(0), "{told}");
    let lab = Lab::at(stage.proxy.endpoint(), &stage.account, None).await;
    let bucket = format!("doomed-{}", stage.account);
    for body in ["12345", "1234567"] {
        let put = lab.cloud.s3().put_object().bucket(&bucket).key("theirs");
        put.body(body.as_bytes().to_vec().into()).send().await.unwrap();
    }
    let made = stage.changes().len();

    // Nobody to ask, and every answer but the name.
    let (code, told) = stage.run(&["destroy"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("nobody to ask"), "{told}");
    for answer in ["", "y", "yes", "Doomed", "doomed-2", "lakeform"] {
        let (code, told) = stage.answer(&["destroy"], answer);
        assert_eq!(code, Some(1), "`{answer}`: {told}");
        assert!(told.contains("Destroy the stack `doomed`?"), "{told}");
        assert!(told.contains("not confirmed: nothing was changed"), "{told}");
    }
    assert_eq!(stage.changes()[made..], [""; 0], "nothing is touched");

    // What is shown comes before the question: the objects, their bytes and the older version.
    let (code, told) = stage.answer(&["destroy"], "doomed");
    assert_eq!(code, Some(0), "{told}");
    let (shown, _) = told.split_once("Destroy the stack `doomed`?").unwrap();
    for line in ["bucket.lake", "3 objects", "1 older version", "database.shop", "table.shop.orders"] {
        assert!(shown.contains(line), "`{line}` is not in:\n{shown}");
    }
    assert!(lab.cloud.s3().head_bucket().bucket(&bucket).send().await.is_err(), "the bucket is gone");
    let (_, told) = stage.run(&["destroy", "--yes"]);
    assert!(told.starts_with("exit code: 0"), "{told}");
}

#[tokio::test]
async fn an_apply_asks_too_and_yes_asks_nobody() {
    let stage = Stage::new();
    let (code, told) = stage.answer(&["apply"], "no");
    assert_eq!(code, Some(1), "{told}");
    assert_eq!(stage.changes(), Vec::<String>::new());
    let (code, told) = stage.answer(&["apply"], "yes");
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = stage.answer(&["destroy", "--yes"], "never asked");
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains("is taken as yes"), "{told}");
    let lab = Lab::at(stage.proxy.endpoint(), &stage.account, None).await;
    let bucket = format!("doomed-{}", stage.account);
    assert!(lab.cloud.s3().head_bucket().bucket(&bucket).send().await.is_err(), "the bucket is gone");
}

/// `protect` refuses a delete and a replacement, whatever else is permitted.
#[test]
fn what_is_protected_is_neither_deleted_nor_replaced() {
    let stage = Stage::new();
    let path = stage.folder.path().join("lakeform.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let protected = text.replace("    tables:", "    protect: true\n    tables:");
    std::fs::write(&path, &protected).unwrap();
    assert_eq!(stage.run(&["apply", "--yes"]).0, Some(0));
    let made = stage.changes().len();
    let all = ["destroy", "--yes", "--include-adopted", "--allow-data-loss", "database.shop"];
    let (code, told) = stage.run(&all);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("`database.shop` is protected: lakeform does not delete it"), "{told}");
    let renamed = protected.replace("    protect: true", "    name: other\n    protect: true");
    std::fs::write(&path, renamed).unwrap();
    let (code, told) = stage.run(&["apply", "--yes", "--allow-data-loss", "database.shop"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("`database.shop` is protected: lakeform does not replace it"), "{told}");
    assert_eq!(stage.changes()[made..], [""; 0], "nothing is touched");
    std::fs::write(&path, text).unwrap();
    assert_eq!(stage.run(&["destroy", "--yes"]).0, Some(0));
}
