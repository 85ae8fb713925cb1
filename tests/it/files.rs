//! Hostile files: what uploads and other files of a manifest must not follow, wait for, or send.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lakeform_aws::kinds::KINDS;
use lakeform_executor::{Outcome, Summary};
use lakeform_manifest::{Folder, LoadOptions, load};
use lakeform_model::Class;
use lakeform_planner::PlanOptions;
use lakeform_sandbox::{Effect, Fault, Faults, Proxy, ProxyConfig};

use crate::binary;
use lakeform_tests::lab::{Lab, On, emulator, new_account};

fn manifest(from: &str) -> String {
    let from = serde_json::Value::from(from);
    format!(
        "lakeform: 1\nstack: demo\nregion: us-east-1\nbuckets:\n  lake: {{ name: \"files-${{account}}\", force_destroy: true }}\n\
         uploads:\n  data: {{ from: {from}, to: 's3://${{bucket.lake}}/in/' }}\n"
    )
}

/// A folder with a manifest in it that uploads `data`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join("stack/data")).expect("a folder");
    std::fs::write(folder.path().join("stack/data/fine.json"), "{}").expect("a file");
    std::fs::write(folder.path().join("secret"), "secret").expect("a file");
    folder
}

/// What the manifest's problems are, all in one text; empty when it is sound.
fn problems(folder: &tempfile::TempDir, from: &str) -> String {
    let stack = folder.path().join("stack");
    std::fs::write(stack.join("lakeform.yaml"), manifest(from)).expect("a manifest");
    let options = LoadOptions { path: stack.join("lakeform.yaml"), ..LoadOptions::default() };
    load(&options, KINDS, &Folder(stack)).render(false)
}

#[test]
fn links_may_stay_inside_and_not_lead_out_or_in_circles() {
    let folder = folder();
    let data = folder.path().join("stack/data");
    symlink("fine.json", data.join("link.json")).unwrap();
    std::fs::create_dir(folder.path().join("stack/other")).unwrap();
    std::fs::write(folder.path().join("stack/other/x"), "x").unwrap();
    symlink("../other", data.join("other")).unwrap();
    assert_eq!(problems(&folder, "data"), "");

    symlink("../../secret", data.join("out")).unwrap();
    let shown = problems(&folder, "data");
    assert!(shown.contains("`data` holds the symbolic link `out`, which leads out"), "{shown}");
    assert!(shown.contains("give an absolute path"), "{shown}");
    // The same, meant: an absolute path is taken as it is.
    assert_eq!(problems(&folder, data.to_str().unwrap()), "");
    std::fs::remove_file(data.join("out")).unwrap();

    symlink("/etc", data.join("deep")).unwrap();
    assert!(problems(&folder, "data").contains("the symbolic link `deep`"));
    std::fs::remove_file(data.join("deep")).unwrap();

    symlink("..", data.join("up")).unwrap();
    let shown = problems(&folder, "data");
    assert!(shown.contains("`up/data/up`, which leads back to a folder it is in"), "{shown}");
    std::fs::remove_file(data.join("up")).unwrap();

    symlink("self", data.join("self")).unwrap();
    assert!(problems(&folder, "data").contains("cannot be read: `self`"));
    std::fs::remove_file(data.join("self")).unwrap();

    symlink("nowhere", data.join("broken")).unwrap();
    assert!(problems(&folder, "data").contains("cannot be read: `broken` does not exist"));
}

#[test]
fn a_link_named_itself_and_paths_upwards_are_refused() {
    let folder = folder();
    symlink("..", folder.path().join("stack/up")).unwrap();
    symlink("../secret", folder.path().join("stack/key")).unwrap();
    for from in ["up", "key", "up/secret"] {
        let shown = problems(&folder, from);
        assert!(
            shown.contains("is a symbolic link that leads out of the manifest's folder"),
            "{from}: {shown}"
        );
    }
    for from in ["..", "../secret", "data/../../secret", "./../secret"] {
        assert!(problems(&folder, from).contains("leads out of the manifest's folder"), "{from}");
    }
    for from in ["data\0x", "data/\0"] {
        assert!(problems(&folder, from).contains("holds a NUL character"), "{from:?}");
    }
    assert_eq!(problems(&folder, "./data/../data/"), "");
    assert_eq!(problems(&folder, folder.path().join("secret").to_str().unwrap()), "");
    // A definition is no way out either.
    let text =
        "lakeform: 1\nstack: demo\nregion: us-east-1\ndatabases:\n  d:\n    tables:\n      t: { ddl: key }\n";
    let stack = folder.path().join("stack");
    std::fs::write(stack.join("lakeform.yaml"), text).unwrap();
    let options = LoadOptions { path: stack.join("lakeform.yaml"), ..LoadOptions::default() };
    let shown = load(&options, KINDS, &Folder(stack)).render(false);
    assert!(shown.contains("`key` is a symbolic link that leads out"), "{shown}");
}

#[test]
fn uploads_that_would_undo_each_other_are_told_once() {
    let folder = folder();
    let stack = folder.path().join("stack");
    let text = "lakeform: 1\nstack: demo\nregion: us-east-1\nuploads:\n  \
        b: { from: data, to: s3://some-lake/in }\n  a: { from: data, to: s3://some-lake/in/ }\n  \
        c: { from: data, to: s3://some-lake/in/deep/er/, prune: true }\n  d: { from: data, to: s3://some-lake/in/deep, prune: true }\n  \
        e: { from: data, to: s3://some-lake/in-side/, prune: true }\n  f: { from: data, to: s3://other-lake/in/deep/er/ }\n";
    std::fs::write(stack.join("lakeform.yaml"), text).unwrap();
    let options = LoadOptions { path: stack.join("lakeform.yaml"), ..LoadOptions::default() };
    let loaded = load(&options, KINDS, &Folder(stack));
    let told: Vec<&str> = loaded.diagnostics.0.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "the upload `a` goes to the same place",
            "`prune` would delete what the upload `c` puts below this folder"
        ]
    );
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
}

/// Reading one of these would wait for ever, or never end.
#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    let folder = folder();
    let stack = folder.path().join("stack");
    fifo(&stack.join("data/pipe"));
    let shown = problems(&folder, "data");
    assert!(shown.contains("`data` holds `pipe`, which is a FIFO"), "{shown}");
    assert!(problems(&folder, "data/pipe").contains("`data/pipe` is a FIFO, not a file"));
    std::fs::remove_file(stack.join("data/pipe")).unwrap();

    let _listener = UnixListener::bind(stack.join("data/socket")).unwrap();
    assert!(problems(&folder, "data").contains("holds `socket`, which is a socket"));
    std::fs::remove_file(stack.join("data/socket")).unwrap();

    assert!(problems(&folder, "/dev/zero").contains("`/dev/zero` is a device, not a file"));
    assert!(problems(&folder, "/proc/self/mem").contains("cannot be read"));

    fifo(&stack.join("t.sql"));
    std::fs::remove_file(stack.join("lakeform.yaml")).unwrap();
    fifo(&stack.join("lakeform.yaml"));
    let options = LoadOptions { path: stack.join("lakeform.yaml"), ..LoadOptions::default() };
    let shown = load(&options, KINDS, &Folder(stack.clone())).render(false);
    assert!(shown.contains("is a FIFO, not a file"), "{shown}");
    std::fs::remove_file(stack.join("lakeform.yaml")).unwrap();
    let text = "lakeform: 1\nstack: demo\nregion: us-east-1\ndatabases:\n  d:\n    tables:\n      t: { ddl: t.sql }\n";
    std::fs::write(stack.join("lakeform.yaml"), text).unwrap();
    assert!(load(&options, KINDS, &Folder(stack)).render(false).contains("`t.sql` is a FIFO, not a file"));
}

#[test]
fn names_that_no_key_can_be_are_told_harmlessly() {
    let folder = folder();
    let data = folder.path().join("stack/data");
    for (name, told) in [
        (b"a\nb".as_slice(), "the name of `a\\nb` holds control characters"),
        (b"\x1b[2Jclear", "the name of `\\u{1b}[2Jclear` holds control characters"),
        (b"\xff\xfe\x1b", "holds a file whose name is not UTF-8"),
    ] {
        let path = data.join(std::ffi::OsStr::from_bytes(name));
        std::fs::write(&path, "x").unwrap();
        let shown = problems(&folder, "data");
        assert!(shown.contains(told), "{shown}");
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
        std::fs::remove_file(path).unwrap();
    }
    for name in ["with space", "é", "日本", "a'b\"c", "$HOME", "%2e%2e", "-rf", "a+b&c=d", "#"] {
        std::fs::write(data.join(name), "x").unwrap();
    }
    assert_eq!(problems(&folder, "data"), "");
}

/// Root reads everything, so the binary runs as somebody else; where the tests do not run as root it runs as it is.
#[test]
fn a_file_that_may_not_be_read_is_told() {
    let folder = folder();
    std::fs::write(folder.path().join("stack/data/locked"), "x").unwrap();
    assert!(problems(&folder, "data").is_empty());
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = folder.path().join("lakeform");
    std::fs::copy(binary::lakeform(), &program).unwrap();
    std::fs::set_permissions(folder.path().join("stack/data/locked"), PermissionsExt::from_mode(0o000))
        .unwrap();
    let is_root = std::fs::File::open(folder.path().join("stack/data/locked")).is_ok();
    let mut command = Command::new(program);
    command.current_dir(folder.path().join("stack")).env_clear().arg("validate");
    if is_root {
        command.uid(65534).gid(65534);
    }
    let said = binary::said(&command.output().unwrap());
    assert!(
        said.contains("exit code: 1") && said.contains("`data` cannot be read: `locked` may not be read"),
        "{said}"
    );
}

fn failure(summary: &Summary) -> String {
    let failed = summary.outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Failed(error) => {
            assert_eq!(error.class, Class::Local, "{error}");
            Some(error.to_string())
        }
        _ => None,
    });
    failed.collect::<Vec<_>>().join("\n")
}

async fn keys(lab: &Lab) -> Vec<String> {
    let bucket = format!("files-{}", lab.cloud.account);
    let answer = lab.cloud.s3().list_objects_v2().bucket(&bucket).send().await.unwrap();
    let keys = answer.contents().iter().filter_map(|object| object.key().map(str::to_owned));
    keys.filter(|key| !key.starts_with(".lakeform/")).collect()
}

#[tokio::test]
async fn a_file_that_is_not_what_was_planned_is_never_sent() {
    for (case, told) in [
        ("changed", "changed since it was planned: plan again"),
        ("grown", "changed since it was planned: plan again"),
        ("gone", "cannot be read: No such file"),
        ("a FIFO", "is no file any more: plan again"),
        ("a folder", "is no file any more: plan again"),
    ] {
        let lab = Lab::new(On::Ministack).await;
        lab.write("data/a.json", "planned");
        let plan = lab.plan(&lab.load(&manifest("data")), &PlanOptions::default()).await;
        let path = lab.folder.path().join("data/a.json");
        match case {
            "changed" => lab.write("data/a.json", "chanced"),
            "grown" => lab.write("data/a.json", "planned and more"),
            "gone" => std::fs::remove_file(&path).unwrap(),
            "a FIFO" => {
                std::fs::remove_file(&path).unwrap();
                fifo(&path);
            }
            _ => {
                std::fs::remove_file(&path).unwrap();
                std::fs::create_dir(&path).unwrap();
            }
        }
        let summary = lab.apply(&plan).await;
        let failure = failure(&summary);
        assert!(failure.contains(told) && failure.contains("a.json"), "{case}: {failure}");
        assert_eq!(keys(&lab).await, Vec::<String>::new(), "{case}");
        // The repair is the same command again.
        if case == "changed" || case == "grown" {
            lab.settle(&lab.load(&manifest("data"))).await;
            assert_eq!(keys(&lab).await, ["in/a.json"]);
        }
    }
}

/// A writer changes the end of a large file for as long as its parts are on their way.
#[tokio::test]
async fn a_file_that_changes_while_its_parts_are_sent_becomes_no_object() {
    let proxy = Proxy::start(emulator().endpoint(), ProxyConfig::default()).unwrap();
    let slow = Effect::Latency { ms: 150, jitter_ms: 100 };
    let slow = ["s3:CreateMultipartUpload", "s3:UploadPart"].map(|call| Fault::on(call, slow.clone()));
    proxy.set_faults(Faults { seed: 1, faults: slow.to_vec() });
    let account = new_account();
    let lab = Lab::at(proxy.endpoint(), &account, None).await;
    lab.write("data/big.bin", vec![7; 33 << 20]);
    let plan = lab.plan(&lab.load(&manifest("data")), &PlanOptions::default()).await;
    let (path, stop) = (lab.folder.path().join("data/big.bin"), Arc::new(AtomicBool::new(false)));
    let until = Arc::clone(&stop);
    let writer = std::thread::spawn(move || {
        use std::os::unix::fs::FileExt as _;
        let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        let mut writes = 0_u64;
        while !until.load(Ordering::Relaxed) {
            file.write_all_at(&writes.to_le_bytes(), (33 << 20) - 8).unwrap();
            writes += 1;
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        writes
    });
    let summary = lab.apply(&plan).await;
    stop.store(true, Ordering::Relaxed);
    assert!(writer.join().unwrap() > 1);
    let failure = failure(&summary);
    assert!(failure.contains("big.bin` changed since it was planned: plan again"), "{failure}");
    assert_eq!(keys(&lab).await, Vec::<String>::new());
    let counts = proxy.counts();
    assert_eq!(counts.get("s3:AbortMultipartUpload"), Some(&1), "{counts:?}");
    assert_eq!(counts.get("s3:CompleteMultipartUpload"), None, "{counts:?}");
    lab.settle(&lab.load(&manifest("data"))).await;
    assert_eq!(keys(&lab).await, ["in/big.bin"]);
}

/// What arrives is what was planned, whatever a writer does meanwhile: the body is held against the plan before
/// it is sent.
#[tokio::test]
async fn a_small_file_arrives_as_planned_or_not_at_all() {
    let proxy = Proxy::start(emulator().endpoint(), ProxyConfig::default()).unwrap();
    let slow = Fault::on("s3:PutObject", Effect::Latency { ms: 100, jitter_ms: 100 });
    proxy.set_faults(Faults { seed: 1, faults: vec![slow] });
    let lab = Lab::at(proxy.endpoint(), &new_account(), None).await;
    for number in 0..24 {
        lab.write(&format!("data/{number:02}"), "planned");
    }
    let plan = lab.plan(&lab.load(&manifest("data")), &PlanOptions::default()).await;
    let data = lab.folder.path().join("data");
    let writer = std::thread::spawn(move || {
        for number in (0..24).rev() {
            std::fs::write(data.join(format!("{number:02}")), "written since").unwrap();
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    });
    let summary = lab.apply(&plan).await;
    writer.join().unwrap();
    let keys = keys(&lab).await;
    assert_eq!(summary.is_success(), keys.len() == 24, "{:?}", summary.outcomes);
    let bucket = format!("files-{}", lab.cloud.account);
    for key in keys {
        let object = lab.cloud.s3().get_object().bucket(&bucket).key(&key).send().await.unwrap();
        assert_eq!(object.body.collect().await.unwrap().into_bytes(), "planned", "{key}");
    }
}
