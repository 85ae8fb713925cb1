//! How a resource is named in a manifest, a plan and a mark: `kind.key` or `kind.parent.key`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The address of a resource in its stack, such as `table.stedi.customer_landing`.
///
/// The first part is the kind's name; the others are the keys on the way to the entry in the manifest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Address {
    kind: String,
    keys: Vec<String>,
}

/// A text that is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an address: expected `kind.key`, such as `bucket.lake`")]
pub struct AddressError {
    /// What was given.
    pub text: String,
}

impl Address {
    /// An address from its kind and keys; both come from a manifest that was validated.
    pub fn new(kind: impl Into<String>, keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { kind: kind.into(), keys: keys.into_iter().map(Into::into).collect() }
    }

    /// The kind's name.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The keys after the kind: at least one.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The last key: the resource's own.
    pub fn key(&self) -> &str {
        self.keys.last().map_or("", String::as_str)
    }

    /// Whether `pattern` selects this address: the address itself, a whole kind (`table`), a parent
    /// (`table.stedi`), or with `*` for one part (`table.*.customer_landing`).
    pub fn matches(&self, pattern: &str) -> bool {
        let mut parts = std::iter::once(self.kind.as_str()).chain(self.keys.iter().map(String::as_str));
        pattern.split('.').all(|wanted| parts.next().is_some_and(|part| wanted == "*" || wanted == part))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind, self.keys.join("."))
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('.').map(str::to_owned);
        let kind = parts.next().unwrap_or_default();
        let keys: Vec<String> = parts.collect();
        if kind.is_empty() || keys.is_empty() || keys.iter().any(String::is_empty) {
            return Err(AddressError { text: text.to_owned() });
        }
        Ok(Self { kind, keys })
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_its_text() {
        let address: Address = "table.stedi.customer_landing".parse().unwrap();
        assert_eq!(address, Address::new("table", ["stedi", "customer_landing"]));
        assert_eq!(address.to_string().parse(), Ok(address));
    }

    #[test]
    fn a_text_without_a_key_is_no_address() {
        for text in ["", "table", "table.", ".lake", "a..b"] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_target_selects_by_prefix_and_star() {
        let address = Address::new("table", ["stedi", "customer_landing"]);
        for pattern in ["table", "table.stedi", "table.*.customer_landing", "table.stedi.customer_landing"] {
            assert!(address.matches(pattern), "{pattern}");
        }
        for pattern in ["tab", "table.sted", "database.stedi", "table.stedi.customer_landing.x"] {
            assert!(!address.matches(pattern), "{pattern}");
        }
    }
}
