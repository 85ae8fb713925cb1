//! What must come before what: references and containment, forwards for what comes to be, backwards for
//! what goes. No kind's name appears here.

use std::collections::{BTreeMap, BTreeSet};

use lakeform_model::{Action, Address, Blocked, BlockedBy, Desired, Kinds, Phase, Plan, Step};

/// Blocks what needs something blocked: those that depend on it, or in a destroy those it depends on (what
/// could not be read may still use them).
pub(crate) fn block_dependants(plan: &mut Plan, desired: &Desired, destroy: bool) {
    loop {
        let blocked: BTreeSet<Address> = plan.blocked.iter().map(|blocked| blocked.address.clone()).collect();
        let next = plan.steps.iter().find_map(|step| {
            let cause = if destroy {
                blocked.iter().find(|cause| {
                    desired
                        .resources
                        .get(*cause)
                        .is_some_and(|resource| resource.depends_on.contains(&step.address))
                })
            } else {
                let needs = &desired.resources.get(&step.address)?.depends_on;
                blocked.iter().find(|cause| needs.contains(*cause))
            };
            Some((step.address.clone(), cause?.clone()))
        });
        let Some((address, cause)) = next else { return };
        plan.steps.retain(|step| step.address != address);
        plan.blocked.push(Blocked { address, by: BlockedBy::Dependency(cause) });
    }
}

/// Sorts the steps and fills their `after` and `behind`.
pub(crate) fn order(plan: &mut Plan, desired: &Desired, kinds: Kinds) {
    let steps = &plan.steps;
    let mut before: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); steps.len()];
    for (index, step) in steps.iter().enumerate() {
        for (other_index, other) in steps.iter().enumerate() {
            if index != other_index && must_follow(step, other, desired) {
                before[index].insert(other_index);
            }
        }
    }
    let behind = behind(steps, &before);
    let rank = |index: &usize| {
        let step = &steps[*index];
        let kind = kinds.0.iter().position(|kind| kind.name() == step.address.kind());
        (kind, step.address.clone(), step.phase)
    };
    let mut left: BTreeSet<usize> = (0..steps.len()).collect();
    let mut sorted: Vec<usize> = Vec::new();
    while !left.is_empty() {
        let is_free =
            |index: &&usize| before[**index].is_disjoint(&left) && behind[**index].is_disjoint(&left);
        let free = left.iter().filter(is_free).min_by_key(|index| rank(index));
        // Live resources can point at each other in a ring; then any one of them has to be the first.
        let next = free.or_else(|| left.iter().min_by_key(|index| rank(index))).copied();
        let Some(next) = next else { break };
        left.remove(&next);
        sorted.push(next);
    }
    let position: BTreeMap<usize, usize> = sorted.iter().enumerate().map(|(new, old)| (*old, new)).collect();
    let mut taken: Vec<Option<Step>> = std::mem::take(&mut plan.steps).into_iter().map(Some).collect();
    for (new, old) in sorted.iter().enumerate() {
        let Some(mut step) = taken[*old].take() else { continue };
        let places = |others: &BTreeSet<usize>| {
            others.iter().filter_map(|other| position.get(other).copied()).filter(|at| *at < new).collect()
        };
        step.after = places(&before[*old]);
        step.behind = places(&behind[*old]);
        plan.steps.push(step);
    }
}

/// For each delete the steps of its kind that come to be. One that itself waits for something to go is left out:
/// they could wait for each other.
fn behind(steps: &[Step], before: &[BTreeSet<usize>]) -> Vec<BTreeSet<usize>> {
    let mut held_up: BTreeSet<usize> = (0..steps.len()).filter(|index| steps[*index].removes()).collect();
    loop {
        let known = held_up.len();
        held_up.extend(
            (0..steps.len()).filter(|index| !before[*index].is_disjoint(&held_up)).collect::<Vec<_>>(),
        );
        if held_up.len() == known {
            break;
        }
    }
    let comes = |index: &usize, kind: &str| !held_up.contains(index) && steps[*index].address.kind() == kind;
    let of = |step: &Step| match step.action {
        Action::Delete => (0..steps.len()).filter(|index| comes(index, step.address.kind())).collect(),
        Action::Create | Action::Update | Action::Replace | Action::Adopt => BTreeSet::new(),
    };
    steps.iter().map(of).collect()
}

fn must_follow(step: &Step, other: &Step, desired: &Desired) -> bool {
    if step.address == other.address {
        return step.phase == Phase::Establish && other.phase == Phase::Remove;
    }
    match (step.removes(), other.removes()) {
        (false, false) => desired
            .resources
            .get(&step.address)
            .is_some_and(|resource| resource.depends_on.contains(&other.address)),
        // What used it goes first.
        (true, true) => used(other, step, desired),
        // What used it and is changed to use another comes first; one that is being replaced comes back.
        (true, false) => step.action == Action::Delete && used(other, step, desired),
        (false, true) => false,
    }
}

/// Whether the live resource of `user` uses the live resource of `step`.
fn used(user: &Step, step: &Step, desired: &Desired) -> bool {
    let points = user.points_at(step.address.kind(), &step.identity);
    let declared = desired
        .resources
        .get(&user.address)
        .is_some_and(|resource| resource.depends_on.contains(&step.address));
    points || (declared && user.removes())
}
