//! The files of a definition that say when its daemon is started again, and what it means when it isn't.
//!
//! | module | what it is |
//! |---|---|
//! | [`word`] | pure: words and their places |
//! | [`value`] | pure: what one file gives |
//! | [`rules`] | pure: what the files mean together |
//! | [`service_policy`] | what all of this is about |
//! | [`overrides`] | pure: the same from variables, for definitions that aren't one's own |
//!
//! All of it becomes one record, [`wire::restart_policy`], in the service directory, so that what supervises the service
//! parses nothing.  Without the files there is no record.

pub(crate) mod overrides;
mod rules;
pub(crate) mod service_policy;
pub(crate) mod value;
pub(crate) mod word;

use crate::condition::{self, Condition};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::directory::Directory;
use crate::folder::Folder;
use crate::probes::{self, Settled};
use crate::word_files::{Reader, Topic};
use files::{Kind, remove_tree};
use overrides::Subject;
use rules::Said;
use rustix::fs::CWD;
use service_policy::ServicePolicy;
use tool::path::{join, split};
use tool::{Fatal, OrUnable, diag::show};
use value::Value;
use word::{Mistake, Word};

pub use overrides::{Elsewhere, Overrides};

/// The files.
pub const FILES: [&str; 12] = [
    "restart",
    "restart-delay",
    "restart-delay-max",
    "restart-factor",
    "restart-jitter",
    "restart-limit",
    "restart-reset",
    "success-exit",
    "restart-never-on",
    "on-failure",
    "on-success",
    "main",
];

static TOPIC: Topic =
    Topic { files: &FILES, code: Code::RESTART, about: "restarts", needless: "has no daemon that could end" };

/// What the files of a longrun's definition say; `None` if there are none of them, or none that is meant so.
/// Errors are added to the findings.
///
/// # Errors
/// A file can't be read: code 111.
pub(crate) fn read<D: Directory>(
    folder: &Folder<D>,
    findings: &mut Vec<Diagnostic>,
) -> Result<Option<ServicePolicy>, Fatal> {
    let mut reader = Reader { topic: &TOPIC, folder, findings };
    if !reader.has_any() {
        return Ok(None);
    }
    let said = Said {
        restart: reader.value("restart", value::restart)?,
        delay: reader.value("restart-delay", value::time)?,
        delay_max: reader.value("restart-delay-max", value::time)?,
        factor: reader.value("restart-factor", value::factor)?,
        jitter: reader.value("restart-jitter", value::jitter)?,
        limit: reader.value("restart-limit", value::limit)?,
        reset: reader.value("restart-reset", value::time)?,
        success: reader.value("success-exit", value::ends)?,
        never_on: reader.value("restart-never-on", value::ends)?,
        on_failure: reader.value("on-failure", value::consequence)?,
        on_success: reader.value("on-success", value::consequence)?,
        main: reader.value("main", nothing)?.is_some(),
        finish: folder.has(b"finish"),
    };
    Ok(said.is_anything().then(|| said.policy(&|file| folder.path_of(file.as_bytes()), findings)))
}

/// What the files of a service directory say that isn't s6-rc's.
#[derive(Debug)]
pub struct Checked {
    /// What is wrong; without an error among it, the record is in the directory if there is one.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether the container is for this service.
    pub main: bool,
    /// What has to hold for it to be started.
    pub conditions: Vec<Condition>,
    /// Whether there is a record of what is to be found out about it.
    pub is_probed: bool,
}

impl Checked {
    /// Whether the service can be started.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.diagnostics.iter().all(|finding| finding.severity != Severity::Error)
    }
}

/// Checks the files of the service directory `path`, and the overrides for the service, which a logger hasn't, and writes the
/// records into the directory `copy`, if there are some to write.
///
/// # Errors
/// A file can't be read or written: code 111.
pub fn check_directory(path: &[u8], copy: &[u8], overrides: Option<&Overrides>) -> Result<Checked, Fatal> {
    let folder = Folder::open(CWD, path, path.to_vec())?;
    let (checked, policy, settled) = examine(&folder, overrides)?;
    if let Some(policy) = policy.filter(|_| checked.is_sound()) {
        let record = join(copy, wire::restart_policy::FILE.as_bytes());
        remove_tree(CWD, &record).and_then(|()| policy.write(CWD, &record)).or_unable_to("write", &record)?;
    }
    if let Some(settled) = settled.filter(|_| checked.is_sound()) {
        settled.write(copy).or_unable_to("write to", copy)?;
    }
    Ok(checked)
}

/// What the files of such a directory say, which messages call `path`.
///
/// # Errors
/// A file can't be read: code 111.
pub fn look_at<D: Directory>(directory: D, path: &[u8], is_logger: bool) -> Result<Checked, Fatal> {
    let overrides = (!is_logger).then(Overrides::default);
    let folder = Folder::of(directory, path.to_vec())?;
    examine(&folder, overrides.as_ref()).map(|(checked, ..)| checked)
}

/// What the files of a service directory say, and what they become.
type Examined = (Checked, Option<Box<ServicePolicy>>, Option<Settled>);

fn examine<D: Directory>(folder: &Folder<D>, overrides: Option<&Overrides>) -> Result<Examined, Fatal> {
    let mut diagnostics = Vec::new();
    let mut policy = read(folder, &mut diagnostics)?.map(Box::new);
    let mut settled = None;
    match overrides {
        Some(overrides) => {
            let of = Subject { name: split(&folder.path).1, finish: folder.has(b"finish"), own: false };
            diagnostics.extend(overrides.apply(of, &mut policy).err());
            settled = probes::of_directory(folder, &mut diagnostics)?;
        }
        None => probes::reject(folder, "logger of services.d", &mut diagnostics)?,
    }
    if policy.as_ref().is_some_and(|policy| policy.stops_dependents()) {
        let text = "stop-dependents brings down what needs a service of s6-rc, and nothing needs this one";
        diagnostics.push(
            Diagnostic::error(Code::RESTART, folder.path.clone(), text)
                .advice("write stop, which stops the container"),
        );
    }
    let conditions = condition::parse::read(folder, &mut diagnostics)?;
    let main = policy.as_ref().is_some_and(|policy| policy.main);
    let is_probed = settled.is_some();
    Ok((Checked { diagnostics, main, conditions, is_probed }, policy, settled))
}

/// A second service says in this file that the container is for it.
#[must_use]
pub fn second_main(file: Vec<u8>, first: &[u8]) -> Diagnostic {
    let text = format!("{} is the main service already", show(first));
    Diagnostic::error(Code::SECOND_MAIN, file, text)
        .advice("the container is for one service: remove one of the two files")
}

/// The path of the definition in a source directory that says that the container is for its service, if there is one.
///
/// # Errors
/// A definition can't be read: code 111.
pub fn main_in(source: &[u8]) -> Result<Option<Vec<u8>>, Fatal> {
    for name in files::names_at(CWD, source).unwrap_or_default() {
        let path = join(source, &name);
        if files::follow(CWD, &join(&path, b"main")) == Kind::File {
            let folder = Folder::open(CWD, &path, path.clone())?;
            if read(&folder, &mut Vec::new())?.is_some_and(|policy| policy.main) {
                return Ok(Some(path));
            }
        }
    }
    Ok(None)
}

/// Reports the files in the definition of a service that isn't a longrun.
pub(crate) fn reject<D: Directory>(
    folder: &Folder<D>,
    of: &str,
    findings: &mut Vec<Diagnostic>,
) -> Result<(), Fatal> {
    Reader { topic: &TOPIC, folder, findings }.reject(of)
}

/// `main`, which is empty.
fn nothing(words: &[Word<'_>]) -> Value<()> {
    words.first().map_or(Ok(()), |word| Err(Mistake::at(word, "not an empty file", "remove what is in it")))
}

#[cfg(test)]
mod tests;
