//! A plan in a file: what it is for, and a digest that shows whether anybody changed it. Holds no sensitive
//! value, but its hash.

use std::io::Read as _;
use std::path::Path;

use lakeform_model::{Kinds, Plan, hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::Problem;
use crate::secrets;

const FORMAT: u32 = 1;
/// A plan of the largest manifest is far smaller.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// The file's content; the digest is over all but itself.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    lakeform: String,
    stack: String,
    account: String,
    region: String,
    plan: Plan,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    digest: String,
}

impl File {
    fn digest(&self) -> Result<String, Problem> {
        let Self { format, lakeform, stack, account, region, plan, digest: _ } = self;
        let text = serde_json::to_string(&(format, lakeform, stack, account, region, plan))?;
        Ok(hex(&Sha256::digest(text.as_bytes())))
    }
}

/// Writes a plan.
pub(crate) fn write(path: &Path, plan: &Plan, kinds: Kinds) -> Result<(), Problem> {
    let cannot = |error: &dyn std::fmt::Display| {
        Problem::new(format!("cannot write the plan to `{}`", path.display())).because(error)
    };
    let mut plan = plan.clone();
    secrets::hide(&mut plan, kinds);
    let mut file = File {
        format: FORMAT,
        lakeform: env!("CARGO_PKG_VERSION").to_owned(),
        stack: plan.stack.clone(),
        account: plan.account.clone(),
        region: plan.region.clone(),
        plan,
        digest: String::new(),
    };
    file.digest = file.digest()?;
    let text = serde_json::to_string_pretty(&file)? + "\n";
    std::fs::write(path, text).map_err(|error| cannot(&error))
}

/// Reads a plan, unless it is not what this lakeform wrote.
pub(crate) fn read(path: &Path) -> Result<Plan, Problem> {
    let name = path.display();
    let bytes = read_bytes(path)
        .map_err(|why| Problem::new(format!("cannot read the plan `{name}`")).because(why))?;
    let refused = |why: String| {
        Problem::new(format!("the plan `{name}` is refused"))
            .because(why)
            .hint("make a new one: `lakeform plan --out FILE`")
    };
    // The version first: another version's file need not read at all.
    let head: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| refused(format!("it is not a plan: {error}")))?;
    let ours = env!("CARGO_PKG_VERSION");
    match (head["format"].as_u64(), head["lakeform"].as_str()) {
        (Some(format), Some(version)) if format == u64::from(FORMAT) && version == ours => {}
        (_, Some(version)) => {
            return Err(refused(format!("it was made by lakeform {version}, this is {ours}")));
        }
        (_, None) => return Err(refused("it is not a plan of lakeform's".to_owned())),
    }
    let file: File = serde_json::from_slice(&bytes)
        .map_err(|error| refused(format!("it was changed since it was made: {error}")))?;
    let is_whole = file.digest()? == file.digest
        && (&file.stack, &file.account, &file.region)
            == (&file.plan.stack, &file.plan.account, &file.plan.region);
    if !is_whole {
        return Err(refused("it was changed since it was made: its digest does not fit".to_owned()));
    }
    Ok(file.plan)
}

/// The bytes of a regular file that may be a plan.
fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("it is larger than {} MiB", MOST_BYTES >> 20));
    }
    Ok(bytes)
}

/// Refuses a plan for another account than the one the manifest is for, where it says one.
pub(crate) fn check_account(plan: &Plan, account: Option<&str>) -> Result<(), Problem> {
    match account {
        Some(account) if account != plan.account => {
            Err(Problem::new(format!("the plan is for account {}, the manifest for {account}", plan.account))
                .hint("make a new one: `lakeform plan --out FILE`"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Refuses a plan for another place.
pub(crate) fn check_place(plan: &Plan, account: &str, region: &str) -> Result<(), Problem> {
    for (what, wanted, found) in [("account", &plan.account, account), ("region", &plan.region, region)] {
        if wanted != found {
            return Err(Problem::new(format!("the plan is for {what} {wanted}, not for {found}"))
                .hint("make a new one here, or choose other credentials"));
        }
    }
    Ok(())
}

/// Refuses a plan of another stack than the manifest's.
pub(crate) fn check_stack(plan: &Plan, stack: &str) -> Result<(), Problem> {
    if plan.stack == stack {
        return Ok(());
    }
    Err(Problem::new(format!("the plan is of the stack `{}`, the manifest of `{stack}`", plan.stack))
        .hint("name the plan's own manifest with `-f`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::plan::tests::sample;

    fn saved() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        write(&path, &sample(), Kinds(&[])).unwrap();
        (folder, path)
    }

    #[test]
    fn a_plan_survives_its_file() {
        let (_folder, path) = saved();
        let mut kept = sample();
        secrets::hide(&mut kept, Kinds(&[]));
        assert_ne!(kept, sample(), "the sample has a sensitive value");
        assert_eq!(read(&path).unwrap(), kept);
    }

    #[test]
    fn a_plan_that_was_touched_is_refused_with_the_reason() {
        for (from, to, why) in [
            ("\"stack\": \"stedi\"", "\"stack\": \"other\"", "its digest does not fit"),
            ("customer_landing", "customer_london", "its digest does not fit"),
            ("\"permitted\": false", "\"permitted\": true", "its digest does not fit"),
            ("\"format\": 1", "\"format\": 2", "it was made by lakeform"),
            (env!("CARGO_PKG_VERSION"), "99.0.0", "it was made by lakeform 99.0.0"),
            ("\"steps\"", "\"stops\"", "it was changed since it was made"),
        ] {
            let (_folder, path) = saved();
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.contains(from), "{from}");
            std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
            let problem = read(&path).unwrap_err().render();
            assert!(problem.contains(why), "{problem}");
        }
    }

    #[test]
    fn a_plan_for_another_place_or_stack_is_refused() {
        let plan = sample();
        assert!(check_place(&plan, "111122223333", "us-east-1").is_ok());
        let account = check_place(&plan, "444455556666", "us-east-1").unwrap_err().render();
        assert!(account.contains("the plan is for account 111122223333, not for 444455556666"));
        let region = check_place(&plan, "111122223333", "eu-west-1").unwrap_err().render();
        assert!(region.contains("the plan is for region us-east-1, not for eu-west-1"));
        assert!(check_account(&plan, None).is_ok() && check_account(&plan, Some("111122223333")).is_ok());
        assert!(check_account(&plan, Some("444455556666")).is_err());
        assert!(check_stack(&plan, "stedi").is_ok());
        assert!(check_stack(&plan, "other").is_err());
    }
}
