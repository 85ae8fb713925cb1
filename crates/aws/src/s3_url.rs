//! S3 URLs: the one grammar that buckets, uploads, locations and results share.

use lakeform_model::{Shape, TextRule, Value};

/// The shape of an S3 URL in the manifest.
pub(crate) const SHAPE: Shape = Shape::Text(TextRule::checked("an S3 URL", check));

/// `s3://bucket/key`; the key may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct S3Url {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

impl S3Url {
    /// Reads a URL; `None` for anything that is not `s3://bucket…`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("s3://")?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        (!bucket.is_empty()).then(|| Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }
}

/// The canonical value of a location: its text, and that it points at a bucket.
pub(crate) fn value(text: &str) -> Value {
    match S3Url::parse(text) {
        Some(url) => Value::pointer("bucket", url.bucket, text),
        None => text.into(),
    }
}

/// A live location, spelled as the manifest spells it where only a final `/` differs.
pub(crate) fn live_value(live: &str, wanted: Option<&str>) -> Value {
    match wanted {
        Some(wanted) if wanted.trim_end_matches('/') == live.trim_end_matches('/') => value(wanted),
        _ => value(live),
    }
}

/// Holds a URL against S3's rules: scheme, bucket name, and keys of at most 1,024 bytes.
/// Source: the bucket naming and object key sections of the S3 user guide.
pub(crate) fn check(text: &str) -> Result<(), String> {
    // What interpolation could not fill is reported where it stands.
    if text.contains("${") {
        return Ok(());
    }
    let Some(url) = S3Url::parse(text) else {
        return Err("must look like `s3://bucket/folder/`".to_owned());
    };
    bucket_name(&url.bucket).map_err(|problem| format!("has a bucket name that {problem}"))?;
    if url.key.len() > 1024 {
        return Err("has a key of more than 1,024 bytes".to_owned());
    }
    match url.key.chars().find(|c| c.is_control()) {
        Some(c) => Err(format!("must not hold `{}`", c.escape_default())),
        None => Ok(()),
    }
}

/// Holds a general purpose bucket's name against S3's rules.
/// Source: the bucket naming rules of the S3 user guide.
pub(crate) fn bucket_name(name: &str) -> Result<(), String> {
    const PREFIXES: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
    const SUFFIXES: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if name.contains("${") {
        return Ok(());
    }
    if !(3..=63).contains(&name.len()) {
        return Err("must be 3 to 63 characters long".to_owned());
    }
    if let Some(c) = name.chars().find(|c| !(fine(*c) || matches!(c, '.' | '-'))) {
        return Err(format!(
            "must not hold `{}`: only lower-case letters, digits, `.` and `-`",
            c.escape_default()
        ));
    }
    if !(name.starts_with(fine) && name.ends_with(fine)) {
        return Err("must begin and end with a letter or digit".to_owned());
    }
    if name.contains("..") {
        return Err("must not hold `..`".to_owned());
    }
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err("must not look like an IP address".to_owned());
    }
    if let Some(prefix) = PREFIXES.iter().find(|prefix| name.starts_with(**prefix)) {
        return Err(format!("must not begin with `{prefix}`: S3 reserves it"));
    }
    if let Some(suffix) = SUFFIXES.iter().find(|suffix| name.ends_with(**suffix)) {
        return Err(format!("must not end with `{suffix}`: S3 reserves it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_bucket_and_a_key() {
        let url = |bucket: &str, key: &str| Some(S3Url { bucket: bucket.into(), key: key.into() });
        assert_eq!(S3Url::parse("s3://lake/a/b/"), url("lake", "a/b/"));
        assert_eq!(S3Url::parse("s3://lake"), url("lake", ""));
        assert_eq!(S3Url::parse("s3:///a"), None);
        assert_eq!(S3Url::parse("lake/a"), None);
    }

    #[test]
    fn names_are_held_against_the_rules() {
        for good in ["my-lake", "a.b.c", "123"] {
            assert_eq!(bucket_name(good), Ok(()), "{good}");
        }
        for bad in ["ab", "My", "a_b", "-ab", "ab-", "a..b", "1.2.3.4", "xn--a", "a-s3alias", &"a".repeat(64)]
        {
            assert!(bucket_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_final_slash_is_no_difference() {
        assert_eq!(live_value("s3://a/b", Some("s3://a/b/")), value("s3://a/b/"));
        assert_eq!(live_value("s3://a/c", Some("s3://a/b/")), value("s3://a/c"));
    }
}
