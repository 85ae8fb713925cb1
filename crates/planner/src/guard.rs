//! The plan's own review: what may not be done without a word from the user. Knows rules and inventories,
//! no kind's name.

use lakeform_model::{Action, Address, Desired, Effect, Finding, Inventory, Kinds, Phase, Plan, Snapshot};

use crate::PlanOptions;

/// Adds the findings, and says on each step whether its loss is permitted.
pub(crate) fn guard(
    plan: &mut Plan,
    desired: &Desired,
    snapshot: &Snapshot,
    kinds: Kinds,
    options: &PlanOptions,
) {
    let mut findings: Vec<Finding> = Vec::new();
    for step in &mut plan.steps {
        let permissions =
            desired.resources.get(&step.address).map(|resource| resource.permissions).unwrap_or_default();
        let address = step.address.clone();
        let mut deny = |code: &str, text: String, hint: Option<String>| {
            findings.push(Finding {
                code: code.to_owned(),
                deny: true,
                address: address.clone(),
                text,
                hint,
            });
        };
        let refused = step.changes.iter().filter(|change| change.effect == Effect::Refuse);
        for change in refused.filter(|_| step.phase != Phase::Establish) {
            deny("refused", format!("`{}` cannot be changed: {}", change.path, change.note), None);
        }
        if step.action == Action::Adopt {
            let immutable: Vec<String> = step
                .changes
                .iter()
                .filter(|change| change.effect == Effect::Replace)
                .map(|change| format!("`{}`", change.path))
                .collect();
            if !immutable.is_empty() {
                let text = format!("cannot be adopted: {} cannot be changed in place", immutable.join(", "));
                deny("adoption", text, Some("make the manifest say what is there".to_owned()));
            } else if !(options.adopt || permissions.adopt) {
                let text = format!("`{}` exists and is not marked as this stack's", step.identity);
                let hint = "give `--adopt`, or `adopt: true` on it, to take it over; or choose another name";
                deny("adoption", text, Some(hint.to_owned()));
            }
        }
        if !step.removes() {
            continue;
        }
        let verb = if step.action == Action::Delete { "delete" } else { "replace" };
        if permissions.protect {
            deny(
                "protected",
                format!("is protected: lakeform does not {verb} it"),
                Some("remove `protect: true` first".to_owned()),
            );
        }
        let inventory = snapshot.inventories.get(&Snapshot::inventory_key(address.kind(), &step.identity));
        step.permitted = permissions.force_destroy || options.allow.contains(&address.to_string());
        if needs_permission(inventory) && !step.permitted {
            let what =
                inventory.map(|inventory| inventory.lines.join("; ")).filter(|lines| !lines.is_empty());
            let what = what
                .map_or_else(|| "what is in it is not known".to_owned(), |lines| format!("it holds {lines}"));
            let hint = format!("set `force_destroy: true` on it, or give `--allow-data-loss {address}`");
            deny("data-loss", format!("to {verb} it would lose data: {what}"), Some(hint));
        }
        match inventory {
            Some(inventory) => {
                plan.inventories.insert(address, inventory.clone());
            }
            None if step.permitted => findings.push(Finding {
                code: "not-counted".to_owned(),
                deny: false,
                address,
                text: format!("could not count what would be lost, and to {verb} it is permitted"),
                hint: None,
            }),
            None => {}
        }
    }
    findings.sort_by(|left, right| {
        (&left.address, &left.code, &left.text).cmp(&(&right.address, &right.code, &right.text))
    });
    findings.dedup();
    plan.findings = findings;
    warn_about_blindness(plan, kinds);
}

/// Data that nobody could count is data.
fn needs_permission(inventory: Option<&Inventory>) -> bool {
    inventory.is_none_or(|inventory| inventory.needs_permission)
}

fn warn_about_blindness(plan: &mut Plan, kinds: Kinds) {
    for (kind, error) in &plan.blind {
        if kinds.get(kind).is_some() {
            plan.findings.push(Finding {
                code: "not-searched".to_owned(),
                deny: false,
                address: Address::new(kind.as_str(), ["*"]),
                text: format!("could not look for left-over resources of this kind: {error}"),
                hint: error.hint(),
            });
        }
    }
}
