use std::sync::Mutex;

use async_trait::async_trait;

use super::*;

/// Glue in memory: runs end after a few looks, as their job's script says.
#[derive(Default)]
struct Fake {
    /// What each start of a job answers, the first first; when used up, starts succeed.
    starts: Mutex<BTreeMap<String, Vec<CloudError>>>,
    /// Jobs whose runs fail.
    failing: BTreeSet<String>,
    /// Jobs whose failed first run Glue tries again.
    retried: BTreeSet<String>,
    /// Jobs whose runs never end by themselves.
    endless: BTreeSet<String>,
    /// How many looks at any run are throttled first.
    throttles: Mutex<usize>,
    runs: Mutex<Vec<(String, RunView)>>,
}

fn view(id: &str, state: RunState) -> RunView {
    RunView {
        id: id.to_owned(),
        state,
        detail: None,
        error: None,
        completed: false,
        attempt: 0,
        previous: None,
        arguments: BTreeMap::new(),
        ran: Duration::from_mins(1),
        dpu_seconds: None,
        capacity: Some(2.0),
        log_group: None,
    }
}

fn error(class: Class, code: &str) -> CloudError {
    CloudError { code: Some(code.to_owned()), ..CloudError::new(class, "glue:StartJobRun", "no") }
}

impl Fake {
    fn begun(&self, job: &str) -> usize {
        self.runs.lock().unwrap().iter().filter(|(name, _)| name == job).count()
    }

    fn add(&self, job: &str, arguments: &BTreeMap<String, String>) -> String {
        let mut runs = self.runs.lock().unwrap();
        let id = format!("jr_{}", runs.len());
        runs.push((
            job.to_owned(),
            RunView { arguments: arguments.clone(), ..view(&id, RunState::Starting) },
        ));
        id
    }
}

#[async_trait]
impl JobRuns for Fake {
    async fn start(&self, request: &RunRequest) -> Result<String, CloudError> {
        let failure = self
            .starts
            .lock()
            .unwrap()
            .get_mut(&request.job)
            .and_then(|queue| (!queue.is_empty()).then(|| queue.remove(0)));
        match failure {
            Some(failure) if failure.code.as_deref() == Some("Lost") => {
                self.add(&request.job, &request.arguments);
                Err(failure)
            }
            Some(failure) => Err(failure),
            None => Ok(self.add(&request.job, &request.arguments)),
        }
    }

    async fn get(&self, job: &str, id: &str) -> Result<RunView, CloudError> {
        {
            let mut throttles = self.throttles.lock().unwrap();
            if *throttles > 0 {
                *throttles -= 1;
                return Err(error(Class::Throttled, "ThrottlingException"));
            }
        }
        let mut runs = self.runs.lock().unwrap();
        let Some((_, run)) = runs.iter_mut().find(|(_, run)| run.id == id) else {
            return Err(error(Class::NotFound, "EntityNotFoundException"));
        };
        run.state = match &run.state {
            RunState::Starting => RunState::Running,
            RunState::Running if self.endless.contains(job) => RunState::Running,
            RunState::Running
                if self.failing.contains(job) || (self.retried.contains(job) && run.attempt == 0) =>
            {
                RunState::Failed
            }
            RunState::Running => RunState::Succeeded,
            RunState::Stopping => RunState::Stopped,
            other => other.clone(),
        };
        let answer = run.clone();
        if answer.state == RunState::Failed && answer.attempt == 0 && self.retried.contains(job) {
            let next = RunView {
                attempt: 1,
                previous: Some(answer.id.clone()),
                ..view(&format!("{}_attempt_1", answer.id), RunState::Starting)
            };
            runs.push((job.to_owned(), next));
        }
        Ok(answer)
    }

    async fn recent(&self, job: &str) -> Result<Vec<RunView>, CloudError> {
        let runs = self.runs.lock().unwrap();
        Ok(runs.iter().rev().filter(|(name, _)| name == job).map(|(_, run)| run.clone()).collect())
    }

    async fn stop(&self, _job: &str, id: &str) -> Result<(), CloudError> {
        for (_, run) in self.runs.lock().unwrap().iter_mut().filter(|(_, run)| run.id == id) {
            run.state = RunState::Stopping;
        }
        Ok(())
    }
}

fn jobs(after: &[(&str, &[usize])]) -> Vec<Job> {
    let job = |(key, after): &(&str, &[usize])| Job {
        key: (*key).to_owned(),
        name: (*key).to_owned(),
        after: after.iter().copied().collect(),
        max_retries: 1,
    };
    after.iter().map(job).collect()
}

fn options() -> RunOptions {
    let brief = Duration::from_millis(1);
    RunOptions {
        pace: Pace { first: brief, longest: brief },
        retry_patience: Duration::from_millis(5),
        ..RunOptions::default()
    }
}

async fn go(fake: &Fake, jobs: &[Job]) -> (RunSummary, Vec<String>) {
    let mut order = Vec::new();
    let mut events = |event: &RunEvent| {
        if let RunEvent::Started { job, .. } = event {
            order.push(jobs[*job].key.clone());
        }
    };
    let summary = run(fake, jobs, &options(), &Halt::default(), &mut events).await;
    (summary, order)
}

fn ends(summary: &RunSummary) -> Vec<&JobEnd> {
    summary.outcomes.iter().map(|outcome| &outcome.end).collect()
}

#[tokio::test]
async fn jobs_run_after_what_they_read_and_throttled_looks_are_no_failures() {
    let fake = Fake { throttles: Mutex::new(7), ..Fake::default() };
    let jobs = jobs(&[("c", &[1]), ("b", &[2]), ("a", &[])]);
    let (summary, order) = go(&fake, &jobs).await;
    assert!(summary.is_success());
    assert_eq!(order, ["a", "b", "c"]);
    assert_eq!(summary.dpu_hours(), Some(0.1), "three runs of a minute on two DPUs");
}

#[tokio::test]
async fn a_failure_skips_what_depends_on_it_and_nothing_else() {
    let fake = Fake { failing: BTreeSet::from(["a".to_owned()]), ..Fake::default() };
    let jobs = jobs(&[("a", &[]), ("b", &[0]), ("c", &[1]), ("d", &[])]);
    let (summary, _) = go(&fake, &jobs).await;
    assert_eq!(
        ends(&summary),
        [&JobEnd::Failed, &JobEnd::Skipped(0), &JobEnd::Skipped(0), &JobEnd::Succeeded]
    );
}

#[tokio::test]
async fn limits_and_throttles_are_waited_out() {
    let failures = vec![
        error(Class::Invalid, "ConcurrentRunsExceededException"),
        error(Class::Limit, "ResourceNumberLimitExceededException"),
        error(Class::Throttled, "ThrottlingException"),
    ];
    let fake = Fake { starts: Mutex::new(BTreeMap::from([("a".to_owned(), failures)])), ..Fake::default() };
    let (summary, _) = go(&fake, &jobs(&[("a", &[])])).await;
    assert!(summary.is_success());
    assert_eq!(fake.begun("a"), 1);
}

#[tokio::test]
async fn a_start_whose_answer_was_lost_is_found_again() {
    for (code, runs) in [("Lost", 1), ("Gone", 1)] {
        let failures = vec![error(Class::Unavailable, code)];
        let fake =
            Fake { starts: Mutex::new(BTreeMap::from([("a".to_owned(), failures)])), ..Fake::default() };
        fake.add("other", &BTreeMap::new());
        let (summary, _) = go(&fake, &jobs(&[("a", &[])])).await;
        assert!(summary.is_success());
        assert_eq!(fake.begun("a"), runs, "{code}");
    }
}

#[tokio::test]
async fn a_refused_start_fails_at_once() {
    let failures = vec![error(Class::Denied, "AccessDeniedException")];
    let fake = Fake { starts: Mutex::new(BTreeMap::from([("a".to_owned(), failures)])), ..Fake::default() };
    let (summary, _) = go(&fake, &jobs(&[("a", &[]), ("b", &[0])])).await;
    assert!(matches!(summary.outcomes[0].end, JobEnd::NotStarted(_)));
    assert_eq!(summary.outcomes[1].end, JobEnd::Skipped(0));
}

#[tokio::test]
async fn glues_own_next_try_is_followed() {
    let fake = Fake { retried: BTreeSet::from(["a".to_owned()]), ..Fake::default() };
    let (summary, _) = go(&fake, &jobs(&[("a", &[])])).await;
    assert!(summary.is_success());
    assert_eq!(summary.outcomes[0].id.as_deref(), Some("jr_0_attempt_1"));
}

#[tokio::test]
async fn the_user_may_stop_the_runs_or_leave_them() {
    for (wish, end) in [(Wish::Stop, JobEnd::Failed), (Wish::Leave, JobEnd::Left)] {
        let fake = Fake { endless: BTreeSet::from(["a".to_owned()]), ..Fake::default() };
        let jobs = jobs(&[("a", &[]), ("b", &[0])]);
        let halt = Halt::default();
        let asking = halt.clone();
        let mut ignore = |_: &RunEvent| {};
        let options = options();
        let (summary, ()) = tokio::join!(run(&fake, &jobs, &options, &halt, &mut ignore), async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            asking.ask(wish);
        });
        assert_eq!(ends(&summary), [&end, &JobEnd::Interrupted], "{wish:?}");
    }
}

#[tokio::test]
async fn without_waiting_the_run_is_only_begun() {
    let fake = Fake::default();
    let options = RunOptions { wait: false, ..options() };
    let summary = run(&fake, &jobs(&[("a", &[])]), &options, &Halt::default(), &mut |_| {}).await;
    assert_eq!(ends(&summary), [&JobEnd::Begun]);
    assert!(summary.outcomes[0].id.is_some());
}
