//! `role`: an IAM role with its trust policy, inline policies and attachments.
//!
//! Its mark lies in its tags, which `GetRole` answers. Policies that others put on it stay: the mark says which
//! are lakeform's.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_iam::types::{EntityType, Role as IamRole, Tag};
use lakeform_model::{
    Change, Class, CloudError, Diagnostics, Draft, Entry, FieldPath, FieldRule, Fields, Force, Holds,
    Inventory, Key, Kind, Literal, Live, Managed, Mark, Merge, Need, Node, NodeValue, OnChange, Place,
    Present, Purpose, Resource, Scope, Shape, Show, Survey, SurveyRequest, Target, TextRule, Value,
};
use serde_json::Value as Json;

use crate::Cloud;
use crate::contact::{Contact, each, live};
use crate::error::{Named, absent};
use crate::policy::{self, PolicyUse};
use crate::s3_url;
use crate::tags::{self, TagPatch};

/// The kind.
pub(crate) struct Role;

const SERVICE: Shape = Shape::Text(TextRule::checked("a service such as glue.amazonaws.com", service));
const MANAGED: Shape =
    Shape::Text(TextRule::checked("a managed policy's ARN or AWS's name of it", managed_policy));

const TRUST: &[Key] = &[
    Key::new("document", Shape::Free, "The trust policy, as a mapping or as JSON in a text."),
    Key::new("file", Shape::TEXT, "A JSON file that holds the trust policy."),
    Key::new("Version", Shape::TEXT, "The policy language, where the trust policy stands here itself."),
    Key::new("Id", Shape::TEXT, "An id of the policy, where it stands here itself."),
    Key::new("Statement", Shape::Free, "The statements, where the trust policy stands here itself."),
];

const POLICY: &[Key] = &[
    Key::new(
        "preset",
        Shape::Word(&["s3-access", "glue-service"]),
        "A ready-made policy: `s3-access` to list `buckets` and do all with their objects, `glue-service` for what Glue itself needs.",
    ),
    Key::new(
        "buckets",
        Shape::Any(&[Shape::TEXT, Shape::TEXTS]),
        "The buckets of `s3-access`: keys of this manifest's buckets, or names of others.",
    ),
    Key::new("document", Shape::Free, "The policy, as a mapping or as JSON in a text."),
    Key::new(
        "file",
        Shape::TEXT,
        "A JSON file that holds the policy; write `$${aws:username}` for a policy variable.",
    ),
];

const SHAPE: Shape = Shape::Object(&[
    Key::new(
        "name",
        Shape::Text(TextRule::checked("a role name", role_name)),
        "The role's name, by default the key; unique in the account, whatever its case.",
    ),
    Key::new(
        "path",
        Shape::Text(TextRule::checked("a path", path)),
        "The path in its ARN, such as `/lakehouse/`; by default `/`.",
    ),
    Key::new(
        "description",
        Shape::Text(TextRule::checked("a description", description)),
        "What it is for; at most 1,000 characters of Latin-1.",
    ),
    Key::new(
        "max_session_duration",
        Shape::Int { min: 3600, max: 43200 },
        "How long a session may last, in seconds; by default 3600.",
    ),
    Key::required(
        "trust",
        Shape::Any(&[SERVICE, Shape::List(&SERVICE), Shape::Object(TRUST)]),
        "Who may assume it: a service such as `glue.amazonaws.com`, a list of services, or a trust policy as `document: {…}`, `file: trust.json` or in place.",
    ),
    Key::new(
        "policies",
        Shape::Map(TextRule::checked("a policy name", policy_name), &Shape::Object(POLICY)),
        "Inline policies by name; each is a `preset`, a `document` or a `file`.",
    ),
    Key::new(
        "managed_policies",
        Shape::List(&MANAGED),
        "Managed policies to attach: ARNs, or AWS's names such as `AmazonAthenaFullAccess` or `service-role/AWSGlueServiceRole`.",
    ),
    Key::new(
        "permissions_boundary",
        MANAGED,
        "The managed policy that bounds what the role may do; without one, there is meant to be none.",
    ),
    tags::KEY,
]);

const RULES: &[FieldRule] = &[
    FieldRule::new("path")
        .default(Literal::Text("/"))
        .on_change(OnChange::Replace)
        .note("IAM cannot move a role to another path"),
    FieldRule::new("description").default(Literal::Text("")),
    FieldRule::new("max_session_duration").default(Literal::Int(3600)),
    FieldRule::new("trust").show(Show::Document).note("compared by meaning, not by spelling"),
    FieldRule::new("inline_policies")
        .merge(Merge::Keys)
        .show(Show::Document)
        .note("compared by meaning; policies that others put on it stay"),
    FieldRule::new("managed_policies")
        .merge(Merge::Members)
        .note("policies that others attached stay attached"),
    FieldRule::new("permissions_boundary").absent(),
    tags::RULE,
];

/// Managed policies of AWS that have a path; everybody knows them by their last part alone.
const WITH_PATH: [&str; 3] =
    ["AWSGlueServiceRole", "AWSGlueServiceNotebookRole", "AWSLambdaBasicExecutionRole"];

/// The paths that AWS keeps for roles of its own, which carry nobody's mark.
const AWS_PATHS: [&str; 2] = ["/aws-service-role/", "/aws-reserved/"];

impl Kind for Role {
    fn name(&self) -> &'static str {
        "role"
    }

    fn place(&self) -> &'static [&'static str] {
        &["roles"]
    }

    fn shape(&self) -> Shape {
        SHAPE
    }

    fn rules(&self) -> &'static [FieldRule] {
        RULES
    }

    fn holds(&self) -> Holds {
        Holds::Configuration
    }

    fn about(&self) -> &'static str {
        "An IAM role, such as the one that Glue jobs run as, with its inline policies and attachments."
    }

    fn identity(&self, entry: &Entry<'_>) -> String {
        entry.name()
    }

    fn outputs(
        &self,
        entry: &Entry<'_>,
        identity: &str,
        scope: &Scope<'_>,
    ) -> BTreeMap<&'static str, String> {
        let path = entry.node.text("path").unwrap_or_else(|| "/".to_owned());
        let (partition, account) = (scope.partition(), scope.account);
        BTreeMap::from([("arn", format!("arn:{partition}:iam::{account}:role{path}{identity}"))])
    }
    /// `GetAccountAuthorizationDetails` is not asked for: it shows every policy of the account. Where it is refused,
    /// roles are listed and read one by one.
    fn needs(&self, purpose: Purpose, resource: Option<&Resource>, place: &Place<'_>) -> Vec<Need> {
        let Some(resource) = resource else {
            let find = [Need::anywhere(["iam:ListRoles"]), Need::new(["iam:GetRole"], [place.iam("role/*")])];
            return if purpose == Purpose::Plan { find.into() } else { Vec::new() };
        };
        let fields = &resource.fields;
        let path = fields.text("path").unwrap_or("/");
        let role = place.iam(&format!("role{path}{}", resource.identity));
        let attached = fields.texts("managed_policies");
        match purpose {
            Purpose::Plan => vec![Need::new(
                [
                    "iam:GetRole",
                    "iam:GetRolePolicy",
                    "iam:ListRolePolicies",
                    "iam:ListAttachedRolePolicies",
                    "iam:ListInstanceProfilesForRole",
                ],
                [role],
            )],
            Purpose::Apply => {
                let actions = [
                    "iam:CreateRole",
                    "iam:UpdateRole",
                    "iam:UpdateAssumeRolePolicy",
                    "iam:DeleteRole",
                    "iam:TagRole",
                    "iam:UntagRole",
                    "iam:PutRolePolicy",
                    "iam:DeleteRolePolicy",
                ];
                let mut needs = vec![Need::new(actions, [role.clone()])];
                if !attached.is_empty() {
                    let attach = Need::new(["iam:AttachRolePolicy", "iam:DetachRolePolicy"], [role.clone()]);
                    needs.push(attach.only_if("ArnEquals", "iam:PolicyARN", attached));
                }
                if let Some(boundary) = fields.text("permissions_boundary") {
                    let set = Need::new(["iam:PutRolePermissionsBoundary"], [role.clone()]);
                    let boundary = vec![boundary.to_owned()];
                    needs.push(set.only_if("ArnEquals", "iam:PermissionsBoundary", boundary));
                    needs.push(Need::new(["iam:DeleteRolePermissionsBoundary"], [role.clone()]));
                }
                if resource.permissions.force_destroy {
                    // What others put on it goes, too.
                    needs.push(Need::new(["iam:DetachRolePolicy"], [role.clone()]));
                    let profiles = [role, place.iam("instance-profile/*")];
                    needs.push(Need::new(["iam:RemoveRoleFromInstanceProfile"], profiles));
                }
                needs
            }
            Purpose::Run => Vec::new(),
        }
    }

    fn decode(&self, entry: &Entry<'_>, scope: &mut Scope<'_>) -> Option<Draft> {
        let node = entry.node;
        if let Err(problem) = role_name(&entry.name()) {
            scope.error(node.some("name").unwrap_or(entry.key), format!("the role's name {problem}"));
        }
        let mut fields = Fields::new();
        fields.set_some("path", node.text("path"));
        fields.set_some("description", node.text("description"));
        let duration = node.some("max_session_duration").and_then(Node::as_int);
        fields.set_some("max_session_duration", duration);
        let trust = node.some("trust").and_then(|trust| decode_trust(trust, scope));
        fields.set_some("trust", trust.as_ref().map(Value::from_json));
        let policies = node.some("policies").map(|policies| decode_policies(policies, scope));
        fields.set_some("inline_policies", policies.filter(|policies| !policies.is_empty()));
        let managed = node.some("managed_policies").map(|list| decode_managed(list, scope));
        fields.set_some("managed_policies", managed.filter(|arns| !arns.is_empty()).map(Value::texts));
        let boundary = node.text("permissions_boundary");
        fields.set_some("permissions_boundary", boundary.map(|name| policy_arn(&name, scope.partition())));
        fields.set_some("tags", tags::desired(entry, scope));
        trust.map(|_| Draft { fields, ..Draft::default() })
    }
}

fn decode_trust(node: &Node, scope: &mut Scope<'_>) -> Option<Json> {
    let what = "the trust policy";
    let document = if let NodeValue::Map(_) = node.value {
        let beside = ["Version", "Id", "Statement"].iter().any(|key| node.some(key).is_some());
        let elsewhere = node.some("document").or_else(|| node.some("file")).is_some();
        match (beside, elsewhere) {
            (true, false) => node.to_json(),
            (false, true) => document_of(node, what, scope)?,
            (true, true) => {
                scope.error(node, "the trust policy stands here, and again in `document` or `file`");
                return None;
            }
            (false, false) => {
                scope
                    .error(node, "`trust` names nobody")
                    .hint("give a service such as `glue.amazonaws.com`, or `document: {…}`");
                return None;
            }
        }
    } else {
        let mut services: Vec<String> = Vec::new();
        for service in node.texts() {
            if !services.contains(&service) {
                services.push(service);
            }
        }
        if services.is_empty() {
            scope
                .error(node, "`trust` names nobody, so nobody could assume the role")
                .hint("give a service such as `glue.amazonaws.com`");
            return None;
        }
        policy::trust_of(&services)
    };
    policy::report(scope, node, what, &document, PolicyUse::Trust).then_some(document)
}

/// The policy that a `document` or a `file` gives.
fn document_of(node: &Node, what: &str, scope: &mut Scope<'_>) -> Option<Json> {
    let (at, text) = match (node.some("document"), node.some("file")) {
        (Some(document), None) => match document.as_text() {
            Some(text) => (document, text.to_owned()),
            None => return Some(document.to_json()),
        },
        (None, Some(file)) => (file, scope.read_text(file)?.1),
        (Some(_), Some(second)) => {
            scope.error(second, format!("{what} has both `document` and `file`")).hint("give one of them");
            return None;
        }
        (None, None) => {
            scope.error(node, format!("{what} is empty")).hint("give `document: {…}` or `file: policy.json`");
            return None;
        }
    };
    // Editors on Windows put a byte order mark before a text.
    match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
        Ok(document) => Some(document),
        Err(error) => {
            scope.error(at, format!("{what} is not JSON: {error}"));
            None
        }
    }
}

fn decode_policies(node: &Node, scope: &mut Scope<'_>) -> BTreeMap<String, Value> {
    let mut policies = BTreeMap::new();
    let mut size = 0;
    for (name, entry) in node.entries() {
        let name = name.as_text().unwrap_or_default();
        let what = format!("the policy `{name}`");
        let Some((document, buckets)) = decode_policy(entry, &what, scope) else { continue };
        if !policy::report(scope, entry, &what, &document, PolicyUse::Identity) {
            continue;
        }
        size += policy::size(&document);
        let value = with_pointers(Value::from_json(&document), scope.partition(), &buckets);
        policies.insert(name.to_owned(), value);
    }
    let quota = policy::INLINE_QUOTA;
    if size > quota {
        scope
            .error(node, format!("the inline policies have {size} characters without white space: at most {quota} fit in a role"))
            .hint("move some of them to managed policies, and attach these by `managed_policies`");
    }
    policies
}

/// The document of one inline policy, and the buckets its preset names.
fn decode_policy(node: &Node, what: &str, scope: &mut Scope<'_>) -> Option<(Json, Vec<String>)> {
    let preset = node.some("preset");
    let elsewhere = node.some("document").or_else(|| node.some("file"));
    let buckets = node.some("buckets");
    if let (Some(_), Some(second)) = (preset, elsewhere) {
        scope
            .error(second, format!("{what} has a `preset` and a document of its own"))
            .hint("give one of them");
        return None;
    }
    match preset.and_then(Node::as_text) {
        Some("s3-access") => {
            let named = buckets.map(|buckets| decode_buckets(buckets, scope)).unwrap_or_default();
            if named.is_empty() {
                // Buckets that are none were told already.
                if buckets.is_none_or(|buckets| buckets.texts().is_empty()) {
                    let at = buckets.unwrap_or(node);
                    scope.error(at, format!("{what} names no bucket")).hint("give `buckets: [key]`");
                }
                return None;
            }
            Some((policy::s3_access(scope.partition(), &named), named))
        }
        preset => {
            if let Some(buckets) = buckets {
                scope
                    .error(buckets, format!("{what} has `buckets`, which only the preset `s3-access` takes"))
                    .hint("name them in the document's resources");
                return None;
            }
            match preset {
                Some(_) => Some((policy::glue_service(scope.partition()), Vec::new())),
                None if elsewhere.is_none() => {
                    scope
                        .error(node, format!("{what} is empty"))
                        .hint("give `preset`, `document: {…}` or `file: policy.json`");
                    None
                }
                None => Some((document_of(node, what, scope)?, Vec::new())),
            }
        }
    }
}

/// The names of buckets that are given by key or by name.
fn decode_buckets(node: &Node, scope: &mut Scope<'_>) -> Vec<String> {
    let one = std::slice::from_ref(node);
    let items = if let NodeValue::List(items) = &node.value { items.as_slice() } else { one };
    let keys = scope.keys("bucket");
    let mut names: Vec<String> = Vec::new();
    for item in items {
        let Some(text) = item.scalar_text() else { continue };
        let name = if keys.contains(&text) {
            scope.reference("bucket", item)
        } else {
            match s3_url::bucket_name(&text) {
                Ok(()) => {
                    warn_of_typing_error(item, &text, &keys, scope);
                    Some(text)
                }
                // Neither: say which keys there are.
                Err(_) => scope.reference("bucket", item),
            }
        };
        names.extend(name.filter(|name| !names.contains(name)));
    }
    names
}

/// A name close to a key is more likely that key than a bucket elsewhere.
fn warn_of_typing_error(at: &Node, text: &str, keys: &[String], scope: &mut Scope<'_>) {
    let mut probe = Diagnostics::default();
    probe.error(None, "").suggest(text, keys.iter().map(String::as_str));
    let hint = probe.0.into_iter().next().and_then(|diagnostic| diagnostic.hint);
    if let Some(hint) = hint.filter(|_| at.references.is_empty()) {
        let message = format!("`{text}` is no bucket of this manifest, so it is taken for one elsewhere");
        scope.diagnostics.warning(Some(at.span), message).hint(hint);
    }
}

/// Makes the resources that are these buckets point at them, so that the role goes before they do.
fn with_pointers(value: Value, partition: &str, buckets: &[String]) -> Value {
    match value {
        Value::Text(text) => {
            let resource = text.strip_prefix(&format!("arn:{partition}:s3:::"));
            let resource = resource.map(|name| name.strip_suffix("/*").unwrap_or(name).to_owned());
            match resource.filter(|name| buckets.contains(name)) {
                Some(bucket) => Value::pointer("bucket", bucket, text),
                None => Value::Text(text),
            }
        }
        Value::List(items) => {
            Value::List(items.into_iter().map(|item| with_pointers(item, partition, buckets)).collect())
        }
        Value::Map(map) => Value::Map(
            map.into_iter().map(|(key, value)| (key, with_pointers(value, partition, buckets))).collect(),
        ),
        other => other,
    }
}

fn decode_managed(node: &Node, scope: &mut Scope<'_>) -> Vec<String> {
    let mut arns: Vec<String> = Vec::new();
    for item in node.items() {
        let Some(text) = item.scalar_text() else { continue };
        let arn = policy_arn(&text, scope.partition());
        if arns.contains(&arn) {
            scope.error(item, format!("`{text}` is there twice"));
        } else {
            arns.push(arn);
        }
    }
    // Source: the IAM quotas in the IAM user guide; AWS raises it on request.
    if arns.len() > 10 {
        let message = format!("{} managed policies: 10 can be attached in most accounts", arns.len());
        scope.diagnostics.warning(Some(node.span), message).hint("ask AWS for a higher quota");
    }
    arns
}

/// The ARN of a managed policy that is given by ARN, or by AWS's name of it.
fn policy_arn(text: &str, partition: &str) -> String {
    if text.starts_with("arn:") {
        text.to_owned()
    } else if WITH_PATH.contains(&text) {
        format!("arn:{partition}:iam::aws:policy/service-role/{text}")
    } else {
        format!("arn:{partition}:iam::aws:policy/{text}")
    }
}

/// The characters of IAM names besides letters and digits. Source: the `roleNameType` shape of the IAM API.
fn name_of(text: &str, most: usize) -> Result<(), String> {
    if text.is_empty() || text.chars().count() > most {
        return Err(format!("must be 1 to {most} characters long"));
    }
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || "_+=,.@-".contains(*c))) {
        Some(c) => Err(format!("must not hold `{}`: only letters, digits and `_+=,.@-`", c.escape_default())),
        None => Ok(()),
    }
}

fn role_name(text: &str) -> Result<(), String> {
    if text.contains("${") {
        return Ok(());
    }
    name_of(text, 64)
}

fn policy_name(text: &str) -> Result<(), String> {
    if text.contains("${") {
        return Ok(());
    }
    name_of(text, 128)
}

/// Source: the `pathType` shape of the IAM API.
fn path(text: &str) -> Result<(), String> {
    if text.contains("${") {
        return Ok(());
    }
    if let Some(own) = AWS_PATHS.iter().find(|own| text.starts_with(**own)) {
        return Err(format!("must not begin with `{own}`: AWS keeps it for itself"));
    }
    if text.len() > 512 {
        return Err("must be at most 512 characters long".to_owned());
    }
    if !(text.starts_with('/') && text.ends_with('/')) {
        return Err("must begin and end with `/`".to_owned());
    }
    match text.chars().find(|c| !c.is_ascii_graphic()) {
        Some(c) => Err(format!("must not hold `{}`", c.escape_default())),
        None => Ok(()),
    }
}

/// Source: the `roleDescriptionType` shape of the IAM API.
fn description(text: &str) -> Result<(), String> {
    if text.chars().count() > 1000 {
        return Err("must be at most 1,000 characters long".to_owned());
    }
    let fine = |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}');
    match text.chars().find(|c| !fine(c)) {
        Some(c) => Err(format!("must not hold `{}`: IAM takes only Latin-1", c.escape_debug())),
        None => Ok(()),
    }
}

fn service(text: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    if text.contains("${") {
        return Ok(());
    }
    if text.starts_with("arn:") || text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(
            "must be a service such as `glue.amazonaws.com`; write `document: {…}` for accounts and roles"
                .to_owned(),
        );
    }
    if !text.contains('.') || !text.chars().all(plain) {
        return Err("must look like `glue.amazonaws.com`".to_owned());
    }
    Ok(())
}

fn managed_policy(text: &str) -> Result<(), String> {
    if text.contains("${") {
        return Ok(());
    }
    let name = if text.starts_with("arn:") {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let account =
            |id: &str| id == "aws" || (id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit()));
        match parts[..] {
            [_, partition, "iam", "", id, resource] if partition.starts_with("aws") && account(id) => {
                resource
                    .strip_prefix("policy/")
                    .ok_or("must be the ARN of a policy: `arn:aws:iam::…:policy/…`")?
            }
            _ => return Err("must be an ARN such as `arn:aws:iam::111122223333:policy/name`".to_owned()),
        }
    } else {
        text
    };
    name_of(name.rsplit('/').next().unwrap_or_default(), 128)
}

#[async_trait]
impl Contact for Role {
    async fn survey(&self, cloud: &Cloud, request: SurveyRequest<'_>) -> Survey {
        let found = each(request.wanted, |wanted| async move {
            live(read(cloud, &wanted.identity, Some(&wanted.fields), None).await)
        })
        .await;
        let mut survey = Survey { found, ..Survey::default() };
        if !request.find_owned {
            return survey;
        }
        let listed = match list(cloud).await {
            Ok(listed) => listed,
            Err(error) => {
                survey.blind = Some(error);
                return survey;
            }
        };
        for (wanted, found) in request.wanted.iter().zip(&mut survey.found) {
            let twin = |role: &&Listed| {
                role.name != wanted.identity && role.name.eq_ignore_ascii_case(&wanted.identity)
            };
            if let (Live::Absent, Some(twin)) = (&*found, listed.iter().find(twin)) {
                let reason = format!("a role `{}` exists, and IAM takes both names for one", twin.name);
                *found = Live::Conflict { reason, hint: Some(format!("call it `{}`", twin.name)) };
            }
        }
        let others = listed.iter().filter(|role| {
            let wanted = request.wanted.iter().any(|wanted| wanted.identity.eq_ignore_ascii_case(&role.name));
            let marked = role.tags.as_ref().is_none_or(|tags| is_of(tags.clone(), request.stack));
            !wanted && marked
        });
        for answer in each(others, |role| read(cloud, &role.name, None, Some(request.stack))).await {
            match answer {
                Ok(present) => survey.owned.extend(present),
                Err(error) => survey.blind = Some(error),
            }
        }
        survey
    }

    async fn inventory(&self, cloud: &Cloud, present: &Present) -> Result<Inventory, CloudError> {
        let others = Others::of(cloud, present).await?;
        Ok(Inventory { needs_permission: !others.is_empty(), lines: others.lines() })
    }

    async fn create(&self, cloud: &Cloud, target: &Target) -> Result<(), CloudError> {
        let (name, fields) = (&target.identity, &target.fields);
        // The mark is in the first call: killed after it, the next apply finds its own role, and puts on the
        // policies that are missing.
        let request = cloud
            .iam
            .create_role()
            .role_name(name)
            .set_path(fields.text("path").map(str::to_owned))
            .set_description(fields.text("description").filter(|text| !text.is_empty()).map(str::to_owned))
            .max_session_duration(seconds(fields.int("max_session_duration")))
            .set_permissions_boundary(fields.text("permissions_boundary").map(str::to_owned))
            .assume_role_policy_document(document_text(fields.get("trust")))
            .set_tags(iam_tags(tags::for_create(target))?);
        if let Err(mut error) = request.send().await.named("iam:CreateRole") {
            // A role that exists and cannot be seen was made a moment ago: reads lag behind.
            if error.class == Class::Exists && get(cloud, name).await?.is_none() {
                error.class = Class::Propagating;
            }
            return Err(error);
        }
        let inline = fields.get("inline_policies").and_then(Value::as_map).into_iter().flatten();
        for (policy, document) in inline {
            put(cloud, name, policy, document).await?;
        }
        for arn in fields.texts("managed_policies") {
            attach(cloud, name, &arn).await?;
        }
        Ok(())
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target,
        live: &Present,
        changes: &[Change],
    ) -> Result<(), CloudError> {
        let name = &target.identity;
        let within = |field: &'static str| changes.iter().filter(move |change| change.path.field() == field);
        // First what goes, then the mark, then what comes. The mark must name what is lakeform's as long as it is
        // there: killed at any point, the next apply still knows what to take away.
        for change in within("inline_policies").filter(|change| change.to.is_none()) {
            delete_inline(cloud, name, change.path.last()).await?;
        }
        for change in within("managed_policies") {
            let (before, after) = (members(change.from.as_ref()), members(change.to.as_ref()));
            for arn in before.iter().filter(|arn| !after.contains(arn)) {
                detach(cloud, name, arn).await?;
            }
        }
        retag(cloud, name, TagPatch::of(target, live, changes)).await?;
        if let Some(change) = within("permissions_boundary").next() {
            set_boundary(cloud, name, change.to.as_ref().and_then(Value::as_text)).await?;
        }
        if within("trust").next().is_some() {
            let document = document_text(target.fields.get("trust"));
            let request = cloud.iam.update_assume_role_policy().role_name(name).policy_document(document);
            visible(request.send().await.named("iam:UpdateAssumeRolePolicy"))?;
        }
        if within("description").chain(within("max_session_duration")).next().is_some() {
            // Both are sent always: AWS's own words disagree on whether an absent duration stays.
            // Source: the UpdateRole API reference.
            let now = |field: &'static str| match within(field).next() {
                Some(change) => change.to.clone(),
                None => live.fields.get(field).cloned(),
            };
            let description = now("description");
            let request = cloud
                .iam
                .update_role()
                .role_name(name)
                .description(description.as_ref().and_then(Value::as_text).unwrap_or_default())
                .max_session_duration(seconds(now("max_session_duration").as_ref().and_then(Value::as_int)));
            visible(request.send().await.named("iam:UpdateRole"))?;
        }
        for change in within("inline_policies") {
            if let Some(document) = &change.to {
                put(cloud, name, change.path.last(), document).await?;
            }
        }
        for change in within("managed_policies") {
            let (before, after) = (members(change.from.as_ref()), members(change.to.as_ref()));
            for arn in after.iter().filter(|arn| !before.contains(arn)) {
                attach(cloud, name, arn).await?;
            }
        }
        Ok(())
    }

    async fn delete(&self, cloud: &Cloud, present: &Present, force: Force) -> Result<(), CloudError> {
        let name = &present.identity;
        let Parts { inline, attached, profiles } = Parts::of(cloud, name).await?;
        let others = Others::among(present, &inline, &attached, &profiles);
        if force == Force::No && !others.is_empty() {
            let message =
                format!("`{name}` has {}, which is not lakeform's to remove", others.lines().join("; "));
            return Err(CloudError::new(Class::Invalid, "iam:DeleteRole", message));
        }
        for profile in profiles {
            let request = cloud.iam.remove_role_from_instance_profile();
            let request = request.role_name(name).instance_profile_name(profile);
            absent(request.send().await.named("iam:RemoveRoleFromInstanceProfile"))?;
        }
        for arn in attached {
            detach(cloud, name, &arn).await?;
        }
        for policy in inline {
            delete_inline(cloud, name, &policy).await?;
        }
        let deleted = cloud.iam.delete_role().role_name(name).send().await.named("iam:DeleteRole");
        absent(deleted).map(drop).map_err(|mut error| {
            // Everything was taken off just now: IAM has not seen that everywhere yet.
            if error.code.as_deref().is_some_and(|code| code.starts_with("DeleteConflict")) {
                error.class = Class::Propagating;
            }
            error
        })
    }
}

/// A role of the account, with its tags if the listing told them.
struct Listed {
    name: String,
    tags: Option<BTreeMap<String, String>>,
}

/// Every role that may be somebody's.
///
/// `GetAccountAuthorizationDetails` answers tags, a page for many roles; `ListRoles` leaves them out, which costs
/// a call a role. Not everybody may use the first. Source: the two operations in the IAM API reference.
async fn list(cloud: &Cloud) -> Result<Vec<Listed>, CloudError> {
    let pages = cloud
        .iam
        .get_account_authorization_details()
        .filter(EntityType::Role)
        .max_items(1000)
        .into_paginator()
        .send()
        .try_collect()
        .await
        .named("iam:GetAccountAuthorizationDetails");
    let own =
        |path: Option<&str>| !AWS_PATHS.iter().any(|aws| path.is_some_and(|path| path.starts_with(aws)));
    match pages {
        Ok(pages) => {
            let details = pages.into_iter().flat_map(|page| page.role_detail_list.unwrap_or_default());
            let details = details.filter(|role| own(role.path.as_deref()));
            let listed = details.filter_map(|role| {
                Some(Listed { name: role.role_name?, tags: Some(tag_map(role.tags.unwrap_or_default())) })
            });
            Ok(listed.collect())
        }
        Err(error) if matches!(error.class, Class::Denied | Class::Unimplemented) => {
            tracing::debug!(%error, "reading roles one by one");
            let roles = cloud.iam.list_roles().max_items(1000).into_paginator().items().send();
            let roles = roles.try_collect().await.named("iam:ListRoles")?;
            let roles = roles.into_iter().filter(|role| own(Some(&role.path)));
            Ok(roles.map(|role| Listed { name: role.role_name, tags: None }).collect())
        }
        Err(error) => Err(error),
    }
}

fn is_of(tags: BTreeMap<String, String>, stack: &str) -> bool {
    Mark::split(tags).0.is_some_and(|mark| mark.stack == stack)
}

fn tag_map(tags: Vec<Tag>) -> BTreeMap<String, String> {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

async fn get(cloud: &Cloud, name: &str) -> Result<Option<IamRole>, CloudError> {
    let output = absent(cloud.iam.get_role().role_name(name).send().await.named("iam:GetRole"))?;
    let Some(role) = output.and_then(|output| output.role) else { return Ok(None) };
    // For a moment a new role's ARN is its unique id. Source: observed, and so written down by other tools.
    if !role.arn.starts_with("arn:") {
        let message = format!("`{name}` is too new to be read");
        return Err(CloudError::new(Class::Propagating, "iam:GetRole", message));
    }
    Ok(Some(role))
}

/// A role as it is. With `stack`, only if it carries that stack's mark.
async fn read(
    cloud: &Cloud,
    name: &str,
    wanted: Option<&Fields>,
    stack: Option<&str>,
) -> Result<Option<Present>, CloudError> {
    let Some(role) = get(cloud, name).await? else { return Ok(None) };
    let (mut fields, mark) = fields_of(&role, wanted);
    if stack.is_some_and(|stack| mark.as_ref().is_none_or(|mark| mark.stack != stack)) {
        return Ok(None);
    }
    let none = Fields::new();
    let wanted = wanted.unwrap_or(&none);
    // Where the mark manages just what is wanted, nothing else on the role matters, and no listing is needed.
    let managed = mark.as_ref().map(|mark| &mark.managed).filter(|own| **own != Managed::of(wanted, RULES));
    let (inline, attached) = tokio::try_join!(inline_policies(cloud, name, wanted, managed), async {
        match (wanted.get("managed_policies"), managed) {
            (None, None) => Ok(Vec::new()),
            _ => attachments(cloud, name).await,
        }
    })?;
    fields.set_some("inline_policies", (!inline.is_empty()).then_some(inline));
    fields.set_some("managed_policies", (!attached.is_empty()).then(|| Value::texts(attached)));
    Ok(Some(Present { identity: name.to_owned(), handle: None, fields, mark }))
}

/// What `GetRole` tells, as fields.
fn fields_of(role: &IamRole, wanted: Option<&Fields>) -> (Fields, Option<Mark>) {
    let mut fields = Fields::new();
    fields.set("path", role.path.as_str());
    fields.set_some("description", role.description.as_deref().filter(|text| !text.is_empty()));
    fields.set_some("max_session_duration", role.max_session_duration);
    let meant = wanted.and_then(|wanted| wanted.get("trust"));
    let trust = role.assume_role_policy_document.as_deref();
    fields.set_some("trust", trust.map(|text| live_document(text, meant, PolicyUse::Trust)));
    let boundary = role.permissions_boundary.as_ref();
    let boundary = boundary.and_then(|boundary| boundary.permissions_boundary_arn.as_deref());
    fields.set_some("permissions_boundary", boundary);
    let mark = tags::read(&mut fields, tag_map(role.tags.clone().unwrap_or_default()));
    (fields, mark)
}

/// A live document; as the manifest spells it where both mean the same.
fn live_document(text: &str, wanted: Option<&Value>, use_: PolicyUse) -> Value {
    let Some(document) = policy::parse_document(text) else { return text.into() };
    match wanted {
        Some(wanted) if policy::equivalent(&wanted.to_json(), &document, use_) => wanted.clone(),
        _ => Value::from_json(&document),
    }
}

/// The inline policies that are wanted, and those that `managed` says are lakeform's.
async fn inline_policies(
    cloud: &Cloud,
    name: &str,
    wanted: &Fields,
    managed: Option<&Managed>,
) -> Result<BTreeMap<String, Value>, CloudError> {
    let none = BTreeMap::new();
    let wanted = wanted.get("inline_policies").and_then(Value::as_map).unwrap_or(&none);
    let names = match managed {
        None => wanted.keys().cloned().collect(),
        Some(managed) => {
            let field = FieldPath::from("inline_policies");
            let mut names = inline_names(cloud, name).await?;
            names.retain(|policy| wanted.contains_key(policy) || managed.holds(&field.child(policy), None));
            names
        }
    };
    let read = each(names, |policy| async move {
        let output = cloud.iam.get_role_policy().role_name(name).policy_name(&policy).send().await;
        let output = absent(output.named("iam:GetRolePolicy"))?;
        Ok(output.map(|output| {
            let document = live_document(&output.policy_document, wanted.get(&policy), PolicyUse::Identity);
            (policy, document)
        }))
    });
    Ok(read.await.into_iter().collect::<Result<Vec<_>, CloudError>>()?.into_iter().flatten().collect())
}

async fn inline_names(cloud: &Cloud, name: &str) -> Result<Vec<String>, CloudError> {
    let names = cloud.iam.list_role_policies().role_name(name).into_paginator().items().send();
    names.try_collect().await.named("iam:ListRolePolicies")
}

async fn attachments(cloud: &Cloud, name: &str) -> Result<Vec<String>, CloudError> {
    let attached = cloud.iam.list_attached_role_policies().role_name(name).into_paginator().items().send();
    let attached = attached.try_collect().await.named("iam:ListAttachedRolePolicies")?;
    let mut arns: Vec<String> = attached.into_iter().filter_map(|policy| policy.policy_arn).collect();
    arns.sort();
    Ok(arns)
}

/// Everything that must go before a role can.
#[derive(Default)]
struct Parts {
    inline: Vec<String>,
    attached: Vec<String>,
    profiles: Vec<String>,
}

impl Parts {
    async fn of(cloud: &Cloud, name: &str) -> Result<Self, CloudError> {
        let profiles = async {
            let request = cloud.iam.list_instance_profiles_for_role().role_name(name);
            let profiles = request.into_paginator().items().send().try_collect().await;
            let profiles = profiles.named("iam:ListInstanceProfilesForRole")?;
            Ok(profiles.into_iter().map(|profile| profile.instance_profile_name).collect())
        };
        let parts = tokio::try_join!(inline_names(cloud, name), attachments(cloud, name), profiles);
        let parts = absent(parts)?.map(|(inline, attached, profiles)| Self { inline, attached, profiles });
        Ok(parts.unwrap_or_default())
    }
}

/// What on a role lakeform did not put there.
struct Others {
    inline: Vec<String>,
    attached: Vec<String>,
    profiles: Vec<String>,
}

impl Others {
    async fn of(cloud: &Cloud, present: &Present) -> Result<Self, CloudError> {
        let Parts { inline, attached, profiles } = Parts::of(cloud, &present.identity).await?;
        Ok(Self::among(present, &inline, &attached, &profiles))
    }

    fn among(present: &Present, inline: &[String], attached: &[String], profiles: &[String]) -> Self {
        let nothing = Managed::default();
        let managed = present.mark.as_ref().map_or(&nothing, |mark| &mark.managed);
        let (policies, arns) = (FieldPath::from("inline_policies"), FieldPath::from("managed_policies"));
        let is_foreign = |name: &&String| !managed.holds(&policies.child(name), None);
        let is_attached_by_others = |arn: &&String| !managed.holds(&arns, Some(&Value::Text((*arn).clone())));
        Self {
            inline: inline.iter().filter(is_foreign).cloned().collect(),
            attached: attached.iter().filter(is_attached_by_others).cloned().collect(),
            profiles: profiles.to_vec(),
        }
    }

    fn is_empty(&self) -> bool {
        let Self { inline, attached, profiles } = self;
        inline.is_empty() && attached.is_empty() && profiles.is_empty()
    }

    fn lines(&self) -> Vec<String> {
        let Self { inline, attached, profiles } = self;
        let line = |one: &str, many: &str, names: &[String]| {
            let shown: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let what = if names.len() == 1 { one.to_owned() } else { format!("{} {many}", names.len()) };
            (!names.is_empty()).then(|| format!("{what}: {}", shown.join(", ")))
        };
        let lines = [
            line("an inline policy of others", "inline policies of others", inline),
            line("a policy that others attached", "policies that others attached", attached),
            line("an instance profile that uses it", "instance profiles that use it", profiles),
        ];
        lines.into_iter().flatten().collect()
    }
}

/// A role that a read just saw, or a call just made, is there: "no such entity" means that IAM has not spread it.
fn visible<T>(result: Result<T, CloudError>) -> Result<(), CloudError> {
    result.map(drop).map_err(|mut error| {
        if error.class == Class::NotFound {
            error.class = Class::Propagating;
        }
        error
    })
}

async fn put(cloud: &Cloud, role: &str, policy: &str, document: &Value) -> Result<(), CloudError> {
    let request = cloud.iam.put_role_policy().role_name(role).policy_name(policy);
    let request = request.policy_document(document.to_json().to_string());
    visible(request.send().await.named("iam:PutRolePolicy"))
}

async fn attach(cloud: &Cloud, role: &str, arn: &str) -> Result<(), CloudError> {
    let request = cloud.iam.attach_role_policy().role_name(role).policy_arn(arn);
    let attached = request.send().await.named("iam:AttachRolePolicy").map(drop);
    match attached {
        // The same code says that the policy does not exist, which waiting does not mend.
        Err(error) if error.message.contains("role with name") => visible(Err::<(), _>(error)),
        other => other,
    }
}

async fn detach(cloud: &Cloud, role: &str, arn: &str) -> Result<(), CloudError> {
    let request = cloud.iam.detach_role_policy().role_name(role).policy_arn(arn);
    absent(request.send().await.named("iam:DetachRolePolicy")).map(drop)
}

async fn delete_inline(cloud: &Cloud, role: &str, policy: &str) -> Result<(), CloudError> {
    let request = cloud.iam.delete_role_policy().role_name(role).policy_name(policy);
    absent(request.send().await.named("iam:DeleteRolePolicy")).map(drop)
}

async fn set_boundary(cloud: &Cloud, role: &str, arn: Option<&str>) -> Result<(), CloudError> {
    match arn {
        Some(arn) => {
            let request = cloud.iam.put_role_permissions_boundary().role_name(role).permissions_boundary(arn);
            request.send().await.named("iam:PutRolePermissionsBoundary").map(drop)
        }
        None => {
            let request = cloud.iam.delete_role_permissions_boundary().role_name(role);
            absent(request.send().await.named("iam:DeleteRolePermissionsBoundary")).map(drop)
        }
    }
}

async fn retag(cloud: &Cloud, role: &str, patch: TagPatch) -> Result<(), CloudError> {
    let TagPatch { set, remove } = patch;
    // What the manifest dropped goes before the mark forgets it.
    if !remove.is_empty() {
        let request = cloud.iam.untag_role().role_name(role).set_tag_keys(Some(remove));
        visible(request.send().await.named("iam:UntagRole"))?;
    }
    if let Some(tags) = iam_tags(set)? {
        visible(cloud.iam.tag_role().role_name(role).set_tags(Some(tags)).send().await.named("iam:TagRole"))?;
    }
    Ok(())
}

fn iam_tags(tags: BTreeMap<String, String>) -> Result<Option<Vec<Tag>>, CloudError> {
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    let tags: Vec<Tag> = tags
        .collect::<Result<_, _>>()
        .map_err(|error| CloudError::new(Class::Invalid, "iam:TagRole", error.to_string()))?;
    Ok((!tags.is_empty()).then_some(tags))
}

fn members(list: Option<&Value>) -> Vec<String> {
    list.map(Value::to_texts).unwrap_or_default()
}

/// The session's length to send; unset means IAM's own.
fn seconds(given: Option<i64>) -> i32 {
    given.and_then(|given| i32::try_from(given).ok()).unwrap_or(3600)
}

fn document_text(document: Option<&Value>) -> String {
    document.map(|document| document.to_json().to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::AttachedPermissionsBoundary;
    use aws_smithy_types::DateTime;
    use lakeform_model::diff;
    use serde_json::json;

    use super::*;

    fn role(trust: &Json, boundary: Option<&str>) -> IamRole {
        let encode = percent_encoding::NON_ALPHANUMERIC;
        let trust = percent_encoding::utf8_percent_encode(&trust.to_string(), encode).to_string();
        let boundary =
            boundary.map(|arn| AttachedPermissionsBoundary::builder().permissions_boundary_arn(arn).build());
        IamRole::builder()
            .path("/")
            .role_name("etl")
            .role_id("AROAEXAMPLE")
            .arn("arn:aws:iam::111122223333:role/etl")
            .create_date(DateTime::from_secs(0))
            .description("")
            .max_session_duration(3600)
            .assume_role_policy_document(trust)
            .set_permissions_boundary(boundary)
            .build()
            .expect("a role")
    }

    fn trust_in(principal: &Json, action: &Json) -> Json {
        let statement = json!({ "Action": action, "Effect": "Allow", "Principal": principal });
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    }

    fn differences(wanted: &Json, live: &IamRole) -> Vec<String> {
        let mut desired = Fields::new();
        desired.set("trust", Value::from_json(wanted));
        let (fields, _) = fields_of(live, Some(&desired));
        let changes = diff(&desired, &fields, RULES, &Managed::default());
        changes.iter().map(|change| change.path.to_string()).collect()
    }

    #[test]
    fn what_iam_fills_in_and_spells_otherwise_is_no_difference() {
        let services = ["glue.amazonaws.com".to_owned(), "lambda.amazonaws.com".to_owned()];
        let live = trust_in(
            &json!({ "Service": ["lambda.amazonaws.com", "glue.amazonaws.com"] }),
            &json!(["sts:AssumeRole"]),
        );
        assert_eq!(differences(&policy::trust_of(&services), &role(&live, None)), Vec::<String>::new());
        let root = trust_in(&json!({ "AWS": "arn:aws:iam::111122223333:root" }), &json!("sts:AssumeRole"));
        let account = trust_in(&json!({ "AWS": "111122223333" }), &json!("sts:AssumeRole"));
        assert_eq!(differences(&account, &role(&root, None)), Vec::<String>::new());
    }

    #[test]
    fn a_principal_that_was_deleted_and_a_boundary_that_was_put_on_are_differences() {
        let wanted =
            trust_in(&json!({ "AWS": "arn:aws:iam::111122223333:role/a" }), &json!("sts:AssumeRole"));
        let gone = trust_in(&json!({ "AWS": "AROAEXAMPLE" }), &json!("sts:AssumeRole"));
        assert_eq!(differences(&wanted, &role(&gone, None)), ["trust.Statement"]);
        let bounded = role(&wanted, Some("arn:aws:iam::aws:policy/ReadOnlyAccess"));
        assert_eq!(differences(&wanted, &bounded), ["permissions_boundary"]);
    }

    #[test]
    fn a_managed_policy_is_known_by_arn_or_by_awss_name() {
        let cases = [
            ("AmazonAthenaFullAccess", "arn:aws:iam::aws:policy/AmazonAthenaFullAccess"),
            ("AWSGlueServiceRole", "arn:aws:iam::aws:policy/service-role/AWSGlueServiceRole"),
            ("service-role/AWSGlueServiceRole", "arn:aws:iam::aws:policy/service-role/AWSGlueServiceRole"),
            ("arn:aws:iam::111122223333:policy/own/p", "arn:aws:iam::111122223333:policy/own/p"),
        ];
        for (given, expected) in cases {
            assert_eq!(managed_policy(given), Ok(()), "{given}");
            assert_eq!(policy_arn(given, "aws"), expected);
        }
        for bad in ["arn:aws:iam::1:policy/x", "arn:aws:s3:::x", "arn:aws:iam::aws:role/x", "a b", ""] {
            assert!(managed_policy(bad).is_err(), "{bad}");
        }
    }
}
