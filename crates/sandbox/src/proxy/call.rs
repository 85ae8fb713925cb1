//! One request on its way through the rules, and the answer on its way back. A call's parameters are parsed
//! once; what a rule changes in them is what the emulator receives.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::recognise::{Recognised, Scope, Service, pairs, value_of};

/// The characters AWS leaves bare in forms and query strings.
pub(crate) const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A recognised request with its parameters.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) service: Service,
    pub(crate) operation: String,
    pub(crate) scope: Scope,
    pub(crate) method: Method,
    /// Path and query as the emulator will see them.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) bucket: Option<String>,
    /// The parameters of a JSON service; an empty object elsewhere.
    pub(crate) json: Value,
    /// The parameters of a form service.
    pub(crate) form: Vec<(String, String)>,
    /// The body as it came; empty where it is streamed.
    pub(crate) body: Bytes,
    /// What a rule's request hook keeps for its answer hook.
    pub(crate) notes: BTreeMap<&'static str, Value>,
}

impl Call {
    pub(crate) fn new(
        found: Recognised,
        scope: Scope,
        method: Method,
        target: String,
        headers: HeaderMap,
        body: Bytes,
    ) -> Self {
        let json = if found.service.speaks_json() {
            serde_json::from_slice(&body).unwrap_or_else(|_| Value::Object(serde_json::Map::new()))
        } else {
            Value::Object(serde_json::Map::new())
        };
        let form =
            if found.service.speaks_forms() { pairs(&String::from_utf8_lossy(&body)) } else { Vec::new() };
        let Recognised { service, operation, bucket, key: _, path_style } = found;
        let target = path_style.unwrap_or(target);
        let notes = BTreeMap::new();
        Self { service, operation, scope, method, target, headers, bucket, json, form, body, notes }
    }

    /// A string parameter of a JSON service, `""` when absent.
    pub(crate) fn text(&self, name: &str) -> String {
        self.json[name].as_str().unwrap_or_default().to_owned()
    }

    /// A parameter of a form service.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        value_of(&self.form, name)
    }

    /// The members of a form list (`Name.1`, `Name.2`, …), in their order.
    pub(crate) fn members(&self, name: &str) -> Vec<String> {
        (1..).map_while(|n| self.field(&format!("{name}.{n}"))).map(str::to_owned).collect()
    }

    /// The body to forward: parsed parameters are written out again, anything else goes as it came.
    pub(crate) fn outgoing(&self) -> Bytes {
        if self.service.speaks_json() && self.json.is_object() {
            return Bytes::from(self.json.to_string());
        }
        if self.service.speaks_forms() && !self.form.is_empty() {
            return Bytes::from(form_body(&self.form));
        }
        self.body.clone()
    }
}

pub(crate) fn form_body(form: &[(String, String)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    form.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect::<Vec<_>>().join("&")
}

/// The body of an answer that rules may read and change.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// The answer of a JSON service.
    Json(Value),
    /// Anything else.
    Bytes(Bytes),
}

/// An answer, from the emulator or made here.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) content: Content,
}

impl Answer {
    /// A JSON service's good answer.
    pub(crate) fn json(value: Value) -> Self {
        Self {
            status: StatusCode::OK,
            headers: content_type("application/x-amz-json-1.1"),
            content: Content::Json(value),
        }
    }

    pub(crate) fn ok(&self) -> bool {
        self.status.is_success()
    }

    /// The JSON of a good answer, for a rule to change.
    pub(crate) fn value(&mut self) -> Option<&mut Value> {
        match &mut self.content {
            Content::Json(value) if self.status.is_success() => Some(value),
            _ => None,
        }
    }

    /// The text of an XML answer.
    pub(crate) fn text(&self) -> String {
        match &self.content {
            Content::Json(value) => value.to_string(),
            Content::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        }
    }

    pub(crate) fn set_text(&mut self, text: String) {
        self.content = Content::Bytes(Bytes::from(text));
    }

    pub(crate) fn bytes(&self) -> Bytes {
        match &self.content {
            Content::Json(value) => Bytes::from(value.to_string()),
            Content::Bytes(bytes) => bytes.clone(),
        }
    }
}

fn content_type(value: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(value));
    headers
}
