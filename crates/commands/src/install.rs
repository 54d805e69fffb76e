//! Installs from this program what the tarballs hold, in images without tar, xz or a shell.
//!
//! A [`Plan`] is made first, and nothing is changed if something is in the way.  Then each file or link appears atomically
//! under its name, `/init` last; after a failure, what was made is removed again.

mod decision;
mod root;

pub(crate) use decision::{Found, Obstacle, Step, Wanted};
pub(crate) use root::{Root, Undo};

use installation::{Entry, Names, Node, Part};
use std::borrow::Cow;
use tool::Fatal;
use tool::sorted::Set;

/// The programs that are installed.
#[derive(Debug)]
pub(crate) struct Programs<'a> {
    /// This program.
    pub(crate) program: &'a [u8],
    /// The setuid program; empty if this build has none.
    pub(crate) setuid: &'a [u8],
    /// The contents of the file that says which version this is.
    pub(crate) version: &'a [u8],
}

/// The optional parts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extras {
    /// The links in /usr/bin.
    pub(crate) symlinks: bool,
    /// The services of syslogd.
    pub(crate) syslogd: bool,
}

/// What to install, by path, in the order in which it is made: programs first, `init` last.
///
/// # Errors
/// The table of names is damaged.
pub(crate) fn contents<'a>(
    programs: &Programs<'a>,
    extras: Extras,
) -> Result<Vec<(String, Wanted<'a>)>, Fatal> {
    let names = Names::all().map_err(|why| Fatal::new(111, why))?;
    let is_wanted = |part| match part {
        Part::Noarch | Part::Arch => true,
        Part::SymlinksNoarch | Part::SymlinksArch => extras.symlinks,
        Part::Syslogd => extras.syslogd,
    };
    let mut seen = Set::new();
    let entries = installation::entries(&names, |name| tool::lookup(name.as_bytes()).is_some());
    let entries = entries.into_iter().filter(|e| is_wanted(e.part) && seen.insert(e.path.clone()));
    let mut contents: Vec<_> = entries.map(|e| wanted(e, programs)).collect();
    contents.sort_by_cached_key(|(path, wanted)| {
        (path == "init", !matches!(wanted, Wanted::File { is_program: true, .. }), path.clone())
    });
    Ok(contents)
}

fn wanted<'a>(entry: Entry, programs: &Programs<'a>) -> (String, Wanted<'a>) {
    let program = |content, mode| Wanted::File { content, mode, is_program: true };
    let wanted = match entry.node {
        Node::Directory => Wanted::Directory,
        Node::File { mode, content } => Wanted::File { content, mode, is_program: false },
        Node::Version => Wanted::File { content: programs.version, mode: 0o644, is_program: false },
        Node::Link(target) => Wanted::Link(target),
        Node::Program => program(programs.program, 0o755),
        Node::SetuidProgram if programs.setuid.is_empty() => {
            Wanted::Link(Cow::Borrowed(installation::OVERLAY))
        }
        Node::SetuidProgram => program(programs.setuid, 0o4755),
    };
    (entry.path, wanted)
}

/// What an installation does.
#[derive(Debug, Default)]
pub(crate) struct Plan<'a> {
    /// What is made or replaced, by path.
    pub(crate) steps: Vec<(String, Wanted<'a>, Step)>,
    /// How many files, links and directories are there already.
    pub(crate) kept: usize,
    /// What is in the way, by path.
    pub(crate) obstacles: Vec<(String, Obstacle)>,
}

impl<'a> Plan<'a> {
    /// Compares `contents` with the root.  With `force`, files and links of others are replaced.
    ///
    /// # Errors
    /// Something can't be examined.
    pub(crate) fn new(root: &Root, contents: Vec<(String, Wanted<'a>)>, force: bool) -> Result<Self, Fatal> {
        let mut plan = Self::default();
        for (path, wanted) in contents {
            match decision::decide(&wanted, &root.find(&path, &wanted)?, force) {
                Ok(Step::Keep) => plan.kept = plan.kept.saturating_add(1),
                Ok(step) => plan.steps.push((path, wanted, step)),
                Err(obstacle) => plan.obstacles.push((path, obstacle)),
            }
        }
        Ok(plan)
    }

    /// Carries out the steps.
    ///
    /// # Errors
    /// Something can't be made.  What was made before is removed again, but what was replaced stays replaced.
    pub(crate) fn carry_out(&self, root: &Root) -> Result<(), Fatal> {
        let mut undo = Undo::default();
        for (path, wanted, step) in &self.steps {
            if let Err(why) = root.make(path, wanted, *step == Step::Replace, &mut undo) {
                root.undo(undo);
                return Err(why);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
