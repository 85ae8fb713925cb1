//! When two policy documents mean the same. Each is brought into a normal form, and the forms are compared:
//! so equality is reflexive, symmetric and transitive by construction.
//!
//! What no valid policy has (unknown elements, numbers as actions) has no normal form: such documents are equal
//! only if their JSON is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::PolicyUse;

/// Whether two documents mean the same to AWS.
pub(crate) fn equivalent(left: &Value, right: &Value, use_: PolicyUse) -> bool {
    match (Document::of(left, use_), Document::of(right, use_)) {
        (Some(left), Some(right)) => left == right,
        (None, None) => left == right,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

#[derive(PartialEq, Eq)]
struct Document {
    version: String,
    id: Option<String>,
    /// Sorted: their order means nothing, how many there are is kept.
    statements: Option<Vec<Statement>>,
}

#[derive(Default, PartialEq, Eq, PartialOrd, Ord)]
struct Statement {
    sid: String,
    effect: Option<String>,
    principal: Option<Principal>,
    not_principal: Option<Principal>,
    action: Option<BTreeSet<String>>,
    not_action: Option<BTreeSet<String>>,
    resource: Option<BTreeSet<String>>,
    not_resource: Option<BTreeSet<String>>,
    /// Operator, key in lower case, values. A sorted list and no map: two keys that differ only in case stay two.
    condition: Vec<(String, String, BTreeSet<String>)>,
    /// Operators without a key: they forbid nothing, but they are not nothing.
    bare_operators: Vec<String>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Principal {
    /// `"*"`, or another lone text.
    Text(String),
    /// By type; a type with an empty list is left out.
    Typed(BTreeMap<String, BTreeSet<String>>),
}

impl Document {
    fn of(document: &Value, use_: PolicyUse) -> Option<Self> {
        let document = match document {
            Value::Array(items) if items.len() == 1 => &items[0],
            other => other,
        };
        // A document without a version is read as the older one, which differs: it has no policy variables.
        // Source: the Version element in the IAM JSON policy reference.
        let mut own = Self { version: "2008-10-17".to_owned(), id: None, statements: None };
        for (element, value) in document.as_object()? {
            match element.as_str() {
                "Version" => value.as_str()?.clone_into(&mut own.version),
                "Id" => own.id = Some(value.as_str()?.to_owned()),
                "Statement" => {
                    let one = std::slice::from_ref(value);
                    let items = value.as_array().map_or(one, Vec::as_slice);
                    let statements = items.iter().map(|item| Statement::of(item.as_object()?, use_));
                    let mut statements = statements.collect::<Option<Vec<_>>>()?;
                    statements.sort();
                    own.statements = Some(statements);
                }
                _ => return None,
            }
        }
        Some(own)
    }
}

impl Statement {
    fn of(statement: &Map<String, Value>, use_: PolicyUse) -> Option<Self> {
        let mut own = Self::default();
        for (element, value) in statement {
            match element.as_str() {
                "Sid" => value.as_str()?.clone_into(&mut own.sid),
                "Effect" => own.effect = Some(value.as_str()?.to_ascii_lowercase()),
                "Principal" => own.principal = Some(Principal::of(value)?),
                "NotPrincipal" => own.not_principal = Some(Principal::of(value)?),
                "Action" => own.action = Some(actions(value)?),
                "NotAction" => own.not_action = Some(actions(value)?),
                "Resource" => own.resource = Some(texts(value)?),
                "NotResource" => own.not_resource = Some(texts(value)?),
                "Condition" => own.read_condition(value)?,
                _ => return None,
            }
        }
        // Where access is given, everyone and every AWS principal are the same; AWS says so of Allow alone.
        // Source: the Principal element in the IAM JSON policy reference.
        let allows = own.effect.as_deref() == Some("allow");
        if allows && use_ != PolicyUse::Identity && own.principal == Some(Principal::Text("*".to_owned())) {
            own.principal = Some(Principal::every_aws());
        }
        Some(own)
    }

    fn read_condition(&mut self, value: &Value) -> Option<()> {
        for (operator, keys) in value.as_object()? {
            let keys = keys.as_object()?;
            if keys.is_empty() {
                self.bare_operators.push(operator.clone());
            }
            for (key, values) in keys {
                let values = list(values).map(scalar).collect::<Option<BTreeSet<_>>>()?;
                self.condition.push((operator.clone(), key.to_ascii_lowercase(), values));
            }
        }
        self.condition.sort();
        self.bare_operators.sort();
        Some(())
    }
}

impl Principal {
    fn every_aws() -> Self {
        Self::Typed([("AWS".to_owned(), BTreeSet::from(["*".to_owned()]))].into())
    }

    fn of(value: &Value) -> Option<Self> {
        if let Value::String(text) = value {
            return Some(Self::Text(text.clone()));
        }
        let mut typed = BTreeMap::new();
        for (kind, names) in value.as_object()? {
            let names = list(names).map(|name| Some(account(name.as_str()?).to_owned()));
            let names = names.collect::<Option<BTreeSet<_>>>()?;
            if !names.is_empty() {
                typed.insert(kind.clone(), names);
            }
        }
        Some(Self::Typed(typed))
    }
}

/// An account's root user is the account: AWS answers the ARN where the digits were sent.
/// Source: the account principals in the IAM JSON policy reference.
fn account(principal: &str) -> &str {
    let digits = principal
        .strip_prefix("arn:")
        .and_then(|rest| rest.split_once(":iam::"))
        .filter(|(partition, _)| !partition.contains(':'))
        .and_then(|(_, rest)| rest.strip_suffix(":root"));
    let is_account = |text: &&str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.filter(is_account).unwrap_or(principal)
}

/// Actions are compared whatever their case. Source: the Action element in the IAM JSON policy reference.
fn actions(value: &Value) -> Option<BTreeSet<String>> {
    Some(texts(value)?.into_iter().map(|action| action.to_ascii_lowercase()).collect())
}

fn texts(value: &Value) -> Option<BTreeSet<String>> {
    list(value).map(|item| item.as_str().map(str::to_owned)).collect()
}

/// A lone value is a list of one.
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}

/// `true` is `"true"`, `1` is `"1"`.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const USES: [PolicyUse; 3] = [PolicyUse::Trust, PolicyUse::Identity, PolicyUse::Endpoint];

    /// The two as the one statement of a document.
    fn same(left: Value, right: Value, use_: PolicyUse) -> bool {
        let document = |statement| json!({ "Version": "2012-10-17", "Statement": [statement] });
        let (left, right) = (document(left), document(right));
        assert_eq!(equivalent(&left, &right, use_), equivalent(&right, &left, use_), "symmetric");
        equivalent(&left, &right, use_)
    }

    fn allow(rest: Value) -> Value {
        let mut statement = json!({ "Effect": "Allow" });
        let (Value::Object(into), Value::Object(from)) = (&mut statement, rest) else { panic!("maps") };
        into.extend(from);
        statement
    }

    #[test]
    fn what_aws_reads_back_differently_is_the_same() {
        let cases = [
            (json!({ "Action": "s3:getobject" }), json!({ "Action": ["s3:GetObject", "S3:GETOBJECT"] })),
            (json!({ "Resource": ["b", "a", "a"] }), json!({ "Resource": ["a", "b"] })),
            (json!({ "Effect": "allow" }), json!({ "Effect": "Allow" })),
            (json!({ "Sid": "" }), json!({})),
            (json!({ "Condition": {} }), json!({})),
            (
                json!({ "Condition": { "Bool": { "aws:SecureTransport": true } } }),
                json!({ "Condition": { "Bool": { "AWS:securetransport": ["true"] } } }),
            ),
            (
                json!({ "Condition": { "NumericLessThan": { "a:b": [2, "1"] } } }),
                json!({ "Condition": { "NumericLessThan": { "a:b": ["1", "2"] } } }),
            ),
            (
                json!({ "Principal": { "AWS": "111122223333", "Service": [] } }),
                json!({ "Principal": { "AWS": ["arn:aws:iam::111122223333:root"] } }),
            ),
            (
                json!({ "Principal": { "Service": ["b.amazonaws.com", "a.amazonaws.com"] } }),
                json!({ "Principal": { "Service": ["a.amazonaws.com", "b.amazonaws.com"] } }),
            ),
        ];
        for (left, right) in cases {
            for use_ in USES {
                assert!(same(allow(left.clone()), allow(right.clone()), use_), "{left} {right}");
            }
        }
    }

    #[test]
    fn what_means_something_else_is_not_the_same() {
        let cases = [
            (json!({ "Action": "s3:GetObject" }), json!({ "NotAction": "s3:GetObject" })),
            (json!({ "Action": "s3:GetObject" }), json!({ "Action": "s3:GetObject*" })),
            (json!({ "Resource": "arn:aws:s3:::A" }), json!({ "Resource": "arn:aws:s3:::a" })),
            (json!({ "Sid": "A" }), json!({ "Sid": "a" })),
            (json!({ "Effect": "Deny" }), json!({})),
            (json!({ "Principal": "*" }), json!({})),
            (json!({ "Principal": "*" }), json!({ "Principal": "111122223333" })),
            (json!({ "Principal": { "AWS": "*" } }), json!({ "NotPrincipal": { "AWS": "*" } })),
            (
                json!({ "Principal": { "AWS": "AIDAEXAMPLE" } }),
                json!({ "Principal": { "AWS": "arn:aws:iam::111122223333:user/a" } }),
            ),
            (
                json!({ "Principal": { "AWS": "arn:aws:iam::111122223333:user/root" } }),
                json!({ "Principal": { "AWS": "111122223333" } }),
            ),
            (
                json!({ "Condition": { "StringEquals": { "a:b": "X" } } }),
                json!({ "Condition": { "StringEquals": { "a:b": "x" } } }),
            ),
            (
                json!({ "Condition": { "StringEquals": { "a:b": "x" } } }),
                json!({ "Condition": { "StringLike": { "a:b": "x" } } }),
            ),
            (json!({ "Condition": { "StringEquals": { "a:b": "x" } } }), json!({})),
        ];
        for (left, right) in cases {
            for use_ in USES {
                assert!(!same(allow(left.clone()), allow(right.clone()), use_), "{left} {right}");
            }
        }
    }

    #[test]
    fn everyone_is_every_aws_principal_only_where_access_is_given() {
        let (all, aws) = (json!({ "Principal": "*" }), json!({ "Principal": { "AWS": ["*"] } }));
        for (use_, expected) in USES.into_iter().zip([true, false, true]) {
            assert_eq!(same(allow(all.clone()), allow(aws.clone()), use_), expected);
        }
        let deny = |mut statement: Value| {
            statement["Effect"] = "Deny".into();
            statement
        };
        assert!(!same(deny(all), deny(aws), PolicyUse::Trust));
    }

    #[test]
    fn a_document_is_compared_by_version_id_and_statements() {
        let statement = json!({ "Effect": "Allow", "Action": "a:b", "Resource": "*" });
        let new = json!({ "Version": "2012-10-17", "Statement": statement });
        let old = json!({ "Statement": [statement] });
        let same = |left: &Value, right: &Value| equivalent(left, right, PolicyUse::Identity);
        assert!(same(&new, &json!([{ "Version": "2012-10-17", "Statement": [statement] }])));
        assert!(!same(&new, &old));
        assert!(same(&old, &json!({ "Version": "2008-10-17", "Statement": statement })));
        assert!(!same(&old, &json!({ "Id": "x", "Statement": statement })));
        assert!(!same(&old, &json!({ "Statement": [statement, statement] })), "equal count");
    }

    #[test]
    fn what_has_no_normal_form_is_equal_only_as_json() {
        for odd in [json!(1), json!({ "Statement": [{ "Action": 1 }] }), json!({ "Extra": {} }), json!([])] {
            assert!(equivalent(&odd, &odd, PolicyUse::Identity), "{odd}");
            assert!(!equivalent(&odd, &json!({}), PolicyUse::Identity), "{odd}");
        }
    }

    fn members(items: &'static [&'static str]) -> impl Strategy<Value = Value> {
        let item = proptest::sample::select(items);
        prop_oneof![
            item.clone().prop_map(Value::from),
            proptest::collection::vec(item, 0..4).prop_map(Value::from)
        ]
    }

    fn statement() -> impl Strategy<Value = Value> {
        let optional = |strategy| proptest::option::of(strategy);
        (
            proptest::sample::select(&["Allow", "allow", "Deny"][..]),
            optional(members(&["s3:GetObject", "S3:getObject", "s3:PutObject", "*"]).boxed()),
            optional(members(&["arn:aws:s3:::a", "arn:aws:s3:::A", "*"]).boxed()),
            optional(
                prop_oneof![
                    Just(json!("*")),
                    members(&["*", "111122223333", "arn:aws:iam::111122223333:root"])
                        .prop_map(|aws| json!({ "AWS": aws })),
                    members(&["glue.amazonaws.com"]).prop_map(|service| json!({ "Service": service })),
                ]
                .boxed(),
            ),
            optional(
                members(&["x", "true", "1"])
                    .prop_map(|values| json!({ "StringEquals": { "aws:TagKeys": values } }))
                    .boxed(),
            ),
        )
            .prop_map(|(effect, action, resource, principal, condition)| {
                let mut statement = json!({ "Effect": effect });
                let parts = [
                    ("Action", action),
                    ("Resource", resource),
                    ("Principal", principal),
                    ("Condition", condition),
                ];
                for (element, value) in parts {
                    if let Some(value) = value {
                        statement[element] = value;
                    }
                }
                statement
            })
    }

    fn document() -> impl Strategy<Value = Value> {
        proptest::collection::vec(statement(), 0..4)
            .prop_map(|statements| json!({ "Version": "2012-10-17", "Statement": statements }))
    }

    fn use_of() -> impl Strategy<Value = PolicyUse> {
        proptest::sample::select(&USES[..])
    }

    /// The same document written otherwise: everything reversed, lone values as lists, actions in capitals.
    fn rewritten(document: &Value) -> Value {
        let mut document = document.clone();
        let Some(statements) = document["Statement"].as_array_mut() else { return document };
        statements.reverse();
        for statement in statements {
            for element in ["Action", "Resource"] {
                let Some(value) = statement.get_mut(element) else { continue };
                let mut items: Vec<Value> = list(value).cloned().collect();
                items.reverse();
                items.extend(items.first().cloned());
                if element == "Action" {
                    let capitals = |item: Value| item.as_str().map(str::to_ascii_uppercase).into();
                    items = items.into_iter().map(capitals).collect();
                }
                *value = items.into();
            }
        }
        document
    }

    proptest! {
        #[test]
        fn equality_is_reflexive(document in document(), use_ in use_of()) {
            prop_assert!(equivalent(&document, &document, use_));
        }

        #[test]
        fn equality_is_symmetric(left in document(), right in document(), use_ in use_of()) {
            prop_assert_eq!(equivalent(&left, &right, use_), equivalent(&right, &left, use_));
        }

        #[test]
        fn order_case_and_lists_of_one_mean_nothing(document in document(), use_ in use_of()) {
            let other = rewritten(&document);
            prop_assert!(equivalent(&document, &other, use_), "{} {}", document, other);
        }

        #[test]
        fn one_statement_more_or_less_is_another_document(document in document(), extra in statement(), use_ in use_of()) {
            let mut more = document.clone();
            more["Statement"].as_array_mut().unwrap().push(extra);
            prop_assert!(!equivalent(&document, &more, use_));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(text in ".{0,64}") {
            let _ = super::super::parse_document(&text);
        }
    }
}
