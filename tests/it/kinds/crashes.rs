//! Killed between any two calls, or with any answer lost: the next apply comes to the same end.

use lakeform_planner::PlanOptions;
use lakeform_sandbox::{Effect, Fault, Faults, Proxy, ProxyConfig, ProxyHandle};

use super::bucket::{exists, name};
use lakeform_tests::lab::{Lab, emulator, new_account};

const SETTINGS: &str =
    "{ force_destroy: true, versioning: true, lifecycle: [{ expiration: { days: 9 } }], name: ";

async fn lab() -> (ProxyHandle, Lab) {
    let proxy = Proxy::start(emulator().endpoint(), ProxyConfig::default()).unwrap();
    let lab = Lab::at(proxy.endpoint(), &new_account(), None).await;
    lab.write("data/a.json", "1");
    lab.write("data/b.json", "2");
    (proxy, lab)
}

fn manifest(lab: &Lab) -> String {
    format!(
        "lakeform: 1\nstack: demo\nregion: us-east-1\nbuckets:\n  lake: {SETTINGS}{} }}\nuploads:\n  data: {{ from: data, to: 's3://${{bucket.lake}}/in/' }}\n",
        name(lab)
    )
}

fn script(fault: Fault) -> Faults {
    Faults { seed: 0, faults: vec![fault.on_changes()] }
}

#[tokio::test]
async fn killed_at_any_change_the_next_apply_finishes() {
    let (proxy, lab) = lab().await;
    let desired = lab.load(&manifest(&lab));
    for survived in 0.. {
        let plan = lab.plan(&desired, &PlanOptions::default()).await;
        // From this change on nothing is let through: the process is as good as dead.
        proxy.set_faults(script(Fault::on("*", Effect::Denied).after(survived)));
        let done = lab.apply(&plan).await.is_success();
        proxy.set_faults(Faults::default());
        lab.settle(&desired).await;
        lab.destroy(&desired).await;
        assert!(!exists(&lab, &name(&lab)).await, "killed after {survived} changes");
        if done {
            assert!(survived > 5, "an apply makes more than {survived} changes");
            return;
        }
    }
}

#[tokio::test]
async fn a_lost_answer_is_no_failure() {
    let (proxy, lab) = lab().await;
    let desired = lab.load(&manifest(&lab));
    for lost in 0..9 {
        proxy.set_faults(script(Fault::on("*", Effect::Lost).after(lost).times(1)));
        lab.settle(&desired).await;
        proxy.set_faults(Faults::default());
        lab.destroy(&desired).await;
        assert!(!exists(&lab, &name(&lab)).await, "the answer to change {lost} was lost");
    }
}
