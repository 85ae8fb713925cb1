//! What to do with each resource by itself: order, guards and targets come after.

use std::collections::{BTreeMap, BTreeSet};

use lakeform_model::{
    Action, Address, Blocked, BlockedBy, Change, Class, CloudError, Desired, Effect, FieldPath, FieldRule,
    Fields, Kinds, Live, Managed, Mark, Phase, Plan, Present, Resource, Snapshot, Step, Why, diff,
};

use crate::PlanOptions;

/// Fills the plan's steps (unordered), blocked, unchanged and kept.
pub(crate) fn decide(
    plan: &mut Plan,
    desired: &Desired,
    snapshot: &Snapshot,
    kinds: Kinds,
    options: &PlanOptions,
) {
    let mut former: BTreeMap<(&str, &Address), &Present> = BTreeMap::new();
    for (kind, present) in &snapshot.owned {
        if let Some(mark) = &present.mark {
            former.insert((kind.as_str(), &mark.address), present);
        }
    }
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    for resource in desired.resources.values() {
        let unanswered =
            Live::Unreadable(CloudError::new(Class::Unknown, "lakeform:Survey", "was not surveyed"));
        let live = snapshot.wanted.get(&resource.address).unwrap_or(&unanswered);
        let decider = Decider { plan, snapshot, kinds, options, stack: &desired.stack };
        if options.destroy {
            decider.retire(resource, live);
        } else {
            let former = former.get(&(resource.address.kind(), &resource.address)).copied();
            if decider.want(resource, live, former) {
                taken.extend(former.map(|present| present.identity.as_str()));
            }
        }
    }
    for (kind, present) in &snapshot.owned {
        if !taken.contains(present.identity.as_str()) {
            let why = if options.destroy { Why::Destroy } else { Why::LeftManifest };
            remove(plan, present, kind, why, options);
        }
    }
}

struct Decider<'a> {
    plan: &'a mut Plan,
    snapshot: &'a Snapshot,
    kinds: Kinds,
    options: &'a PlanOptions,
    stack: &'a str,
}

/// A wanted resource as it is meant in this account.
struct Wanted<'a> {
    resource: &'a Resource,
    identity: &'a str,
    fields: &'a Fields,
    rules: &'a [FieldRule],
    stack: &'a str,
}

impl Wanted<'_> {
    fn mark(&self, adopted: bool) -> Mark {
        Mark {
            stack: self.stack.to_owned(),
            address: self.resource.address.clone(),
            adopted,
            managed: Managed::of(self.fields, self.rules),
        }
    }

    fn step(
        &self,
        action: Action,
        why: Why,
        changes: Vec<Change>,
        live: Option<&Present>,
        adopted: bool,
    ) -> Step {
        Step {
            address: self.resource.address.clone(),
            action,
            phase: if action == Action::Replace { Phase::Establish } else { Phase::Whole },
            why,
            identity: self.identity.to_owned(),
            changes,
            fields: self.fields.clone(),
            files: self.resource.files.clone(),
            mark: Some(self.mark(adopted)),
            live: live.cloned(),
            permitted: false,
            after: BTreeSet::new(),
            behind: BTreeSet::new(),
            basis: live.map_or(Live::Absent, |live| Live::Present(live.clone())).fingerprint(),
        }
    }

    /// The first half of its replacement: the end of what is there.
    fn removal(&self, why: Why, present: &Present) -> Step {
        removal(self.resource.address.clone(), Action::Replace, Phase::Remove, why, present)
    }

    fn creation(&self) -> Vec<Change> {
        creation(self.fields, self.rules)
    }
}

impl Decider<'_> {
    /// Plans one wanted resource; true when `former`, the one that had its address, is being replaced by it, or
    /// is to stay because it cannot be told yet what becomes of it.
    fn want(self, resource: &Resource, live: &Live, former: Option<&Present>) -> bool {
        let (identity, fields) = self
            .snapshot
            .resolved
            .get(&resource.address)
            .map_or((&resource.identity, &resource.fields), |(identity, fields)| (identity, fields));
        let rules = self.kinds.rules(resource.address.kind());
        let wanted = Wanted { resource, identity, fields, rules, stack: self.stack };
        match live {
            // Until the new one can be planned, the old one is what there is.
            Live::Unreadable(error) => {
                self.block(resource, BlockedBy::Unreadable(error.clone()));
                former.is_some()
            }
            Live::Conflict { reason, hint } => {
                self.block(resource, BlockedBy::Conflict { reason: reason.clone(), hint: hint.clone() });
                former.is_some()
            }
            Live::Absent => {
                let Some(former) = former else {
                    let create = wanted.step(Action::Create, Why::NotFound, wanted.creation(), None, false);
                    self.plan.steps.push(create);
                    return false;
                };
                let why = Why::Renamed { from: former.identity.clone() };
                self.plan.steps.push(wanted.removal(why.clone(), former));
                let establish = wanted.step(Action::Replace, why, wanted.creation(), None, false);
                self.plan.steps.push(establish);
                true
            }
            Live::Present(present) => match &present.mark {
                Some(mark) if mark.stack != self.stack => {
                    let reason =
                        format!("`{identity}` belongs to the stack `{}` as `{}`", mark.stack, mark.address);
                    let hint = Some("rename it here, or remove it there first".to_owned());
                    self.block(resource, BlockedBy::Conflict { reason, hint });
                    former.is_some()
                }
                None => {
                    let changes = diff(fields, &present.fields, rules, &Managed::default());
                    let adopt = wanted.step(Action::Adopt, Why::Unmarked, changes, Some(present), true);
                    self.plan.steps.push(adopt);
                    false
                }
                Some(found) => {
                    self.compare(&wanted, present, found);
                    false
                }
            },
        }
    }

    /// Plans what leads from one of ours to what is wanted.
    fn compare(self, wanted: &Wanted<'_>, present: &Present, found: &Mark) {
        let changes = diff(wanted.fields, &present.fields, wanted.rules, &found.managed);
        let forced: Vec<FieldPath> = changes
            .iter()
            .filter(|change| change.effect == Effect::Replace)
            .map(|change| change.path.clone())
            .collect();
        if !forced.is_empty() {
            let why = Why::Immutable(forced);
            self.plan.steps.push(wanted.removal(why.clone(), present));
            let mut establish = wanted.step(Action::Replace, why, changes, None, found.adopted);
            establish.live = Some(present.clone());
            self.plan.steps.push(establish);
        } else if !changes.is_empty() || *found != wanted.mark(found.adopted) {
            let update = wanted.step(Action::Update, Why::Differs, changes, Some(present), found.adopted);
            self.plan.steps.push(update);
        } else {
            self.plan.unchanged.insert(wanted.resource.address.clone());
        }
    }

    /// Plans the end of one resource of the manifest, in a destroy.
    fn retire(self, resource: &Resource, live: &Live) {
        match live {
            Live::Unreadable(error) => self.block(resource, BlockedBy::Unreadable(error.clone())),
            // Whatever stands in the way of having it does not stand in the way of not having it.
            Live::Absent | Live::Conflict { .. } => {}
            Live::Present(present) => match &present.mark {
                Some(mark) if mark.stack == self.stack => {
                    remove(self.plan, present, resource.address.kind(), Why::Destroy, self.options);
                }
                Some(mark) => {
                    let why = format!("it belongs to the stack `{}`", mark.stack);
                    self.plan.kept.insert(resource.address.clone(), why);
                }
                None => {
                    self.plan
                        .kept
                        .insert(resource.address.clone(), "it does not carry this stack's mark".to_owned());
                }
            },
        }
    }

    fn block(self, resource: &Resource, by: BlockedBy) {
        self.plan.blocked.push(Blocked { address: resource.address.clone(), by });
    }
}

/// Plans the end of something of ours: an adopted one stays, without the mark, unless told otherwise.
fn remove(plan: &mut Plan, present: &Present, kind: &str, why: Why, options: &PlanOptions) {
    let Some(mark) = &present.mark else { return };
    // A mark whose address names another kind was copied by hand: the kind that found it decides.
    let address = if mark.address.kind() == kind {
        mark.address.clone()
    } else {
        Address::new(kind, [present.identity.as_str()])
    };
    if mark.adopted && !options.include_adopted {
        let mut step = removal(address, Action::Update, Phase::Whole, Why::Released, present);
        step.fields = present.fields.clone();
        plan.steps.push(step);
    } else {
        plan.steps.push(removal(address, Action::Delete, Phase::Whole, why, present));
    }
}

fn removal(address: Address, action: Action, phase: Phase, why: Why, present: &Present) -> Step {
    Step {
        address,
        action,
        phase,
        why,
        identity: present.identity.clone(),
        changes: Vec::new(),
        fields: Fields::new(),
        files: BTreeMap::new(),
        mark: None,
        live: Some(present.clone()),
        permitted: false,
        after: BTreeSet::new(),
        behind: BTreeSet::new(),
        basis: Live::Present(present.clone()).fingerprint(),
    }
}

/// Everything the manifest gives, as changes from nothing.
fn creation(fields: &Fields, rules: &[FieldRule]) -> Vec<Change> {
    let changes = fields.0.iter().map(|(field, value)| {
        let path = FieldPath(vec![field.clone()]);
        let show = FieldRule::of(rules, &path).show;
        Change {
            path,
            from: None,
            to: Some(value.clone()),
            effect: Effect::InPlace,
            show,
            note: String::new(),
            written_by: None,
        }
    });
    changes.collect()
}
