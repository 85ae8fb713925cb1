//! Checks as a `JUnit` XML report, for CI systems that show one.

use std::time::Duration;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::check::CheckOutcome;
use crate::verdict::Verdict;

/// The report. A check that only warns is a skipped test with a message: `JUnit` knows no warning.
pub fn junit(stack: &str, outcomes: &[CheckOutcome], took: Duration) -> std::io::Result<String> {
    let count = |wanted: fn(&CheckOutcome) -> bool| {
        outcomes.iter().filter(|outcome| wanted(outcome)).count().to_string()
    };
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let attributes = [
        ("name", visible(stack)),
        ("tests", outcomes.len().to_string()),
        ("failures", count(|outcome| outcome.verdict.is_ok() && outcome.is_failure())),
        ("errors", count(|outcome| outcome.verdict.is_err())),
        ("skipped", count(|outcome| !outcome.passed() && !outcome.is_failure())),
        ("time", seconds(took)),
    ];
    let suite = writer.create_element("testsuite");
    suite
        .with_attributes(attributes.iter().map(|(name, value)| (*name, value.as_str())))
        .write_inner_content(|writer| {
            for outcome in outcomes {
                case(writer, stack, outcome)?;
            }
            Ok(())
        })?;
    let mut text = String::from_utf8_lossy(&writer.into_inner()).into_owned();
    text.push('\n');
    Ok(text)
}

fn case(writer: &mut Writer<Vec<u8>>, stack: &str, outcome: &CheckOutcome) -> std::io::Result<()> {
    let (name, class, time) = (visible(&outcome.check.name), visible(stack), seconds(outcome.took));
    let element = writer.create_element("testcase").with_attributes([
        ("name", name.as_str()),
        ("classname", class.as_str()),
        ("time", time.as_str()),
    ]);
    let (tag, message) = match &outcome.verdict {
        Ok(Verdict::Pass) => {
            element.write_empty()?;
            return Ok(());
        }
        Ok(Verdict::Fail { expected, found }) => {
            let tag = if outcome.is_failure() { "failure" } else { "skipped" };
            (tag, format!("expected {expected}, found {found}"))
        }
        Err(error) => ("error", error.to_string()),
    };
    let (message, sql) = (visible(&message), visible(&outcome.check.sql));
    element.write_inner_content(|writer| {
        writer
            .create_element(tag)
            .with_attribute(("message", message.as_str()))
            .write_text_content(BytesText::new(&sql))?;
        Ok(())
    })?;
    Ok(())
}

fn seconds(took: Duration) -> String {
    format!("{:.3}", took.as_secs_f64())
}

/// XML 1.0 has no way to write most control characters, not even escaped.
fn visible(text: &str) -> String {
    let is_allowed =
        |character: char| matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|character| if is_allowed(character) { character } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use lakeform_model::{Expect, Severity};

    use super::*;
    use crate::check::tests::check_of;

    #[test]
    fn a_report_escapes_what_it_shows() {
        let mut check = check_of("a<b", Expect::Empty, Severity::Error);
        check.sql = "select '\u{1b}' where a < b".to_owned();
        let outcomes = [
            CheckOutcome {
                check,
                verdict: Ok(Verdict::Fail { expected: "no rows".into(), found: "\"1\" & more".into() }),
                took: Duration::from_millis(1500),
                scanned: 0,
            },
            CheckOutcome {
                check: check_of("fine", Expect::Empty, Severity::Error),
                verdict: Ok(Verdict::Pass),
                took: Duration::ZERO,
                scanned: 0,
            },
        ];
        let text = junit("stedi", &outcomes, Duration::from_secs(2)).unwrap();
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
            <testsuite name=\"stedi\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\" time=\"2.000\">\n\
            \x20 <testcase name=\"a&lt;b\" classname=\"stedi\" time=\"1.500\">\n\
            \x20   <failure message=\"expected no rows, found &quot;1&quot; &amp; more\">select &apos;\u{fffd}&apos; where a &lt; b</failure>\n\
            \x20 </testcase>\n\
            \x20 <testcase name=\"fine\" classname=\"stedi\" time=\"0.000\"/>\n\
            </testsuite>\n";
        assert_eq!(text, expected);
    }
}
