//! Lists as AWS cuts them: pages of at most so many, with a token, whatever the emulator returns at once.
//! Knows sizes and member names only.

use async_trait::async_trait;
use serde_json::Value;

use super::call::{Answer, Call};
use super::cloud::Cloud;
use super::recognise::Service;
use super::refusal::Refusal;
use super::rules::Rule;

/// Most lists of Glue come in pages of 100 when nothing else is asked.
const PAGE: usize = 100;
const TOKEN: &str = "sandbox-page-";

/// Pages the lists of Glue and Athena.
pub(super) struct Pages;

/// The list's member and its largest page.
fn paged(service: Service, operation: &str) -> Option<(&'static str, usize)> {
    match (service, operation) {
        (Service::Glue, "GetTables") => Some(("TableList", PAGE)),
        (Service::Glue, "GetDatabases") => Some(("DatabaseList", PAGE)),
        (Service::Glue, "GetTableVersions") => Some(("TableVersions", PAGE)),
        (Service::Glue, "GetPartitions") => Some(("Partitions", 1000)),
        (Service::Glue, "GetJobs") => Some(("Jobs", PAGE)),
        (Service::Glue, "ListJobs") => Some(("JobNames", PAGE)),
        (Service::Glue, "GetJobRuns") => Some(("JobRuns", 200)),
        (Service::Athena, "ListWorkGroups") => Some(("WorkGroups", 50)),
        (Service::Athena, "ListNamedQueries") => Some(("NamedQueryIds", 50)),
        (Service::Athena, "ListQueryExecutions") => Some(("QueryExecutionIds", 50)),
        _ => None,
    }
}

#[async_trait]
impl Rule for Pages {
    fn covers(&self, service: Service, operation: &str) -> bool {
        paged(service, operation).is_some()
    }

    async fn request(&self, call: &mut Call, _cloud: &Cloud) -> Result<Option<Answer>, Refusal> {
        let token = call.text("NextToken");
        if !token.is_empty() && !token.starts_with(TOKEN) {
            let code = if call.service == Service::Glue {
                "InvalidInputException"
            } else {
                "InvalidRequestException"
            };
            return Err(Refusal::new(code, "The pagination token is invalid."));
        }
        call.notes.insert("token", Value::from(token));
        call.notes.insert("size", call.json["MaxResults"].clone());
        if let Some(parameters) = call.json.as_object_mut() {
            parameters.remove("NextToken");
            parameters.remove("MaxResults");
        }
        Ok(None)
    }

    async fn answer(&self, call: &Call, answer: &mut Answer, _cloud: &Cloud) -> Result<(), Refusal> {
        let Some((member, largest)) = paged(call.service, &call.operation) else { return Ok(()) };
        let size = call.notes.get("size").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
        let token = call.notes.get("token").and_then(Value::as_str).unwrap_or_default();
        // GetJobs and ListJobs give up to 1,000 when asked, AWS's other lists no more than their page.
        let ceiling = if member.starts_with("Job") { 1000 } else { largest };
        if let Some(value) = answer.value() {
            cut(value, member, token, size.unwrap_or(largest).clamp(1, ceiling));
        }
        Ok(())
    }
}

/// Keeps one page of a list and says how to go on.
fn cut(answer: &mut Value, member: &str, token: &str, size: usize) {
    let Some(answer) = answer.as_object_mut() else { return };
    answer.remove("NextToken");
    let start = token.strip_prefix(TOKEN).and_then(|n| n.parse::<usize>().ok()).unwrap_or(0);
    let Some(all) = answer.get_mut(member).and_then(Value::as_array_mut) else { return };
    let total = all.len();
    *all = all.iter().skip(start).take(size).cloned().collect();
    if start + size < total {
        answer.insert("NextToken".to_owned(), Value::from(format!("{TOKEN}{}", start + size)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pages_cover_the_list_once() {
        let all: Vec<usize> = (0..250).collect();
        let (mut seen, mut token, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let mut answer = json!({ "TableList": all });
            cut(&mut answer, "TableList", &token, 100);
            seen.extend(answer["TableList"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap()));
            pages += 1;
            match answer["NextToken"].as_str() {
                Some(next) => token = next.to_owned(),
                None => break,
            }
        }
        assert_eq!((seen.len(), pages), (250, 3));
        assert!(seen.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    }
}
