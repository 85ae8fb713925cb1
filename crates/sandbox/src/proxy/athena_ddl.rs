//! `CREATE DATABASE` in Athena: the emulator hands it to its query engine, which makes nothing in the catalogue.
//! Tables it makes itself.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::call::{Answer, Call};
use super::cloud::Cloud;
use super::recognise::Service;
use super::refusal::Refusal;
use super::rules::Rule;

/// The statements as they were given, by execution.
const STATEMENT: &str = "athena.statement";
/// What the engine runs in a statement's place when it is done.
const DONE: &str = "SELECT 1 WHERE 1 = 0";

/// Statements that make databases.
pub(super) struct Databases;

#[async_trait]
impl Rule for Databases {
    fn covers(&self, service: Service, operation: &str) -> bool {
        service == Service::Athena && matches!(operation, "StartQueryExecution" | "GetQueryExecution")
    }

    async fn request(&self, call: &mut Call, cloud: &Cloud) -> Result<Option<Answer>, Refusal> {
        if call.operation != "StartQueryExecution" {
            return Ok(None);
        }
        let statement = call.text("QueryString");
        let Some(database) = database(&statement) else { return Ok(None) };
        let input = json!({ "DatabaseInput": database.input });
        let made = cloud.json(&call.scope, Service::Glue, "CreateDatabase", input).await;
        let instead = match made {
            Ok(_) => DONE.to_owned(),
            Err(refusal) if refusal.code == "AlreadyExistsException" && database.if_not_exists => {
                DONE.to_owned()
            }
            // Athena takes the statement, and the execution fails.
            Err(refusal) => format!("SELECT error('{}')", refusal.message.replace('\'', "''")),
        };
        call.json["QueryString"] = instead.into();
        call.notes.insert("statement", statement.into());
        Ok(None)
    }

    async fn answer(&self, call: &Call, answer: &mut Answer, cloud: &Cloud) -> Result<(), Refusal> {
        let Some(value) = answer.value() else { return Ok(()) };
        if let (Some(statement), Some(id)) = (call.notes.get("statement"), value["QueryExecutionId"].as_str())
        {
            cloud.memory.put(STATEMENT, &call.scope, id, statement.clone());
        }
        let execution = &mut value["QueryExecution"];
        let id = execution["QueryExecutionId"].as_str().unwrap_or_default();
        if let Some(statement) = cloud.memory.get(STATEMENT, &call.scope, id) {
            execution["Query"] = statement;
            execution["StatementType"] = "DDL".into();
        }
        Ok(())
    }
}

#[derive(Debug, PartialEq)]
struct Database {
    input: Value,
    if_not_exists: bool,
}

/// What a statement makes, if it is one that makes a database and nothing in it is unknown.
fn database(statement: &str) -> Option<Database> {
    let mut words = words(statement)?.into_iter().peekable();
    let mut keyword = |wanted: &[&str]| {
        let fits =
            |word: &Word| matches!(word, Word::Bare(word) if wanted.contains(&word.to_lowercase().as_str()));
        words.next_if(fits)
    };
    keyword(&["create"])?;
    keyword(&["database", "schema"])?;
    let if_not_exists = keyword(&["if"]).is_some();
    if if_not_exists {
        keyword(&["not"])?;
        keyword(&["exists"])?;
    }
    let (Word::Bare(name) | Word::Name(name)) = words.next()? else { return None };
    let mut input = json!({ "Name": name.to_lowercase() });
    while let Some(clause) = words.next() {
        let (Word::Bare(clause), Word::Text(text)) = (clause, words.next()?) else { return None };
        let member = match clause.to_lowercase().as_str() {
            "comment" => "Description",
            "location" => "LocationUri",
            _ => return None,
        };
        input[member] = text.into();
    }
    Some(Database { input, if_not_exists })
}

enum Word {
    Bare(String),
    /// In backticks.
    Name(String),
    /// In quotes.
    Text(String),
}

fn words(statement: &str) -> Option<Vec<Word>> {
    let mut rest = statement.trim().trim_end_matches(';').trim_end();
    let mut words = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '`' | '\'' | '"' => {
                let (inside, after) = rest[1..].split_once(first)?;
                let word =
                    if first == '`' { Word::Name(inside.to_owned()) } else { Word::Text(inside.to_owned()) };
                (word, after)
            }
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || "`'\"".contains(c)).unwrap_or(rest.len());
                (Word::Bare(rest[..end].to_owned()), &rest[end..])
            }
        };
        words.push(word);
        rest = after.trim_start();
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_read_as_people_write_it() {
        for (statement, name, if_not_exists) in [
            ("CREATE DATABASE stedi", "stedi", false),
            ("create schema if not exists `Stedi`;\n", "stedi", true),
            ("CREATE DATABASE IF NOT EXISTS stedi COMMENT 'of steps' LOCATION 's3://b/'", "stedi", true),
        ] {
            let read = database(statement).unwrap();
            assert_eq!((read.input["Name"].as_str(), read.if_not_exists), (Some(name), if_not_exists));
        }
        let whole = database("CREATE DATABASE d COMMENT 'of steps' LOCATION 's3://b/'").unwrap().input;
        assert_eq!(whole, json!({ "Name": "d", "Description": "of steps", "LocationUri": "s3://b/" }));
    }

    #[test]
    fn anything_else_is_the_engines() {
        for statement in
            ["select 1", "", "create table t (a int)", "create database d with x", "create database 'd"]
        {
            assert_eq!(database(statement), None, "{statement}");
        }
    }
}
