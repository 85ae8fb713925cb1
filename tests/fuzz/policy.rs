//! Policy documents of any shape, through the roles and endpoints of a manifest.

use proptest::prelude::*;

use crate::manifest::holds;
use crate::mutation::mutated;
use crate::{corpus, fuzz};

/// A manifest with the document as a role's policy, its trust and an endpoint's policy.
fn manifest(document: &[u8]) -> Vec<u8> {
    let document = String::from_utf8_lossy(document);
    // Quoted: the document arrives as it is, whatever is in it; and inline, where it is YAML.
    let quoted = serde_json::Value::from(document.as_ref());
    let inline = document.replace(['\n', '\r'], " ");
    let text = format!(
        "lakeform: 1\nstack: fuzz\nregion: us-east-1\nbuckets:\n  lake: {{}}\nroles:\n  r:\n    \
         trust: {{ document: {quoted} }}\n    policies:\n      p: {{ document: {inline} }}\nnetwork:\n  gateway_endpoints:\n    \
         s3: {{ service: s3, policy: {inline} }}\n"
    );
    text.into_bytes()
}

#[test]
fn the_corpus_holds() {
    for (_, bytes) in corpus("policies") {
        holds(&manifest(&bytes));
    }
}

#[test]
fn any_damage_to_a_policy_holds() {
    fuzz("policy, damaged", 1, &mutated(corpus("policies")), |bytes| drop(holds(&manifest(&bytes))));
}

#[test]
fn any_document_holds() {
    let words = [
        "Version",
        "Statement",
        "Effect",
        "Action",
        "Resource",
        "Principal",
        "Condition",
        "Sid",
        "NotAction",
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        proptest::sample::select(vec![
            "Allow",
            "Deny",
            "*",
            "s3:*",
            "2012-10-17",
            "2008-10-17",
            "${var.x}",
            "",
            "é"
        ])
        .prop_map(serde_json::Value::from),
        any::<String>().prop_map(serde_json::Value::from),
    ];
    let document = leaf.prop_recursive(6, 40, 5, move |inner| {
        let key = prop_oneof![6 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => any::<String>()];
        prop_oneof![
            3 => proptest::collection::vec((key, inner.clone()), 0..5)
                .prop_map(|entries| serde_json::Value::Object(entries.into_iter().collect())),
            1 => proptest::collection::vec(inner, 0..4).prop_map(serde_json::Value::Array),
        ]
    });
    fuzz("policy, any document", 1, &document, |document| {
        drop(holds(&manifest(document.to_string().as_bytes())));
    });
}
