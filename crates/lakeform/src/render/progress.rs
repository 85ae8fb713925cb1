//! An apply while it runs: spinners for a person at a terminal, plain lines for a log, JSON lines for a script.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use lakeform_executor::{Event, Outcome};
use lakeform_model::{Plan, Step};

use super::json;
use super::summary::outcome;
use super::text::{CHANGED, DIM, action, duration, escape, escape_json, paint};

/// How an apply is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Spinners on stderr, in colour or not.
    Live {
        /// Whether the terminal shows colours.
        color: bool,
    },
    /// A line an event.
    Plain,
    /// A JSON object an event.
    Json,
}

/// What is under way.
pub(crate) struct Progress<'a> {
    plan: &'a Plan,
    manner: Manner,
    bars: MultiProgress,
    total: ProgressBar,
    running: BTreeMap<usize, ProgressBar>,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(plan: &'a Plan, manner: Manner) -> Self {
        let target = match manner {
            Manner::Live { .. } => ProgressDrawTarget::stderr(),
            Manner::Plain | Manner::Json => ProgressDrawTarget::hidden(),
        };
        let bars = MultiProgress::with_draw_target(target);
        let total = bars.add(ProgressBar::new(plan.steps.len() as u64));
        total.set_style(style("  {pos}/{len} steps  {elapsed}"));
        Self { plan, manner, bars, total, running: BTreeMap::new() }
    }

    /// Takes an event; the answer is a line to write, if there is one.
    pub(crate) fn take(&mut self, event: &Event) -> Option<String> {
        if self.manner == Manner::Json {
            return json::event(self.plan, event).ok().map(|json| escape_json(&json.to_string()));
        }
        let index = match event {
            Event::Started { index } | Event::Retrying { index, .. } | Event::Finished { index, .. } => {
                *index
            }
        };
        let step = self.plan.steps.get(index)?;
        let line = line(step, event);
        let Manner::Live { color } = self.manner else { return line };
        match event {
            Event::Started { .. } => {
                let bar = self.bars.insert_before(&self.total, ProgressBar::new_spinner());
                bar.set_style(style("  {spinner} {msg}  {elapsed}"));
                bar.set_message(doing(step));
                bar.enable_steady_tick(Duration::from_millis(100));
                self.running.insert(index, bar);
                None
            }
            Event::Retrying { error, .. } => {
                if let Some(bar) = self.running.get(&index) {
                    let why = error.code.clone().unwrap_or_else(|| error.message.clone());
                    bar.set_message(format!("{}: retrying after {}", doing(step), escape(&why)));
                }
                None
            }
            Event::Finished { .. } => {
                if let Some(bar) = self.running.remove(&index) {
                    bar.finish_and_clear();
                    self.bars.remove(&bar);
                }
                self.total.inc(1);
                let line = line?;
                let line = if color { line } else { anstream::adapter::strip_str(&line).to_string() };
                // A terminal that went away has nobody to tell.
                let _ = self.bars.println(line);
                None
            }
        }
    }

    /// Takes away what moves.
    pub(crate) fn finish(self) {
        self.total.finish_and_clear();
        let _ = self.bars.clear();
    }
}

pub(crate) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn doing(step: &Step) -> String {
    let (_, word, _) = action(step.action);
    format!("{word} {}", escape(&step.address.to_string()))
}

/// An event on one line. The beginning of a step is not told, its end is; of what never began the summary tells.
fn line(step: &Step, event: &Event) -> Option<String> {
    match event {
        Event::Started { .. }
        | Event::Finished { outcome: Outcome::Skipped { .. } | Outcome::Interrupted, .. } => None,
        Event::Retrying { index: _, error, wait } => Some(format!(
            "    {} {}: {}; again in {}",
            paint(CHANGED, "retrying"),
            doing(step),
            escape(&error.to_string()),
            duration(*wait)
        )),
        Event::Finished { index: _, outcome: end, took } => {
            let (symbol, _, style) = action(step.action);
            let symbol = match end {
                Outcome::Applied => paint(style, &format!("{symbol:>3}")),
                Outcome::Unneeded => "  =".to_owned(),
                Outcome::Failed(_)
                | Outcome::Stale { .. }
                | Outcome::Skipped { .. }
                | Outcome::Interrupted => "  !".to_owned(),
            };
            let took = paint(DIM, &format!("  {}", duration(*took)));
            let took =
                if matches!(end, Outcome::Applied | Outcome::Failed(_)) { took } else { String::new() };
            Some(format!("{symbol} {}{took}", outcome(step, end)))
        }
    }
}
