//! Migration of an image's files to version 3 of the overlay.
//!
//! | module | what it is |
//! |---|---|
//! | [`place`] | pure: a path → the rules for the file |
//! | [`text`] | pure: a script → its changed lines, and what a human has to decide |
//! | [`bundle`] | pure: the folder of an old bundle → the steps that move it |
//! | [`survey`] | searches a root, reports, and writes if it may |
//!
//! Fixing is idempotent: a second run finds nothing to fix.  Nothing outside of the root is touched: every directory and file
//! is opened from the descriptor of its parent, without following links.

mod bundle;
mod place;
mod survey;
mod text;

use installation::Names;
use rustix::fd::AsFd;
use rustix::fs::CWD;
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use survey::Survey;

/// Names of our commands that systems have in /bin, too.
const SYSTEM_COMMANDS: &[&str] = &["cd", "umask", "wait"];

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// A report, for people.
    pub report: String,
    /// What can't be read or written, a line each.
    pub faults: String,
}

/// Looks through the files below a root, and through these that are named by their paths below it; changes them if it may.
///
/// # Errors
/// The root can't be opened.
pub fn migrate(root: &Path, files: &[Vec<u8>], write: bool) -> Result<Migrated, String> {
    let unable = |e| format!("unable to open {}: {}", root.display(), sys::strerror(e));
    let folder = files::open_dir(CWD, root.as_os_str().as_bytes()).map_err(unable)?;
    let names = Names::all()?;
    let all = names.commands().chain(names.added.iter().copied());
    let ours: BTreeSet<&[u8]> =
        all.filter(|name| !SYSTEM_COMMANDS.contains(name)).map(str::as_bytes).collect();
    let mut survey = Survey {
        write,
        is_ours: &|name| ours.contains(name),
        out: String::new(),
        err: String::new(),
        changed: 0,
        remarks: 0,
        seen: Vec::new(),
    };
    for file in files {
        survey.named(folder.as_fd(), file);
    }
    survey.root(folder.as_fd());
    let Survey { out: mut report, err: faults, changed, remarks, .. } = survey;
    report.push_str(&match (changed, write) {
        (0, _) => "nothing to change".to_owned(),
        (n, true) => format!("{n} changed"),
        (n, false) => format!("{n} to change, with --write"),
    });
    if remarks > 0 {
        report.push_str(&format!("; {remarks} for you to look at"));
    }
    report.push('\n');
    Ok(Migrated { report, faults })
}
