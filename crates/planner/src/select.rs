//! `--target`: only the steps a user asked for, with what they need.

use std::collections::BTreeSet;

use lakeform_model::{Address, Desired, Plan};

/// Drops the steps that no target needs. What comes to be needs what it depends on; what goes needs those
/// that use it to go first.
pub(crate) fn keep_targets(plan: &mut Plan, desired: &Desired, targets: &[String]) {
    if targets.is_empty() {
        return;
    }
    let known = desired.resources.keys().chain(plan.steps.iter().map(|step| &step.address));
    let asked: BTreeSet<&Address> =
        known.filter(|address| targets.iter().any(|target| address.matches(target))).collect();
    let asked: BTreeSet<Address> = asked.into_iter().cloned().collect();

    let coming = closure(&asked, |address| {
        desired.resources.get(address).map(|resource| resource.depends_on.clone()).unwrap_or_default()
    });
    let going = closure(&asked, |address| {
        let gone = plan.steps.iter().filter(|step| step.removes() && step.address == *address);
        let users = gone.flat_map(|step| {
            let kind = step.address.kind();
            plan.steps.iter().filter(move |user| user.removes() && user.points_at(kind, &step.identity))
        });
        users.map(|user| user.address.clone()).collect()
    });
    plan.steps.retain(|step| {
        if step.removes() { going.contains(&step.address) } else { coming.contains(&step.address) }
    });
    plan.blocked.retain(|blocked| coming.contains(&blocked.address));
}

/// `start` and everything that can be reached from it.
fn closure(start: &BTreeSet<Address>, next: impl Fn(&Address) -> BTreeSet<Address>) -> BTreeSet<Address> {
    let mut reached = start.clone();
    let mut open: Vec<Address> = start.iter().cloned().collect();
    while let Some(address) = open.pop() {
        open.extend(next(&address).into_iter().filter(|more| reached.insert(more.clone())));
    }
    reached
}
