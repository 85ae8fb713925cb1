//! Plans, events and summaries for scripts. Sensitive values are hidden here, too.

use lakeform_executor::{Event, Summary};
use lakeform_model::{Change, Plan, Show, Step, Value};
use serde_json::{Value as Json, json};

use super::summary::Counts;

/// The version of the shapes below; a field may be added under the same number.
const FORMAT: u32 = 1;

/// A plan.
pub(crate) fn plan(plan: &Plan) -> Result<Json, serde_json::Error> {
    let Plan { stack, region, account, steps, blocked, findings, unchanged, kept, inventories, blind } = plan;
    Ok(json!({
        "format": FORMAT,
        "lakeform": env!("CARGO_PKG_VERSION"),
        "stack": stack,
        "account": account,
        "region": region,
        "tally": plan.tally(),
        "is_empty": plan.is_empty(),
        "steps": steps.iter().map(step).collect::<Result<Vec<_>, _>>()?,
        "blocked": blocked,
        "findings": findings,
        "unchanged": unchanged,
        "kept": kept
            .iter()
            .map(|(address, why)| (address.to_string(), Json::String(why.clone())))
            .collect::<Json>(),
        "inventories": inventories
            .iter()
            .map(|(address, inventory)| Ok((address.to_string(), serde_json::to_value(inventory)?)))
            .collect::<Result<Json, serde_json::Error>>()?,
        "not_searched": blind,
    }))
}

fn step(step: &Step) -> Result<Json, serde_json::Error> {
    Ok(json!({
        "address": step.address,
        "action": step.action,
        "phase": step.phase,
        "why": step.why,
        "identity": step.identity,
        "changes": step.changes.iter().map(change).collect::<Result<Vec<_>, _>>()?,
        "after": step.after,
        "permitted": step.permitted,
    }))
}

fn change(change: &Change) -> Result<Json, serde_json::Error> {
    let Change { path, from, to, effect, show, note, written_by } = change;
    let side = |value: &Option<Value>| match (value, show) {
        (None, _) => Json::Null,
        (Some(_), Show::Sensitive) => "(hidden)".into(),
        (Some(value), Show::Plain | Show::Lines | Show::Document) => value.to_json(),
    };
    Ok(json!({
        "path": path,
        "from": side(from),
        "to": side(to),
        "effect": serde_json::to_value(effect)?,
        "note": note,
        "written_by": written_by,
    }))
}

/// One event of an apply, with the step it is about.
pub(crate) fn event(plan: &Plan, event: &Event) -> Result<Json, serde_json::Error> {
    let (index, mut json) = match event {
        Event::Started { index } => (*index, json!({ "event": "started" })),
        Event::Retrying { index, error, wait } => {
            (*index, json!({ "event": "retrying", "error": error, "wait_seconds": wait.as_secs_f64() }))
        }
        Event::Finished { index, outcome, took } => {
            let mut json = serde_json::to_value(outcome)?;
            json["event"] = "finished".into();
            json["took_seconds"] = took.as_secs_f64().into();
            (*index, json)
        }
    };
    json["index"] = index.into();
    if let Some(step) = plan.steps.get(index) {
        json["address"] = step.address.to_string().into();
        json["action"] = serde_json::to_value(step.action)?;
        json["phase"] = serde_json::to_value(step.phase)?;
    }
    Ok(json)
}

/// The end of an apply.
pub(crate) fn summary(summary: &Summary) -> Json {
    let Counts { applied, unneeded, failed, stale, skipped, interrupted } = Counts::of(summary);
    json!({
        "event": "summary",
        "applied": applied,
        "unneeded": unneeded,
        "failed": failed,
        "stale": stale,
        "skipped": skipped,
        "not_started": interrupted,
        "took_seconds": summary.took.as_secs_f64(),
    })
}
