//! Which IAM actions a call asks for, and on what. Most operations are the action of the same name; S3 and the
//! calls that bring tags, roles or copies with them are not. Source: the Service Authorization Reference.

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::recognise::{Scope, Service, value_of};

/// One action that a call asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ask {
    /// `glue:GetTables`.
    pub action: String,
    /// An ARN, `*` for an action on nothing in particular; `None` where the call does not tell.
    pub resource: Option<String>,
    /// What conditions may be about: keys and their values.
    pub context: Vec<(String, String)>,
}

/// A call as far as permissions go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) service: Service,
    pub(crate) operation: &'a str,
    pub(crate) scope: &'a Scope,
    pub(crate) bucket: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) json: &'a Value,
    pub(crate) form: &'a [(String, String)],
    /// Empty where it is streamed.
    pub(crate) body: &'a [u8],
}

/// Everything a call asks for.
pub(crate) fn asks(asked: &Asked<'_>) -> Vec<Ask> {
    match asked.service {
        Service::S3 => s3(asked),
        Service::Ec2 => ec2(asked),
        Service::Iam => iam(asked),
        Service::Glue => glue(asked),
        Service::Athena => athena(asked),
        // GetCallerIdentity needs no permission.
        Service::Sts => Vec::new(),
        Service::Other => vec![Ask::anywhere(format!("other:{}", asked.operation))],
    }
}

impl Ask {
    fn on(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: Some(resource.into()), context: Vec::new() }
    }

    fn anywhere(action: impl Into<String>) -> Self {
        Self::on(action, "*")
    }

    fn somewhere(action: impl Into<String>) -> Self {
        Self { action: action.into(), resource: None, context: Vec::new() }
    }
}

impl Asked<'_> {
    fn arn(&self, resource: &str) -> String {
        let Scope { account, region } = self.scope;
        format!("arn:aws:{}:{region}:{account}:{resource}", self.service.name())
    }

    fn action(&self) -> String {
        format!("{}:{}", self.service.name(), self.operation)
    }

    fn json(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_default()
    }

    fn form(&self, name: &str) -> &str {
        value_of(self.form, name).unwrap_or_default()
    }

    fn has_form(&self, prefix: &str) -> bool {
        self.form.iter().any(|(key, _)| key.starts_with(prefix))
    }
}

fn s3(asked: &Asked<'_>) -> Vec<Ask> {
    let Some(bucket) = asked.bucket else { return vec![Ask::anywhere("s3:ListAllMyBuckets")] };
    let bucket = format!("arn:aws:s3:::{bucket}");
    let object = format!("{bucket}/{}", asked.key.unwrap_or_default());
    let versioned = |action: &str, id: bool| format!("s3:{action}{}", if id { "Version" } else { "" });
    match asked.operation {
        "HeadBucket" | "ListObjectsV2" | "ListObjects" => vec![Ask::on("s3:ListBucket", bucket)],
        "ListObjectVersions" => vec![Ask::on("s3:ListBucketVersions", bucket)],
        "ListMultipartUploads" => vec![Ask::on("s3:ListBucketMultipartUploads", bucket)],
        "CreateBucket" => {
            let tags = String::from_utf8_lossy(asked.body).contains("<Tag>");
            let tags = tags.then(|| Ask::on("s3:TagResource", bucket.clone()));
            std::iter::once(Ask::on("s3:CreateBucket", bucket)).chain(tags).collect()
        }
        "DeleteObjects" => deletions(asked.body)
            .into_iter()
            .map(|(key, version)| Ask::on(versioned("DeleteObject", version), format!("{bucket}/{key}")))
            .collect(),
        "GetObject" | "HeadObject" | "GetObjectAttributes" => vec![Ask::on("s3:GetObject", object)],
        "PutObject" => {
            let source = asked.headers.get("x-amz-copy-source").and_then(|value| value.to_str().ok());
            let source = source.map(|source| {
                let source = percent_decode_str(source.trim_start_matches('/')).decode_utf8_lossy();
                Ask::on("s3:GetObject", format!("arn:aws:s3:::{source}"))
            });
            std::iter::once(Ask::on("s3:PutObject", object)).chain(source).collect()
        }
        "UploadPart" | "CreateMultipartUpload" | "CompleteMultipartUpload" => {
            vec![Ask::on("s3:PutObject", object)]
        }
        "ListParts" => vec![Ask::on("s3:ListMultipartUploadParts", object)],
        operation if asked.key.is_some() => vec![Ask::on(format!("s3:{operation}"), object)],
        operation => vec![Ask::on(bucket_action(operation), bucket)],
    }
}

/// The settings of a bucket: deleting one is putting it, and some have other names.
fn bucket_action(operation: &str) -> String {
    const NAMES: [(&str, &str); 4] = [
        ("BucketEncryption", "EncryptionConfiguration"),
        ("BucketLifecycleConfiguration", "LifecycleConfiguration"),
        ("PublicAccessBlock", "BucketPublicAccessBlock"),
        ("BucketNotificationConfiguration", "BucketNotification"),
    ];
    if matches!(operation, "DeleteBucket" | "DeleteBucketPolicy" | "DeleteBucketWebsite") {
        return format!("s3:{operation}");
    }
    let (verb, noun) = ["Get", "Put", "Delete"]
        .iter()
        .find_map(|verb| Some((*verb, operation.strip_prefix(verb)?)))
        .unwrap_or(("", operation));
    let verb = if verb == "Delete" { "Put" } else { verb };
    let noun = NAMES.iter().find(|(name, _)| *name == noun).map_or(noun, |(_, action)| action);
    format!("s3:{verb}{noun}")
}

/// The keys of a `DeleteObjects`, and whether a version is named.
fn deletions(body: &[u8]) -> Vec<(String, bool)> {
    let text = String::from_utf8_lossy(body);
    let objects = text.split("<Object>").skip(1);
    let key = |object: &str| {
        let key = object.split_once("<Key>")?.1.split_once("</Key>")?.0;
        let key = quick_xml::escape::unescape(key).ok()?.into_owned();
        Some((key, object.contains("<VersionId>")))
    };
    objects.filter_map(key).collect()
}

fn ec2(asked: &Asked<'_>) -> Vec<Ask> {
    if asked.operation.starts_with("Describe") {
        return vec![Ask::anywhere(asked.action())];
    }
    let listed = |prefix: &str| {
        let values = asked
            .form
            .iter()
            .filter(move |(key, _)| key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.')));
        values.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    let on = |kind: &str, id: &str| Ask::on(asked.action(), asked.arn(&format!("{kind}/{id}")));
    match asked.operation {
        "CreateVpcEndpoint" => {
            let mut asks = vec![on("vpc", asked.form("VpcId")), on("vpc-endpoint", "new")];
            asks.extend(listed("RouteTableId").iter().map(|id| on("route-table", id)));
            if asked.has_form("TagSpecification") {
                asks.push(Ask::on("ec2:CreateTags", asked.arn("vpc-endpoint/new")));
            }
            asks
        }
        "ModifyVpcEndpoint" => {
            let tables = listed("AddRouteTableId").into_iter().chain(listed("RemoveRouteTableId"));
            let tables = tables.map(|id| on("route-table", &id));
            std::iter::once(on("vpc-endpoint", asked.form("VpcEndpointId"))).chain(tables).collect()
        }
        "DeleteVpcEndpoints" => listed("VpcEndpointId").iter().map(|id| on("vpc-endpoint", id)).collect(),
        "CreateTags" | "DeleteTags" => {
            let kind = |id: &str| match id {
                id if id.starts_with("vpce-") => "vpc-endpoint",
                id if id.starts_with("rtb-") => "route-table",
                _ => "*",
            };
            listed("ResourceId").iter().map(|id| on(kind(id), id)).collect()
        }
        _ => vec![Ask::somewhere(asked.action())],
    }
}

fn iam(asked: &Asked<'_>) -> Vec<Ask> {
    let role = asked.form("RoleName");
    if role.is_empty() {
        return vec![Ask::anywhere(asked.action())];
    }
    let path = Some(asked.form("Path")).filter(|path| !path.is_empty()).unwrap_or("/");
    let role = format!("arn:aws:iam::{}:role{path}{role}", asked.scope.account);
    let mut ask = Ask::on(asked.action(), role.clone());
    let mut more = Vec::new();
    match asked.operation {
        "AttachRolePolicy" | "DetachRolePolicy" => {
            ask.context.push(("iam:PolicyARN".to_owned(), asked.form("PolicyArn").to_owned()));
        }
        "PutRolePermissionsBoundary" => {
            ask.context
                .push(("iam:PermissionsBoundary".to_owned(), asked.form("PermissionsBoundary").to_owned()));
        }
        "CreateRole" => {
            if asked.has_form("Tags.") {
                more.push(Ask::on("iam:TagRole", role.clone()));
            }
            if asked.has_form("PermissionsBoundary") {
                let mut boundary = Ask::on("iam:PutRolePermissionsBoundary", role);
                let arn = asked.form("PermissionsBoundary").to_owned();
                boundary.context.push(("iam:PermissionsBoundary".to_owned(), arn));
                more.push(boundary);
            }
        }
        "RemoveRoleFromInstanceProfile" => {
            let name = asked.form("InstanceProfileName");
            let account = &asked.scope.account;
            more.push(Ask::on(asked.action(), format!("arn:aws:iam::{account}:instance-profile/{name}")));
        }
        _ => {}
    }
    std::iter::once(ask).chain(more).collect()
}

fn glue(asked: &Asked<'_>) -> Vec<Ask> {
    let each = |resources: &[String]| -> Vec<Ask> {
        resources.iter().map(|resource| Ask::on(asked.action(), asked.arn(resource))).collect()
    };
    let named = |member: &str| asked.json[member]["Name"].as_str().unwrap_or_default().to_lowercase();
    let database = match asked.operation {
        "CreateDatabase" => named("DatabaseInput"),
        "GetDatabase" | "UpdateDatabase" | "DeleteDatabase" => asked.json("Name").to_lowercase(),
        _ => asked.json("DatabaseName").to_lowercase(),
    };
    let catalog = "catalog".to_owned();
    let holder = format!("database/{database}");
    let table = |name: &str| format!("table/{database}/{}", name.to_lowercase());
    let tagged = asked.json["Tags"].as_object().is_some_and(|tags| !tags.is_empty());
    let tags = |resource: &str| tagged.then(|| Ask::on("glue:TagResource", asked.arn(resource)));
    match asked.operation {
        "GetTags" | "TagResource" | "UntagResource" => {
            vec![Ask::on(asked.action(), asked.json("ResourceArn"))]
        }
        "ListJobs" | "GetJobs" => vec![Ask::anywhere(asked.action())],
        "GetDatabases" => each(&[catalog, "database/*".to_owned()]),
        "GetDatabase" | "UpdateDatabase" => each(&[catalog, holder]),
        "CreateDatabase" => each(&[catalog, holder.clone()]).into_iter().chain(tags(&holder)).collect(),
        "DeleteDatabase" => {
            let functions = format!("userDefinedFunction/{database}/*");
            each(&[catalog, holder, table("*"), functions])
        }
        "GetTables" => each(&[catalog, holder, table("*")]),
        "CreateTable" | "UpdateTable" => {
            let name = named("TableInput");
            each(&[catalog, holder, table(&name)])
        }
        "GetTable" | "DeleteTable" => each(&[catalog, holder, table(asked.json("Name"))]),
        operation if operation.contains("Partition") => {
            each(&[catalog, holder, table(asked.json("TableName"))])
        }
        "BatchGetJobs" => {
            let wanted = asked.json["JobNames"].as_array().into_iter().flatten();
            let jobs: Vec<String> =
                wanted.filter_map(Value::as_str).map(|name| format!("job/{name}")).collect();
            each(&jobs)
        }
        operation if operation.contains("Job") => {
            let name = if operation == "CreateJob" || asked.json("JobName").is_empty() {
                asked.json("Name")
            } else {
                asked.json("JobName")
            };
            let job = format!("job/{name}");
            let role = asked.json("Role");
            let role = if role.is_empty() { asked.json["JobUpdate"]["Role"].as_str() } else { Some(role) };
            each(std::slice::from_ref(&job))
                .into_iter()
                .chain(tags(&job))
                .chain(role.map(|role| pass(asked, role)))
                .collect()
        }
        _ => vec![Ask::somewhere(asked.action())],
    }
}

/// Handing a role to Glue.
fn pass(asked: &Asked<'_>, role: &str) -> Ask {
    let account = &asked.scope.account;
    let arn = if role.starts_with("arn:") {
        role.to_owned()
    } else {
        format!("arn:aws:iam::{account}:role/{role}")
    };
    let context = vec![("iam:PassedToService".to_owned(), "glue.amazonaws.com".to_owned())];
    Ask { context, ..Ask::on("iam:PassRole", arn) }
}

fn athena(asked: &Asked<'_>) -> Vec<Ask> {
    let given = match asked.operation {
        "GetWorkGroup"
        | "UpdateWorkGroup"
        | "DeleteWorkGroup"
        | "ListNamedQueries"
        | "CreateNamedQuery"
        | "StartQueryExecution" => Some(asked.json("WorkGroup")),
        "CreateWorkGroup" => Some(asked.json("Name")),
        _ => None,
    };
    let group = given.map(|name| if name.is_empty() { "primary" } else { name });
    let group = group.map(|name| asked.arn(&format!("workgroup/{name}")));
    match (asked.operation, group) {
        ("TagResource" | "UntagResource" | "ListTagsForResource", _) => {
            vec![Ask::on(asked.action(), asked.json("ResourceARN"))]
        }
        ("CreateWorkGroup", Some(group)) => {
            let tagged = asked.json["Tags"].as_array().is_some_and(|tags| !tags.is_empty());
            let tags = tagged.then(|| Ask::on("athena:TagResource", group.clone()));
            std::iter::once(Ask::on(asked.action(), group)).chain(tags).collect()
        }
        ("ListWorkGroups", _) => vec![Ask::anywhere(asked.action())],
        (_, Some(group)) => vec![Ask::on(asked.action(), group)],
        // A query and a saved query are known by ids that do not tell their workgroup.
        (_, None) => vec![Ask::somewhere(asked.action())],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(service: Service, operation: &str, json: &Value, body: &[u8]) -> Vec<String> {
        let scope = Scope { account: "111122223333".to_owned(), region: "us-east-1".to_owned() };
        let headers = HeaderMap::new();
        let (bucket, key, form) = (Some("b"), None, [].as_slice());
        let asked =
            Asked { service, operation, scope: &scope, bucket, key, headers: &headers, json, form, body };
        let line = |ask: Ask| format!("{} {}", ask.action, ask.resource.unwrap_or_else(|| "?".to_owned()));
        asks(&asked).into_iter().map(line).collect()
    }

    #[test]
    fn settings_of_buckets_go_by_the_names_of_their_actions() {
        for (operation, action) in [
            ("GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"),
            ("PutBucketEncryption", "s3:PutEncryptionConfiguration"),
            ("DeleteBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration"),
            ("DeleteBucketTagging", "s3:PutBucketTagging"),
            ("DeleteBucket", "s3:DeleteBucket"),
            ("GetBucketVersioning", "s3:GetBucketVersioning"),
        ] {
            let said = lines(Service::S3, operation, &Value::Null, &[]);
            assert_eq!(said, [format!("{action} arn:aws:s3:::b")]);
        }
    }

    #[test]
    fn each_deleted_key_is_asked_for_and_a_version_is_more() {
        let body = b"<Delete><Object><Key>a&amp;b</Key></Object><Object><Key>c</Key><VersionId>1</VersionId></Object></Delete>";
        let said = lines(Service::S3, "DeleteObjects", &Value::Null, body);
        assert_eq!(said, ["s3:DeleteObject arn:aws:s3:::b/a&b", "s3:DeleteObjectVersion arn:aws:s3:::b/c"]);
    }

    #[test]
    fn a_job_passes_its_role_and_brings_its_tags() {
        let json = json!({ "Name": "j", "Role": "r", "Tags": { "a": "b" } });
        let said = lines(Service::Glue, "CreateJob", &json, &[]);
        let job = "arn:aws:glue:us-east-1:111122223333:job/j";
        let expected = [
            format!("glue:CreateJob {job}"),
            format!("glue:TagResource {job}"),
            "iam:PassRole arn:aws:iam::111122223333:role/r".to_owned(),
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_table_is_asked_for_with_what_holds_it() {
        let json = json!({ "DatabaseName": "D", "Name": "T" });
        let said = lines(Service::Glue, "GetTable", &json, &[]);
        let arn = "glue:GetTable arn:aws:glue:us-east-1:111122223333:";
        assert_eq!(said, ["catalog", "database/d", "table/d/t"].map(|resource| format!("{arn}{resource}")));
    }
}
