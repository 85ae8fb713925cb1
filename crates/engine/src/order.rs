//! The order of jobs, from what each reads and writes. Knows tables by name and by location, and S3 folders by
//! containment; knows no job by name.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lakeform_model::Flow;

/// Jobs that wait for each other in a ring.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these jobs wait for each other: {}", ring(.names))]
pub struct CycleError {
    /// The jobs of the ring, each reading what the one before writes.
    pub names: Vec<String>,
}

fn ring(names: &[String]) -> String {
    let names = names.iter().chain(names.first()).map(|name| format!("`{name}`"));
    names.collect::<Vec<_>>().join(" -> ")
}

/// What must be run before what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobOrder {
    /// For each job the jobs that come before it, through others too.
    before: Vec<BTreeSet<usize>>,
    /// All jobs, each after those that come before it.
    sequence: Vec<usize>,
}

impl JobOrder {
    /// The order of jobs, given by name and flow. `locations` says where tables keep their data, by the names
    /// that flows use.
    pub fn of(jobs: &[(&str, &Flow)], locations: &BTreeMap<String, String>) -> Result<Self, CycleError> {
        let places: Vec<(Vec<Place>, Vec<Place>)> = jobs
            .iter()
            .map(|(_, flow)| (places(&flow.reads, locations), places(&flow.writes, locations)))
            .collect();
        let direct: Vec<BTreeSet<usize>> = (0..jobs.len())
            .map(|reader| {
                let feeds = |writer: &usize| {
                    *writer != reader
                        && places[*writer]
                            .1
                            .iter()
                            .any(|to| places[reader].0.iter().any(|from| to.meets(from)))
                };
                (0..jobs.len()).filter(feeds).collect()
            })
            .collect();
        let before: Vec<BTreeSet<usize>> = (0..jobs.len()).map(|job| reached(&direct, job)).collect();
        if let Some(start) = (0..jobs.len()).find(|job| before[*job].contains(job)) {
            let names = shortest_ring(&direct, start).into_iter().map(|job| jobs[job].0.to_owned()).collect();
            return Err(CycleError { names });
        }
        let mut sequence: Vec<usize> = (0..jobs.len()).collect();
        // Whatever comes before a job has fewer jobs before it than the job itself.
        sequence.sort_by_key(|job| (before[*job].len(), *job));
        Ok(Self { before, sequence })
    }

    /// All jobs, each after those that come before it.
    pub fn sequence(&self) -> &[usize] {
        &self.sequence
    }

    /// The jobs that come before one.
    pub fn before(&self, job: usize) -> BTreeSet<usize> {
        self.before.get(job).cloned().unwrap_or_default()
    }

    /// These jobs, and all that come after them.
    pub fn from(&self, starts: &BTreeSet<usize>) -> BTreeSet<usize> {
        let after = |job: &usize| starts.contains(job) || !self.before[*job].is_disjoint(starts);
        (0..self.before.len()).filter(after).collect()
    }
}

fn reached(direct: &[BTreeSet<usize>], start: usize) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    let mut open: Vec<usize> = direct[start].iter().copied().collect();
    while let Some(job) = open.pop() {
        if all.insert(job) {
            open.extend(&direct[job]);
        }
    }
    all
}

/// The shortest ring through a job that is on one, in the direction of the data.
fn shortest_ring(direct: &[BTreeSet<usize>], start: usize) -> Vec<usize> {
    let mut came_from: BTreeMap<usize, usize> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(job) = open.pop_front() {
        for &writer in &direct[job] {
            if writer == start {
                let mut ring = vec![job];
                let mut at = job;
                while at != start {
                    at = came_from[&at];
                    ring.push(at);
                }
                // Found from reader to writer: the ring starts at the last writer's reader.
                ring.rotate_right(1);
                return ring;
            }
            came_from.entry(writer).or_insert_with(|| {
                open.push_back(writer);
                job
            });
        }
    }
    vec![start]
}

/// Something that is read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// A table, its name in lower case.
    Table(String),
    /// An S3 folder: bucket and key with a final `/`, unless it is the whole bucket.
    Folder(String),
}

impl Place {
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Table(one), Self::Table(other)) => one == other,
            (Self::Folder(one), Self::Folder(other)) => one.starts_with(other) || other.starts_with(one),
            (Self::Table(_), Self::Folder(_)) | (Self::Folder(_), Self::Table(_)) => false,
        }
    }
}

/// The places that a list of names means: a table is also the folder it lies in.
fn places(names: &[String], locations: &BTreeMap<String, String>) -> Vec<Place> {
    let mut places = Vec::new();
    for name in names {
        match folder(name) {
            Some(folder) => places.push(folder),
            None => {
                places.push(Place::Table(name.to_lowercase()));
                let location = locations.get(name).or_else(|| locations.get(&name.to_lowercase()));
                places.extend(location.and_then(|location| folder(location)));
            }
        }
    }
    places
}

fn folder(url: &str) -> Option<Place> {
    let rest = ["s3://", "s3a://", "s3n://"].iter().find_map(|scheme| url.strip_prefix(scheme))?;
    let rest = rest.trim_end_matches('/');
    Some(Place::Folder(format!("{rest}/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(reads: &[&str], writes: &[&str]) -> Flow {
        let texts = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        Flow { reads: texts(reads), writes: texts(writes) }
    }

    fn order(jobs: &[(&str, Flow)]) -> Result<JobOrder, CycleError> {
        let jobs: Vec<(&str, &Flow)> = jobs.iter().map(|(name, flow)| (*name, flow)).collect();
        let locations = BTreeMap::from([("db.orders".to_owned(), "s3://lake/orders/".to_owned())]);
        JobOrder::of(&jobs, &locations)
    }

    #[test]
    fn a_reader_comes_after_the_writer_by_table_and_by_folder() {
        let jobs = [
            ("last", flow(&["s3://lake/out"], &[])),
            ("middle", flow(&["db.Clean"], &["s3://lake/out/day=1/"])),
            ("first", flow(&["db.raw"], &["db.clean"])),
            ("alone", flow(&["s3://lake/outer/"], &["s3://lake/other"])),
        ];
        let order = order(&jobs).unwrap();
        assert_eq!(order.sequence(), [2, 3, 1, 0]);
        assert_eq!(order.before(0), BTreeSet::from([1, 2]));
        assert_eq!(order.from(&BTreeSet::from([1])), BTreeSet::from([0, 1]));
    }

    #[test]
    fn a_table_is_the_folder_it_lies_in() {
        let jobs = [("reads", flow(&["db.orders"], &[])), ("writes", flow(&[], &["s3://lake/orders"]))];
        assert_eq!(order(&jobs).unwrap().sequence(), [1, 0]);
    }

    #[test]
    fn a_job_may_read_what_it_writes_and_a_ring_is_named() {
        assert!(order(&[("self", flow(&["db.a"], &["db.a"]))]).is_ok());
        let jobs = [
            ("a", flow(&["db.c"], &["db.a"])),
            ("b", flow(&["db.a"], &["db.b"])),
            ("c", flow(&["db.b"], &["db.c"])),
            ("d", flow(&["db.c"], &[])),
        ];
        let error = order(&jobs).unwrap_err();
        assert_eq!(error.names.len(), 3);
        assert_eq!(error.to_string(), "these jobs wait for each other: `a` -> `b` -> `c` -> `a`");
    }
}
