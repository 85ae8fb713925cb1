//! Saved plans, damaged: the binary refuses each with a reason and before it asks AWS anything, unless the file
//! says the same in other letters.

use std::path::Path;
use std::sync::OnceLock;

use lakeform_tests::binary;

use crate::fuzz;
use crate::mutation::mutated;

const MANIFEST: &str = "lakeform: 1\nstack: fuzz\nregion: us-east-1\nbuckets:\n  lake: { name: fuzz-lake }\n\
    databases:\n  shop:\n    tables:\n      orders:\n        location: s3://${bucket.lake}/orders/\n        \
    format: json\n        columns: [{ name: id, type: int }]\n";

struct Saved {
    folder: tempfile::TempDir,
    bytes: Vec<u8>,
}

fn saved() -> &'static Saved {
    static SAVED: OnceLock<Saved> = OnceLock::new();
    SAVED.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("lakeform.yaml"), MANIFEST).expect("a manifest");
        std::fs::write(path("live.yaml"), "account: '111122223333'\n").expect("an account");
        let output = binary::command(folder.path())
            .args(["plan", "--live", "live.yaml", "--out", "plan.json"])
            .output()
            .expect("the binary runs");
        assert!(output.status.success(), "{}", binary::said(&output));
        let bytes = std::fs::read(path("plan.json")).expect("a plan");
        Saved { folder, bytes }
    })
}

fn applied(path: &Path) -> String {
    // Nothing listens there: who gets as far as AWS is told so at the first try.
    let output = binary::command(saved().folder.path())
        .args(["apply", "--yes", "--color", "never"])
        .arg(path)
        .env("AWS_ACCESS_KEY_ID", "111122223333")
        .env("AWS_SECRET_ACCESS_KEY", "testing")
        .env("AWS_MAX_ATTEMPTS", "1")
        .output()
        .expect("the binary runs");
    binary::said(&output)
}

#[test]
fn any_damage_to_a_plan_is_refused() {
    let whole: serde_json::Value = serde_json::from_slice(&saved().bytes).expect("a plan is JSON");
    let untouched = applied(&saved().folder.path().join("plan.json"));
    assert!(untouched.contains("exit code: 1") && untouched.contains("sts:GetCallerIdentity"), "{untouched}");
    fuzz("plan file, damaged", 4, &mutated(vec![("plan".to_owned(), saved().bytes.clone())]), |bytes| {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("plan.json");
        std::fs::write(&path, &bytes).expect("a file is written");
        let said = applied(&path);
        let same = serde_json::from_slice::<serde_json::Value>(&bytes).is_ok_and(|plan| plan == whole);
        assert!(said.contains("exit code: 1\n"), "{said}");
        assert!(same || (said.contains("is refused") && said.contains("because:")), "{said}");
        assert!(same || !said.contains("GetCallerIdentity"), "{said}");
    });
}
