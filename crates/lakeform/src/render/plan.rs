//! A plan for people: grouped by kind, unchanged fields hidden, what is in the way told with what to do about
//! it, and a tally as the last line.

use std::fmt::Write as _;

use lakeform_model::{Action, Address, Blocked, BlockedBy, Finding, Kinds, Phase, Plan, Step, Why};

use super::fields;
use super::text::{BAD, CHANGED, DIM, HEAD, NOTE, action, count, escape, paint};

/// How many lines of a long field are shown, unless everything is asked for.
const SOME_LINES: usize = 12;

/// What else the reader wants.
pub(crate) struct View<'a> {
    /// The order of the kinds.
    pub(crate) kinds: Vec<&'a str>,
    /// Whether long fields are shown whole.
    pub(crate) whole: bool,
    /// Whether the plan is to destroy the stack.
    pub(crate) destroy: bool,
    /// The names of the checks that prove the result.
    pub(crate) checks: Vec<&'a str>,
}

impl<'a> View<'a> {
    pub(crate) fn new(kinds: Kinds, whole: bool) -> View<'a> {
        View {
            kinds: kinds.0.iter().map(|kind| kind.name()).collect(),
            whole,
            destroy: false,
            checks: Vec::new(),
        }
    }

    fn rank(&self, kind: &str) -> usize {
        self.kinds.iter().position(|known| *known == kind).unwrap_or(self.kinds.len())
    }
}

/// The whole plan.
pub(crate) fn plan(plan: &Plan, view: &View<'_>) -> String {
    let Plan { stack, region, account, steps, blocked, findings, unchanged, kept, inventories, blind: _ } =
        plan;
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!(
        "{} {}  account {}  region {}",
        paint(HEAD, "stack"),
        paint(HEAD, &escape(stack)),
        escape(account),
        escape(region)
    ));

    // The two halves of a replace are one line; the second half carries the fields.
    let is_second_of = |step: &Step| {
        steps.iter().any(|other| other.phase == Phase::Establish && other.address == step.address)
    };
    let mut shown: Vec<&Step> =
        steps.iter().filter(|step| step.phase != Phase::Remove || !is_second_of(step)).collect();
    shown.sort_by_key(|step| (view.rank(step.address.kind()), &step.address));
    let mut kind = "";
    for step in shown {
        if step.address.kind() != kind {
            kind = step.address.kind();
            line(format!("\n{}", paint(HEAD, &escape(kind))));
        }
        step_lines(step, view, &mut line);
        for lost in inventories.get(&step.address).iter().flat_map(|inventory| &inventory.lines) {
            line(format!("      {} {}", paint(CHANGED, "holds:"), escape(lost)));
        }
        for finding in findings.iter().filter(|finding| finding.address == step.address) {
            finding_lines(finding, &mut line);
        }
    }

    if !blocked.is_empty() {
        line(format!("\n{}", paint(HEAD, "blocked")));
    }
    for blocked in blocked {
        blocked_lines(blocked, &mut line);
    }
    let is_shown = |address: &Address| steps.iter().any(|step| step.address == *address);
    let mut others = findings.iter().filter(|finding| !is_shown(&finding.address)).peekable();
    if others.peek().is_some() {
        line(format!("\n{}", paint(HEAD, "to know")));
    }
    for finding in others {
        line(format!("  {}", paint(HEAD, &escape(&finding.address.to_string()))));
        finding_lines(finding, &mut line);
    }
    if !kept.is_empty() {
        line(format!("\n{}", paint(HEAD, "left in place")));
    }
    for (address, why) in kept {
        line(format!("  = keep {}  {}", escape(&address.to_string()), paint(DIM, &escape(why))));
    }
    let comes = steps.iter().any(|step| step.action != Action::Delete);
    if !view.checks.is_empty() && comes {
        let names: Vec<String> = view.checks.iter().map(|name| escape(name)).collect();
        line(paint(DIM, &format!("\n`lakeform check` would run: {}", names.join(", "))));
    }
    line(String::new());
    line(if plan.is_empty() && view.destroy {
        format!("Nothing to destroy: nothing carries the mark of the stack `{}`", escape(stack))
    } else if plan.is_empty() {
        format!("No changes: live matches the manifest ({})", count(unchanged.len(), "resource"))
    } else {
        tally(plan)
    });
    let denials = plan.denials().count();
    if denials > 0 {
        line(paint(BAD, &format!("Apply would refuse: {} above", count(denials, "objection"))));
    }
    out
}

fn step_lines(step: &Step, view: &View<'_>, line: &mut impl FnMut(String)) {
    let limit = if view.whole { usize::MAX } else { SOME_LINES };
    let (symbol, word, style) = action(step.action);
    let head = paint(style, &format!("{symbol:>3} {word} {}", escape(&step.address.to_string())));
    let named = if step.identity == step.address.key() || step.address.keys().join("/") == step.identity {
        String::new()
    } else {
        format!("  {}", escape(&step.identity))
    };
    let reason = why(&step.why).map(|why| format!("  ({why})")).unwrap_or_default();
    line(format!("{head}{}", paint(DIM, &format!("{named}{reason}"))));
    let changes = match step.action {
        Action::Create => fields::given(&step.changes, limit),
        // What is renamed is created anew: its changes have no live side.
        Action::Replace if step.changes.iter().all(|change| change.from.is_none()) => {
            fields::given(&step.changes, limit)
        }
        Action::Update | Action::Replace | Action::Adopt => fields::changed(&step.changes, limit),
        Action::Delete => Vec::new(),
    };
    for change in changes {
        line(format!("      {change}"));
    }
    if step.changes.is_empty() && step.action == Action::Update && step.why == Why::Differs {
        line(format!("      {}", paint(DIM, "only the mark that lakeform keeps on it")));
    }
}

/// The reason, unless the action says it already.
fn why(why: &Why) -> Option<String> {
    Some(match why {
        Why::NotFound | Why::Differs | Why::Destroy => return None,
        Why::Immutable(paths) => {
            let paths: Vec<String> =
                paths.iter().map(|path| format!("`{}`", escape(&path.to_string()))).collect();
            format!("{} cannot be changed in place", paths.join(", "))
        }
        Why::Renamed { from } => format!("it is `{}` now", escape(from)),
        Why::LeftManifest => "it left the manifest".to_owned(),
        Why::Unmarked => "it exists and carries nobody's mark".to_owned(),
        Why::Released => "it was adopted: it stays, without the mark".to_owned(),
    })
}

fn finding_lines(finding: &Finding, line: &mut impl FnMut(String)) {
    let Finding { code, deny, address: _, text, hint } = finding;
    let word = if *deny { paint(BAD, "objection") } else { paint(CHANGED, "warning") };
    line(format!("      {word} [{code}] {}", escape(text)));
    if let Some(hint) = hint {
        line(format!("      {} {}", paint(NOTE, "hint:"), escape(hint)));
    }
}

fn blocked_lines(blocked: &Blocked, line: &mut impl FnMut(String)) {
    let (text, hint) = match &blocked.by {
        BlockedBy::Unreadable(error) => (format!("cannot be read: {error}"), error.hint()),
        BlockedBy::Conflict { reason, hint } => (reason.clone(), hint.clone()),
        BlockedBy::Dependency(address) => (format!("needs `{address}`, which is blocked"), None),
    };
    let head = paint(BAD, &format!("  ! blocked {}", escape(&blocked.address.to_string())));
    line(format!("{head}: {}", escape(&text)));
    if let Some(hint) = hint {
        line(format!("      {} {}", paint(NOTE, "hint:"), escape(&hint)));
    }
}

/// `Plan: 3 to create, 1 to update, 0 to replace, 2 to delete, 14 unchanged`.
pub(crate) fn tally(plan: &Plan) -> String {
    let tally = plan.tally();
    let mut text = format!(
        "Plan: {} to create, {} to update, {} to replace, {} to delete",
        tally.create, tally.update, tally.replace, tally.delete
    );
    if tally.adopt > 0 {
        let _ = write!(text, ", {} to adopt", tally.adopt);
    }
    let _ = write!(text, ", {} unchanged", tally.unchanged);
    if tally.blocked > 0 {
        let _ = write!(text, ", {} blocked", tally.blocked);
    }
    text
}

#[cfg(test)]
pub(crate) mod tests;
