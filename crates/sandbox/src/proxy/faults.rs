//! Scripted trouble: which calls fail, how and how often. A script and a seed decide everything, so a failing
//! run can be repeated; nothing here touches the network.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::recognise::Service;
use super::refusal::Refusal;

/// A script of faults.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Decides every chance; the same seed and the same calls fail the same way.
    #[serde(default)]
    pub seed: u64,
    /// Tried in order for each call: all latencies that fit add up, the first other effect that fits is used.
    pub faults: Vec<Fault>,
}

/// One fault and the calls it hits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// `service:Operation` with `*` for any run of characters, as in `glue:GetTables`, `s3:Put*`, `*`.
    #[serde(deserialize_with = "pattern")]
    pub on: String,
    /// Only calls of this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Only calls that can change something (`true`), or only reads (`false`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutating: Option<bool>,
    /// Only after a call that fits this pattern has succeeded, each time anew: with `iam:CreateRole` here,
    /// `iam:GetRole` above and the error `NoSuchEntity`, a new role is not seen by so many reads.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "awaited")]
    pub since: Option<String>,
    /// Lets so many fitting calls pass first.
    #[serde(default)]
    pub skip: u64,
    /// Hits so many calls, then never again; absent means always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Hits each fitting call with this probability; absent means 1.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "probability")]
    pub probability: Option<f64>,
    /// What happens.
    #[serde(with = "serde_yaml::with::singleton_map")]
    pub effect: Effect,
}

impl Fault {
    /// A fault that hits every call the pattern fits.
    pub fn on(pattern: &str, effect: Effect) -> Self {
        let on = pattern.to_owned();
        Self {
            on,
            account: None,
            mutating: None,
            since: None,
            skip: 0,
            times: None,
            probability: None,
            effect,
        }
    }

    /// Only so many times.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Only after a call that fits this pattern has succeeded.
    #[must_use]
    pub fn since(mut self, pattern: &str) -> Self {
        self.since = Some(pattern.to_owned());
        self
    }

    /// Only after so many fitting calls.
    #[must_use]
    pub fn after(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    /// Only with this probability.
    #[must_use]
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = Some(probability);
        self
    }

    /// Only in this account.
    #[must_use]
    pub fn in_account(mut self, account: &str) -> Self {
        self.account = Some(account.to_owned());
        self
    }

    /// Only on calls that can change something.
    #[must_use]
    pub fn on_changes(mut self) -> Self {
        self.mutating = Some(true);
        self
    }
}

/// What a fault does to a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// The call takes so much longer, plus up to `jitter_ms`.
    Latency {
        /// Milliseconds before the call is passed on.
        ms: u64,
        /// Up to so many milliseconds more.
        #[serde(default)]
        jitter_ms: u64,
    },
    /// The service is busy, in its own words.
    Throttled,
    /// The caller may not, in the service's own words.
    Denied,
    /// The service fails inside, in its own words.
    Internal,
    /// Any error of AWS.
    Error {
        /// The error code.
        code: String,
        /// The message; absent for one that names the fault.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// The HTTP status; absent for the code's usual one.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "error_status")]
        status: Option<u16>,
    },
    /// The connection is reset before the call acts.
    Reset,
    /// The call acts, and the connection is reset instead of an answer.
    Lost,
    /// The call acts, and the connection is reset in the middle of the answer's body.
    Cut,
    /// The call acts, and in the middle of the answer's body nothing comes any more.
    Stall,
}

// What no fault can mean is refused while the script is read, so that its place is told.

fn pattern<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '*' | ':' | '-');
    if !text.is_empty() && text.chars().all(fine) && (text.contains(':') || text.contains('*')) {
        return Ok(text);
    }
    let shown = text.escape_debug();
    Err(D::Error::custom(format!("`{shown}` is no pattern like `glue:GetTables`, `s3:Put*` or `*`")))
}

fn awaited<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    pattern(from).map(Some)
}

fn probability<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    match Option::deserialize(from)? {
        Some(chance) if !(0.0..=1.0).contains(&chance) => {
            Err(D::Error::custom(format!("the probability {chance} is not between 0 and 1")))
        }
        chance => Ok(chance),
    }
}

fn error_status<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    match Option::deserialize(from)? {
        Some(status) if !(400..600).contains(&status) => {
            Err(D::Error::custom(format!("the status {status} is no error's: 400 to 599")))
        }
        status => Ok(status),
    }
}

/// What is to happen to one call.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) latency: Duration,
    pub(crate) effect: Option<Effect>,
}

/// A script being played.
#[derive(Debug, Default)]
pub(crate) struct Player {
    script: Faults,
    /// Per fault: how many calls fitted, and how many were hit.
    fitted: Vec<AtomicU64>,
    hit: Vec<AtomicU64>,
    /// Per fault: whether what it waits for has happened.
    armed: Vec<AtomicBool>,
}

impl Player {
    pub(crate) fn new(script: Faults) -> Self {
        let counters = || script.faults.iter().map(|_| AtomicU64::new(0)).collect();
        let armed = script.faults.iter().map(|fault| AtomicBool::new(fault.since.is_none())).collect();
        Self { fitted: counters(), hit: counters(), armed, script }
    }

    /// How many calls each fault has hit so far, in the script's order.
    pub(crate) fn hits(&self) -> Vec<u64> {
        let hits = self.hit.iter().zip(&self.script.faults);
        hits.map(|(hit, fault)| hit.load(Ordering::Acquire).min(fault.times.unwrap_or(u64::MAX))).collect()
    }

    /// Takes notice of a call that succeeded: what waits for it begins, from the start.
    pub(crate) fn succeeded(&self, name: &str, account: &str) {
        for (index, fault) in self.script.faults.iter().enumerate() {
            let awaited = fault.since.as_ref().is_some_and(|pattern| globs(pattern, name));
            if awaited && fault.account.as_deref().is_none_or(|wanted| wanted == account) {
                self.fitted[index].store(0, Ordering::Release);
                self.hit[index].store(0, Ordering::Release);
                self.armed[index].store(true, Ordering::Release);
            }
        }
    }

    pub(crate) fn judge(&self, name: &str, account: &str, mutating: bool) -> Verdict {
        let mut verdict = Verdict::default();
        for (index, fault) in self.script.faults.iter().enumerate() {
            let settled = verdict.effect.is_some() && !matches!(fault.effect, Effect::Latency { .. });
            let armed = self.armed[index].load(Ordering::Acquire);
            if settled || !armed || !fits(fault, name, account, mutating) {
                continue;
            }
            let nth = self.fitted[index].fetch_add(1, Ordering::AcqRel);
            let Some(chance) = self.strikes(index, fault, nth) else { continue };
            match &fault.effect {
                Effect::Latency { ms, jitter_ms } => {
                    let jitter = if *jitter_ms == 0 { 0 } else { chance % (jitter_ms + 1) };
                    verdict.latency += Duration::from_millis(ms + jitter);
                }
                effect => verdict.effect = Some(effect.clone()),
            }
        }
        verdict
    }

    /// Whether the fault hits the nth fitting call; the number is there for whoever needs more chance.
    #[expect(clippy::cast_precision_loss, reason = "a probability needs no more than 53 bits")]
    fn strikes(&self, index: usize, fault: &Fault, nth: u64) -> Option<u64> {
        if nth < fault.skip {
            return None;
        }
        let chance =
            scramble(self.script.seed ^ scramble(index as u64 + 1) ^ scramble(nth.wrapping_mul(0x9e37)));
        if let Some(probability) = fault.probability
            && (chance >> 11) as f64 / (1_u64 << 53) as f64 >= probability
        {
            return None;
        }
        let before = self.hit[index].fetch_add(1, Ordering::AcqRel);
        fault.times.is_none_or(|times| before < times).then(|| scramble(chance))
    }
}

fn fits(fault: &Fault, name: &str, account: &str, mutating: bool) -> bool {
    globs(&fault.on, name)
        && fault.account.as_deref().is_none_or(|wanted| wanted == account)
        && fault.mutating.is_none_or(|wanted| wanted == mutating)
}

/// Whether a name fits a pattern in which `*` stands for any run of characters.
pub(crate) fn globs(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    true
}

/// Spreads the bits of a number evenly (the finishing step of the splitmix64 generator).
fn scramble(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Effect {
    /// The refusal this effect answers with; `None` for what is no answer.
    pub(crate) fn refusal(&self, service: Service, name: &str) -> Option<Refusal> {
        let text = format!("injected on {name}");
        match self {
            Self::Throttled => Some(Refusal::new(throttle_code(service), "Rate exceeded")),
            Self::Denied => Some(Refusal::new(
                denial_code(service),
                format!("User is not authorized to perform: {name} ({text})"),
            )),
            Self::Internal => Some(Refusal::new(internal_code(service), "We encountered an internal error.")),
            Self::Error { code, message, status } => {
                let refusal = Refusal::new(code, message.clone().unwrap_or(text));
                Some(match status.and_then(|status| StatusCode::from_u16(status).ok()) {
                    Some(status) => refusal.with_status(status),
                    None => refusal,
                })
            }
            Self::Latency { .. } | Self::Reset | Self::Lost | Self::Cut | Self::Stall => None,
        }
    }

    pub(crate) fn label(&self) -> String {
        match self {
            Self::Latency { .. } => "latency".to_owned(),
            Self::Throttled => "throttled".to_owned(),
            Self::Denied => "denied".to_owned(),
            Self::Internal => "internal".to_owned(),
            Self::Error { code, .. } => format!("error {code}"),
            Self::Reset => "reset".to_owned(),
            Self::Lost => "lost".to_owned(),
            Self::Cut => "cut".to_owned(),
            Self::Stall => "stall".to_owned(),
        }
    }
}

fn throttle_code(service: Service) -> &'static str {
    match service {
        Service::S3 => "SlowDown",
        Service::Ec2 => "RequestLimitExceeded",
        Service::Iam | Service::Sts => "Throttling",
        Service::Glue | Service::Other => "ThrottlingException",
        Service::Athena => "TooManyRequestsException",
    }
}

pub(crate) fn denial_code(service: Service) -> &'static str {
    match service {
        Service::Ec2 => "UnauthorizedOperation",
        Service::S3 | Service::Iam | Service::Sts => "AccessDenied",
        Service::Glue | Service::Athena | Service::Other => "AccessDeniedException",
    }
}

fn internal_code(service: Service) -> &'static str {
    match service {
        Service::S3 | Service::Ec2 | Service::Sts => "InternalError",
        Service::Iam => "ServiceFailure",
        Service::Glue | Service::Other => "InternalServiceException",
        Service::Athena => "InternalServerException",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_names() {
        for (pattern, name, fit) in [
            ("*", "glue:GetTables", true),
            ("glue:GetTables", "glue:GetTables", true),
            ("glue:GetTable", "glue:GetTables", false),
            ("glue:*", "s3:PutObject", false),
            ("s3:Put*", "s3:PutObject", true),
            ("*:Get*s", "glue:GetTables", true),
            ("*:Get*s", "glue:GetTable", false),
        ] {
            assert_eq!(globs(pattern, name), fit, "{pattern} {name}");
        }
    }

    #[test]
    fn a_fault_skips_then_hits_so_many_times() {
        let fault = Fault::on("s3:PutObject", Effect::Throttled).after(1).times(2);
        let player = Player::new(Faults { seed: 0, faults: vec![fault] });
        let hits: Vec<bool> =
            (0..5).map(|_| player.judge("s3:PutObject", "1", true).effect.is_some()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
    }

    #[test]
    fn a_fault_waits_for_a_call_and_begins_anew_after_each() {
        let unseen = Effect::Error { code: "NoSuchEntity".into(), message: None, status: None };
        let fault = Fault::on("iam:GetRole", unseen).since("iam:CreateRole").times(2);
        let player = Player::new(Faults { seed: 0, faults: vec![fault] });
        let reads = |number| -> Vec<bool> {
            (0..number).map(|_| player.judge("iam:GetRole", "1", false).effect.is_some()).collect()
        };
        assert_eq!(reads(2), [false, false]);
        player.succeeded("iam:PutRolePolicy", "1");
        assert_eq!(reads(1), [false]);
        for _ in 0..2 {
            player.succeeded("iam:CreateRole", "1");
            assert_eq!(reads(3), [true, true, false]);
        }
    }

    #[test]
    fn chance_follows_the_seed_and_the_probability() {
        let run = |seed| {
            let fault = Fault::on("*", Effect::Reset).with_probability(0.2);
            let player = Player::new(Faults { seed, faults: vec![fault] });
            (0..1000).map(|_| player.judge("a:B", "1", true).effect.is_some()).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        let hits = run(3).iter().filter(|hit| **hit).count();
        assert!((150..250).contains(&hits), "{hits}");
    }

    #[test]
    fn latencies_add_up_beside_one_other_effect() {
        let faults = vec![
            Fault::on("*", Effect::Latency { ms: 10, jitter_ms: 0 }),
            Fault::on("glue:*", Effect::Latency { ms: 5, jitter_ms: 0 }),
            Fault::on("glue:*", Effect::Denied),
            Fault::on("glue:*", Effect::Reset),
        ];
        let verdict = Player::new(Faults { seed: 0, faults }).judge("glue:GetTables", "1", false);
        assert_eq!(verdict, Verdict { latency: Duration::from_millis(15), effect: Some(Effect::Denied) });
    }

    #[test]
    fn a_script_is_read_from_json_and_from_yaml() {
        let json = r#"{"seed": 7, "faults": [{"on": "s3:*", "times": 2, "effect": "throttled"},
                       {"on": "*", "effect": {"latency": {"ms": 50}}}]}"#;
        let yaml = "seed: 7\nfaults:\n  - { on: 's3:*', times: 2, effect: throttled }\n  - on: '*'\n    \
                    effect: { latency: { ms: 50 } }\n";
        let wanted = vec![
            Fault::on("s3:*", Effect::Throttled).times(2),
            Fault::on("*", Effect::Latency { ms: 50, jitter_ms: 0 }),
        ];
        let wanted = Faults { seed: 7, faults: wanted };
        for text in [json, yaml] {
            assert_eq!(serde_yaml::from_str::<Faults>(text).unwrap(), wanted, "{text}");
        }
        assert_eq!(serde_json::from_str::<Faults>(json).unwrap(), wanted);
        let written = serde_json::to_string(&wanted).unwrap();
        assert_eq!(serde_yaml::from_str::<Faults>(&written).unwrap(), wanted, "{written}");
    }
}
