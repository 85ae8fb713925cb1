//! An IAM policy that the proxy holds every call against: what it does not allow is refused as AWS would. Knows
//! statements, patterns and conditions; which actions a call asks for is [`super::iam_actions`]'s knowledge.

use serde_json::Value;

use super::faults::globs;
use super::iam_actions::Ask;
use super::recognise::Service;
use super::refusal::Refusal;

/// A policy document.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq)]
struct Statement {
    allows: bool,
    actions: Vec<String>,
    resources: Vec<String>,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, PartialEq)]
struct Condition {
    /// Whether patterns count in the values.
    patterns: bool,
    key: String,
    values: Vec<String>,
}

impl Policy {
    /// Reads a document. What it says that the proxy cannot judge is an error: a test must not pass because a
    /// condition went unseen.
    pub fn parse(document: &str) -> Result<Self, String> {
        let document: Value = serde_json::from_str(document).map_err(|error| error.to_string())?;
        let statements = match &document["Statement"] {
            Value::Array(statements) => statements.iter().map(statement).collect::<Result<_, _>>()?,
            one @ Value::Object(_) => vec![statement(one)?],
            _ => return Err("there is no `Statement`".to_owned()),
        };
        Ok(Self { statements })
    }

    /// The first of the asks that is not allowed.
    pub(crate) fn refused<'a>(&self, asks: &'a [Ask]) -> Option<&'a Ask> {
        asks.iter().find(|ask| !self.allows(ask))
    }

    /// Whether the policy allows what a call asks for.
    pub fn allows(&self, ask: &Ask) -> bool {
        let fitting = || self.statements.iter().filter(|statement| statement.fits(ask));
        fitting().any(|statement| statement.allows) && fitting().all(|statement| statement.allows)
    }
}

impl Statement {
    fn fits(&self, ask: &Ask) -> bool {
        let action = ask.action.to_lowercase();
        self.actions.iter().any(|pattern| globs(&pattern.to_lowercase(), &action))
            && ask.resource.as_ref().is_none_or(|wanted| self.resources.iter().any(|one| globs(one, wanted)))
            && self.conditions.iter().all(|condition| condition.holds(ask))
    }
}

impl Condition {
    fn holds(&self, ask: &Ask) -> bool {
        let said = ask.context.iter().filter(|(key, _)| key.eq_ignore_ascii_case(&self.key));
        said.map(|(_, value)| value).any(|value| {
            let is = |wanted: &String| if self.patterns { globs(wanted, value) } else { wanted == value };
            self.values.iter().any(is)
        })
    }
}

fn statement(value: &Value) -> Result<Statement, String> {
    const KNOWN: [&str; 5] = ["Sid", "Effect", "Action", "Resource", "Condition"];
    let object = value.as_object().ok_or("a statement is no object")?;
    if let Some(other) = object.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(format!("`{other}` is not understood"));
    }
    let allows = match value["Effect"].as_str() {
        Some("Allow") => true,
        Some("Deny") => false,
        _ => return Err("`Effect` is neither Allow nor Deny".to_owned()),
    };
    let mut conditions = Vec::new();
    for (operator, keys) in value["Condition"].as_object().into_iter().flatten() {
        let patterns = match operator.as_str() {
            "StringEquals" | "ForAnyValue:StringEquals" => false,
            "StringLike" | "ArnEquals" | "ArnLike" => true,
            _ => return Err(format!("the condition `{operator}` is not understood")),
        };
        for (key, values) in keys.as_object().into_iter().flatten() {
            conditions.push(Condition { patterns, key: key.clone(), values: texts(values)? });
        }
    }
    Ok(Statement {
        allows,
        actions: texts(&value["Action"])?,
        resources: texts(&value["Resource"])?,
        conditions,
    })
}

fn texts(value: &Value) -> Result<Vec<String>, String> {
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| format!("{value} is no text"));
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        one => Ok(vec![text(one)?]),
    }
}

/// The refusal of an ask in the service's own words.
pub(crate) fn refusal(service: Service, account: &str, ask: &Ask) -> Refusal {
    let Ask { action, resource, context: _ } = ask;
    let on = resource.as_ref().map(|resource| format!(" on resource: {resource}")).unwrap_or_default();
    let message = format!(
        "User: arn:aws:iam::{account}:user/sandbox is not authorized to perform: {action}{on} because no \
         identity-based policy allows the {action} action"
    );
    Refusal::new(super::faults::denial_code(service), message).with_status(match service {
        Service::Glue | Service::Athena => http::StatusCode::BAD_REQUEST,
        _ => http::StatusCode::FORBIDDEN,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(action: &str, resource: Option<&str>) -> Ask {
        Ask { action: action.to_owned(), resource: resource.map(str::to_owned), context: Vec::new() }
    }

    fn allowed(policy: &str, ask: &Ask) -> bool {
        Policy::parse(policy).unwrap().refused(std::slice::from_ref(ask)).is_none()
    }

    #[test]
    fn only_what_a_statement_names_is_allowed() {
        let policy = r#"{"Statement": {"Effect": "Allow", "Action": ["glue:Get*"],
            "Resource": ["arn:aws:glue:us-east-1:*:table/d/*"]}}"#;
        assert!(allowed(policy, &ask("glue:GetTable", Some("arn:aws:glue:us-east-1:1:table/d/t"))));
        assert!(allowed(policy, &ask("glue:gettable", None)), "actions have no case");
        assert!(!allowed(policy, &ask("glue:GetTable", Some("arn:aws:glue:us-east-1:1:table/e/t"))));
        assert!(!allowed(policy, &ask("glue:DeleteTable", None)));
        assert!(!allowed(policy, &ask("glue:GetTable", Some("*"))));
    }

    #[test]
    fn a_denial_wins() {
        let policy = r#"{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"}]}"#;
        assert!(allowed(policy, &ask("s3:GetObject", Some("arn:aws:s3:::b/k"))));
        assert!(!allowed(policy, &ask("s3:DeleteObject", Some("arn:aws:s3:::b/k"))));
    }

    #[test]
    fn a_condition_needs_the_request_to_say_it() {
        let policy = r#"{"Statement": [{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
            "Condition": {"StringEquals": {"iam:PassedToService": ["glue.amazonaws.com"]}}}]}"#;
        let mut pass = ask("iam:PassRole", Some("arn:aws:iam::1:role/r"));
        assert!(!allowed(policy, &pass));
        pass.context.push(("iam:PassedToService".to_owned(), "glue.amazonaws.com".to_owned()));
        assert!(allowed(policy, &pass));
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        for statement in [
            r#"{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}"#,
            r#"{"Effect": "Maybe", "Action": "s3:*", "Resource": "*"}"#,
            r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"k": "true"}}}"#,
            r#"{"Effect": "Allow", "Action": [1], "Resource": "*"}"#,
        ] {
            assert!(Policy::parse(&format!(r#"{{"Statement": [{statement}]}}"#)).is_err(), "{statement}");
        }
    }
}
