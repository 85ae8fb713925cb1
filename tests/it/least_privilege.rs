//! `lakeform iam-policy` is complete and minimal: behind a proxy that refuses what a policy does not allow, the
//! whole life of the STEDI lakehouse works, and without any one statement it does not.

use std::collections::BTreeSet;
use std::path::Path;

use lakeform_model::Desired;
use lakeform_planner::PlanOptions;
use lakeform_sandbox::{CallRecord, Policy, Proxy, ProxyConfig, ProxyHandle};
use serde_json::{Value, json};

use crate::binary;
use crate::lab::{Lab, emulator, new_account};

/// Actions that a life here never asks for, and why they are in a policy all the same.
const EXCUSED: &[(&str, &str)] = &[
    ("glue:BatchStopJobRun", "asked for when a run is interrupted"),
    ("glue:GetJobRuns", "asked for when the answer of a start was lost"),
    ("athena:StopQueryExecution", "asked for when a query is interrupted"),
    ("glue:GetDatabase", "Athena's, in the caller's name"),
    ("glue:GetTable", "Athena's, in the caller's name"),
    ("s3:GetBucketLocation", "Athena's, in the caller's name"),
    ("s3:ListBucket", "Athena's, in the caller's name"),
    ("s3:ListBucketMultipartUploads", "Athena's, in the caller's name"),
    ("s3:GetObject", "Athena's, in the caller's name"),
    ("s3:PutObject", "Athena's, in the caller's name"),
    ("s3:AbortMultipartUpload", "Athena's, in the caller's name"),
];

/// Where a role listing is refused in one form, it is asked for in another.
const FALLS_BACK: &str = "GetAccountAuthorizationDetails";

/// The same lakehouse later: something is different of every kind, and everything lost a tag.
fn later(manifest: &Value) -> Value {
    let mut later = manifest.clone();
    later["tags"] = json!({ "team": "data" });
    later["buckets"]["lake"]["versioning"] = true.into();
    later["buckets"]["lake"]["lifecycle"] =
        json!([{ "id": "tidy", "abort_incomplete_multipart_days": 7, "prefix": "athena/" }]);
    later["network"]["gateway_endpoints"]["s3"]["policy"] = json!({ "document": {
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*" }],
    } });
    let role = &mut later["roles"]["glue"];
    role["description"] = "runs the jobs".into();
    role["trust"] = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "Glue",
            "Effect": "Allow",
            "Principal": { "Service": "glue.amazonaws.com" },
            "Action": "sts:AssumeRole",
        }],
    });
    role["policies"].as_object_mut().expect("policies").remove("GlueAccess");
    later["athena"]["workgroups"]["stedi"]["description"] = "questions".into();
    later["queries"] = json!({ "customers": { "sql": "select 1", "database": "stedi" } });
    later["databases"]["stedi"]["description"] = "another".into();
    later["databases"]["stedi"]["tables"]["customer_trusted"]["description"] = "another".into();
    later["jobs"]["customer_landing_to_trusted"]["timeout"] = 20.into();
    later
}

/// An account behind a proxy of its own, with the STEDI lakehouse's files.
struct Account {
    lab: Lab,
    proxy: ProxyHandle,
    /// The same account with no policy in the way.
    free: Lab,
    manifest: Value,
}

/// The policies of a life; a test may take statements out.
#[derive(Clone, Default)]
struct Policies {
    without: Option<String>,
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder is made");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).expect("a file is copied");
        }
    }
}

impl Account {
    async fn new() -> Self {
        let account = new_account();
        let proxy = Proxy::start(emulator().endpoint(), ProxyConfig::default()).expect("a proxy");
        let lab = Lab::at(proxy.endpoint(), &account, None).await;
        let free = Lab::at(emulator().endpoint(), &account, None).await;
        let stedi = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/stedi");
        copy(&stedi, lab.folder.path());
        let text = std::fs::read_to_string(stedi.join("lakeform.yaml")).expect("the manifest");
        let mut manifest: Value = serde_yaml::from_str(&text).expect("YAML");
        manifest["variables"]["bucket"]["default"] = format!("stedi-{account}").into();
        manifest["account"] = account.into();
        Self { lab, proxy, free, manifest }
    }

    fn load(&self, manifest: &Value) -> Desired {
        self.lab.load(&serde_yaml::to_string(manifest).expect("YAML"))
    }

    /// What the binary prints for the manifest that was loaded last.
    fn printed(&self, purpose: &str) -> Value {
        let output = binary::command(self.lab.folder.path())
            .args(["iam-policy", "--for", purpose])
            .output()
            .expect("the binary runs");
        assert!(output.status.success(), "{}", binary::said(&output));
        serde_json::from_slice(&output.stdout).expect("a document")
    }

    fn allow(&self, purpose: &str, policies: &Policies) {
        let mut document = self.printed(purpose);
        let statements = document["Statement"].as_array_mut().expect("statements");
        statements.retain(|one| policies.without.as_ref().is_none_or(|without| one["Sid"] != **without));
        self.proxy.set_policy(Some(Policy::parse(&document.to_string()).expect("a policy")));
    }

    fn denied(&self) -> Vec<CallRecord> {
        let refused = |call: &CallRecord| {
            let codes = ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"];
            let head = call.status == 403 && call.operation.starts_with("Head");
            head || call.error.as_deref().is_some_and(|error| codes.contains(&error))
        };
        let calls = self.proxy.calls().into_iter();
        calls.filter(|call| refused(call) && call.operation != FALLS_BACK).collect()
    }

    /// Plans with the plan's policy, applies and plans again with the apply's; false as soon as a call was denied.
    async fn bring(&self, desired: &Desired, options: &PlanOptions, policies: &Policies) -> bool {
        self.allow("plan", policies);
        let plan = self.lab.plan(desired, options).await;
        if !self.denied().is_empty() {
            return false;
        }
        assert!(!plan.steps.is_empty() && plan.blocked.is_empty(), "{:#?}", plan.blocked);
        assert_eq!(plan.denials().collect::<Vec<_>>(), Vec::<&lakeform_model::Finding>::new());
        assert!(plan.blind.is_empty(), "{:?}", plan.blind);
        self.allow("apply", policies);
        let plan = self.lab.plan(desired, options).await;
        let summary = self.lab.apply(&plan).await;
        if !self.denied().is_empty() {
            return false;
        }
        assert!(summary.is_success(), "{:#?}", summary.outcomes);
        let again = self.lab.plan(desired, options).await;
        assert!(again.is_empty(), "{}", crate::lab::outline(&again));
        self.denied().is_empty()
    }

    /// What others leave in the bucket: an object, and an upload that was never finished.
    async fn litter(&self, desired: &Desired) {
        let bucket = desired.resources.values().find(|one| one.address.kind() == "bucket").expect("a bucket");
        let s3 = self.free.cloud.s3();
        let put = s3.put_object().bucket(&bucket.identity).key("theirs").body(b"1".to_vec().into());
        put.send().await.expect("an object is put");
        let begin = s3.create_multipart_upload().bucket(&bucket.identity).key("unfinished");
        begin.send().await.expect("an upload begins");
    }

    /// A whole life; false as soon as a call was denied.
    async fn live(&self, policies: &Policies) -> bool {
        let desired = self.load(&self.manifest);
        if !self.bring(&desired, &PlanOptions::default(), policies).await {
            return false;
        }
        // Another script and another file, and one file less.
        let script = "scripts/customer_landing_to_trusted.py";
        let text = std::fs::read_to_string(self.lab.folder.path().join(script)).expect("a script");
        self.lab.write(script, format!("{text}\n# edited\n"));
        self.lab.write("data/customer/landing/new.json", "{}\n");
        let later = later(&self.manifest);
        let desired = self.load(&later);
        if !self.bring(&desired, &PlanOptions::default(), policies).await {
            return false;
        }
        std::fs::remove_file(self.lab.folder.path().join("data/customer/landing/new.json")).expect("a file");
        let mut last = later.clone();
        last["queries"]["customers"]["sql"] = "select 2".into();
        let desired = self.load(&last);
        if !self.bring(&desired, &PlanOptions::default(), policies).await {
            return false;
        }
        self.litter(&desired).await;
        let destroy = PlanOptions { destroy: true, ..PlanOptions::default() };
        self.bring(&desired, &destroy, policies).await
    }

    fn used(&self) -> BTreeSet<String> {
        self.proxy.calls().into_iter().flat_map(|call| call.actions).collect()
    }
}

fn statements(policy: &Value) -> impl Iterator<Item = &Value> {
    policy["Statement"].as_array().expect("statements").iter()
}

fn actions(policy: &Value) -> BTreeSet<String> {
    let actions = statements(policy).flat_map(|one| one["Action"].as_array().expect("actions"));
    actions.map(|action| action.as_str().expect("an action").to_owned()).collect()
}

/// Every statement of every version's policies.
fn sids(account: &Account) -> BTreeSet<String> {
    let mut sids = BTreeSet::new();
    for manifest in [account.manifest.clone(), later(&account.manifest)] {
        account.load(&manifest);
        sids.extend(
            statements(&account.printed("apply")).map(|one| one["Sid"].as_str().expect("a Sid").to_owned()),
        );
    }
    sids
}

#[tokio::test]
async fn the_printed_policies_are_enough_and_every_action_is_used() {
    let account = Account::new().await;
    assert!(account.live(&Policies::default()).await, "{:#?}", account.denied());
    let used = account.used();
    account.load(&later(&account.manifest));
    let unused: Vec<String> = actions(&account.printed("apply")).difference(&used).cloned().collect();
    assert_eq!(unused, Vec::<String>::new(), "in the policy, and never asked for");
    let plan = account.printed("plan");
    let reads = ["Get", "List", "Describe", "BatchGet"];
    let writes: Vec<String> = actions(&plan)
        .into_iter()
        .filter(|action| {
            !reads.iter().any(|read| action.split(':').nth(1).expect("a name").starts_with(read))
        })
        .collect();
    assert_eq!(writes, Vec::<String>::new(), "a plan only reads");
}

/// A life without one statement, on a thread of its own; the call that was denied.
fn life_without(sid: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let account = Account::new().await;
        let lives = account.live(&Policies { without: Some(sid.to_owned()) }).await;
        assert!(!lives, "nothing needs the statement {sid}");
        account.denied().first().map(CallRecord::name).unwrap_or_default()
    })
}

#[tokio::test]
async fn without_any_one_statement_something_is_denied() {
    let sids: Vec<String> = sids(&Account::new().await).into_iter().collect();
    for group in sids.chunks(4) {
        std::thread::scope(|scope| {
            let lives: Vec<_> = group.iter().map(|sid| (sid, scope.spawn(|| life_without(sid)))).collect();
            for (sid, life) in lives {
                println!("  without {sid}: {} is denied", life.join().expect("a life ends"));
            }
        });
    }
    println!("denials tried: {}, one for each statement", sids.len());
}

/// Jobs, a query and the checks, by the binary; the actions that were asked for.
fn work(account: &Account) -> BTreeSet<String> {
    let id = account.lab.cloud.account.clone();
    for arguments in [&["run", "--all"][..], &["query", "select 1"], &["check"]] {
        let output = binary::at(account.lab.folder.path(), account.proxy.endpoint(), &id)
            .args(arguments)
            .output()
            .expect("the binary runs");
        // The jobs only pretend here, so the checks find nothing to prove.
        let fails = arguments == ["check"] || !account.denied().is_empty();
        assert!(output.status.success() || fails, "{arguments:?}\n{}", binary::said(&output));
        if !account.denied().is_empty() {
            break;
        }
    }
    account.used()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_queries_and_checks_need_what_the_policy_for_runs_says() {
    let account = Account::new().await;
    let desired = account.load(&account.manifest);
    account.lab.settle(&desired).await;
    account.allow("run", &Policies::default());
    let used = work(&account);
    let denied = account.denied();
    assert!(denied.is_empty(), "{denied:#?}");
    let printed = account.printed("run");
    let excused = |action: &str| EXCUSED.iter().any(|(name, _)| *name == action);
    let unused: Vec<String> =
        actions(&printed).difference(&used).filter(|action| !excused(action)).cloned().collect();
    assert_eq!(unused, Vec::<String>::new());
    let mut tried = 0;
    for statement in statements(&printed) {
        let asked = statement["Action"].as_array().expect("actions").iter().filter_map(Value::as_str);
        if asked.clone().all(excused) {
            continue;
        }
        account.proxy.forget_calls();
        let sid = statement["Sid"].as_str().expect("a Sid").to_owned();
        account.allow("run", &Policies { without: Some(sid.clone()) });
        work(&account);
        assert!(!account.denied().is_empty(), "nothing needs the statement {sid}");
        tried += 1;
    }
    println!("denials tried: {tried}, for the statements about runs");
    assert!(tried >= 2, "{tried}");
}
