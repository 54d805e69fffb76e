//! Tries all changes of a crate: most of them in one build, behind switches, and the rest one by one.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::change::Change;
use super::copy::Copy;
use super::programs::{Compiled, Limit, Programs, Verdict};
use super::schema::{SWITCH, Schema};
use crate::failure::Failure;
use crate::workspace;

/// The tests may take so many times as long as without a change.
const SLOWNESS: u32 = 5;
/// But always this long.
const LEAST_LIMIT: Duration = Duration::from_secs(2);
/// A wait that never ends costs this much, on a machine with nothing else to do.
const LEAST_ELAPSED: Duration = Duration::from_secs(30);
/// How long the tests may take without a change.
const LIMIT_WITHOUT_A_CHANGE: Limit =
    Limit { processor: Duration::from_secs(600), elapsed: Duration::from_secs(1800) };

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Noticed,
    TimedOut,
    Survived,
    Unviable,
}

const FATES: [(Fate, &str); 4] = [
    (Fate::Noticed, "noticed"),
    (Fate::TimedOut, "timed-out"),
    (Fate::Survived, "survived"),
    (Fate::Unviable, "unviable"),
];

impl From<Verdict> for Fate {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Passed => Self::Survived,
            Verdict::Failed => Self::Noticed,
            Verdict::TimedOut => Self::TimedOut,
        }
    }
}

/// All changes of a crate.
pub struct Trial<'a> {
    krate: &'a str,
    changes: Vec<Change>,
    /// The files that change and the crate's `lib.rs`, as they were at the beginning: people go on working meanwhile.
    sources: HashMap<String, String>,
    fates: Fates,
    copy: Copy,
}

impl<'a> Trial<'a> {
    /// What was found out before about this state of the crate is taken over.
    pub fn new(krate: &'a str, changes: Vec<Change>) -> Result<Self, Failure> {
        let copy = Copy::renew()?;
        let fates = Fates::open(krate, &copy.top)?;
        let files = changes.iter().map(|change| change.file.clone()).chain([root(krate)]);
        let sources = files.map(|file| {
            let path = copy.top.join(&file);
            let text = fs::read_to_string(&path).map_err(Failure::unable("read", &path))?;
            Ok((file, text))
        });
        let sources = sources.collect::<Result<_, Failure>>()?;
        Ok(Self { krate, changes, sources, fates, copy })
    }

    /// Tries them; `FILE:LINE:COLUMN: CHANGE` of each that survived, a line each.
    pub fn run(mut self) -> Result<String, Failure> {
        let known = |change: &Change| self.fates.of.contains_key(&change.name);
        if !self.changes.iter().all(known) {
            let single = self.try_switched()?;
            self.try_single(&single)?;
        }
        let count = |fate| {
            self.changes.iter().filter(|change| self.fates.of.get(&change.name) == Some(&fate)).count()
        };
        println!(
            "{}: {} changes noticed, {} of them by the time limit; {} survived; {} don't compile",
            self.krate,
            count(Fate::Noticed) + count(Fate::TimedOut),
            count(Fate::TimedOut),
            count(Fate::Survived),
            count(Fate::Unviable)
        );
        let survived =
            self.changes.iter().filter(|change| self.fates.of.get(&change.name) == Some(&Fate::Survived));
        Ok(survived.map(|change| format!("{}\n", change.name)).collect())
    }

    /// Tries those that can stand behind switches; the others.
    fn try_switched(&mut self) -> Result<Vec<usize>, Failure> {
        let mut dropped: HashSet<usize> = HashSet::new();
        let mut programs = loop {
            let schemas = self.write_schemas(&dropped)?;
            match Programs::compile(&self.copy.top, self.krate)? {
                Compiled::Programs(programs) => {
                    let switched: HashSet<_> =
                        schemas.values().flat_map(|schema| schema.switched.clone()).collect();
                    dropped = (0..self.changes.len()).filter(|number| !switched.contains(number)).collect();
                    break programs;
                }
                Compiled::Errors(errors) => {
                    let before = dropped.len();
                    for (file, place) in &errors {
                        dropped.extend(schemas.get(file).map_or(&[][..], |schema| schema.at(place)));
                    }
                    // What is around the changes may be what doesn't compile: then none of the file's can stand.
                    if dropped.len() == before {
                        let files = errors.iter().filter_map(|(file, _)| schemas.get(file));
                        dropped.extend(files.flat_map(|schema| schema.switched.iter().copied()));
                    }
                    if dropped.len() == before {
                        return Err(Failure(format!(
                            "{} doesn't compile with switches: {errors:?}",
                            self.krate
                        )));
                    }
                }
            }
        };
        println!(
            "{}: {} changes in one build, {} by themselves",
            self.krate,
            self.changes.len() - dropped.len(),
            dropped.len()
        );
        let limit = self.limit(|most| programs.observe(most))?;
        for number in (0..self.changes.len()).filter(|number| !dropped.contains(number)) {
            let name = &self.changes[number].name;
            if !self.fates.of.contains_key(name) {
                self.fates.add(name, programs.run_switched(number, limit)?.into())?;
            }
        }
        let mut single: Vec<_> = dropped.into_iter().collect();
        single.sort_unstable();
        Ok(single)
    }

    fn write_schemas(&self, dropped: &HashSet<usize>) -> Result<HashMap<String, Schema>, Failure> {
        let mut schemas = HashMap::new();
        for (file, source) in &self.sources {
            let here =
                |(number, change): &(usize, &Change)| change.file == *file && !dropped.contains(number);
            let changes: Vec<_> = self.changes.iter().enumerate().filter(here).collect();
            let schema = Schema::new(source, &changes).map_err(|e| Failure(format!("{file}: {e}")))?;
            let switch = if *file == root(self.krate) { SWITCH } else { "" };
            self.copy.write(file, format!("{}{switch}", schema.text).as_bytes())?;
            schemas.insert(file.clone(), schema);
        }
        Ok(schemas)
    }

    /// How long the tests may take; they must pass without a change.
    fn limit(&self, run: impl FnOnce(Limit) -> Result<Verdict, Failure>) -> Result<Limit, Failure> {
        let (start, before) = (Instant::now(), processor_time());
        if run(LIMIT_WITHOUT_A_CHANGE)? != Verdict::Passed {
            return Err(Failure(format!("the tests of {} fail without a change", self.krate)));
        }
        let (elapsed, processor) = (start.elapsed(), processor_time().saturating_sub(before));
        println!(
            "{}: the tests take {:.1} s, {:.1} s of them computing",
            self.krate,
            elapsed.as_secs_f64(),
            processor.as_secs_f64()
        );
        Ok(Limit {
            processor: (processor * SLOWNESS).max(LEAST_LIMIT),
            elapsed: (elapsed * SLOWNESS).max(LEAST_ELAPSED),
        })
    }

    fn try_single(&mut self, numbers: &[usize]) -> Result<(), Failure> {
        for (file, source) in &self.sources {
            self.copy.write(file, source.as_bytes())?;
        }
        let mut limit: Option<Limit> = None;
        for number in numbers {
            let change = &self.changes[*number];
            if self.fates.of.contains_key(&change.name) {
                continue;
            }
            let compile = || Programs::compile(&self.copy.top, self.krate);
            let limit = match limit {
                Some(limit) => limit,
                None => match compile()? {
                    Compiled::Programs(programs) => *limit.insert(self.limit(|most| programs.run(most))?),
                    Compiled::Errors(errors) => {
                        return Err(Failure(format!("{} doesn't compile: {errors:?}", self.krate)));
                    }
                },
            };
            let source = self.sources.get(&change.file).map_or("", String::as_str);
            self.copy.write(&change.file, change.apply(source).as_bytes())?;
            let fate = match compile()? {
                Compiled::Programs(programs) => programs.run(limit)?.into(),
                Compiled::Errors(_) => Fate::Unviable,
            };
            self.copy.write(&change.file, source.as_bytes())?;
            self.fates.add(&change.name, fate)?;
        }
        Ok(())
    }
}

/// How long the children of this process that have ended have computed, by proc_pid_stat(5).
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    // `cutime` and `cstime`, the 16th and the 17th field, in hundredths of seconds; 2 are before the parenthesis.
    let ticks = fields.skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
    Duration::from_millis(ticks * 10)
}

/// The file that the modules of a crate begin in.
fn root(krate: &str) -> String {
    format!("crates/{krate}/src/lib.rs")
}

/// What became of the changes so far, kept in a file, so that a run that was interrupted goes on.
struct Fates {
    of: HashMap<String, Fate>,
    path: PathBuf,
}

impl Fates {
    /// Those of this state of the crate; a file of another state is replaced.
    fn open(krate: &str, top: &Path) -> Result<Self, Failure> {
        let path = workspace::target().join("mutants").join(format!("{krate}.fates"));
        let mut digest = Sha256::new();
        add_folder(&mut digest, &top.join("crates").join(krate))?;
        let head = format!("# {}\n", crate::release_file::hex(&digest.finalize()));
        let text = fs::read_to_string(&path).ok().filter(|text| text.starts_with(&head));
        let of = text.as_deref().unwrap_or_default().lines().filter_map(parse).collect();
        if text.is_none() {
            fs::write(&path, head).map_err(Failure::unable("write", &path))?;
        }
        Ok(Self { of, path })
    }

    fn add(&mut self, name: &str, fate: Fate) -> Result<(), Failure> {
        let unable = Failure::unable("write", &self.path);
        let mut file = OpenOptions::new().append(true).open(&self.path).map_err(&unable)?;
        file.write_all(format!("{fate} {name}\n").as_bytes()).map_err(&unable)?;
        if fate == Fate::Survived {
            println!("survived: {name}");
        }
        self.of.insert(name.to_owned(), fate);
        Ok(())
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FATES.iter().find(|(fate, _)| fate == self).map_or("", |(_, name)| name))
    }
}

/// A line of the file: `FATE NAME`.
fn parse(line: &str) -> Option<(String, Fate)> {
    let (word, name) = line.split_once(' ')?;
    let (fate, _) = FATES.iter().find(|(_, known)| *known == word)?;
    Some((name.to_owned(), *fate))
}

fn add_folder(digest: &mut Sha256, folder: &Path) -> Result<(), Failure> {
    let unable = Failure::unable("list", folder);
    let entries = fs::read_dir(folder).map_err(&unable)?.collect::<Result<Vec<_>, _>>().map_err(&unable)?;
    let mut paths: Vec<_> = entries.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            add_folder(digest, &path)?;
        } else {
            digest.update(fs::read(&path).map_err(Failure::unable("read", &path))?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_file_is_read_as_it_is_written() {
        for (fate, _) in FATES {
            let name = "crates/a/src/x.rs:3:17: replace < with <= in X::g";
            assert_eq!(parse(&format!("{fate} {name}")), Some((name.to_owned(), fate)));
        }
        assert_eq!(parse("# 0123"), None);
        assert_eq!(parse("perhaps x"), None);
    }
}
