//! What AWS would refuse in a policy document, told before any call. Unknown actions and services are none of
//! its business: AWS adds them every week.

use lakeform_model::Level;
use serde_json::{Map, Value};

use super::PolicyUse;

/// The most characters, without white space, of all inline policies of a role.
/// Source: the IAM quotas in the IAM user guide.
pub(crate) const INLINE_QUOTA: usize = 10_240;
/// Likewise of a trust policy; AWS raises it to 4,096 on request, so more than this is only a warning.
const TRUST_QUOTA: usize = 2_048;
const TRUST_LIMIT: usize = 4_096;
/// The most characters, with white space, of an endpoint policy. Source: the VPC endpoint policy guide.
const ENDPOINT_QUOTA: usize = 20_480;

const VERSIONS: [&str; 2] = ["2012-10-17", "2008-10-17"];
const STATEMENT: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];
const PRINCIPALS: [&str; 4] = ["AWS", "Service", "Federated", "CanonicalUser"];

/// Something wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Whether AWS refuses it, or it only may surprise.
    pub(crate) level: Level,
    /// What is wrong, as the end of a sentence: "has no `Statement`".
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

/// Everything wrong with a document of that use.
pub(crate) fn check_document(document: &Value, use_: PolicyUse) -> Vec<Problem> {
    let mut check = Check { use_, problems: Vec::new() };
    check.document(document);
    check.problems
}

/// The characters that count against IAM's quotas: those of the JSON that are no white space.
pub(crate) fn size(document: &Value) -> usize {
    document.to_string().chars().filter(|c| !c.is_whitespace()).count()
}

struct Check {
    use_: PolicyUse,
    problems: Vec<Problem>,
}

impl Check {
    fn error(&mut self, message: impl Into<String>, hint: Option<&str>) {
        self.push(Level::Error, message, hint);
    }

    fn warning(&mut self, message: impl Into<String>, hint: Option<&str>) {
        self.push(Level::Warning, message, hint);
    }

    fn push(&mut self, level: Level, message: impl Into<String>, hint: Option<&str>) {
        self.problems.push(Problem { level, message: message.into(), hint: hint.map(str::to_owned) });
    }

    fn document(&mut self, document: &Value) {
        let Some(elements) = document.as_object() else {
            return self.error("must be a JSON object with `Version` and `Statement`", None);
        };
        for element in elements.keys().filter(|key| !["Version", "Id", "Statement"].contains(&key.as_str())) {
            let message = format!("has an element `{}` that policies do not have", element.escape_debug());
            self.error(message, Some("a policy has Version, Id and Statement"));
        }
        self.version(elements.get("Version"), document);
        if elements.get("Id").is_some_and(|id| !id.is_string()) {
            self.error("has an `Id` that is not a text", None);
        }
        match elements.get("Statement") {
            None | Some(Value::Null) => self.error("has no `Statement`", None),
            Some(Value::Array(items)) if items.is_empty() => self.error("has no statement", None),
            Some(Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.statement(item, &format!("statement {}", index + 1));
                }
                self.unique_sids(items);
            }
            Some(lone) => self.statement(lone, "its statement"),
        }
        self.room(document);
    }

    fn version(&mut self, version: Option<&Value>, document: &Value) {
        let current = match version {
            None => false,
            Some(version) => {
                if !version.as_str().is_some_and(|version| VERSIONS.contains(&version)) {
                    let shown = version.as_str().map_or_else(|| version.to_string(), str::to_owned);
                    let message = format!("has the unknown version `{}`", shown.escape_debug());
                    self.error(
                        message,
                        Some("write \"2012-10-17\": it is the language's version, not a date"),
                    );
                    return;
                }
                version == VERSIONS[0]
            }
        };
        if !current && document.to_string().contains("${") {
            let message = "uses a policy variable, which only version 2012-10-17 knows";
            self.warning(message, Some("write `Version: \"2012-10-17\"`"));
        }
    }

    fn unique_sids(&mut self, statements: &[Value]) {
        if self.use_ == PolicyUse::Endpoint {
            return;
        }
        let sids: Vec<&str> = statements.iter().filter_map(|item| item["Sid"].as_str()).collect();
        for (index, sid) in sids.iter().enumerate() {
            if !sid.is_empty() && sids[..index].contains(sid) {
                self.error(format!("has two statements with the Sid `{}`", sid.escape_debug()), None);
            }
        }
    }

    fn statement(&mut self, statement: &Value, at: &str) {
        let Some(elements) = statement.as_object() else {
            return self.error(format!("is wrong: {at} is not a JSON object"), None);
        };
        for element in elements.keys().filter(|key| !STATEMENT.contains(&key.as_str())) {
            let hint = format!("a statement has {}", STATEMENT.join(", "));
            let message = format!("has in {at} the unknown element `{}`", element.escape_debug());
            self.error(message, Some(&hint));
        }
        self.sid(elements.get("Sid"), at);
        let effect = elements.get("Effect").and_then(Value::as_str);
        if !effect.is_some_and(|effect| matches!(effect, "Allow" | "Deny")) {
            self.error(format!("needs in {at} an `Effect`: Allow or Deny"), None);
        }
        self.actions(elements, at);
        self.resources(elements, at);
        self.principals(elements, effect, at);
        self.condition(elements.get("Condition"), at);
    }

    fn sid(&mut self, sid: Option<&Value>, at: &str) {
        match sid {
            None => {}
            Some(Value::String(sid)) => {
                // Other services' policies take more. Source: the Sid element in the IAM JSON policy reference.
                let plain = sid.chars().all(|c| c.is_ascii_alphanumeric());
                if !plain && self.use_ != PolicyUse::Endpoint {
                    let message = format!("has in {at} the Sid `{}`", sid.escape_debug());
                    self.error(message, Some("IAM takes only letters and digits in a Sid"));
                }
            }
            Some(_) => self.error(format!("has in {at} a `Sid` that is not a text"), None),
        }
    }

    /// The texts of the one of two elements that is there; tells when none or both are, or when it is no text or
    /// list of texts.
    fn one_of<'a>(
        &mut self,
        elements: &'a Map<String, Value>,
        [plain, negated]: [&str; 2],
        required: bool,
        at: &str,
    ) -> Vec<&'a str> {
        let value = match (elements.get(plain), elements.get(negated)) {
            (None, None) if !required => return Vec::new(),
            (None, None) => {
                self.error(format!("needs in {at} an element `{plain}`"), None);
                return Vec::new();
            }
            (Some(_), Some(_)) => {
                self.error(
                    format!("has in {at} both `{plain}` and `{negated}`: only one may be there"),
                    None,
                );
                return Vec::new();
            }
            (Some(value), None) | (None, Some(value)) => value,
        };
        let name = if elements.contains_key(plain) { plain } else { negated };
        self.texts(value, &format!("`{name}` of {at}"))
    }

    fn texts<'a>(&mut self, value: &'a Value, what: &str) -> Vec<&'a str> {
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        if items.is_empty() {
            self.error(format!("has nothing in {what}"), None);
        }
        let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
        if texts.len() < items.len() {
            self.error(format!("must have a text or a list of texts in {what}"), None);
        }
        texts
    }

    fn actions(&mut self, elements: &Map<String, Value>, at: &str) {
        for action in self.one_of(elements, ["Action", "NotAction"], true, at) {
            let shown = action.escape_debug();
            match action.split_once(':') {
                _ if action == "*" => {}
                None => {
                    let message = format!("has in {at} the action `{shown}` without a service");
                    self.error(message, Some("write it as `s3:GetObject`"));
                }
                Some((service, name)) if service.is_empty() || name.is_empty() => {
                    self.error(
                        format!("has in {at} the action `{shown}`"),
                        Some("write it as `s3:GetObject`"),
                    );
                }
                // Source: IAM's own refusal, "may only specify STS AssumeRole actions".
                Some((service, _))
                    if self.use_ == PolicyUse::Trust && !service.eq_ignore_ascii_case("sts") =>
                {
                    let hint = "a trust policy has sts actions, such as `sts:AssumeRole`";
                    self.error(format!("has in {at} the action `{shown}`"), Some(hint));
                }
                Some(_) => {}
            }
        }
    }

    fn resources(&mut self, elements: &Map<String, Value>, at: &str) {
        if self.use_ == PolicyUse::Trust {
            for element in ["Resource", "NotResource"].into_iter().filter(|name| elements.contains_key(*name))
            {
                let hint = "a trust policy is about its own role";
                self.error(format!("must not have `{element}` in {at}"), Some(hint));
            }
            return;
        }
        for resource in self.one_of(elements, ["Resource", "NotResource"], true, at) {
            if resource != "*" && !resource.starts_with("arn:") {
                let message = format!("has in {at} the resource `{}`", resource.escape_debug());
                self.error(message, Some("a resource is an ARN or `*`"));
            }
        }
    }

    fn principals(&mut self, elements: &Map<String, Value>, effect: Option<&str>, at: &str) {
        let present = |name: &&str| elements.contains_key(*name);
        if self.use_ == PolicyUse::Identity {
            for element in ["Principal", "NotPrincipal"].into_iter().filter(present) {
                let hint = "the principal of a role's own policy is the role";
                self.error(format!("must not have `{element}` in {at}"), Some(hint));
            }
            return;
        }
        let value = match (elements.get("Principal"), elements.get("NotPrincipal")) {
            (Some(value), None) => value,
            (None, Some(value)) => {
                // Source: IAM's own refusals, "Allow with NotPrincipal is not allowed" and "AssumeRole policy must
                // not contain NotPrincipal field".
                if effect == Some("Allow") || self.use_ == PolicyUse::Trust {
                    let hint = "name who is meant in `Principal`";
                    self.error(format!("must not have `NotPrincipal` in {at}"), Some(hint));
                }
                value
            }
            (None, None) => return self.error(format!("needs in {at} a `Principal`"), None),
            (Some(_), Some(_)) => {
                let message =
                    format!("has in {at} both `Principal` and `NotPrincipal`: only one may be there");
                return self.error(message, None);
            }
        };
        let everyone = match value {
            Value::String(text) if text == "*" => true,
            Value::Object(types) if !types.is_empty() => {
                let mut everyone = false;
                for (kind, names) in types {
                    if !PRINCIPALS.contains(&kind.as_str()) {
                        let message =
                            format!("has in {at} the unknown principal type `{}`", kind.escape_debug());
                        self.error(message, Some("known: AWS, Service, Federated, CanonicalUser"));
                    }
                    let names = self.texts(names, &format!("`{}` of {at}", kind.escape_debug()));
                    everyone |= kind == "AWS" && names.contains(&"*");
                }
                everyone
            }
            _ => {
                let hint = "write `Principal: { Service: glue.amazonaws.com }` or \"*\"";
                return self.error(format!("has in {at} a `Principal` that names nobody"), Some(hint));
            }
        };
        let conditional =
            elements.get("Condition").and_then(Value::as_object).is_some_and(|map| !map.is_empty());
        let opens = everyone && effect == Some("Allow") && elements.contains_key("Principal");
        if self.use_ == PolicyUse::Trust && opens && !conditional {
            let hint = "name the accounts or services, or add a `Condition`";
            self.warning(format!("lets every AWS account assume the role in {at}"), Some(hint));
        }
    }

    fn condition(&mut self, condition: Option<&Value>, at: &str) {
        let Some(condition) = condition else { return };
        let scalar = |value: &Value| value.is_string() || value.is_boolean() || value.is_number();
        let fine = condition.as_object().is_some_and(|operators| {
            operators.values().all(|keys| {
                keys.as_object().is_some_and(|keys| {
                    keys.values().all(|values| match values {
                        Value::Array(items) => items.iter().all(scalar),
                        lone => scalar(lone),
                    })
                })
            })
        });
        if !fine {
            let hint = "write it as `StringEquals: { \"aws:TagKeys\": [a, b] }`";
            self.error(format!("has a wrong `Condition` in {at}"), Some(hint));
        }
    }

    fn room(&mut self, document: &Value) {
        let text = document.to_string();
        if self.use_ == PolicyUse::Endpoint {
            let length = text.chars().count();
            if length > ENDPOINT_QUOTA {
                self.error(format!("has {length} characters: at most {ENDPOINT_QUOTA} fit"), None);
            }
            return;
        }
        // Source: the pattern of `policyDocumentType` in the IAM API.
        let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}');
        if let Some(c) = text.chars().find(|c| !allowed(*c)) {
            let message = format!("holds `{c}` (U+{:04X}), which IAM refuses", u32::from(c));
            self.error(message, Some("policies take only the characters of Latin-1"));
        }
        let length = size(document);
        match self.use_ {
            PolicyUse::Trust if length > TRUST_LIMIT => {
                self.error(
                    format!("has {length} characters without white space: at most {TRUST_LIMIT} fit"),
                    None,
                );
            }
            PolicyUse::Trust if length > TRUST_QUOTA => {
                let message = format!(
                    "has {length} characters without white space: {TRUST_QUOTA} fit in most accounts"
                );
                self.warning(message, Some("ask AWS for a higher quota of the role trust policy length"));
            }
            PolicyUse::Identity if length > INLINE_QUOTA => {
                let message =
                    format!("has {length} characters without white space: at most {INLINE_QUOTA} fit");
                self.error(message, Some("split it into managed policies"));
            }
            PolicyUse::Trust | PolicyUse::Identity | PolicyUse::Endpoint => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(document: &Value, use_: PolicyUse) -> Vec<String> {
        check_document(document, use_).into_iter().map(|problem| problem.message).collect()
    }

    fn of_statement(statement: &Value, use_: PolicyUse) -> Vec<String> {
        problems(&json!({ "Version": "2012-10-17", "Statement": [statement] }), use_)
    }

    #[test]
    fn good_documents_have_no_problem() {
        let trust = json!({ "Effect": "Allow", "Principal": { "Service": "glue.amazonaws.com" }, "Action": "sts:AssumeRole" });
        let identity = json!({ "Sid": "Read1", "Effect": "Deny", "NotAction": ["s3:Get*", "*"], "NotResource": ["arn:aws:s3:::a/*"],
            "Condition": { "Bool": { "aws:SecureTransport": false } } });
        let endpoint = json!({ "Sid": "with space", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" });
        let none = Vec::<String>::new();
        assert_eq!(of_statement(&trust, PolicyUse::Trust), none);
        assert_eq!(of_statement(&identity, PolicyUse::Identity), none);
        assert_eq!(of_statement(&endpoint, PolicyUse::Endpoint), none);
    }

    #[test]
    fn a_document_is_held_against_its_outline() {
        let statement = json!({ "Effect": "Allow", "Action": "s3:Get", "Resource": "*" });
        let cases = [
            (json!([]), "must be a JSON object with `Version` and `Statement`"),
            (json!({ "Version": "2012-10-17" }), "has no `Statement`"),
            (json!({ "Statement": [] }), "has no statement"),
            (
                json!({ "Version": "2012-10-18", "Statement": statement }),
                "has the unknown version `2012-10-18`",
            ),
            (
                json!({ "version": "2012-10-17", "Statement": statement }),
                "has an element `version` that policies do not have",
            ),
            (json!({ "Statement": ["x"] }), "is wrong: statement 1 is not a JSON object"),
            (
                json!({ "Statement": { "Effect": "Allow", "Action": "s3:Get", "Resource": "arn:aws:s3:::a/${aws:username}" } }),
                "uses a policy variable, which only version 2012-10-17 knows",
            ),
            (
                json!({ "Statement": [{ "Sid": "A", "Effect": "Allow", "Action": "s3:Get", "Resource": "*" }, { "Sid": "A", "Effect": "Deny", "Action": "s3:Get", "Resource": "*" }] }),
                "has two statements with the Sid `A`",
            ),
        ];
        for (document, expected) in cases {
            assert_eq!(problems(&document, PolicyUse::Identity), [expected], "{document}");
        }
    }

    #[test]
    fn a_statement_of_a_role_is_held_against_its_outline() {
        use PolicyUse::Identity;
        let cases = [
            (
                json!({ "Effect": "allow", "Action": "a:b", "Resource": "*" }),
                "needs in statement 1 an `Effect`: Allow or Deny",
            ),
            (json!({ "Effect": "Allow", "Resource": "*" }), "needs in statement 1 an element `Action`"),
            (
                json!({ "Effect": "Allow", "Action": "a:b", "NotAction": "a:b", "Resource": "*" }),
                "has in statement 1 both `Action` and `NotAction`: only one may be there",
            ),
            (json!({ "Effect": "Allow", "Action": "a:b" }), "needs in statement 1 an element `Resource`"),
            (
                json!({ "Effect": "Allow", "Action": [], "Resource": "*" }),
                "has nothing in `Action` of statement 1",
            ),
            (
                json!({ "Effect": "Allow", "Action": [1], "Resource": "*" }),
                "must have a text or a list of texts in `Action` of statement 1",
            ),
            (
                json!({ "Effect": "Allow", "Action": "GetObject", "Resource": "*" }),
                "has in statement 1 the action `GetObject` without a service",
            ),
            (
                json!({ "Effect": "Allow", "Action": "a:b", "Resource": "bucket" }),
                "has in statement 1 the resource `bucket`",
            ),
            (
                json!({ "Effect": "Allow", "Action": "a:b", "Resource": "*", "Principal": "*" }),
                "must not have `Principal` in statement 1",
            ),
            (
                json!({ "Effect": "Allow", "Action": "a:b", "Resource": "*", "Sid": "a b" }),
                "has in statement 1 the Sid `a b`",
            ),
            (
                json!({ "Effect": "Allow", "Action": "a:b", "Resource": "*", "Condition": { "Bool": "x" } }),
                "has a wrong `Condition` in statement 1",
            ),
            (
                json!({ "Effect": "Allow", "Action": "a:b", "Resource": "*", "Actions": "x" }),
                "has in statement 1 the unknown element `Actions`",
            ),
        ];
        for (statement, expected) in cases {
            assert_eq!(of_statement(&statement, Identity), [expected], "{statement}");
        }
    }

    #[test]
    fn trust_and_endpoint_policies_need_a_principal() {
        use PolicyUse::{Endpoint, Trust};
        let cases = [
            (
                json!({ "Effect": "Allow", "Action": "sts:AssumeRole" }),
                Trust,
                "needs in statement 1 a `Principal`",
            ),
            (
                json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {} }),
                Trust,
                "has in statement 1 a `Principal` that names nobody",
            ),
            (
                json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": [] } }),
                Trust,
                "has nothing in `Service` of statement 1",
            ),
            (
                json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "service": "x" } }),
                Trust,
                "has in statement 1 the unknown principal type `service`",
            ),
            (
                json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*" }),
                Trust,
                "lets every AWS account assume the role in statement 1",
            ),
            (
                json!({ "Effect": "Allow", "Action": "s3:Get", "Principal": { "Service": "x" } }),
                Trust,
                "has in statement 1 the action `s3:Get`",
            ),
            (
                json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "x" }, "Resource": "*" }),
                Trust,
                "must not have `Resource` in statement 1",
            ),
            (
                json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "NotPrincipal": { "Service": "x" } }),
                Trust,
                "must not have `NotPrincipal` in statement 1",
            ),
            (
                json!({ "Effect": "Allow", "Action": "*", "Resource": "*" }),
                Endpoint,
                "needs in statement 1 a `Principal`",
            ),
        ];
        for (statement, use_, expected) in cases {
            assert_eq!(of_statement(&statement, use_), [expected], "{statement}");
        }
    }

    #[test]
    fn a_wildcard_under_a_condition_is_no_surprise() {
        let statement = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": "*" },
            "Condition": { "StringEquals": { "aws:PrincipalOrgID": "o-1" } } });
        assert_eq!(of_statement(&statement, PolicyUse::Trust), Vec::<String>::new());
    }

    #[test]
    fn characters_and_sizes_are_iams() {
        let with = |sid: String| json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "a:b", "Resource": "arn:aws:s3:::".to_owned() + &sid }] });
        let none = Vec::<String>::new();
        assert_eq!(problems(&with("ÿ".to_owned()), PolicyUse::Identity), none);
        assert_eq!(
            problems(&with("Ā".to_owned()), PolicyUse::Identity),
            ["holds `Ā` (U+0100), which IAM refuses"]
        );
        let room = INLINE_QUOTA - size(&with(String::new()));
        assert_eq!(problems(&with("a".repeat(room)), PolicyUse::Identity), none);
        assert_eq!(problems(&with("a".repeat(room) + &" ".repeat(99)), PolicyUse::Identity), none);
        let long = problems(&with("a".repeat(room + 1)), PolicyUse::Identity);
        assert_eq!(long, ["has 10241 characters without white space: at most 10240 fit"]);
    }

    #[test]
    fn a_long_trust_policy_is_a_warning_up_to_the_raised_quota() {
        let services: Vec<String> = (0..100).map(|n| format!("service-{n}.amazonaws.com")).collect();
        let level = |count: usize| {
            let statement = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": services[..count] } });
            let document = json!({ "Version": "2012-10-17", "Statement": statement });
            check_document(&document, PolicyUse::Trust).first().map(|problem| problem.level)
        };
        assert_eq!([10, 80, 100].map(level), [None, Some(Level::Warning), Some(Level::Warning)]);
    }
}
