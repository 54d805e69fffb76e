//! Lays out what the tarballs hold from the one program: for images without tar, xz or a shell.
//!
//! First everything is looked at and decided ([`Plan`]), and nothing is changed if something is in the way.  Then each
//! thing appears under its name whole, at once; after a failure what was made is taken back.  `/init` comes last.

mod decision;
mod root;

pub(crate) use decision::{Found, Obstacle, Step, Wanted};
pub(crate) use root::{Root, Undo};

use installation::{Entry, Names, Node, Part};
use std::borrow::Cow;
use std::collections::BTreeSet;
use tool::Fatal;

/// The programs that are installed.
#[derive(Debug)]
pub(crate) struct Programs<'a> {
    /// This one.
    pub(crate) program: &'a [u8],
    /// The setuid one; empty if this build has none.
    pub(crate) setuid: &'a [u8],
}

/// Which parts besides the two that every image needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extras {
    /// The links in /usr/bin.
    pub(crate) symlinks: bool,
    /// The services of syslogd.
    pub(crate) syslogd: bool,
}

/// What is to be where, in the order in which it is made: programs first, `init` last.
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
    let mut seen = BTreeSet::new();
    let entries = installation::entries(&names, |name| tool::lookup(name.as_bytes()).is_some());
    let entries = entries.into_iter().filter(|e| is_wanted(e.part) && seen.insert(e.path.clone()));
    let mut contents: Vec<_> = entries.map(|e| what(e, programs)).collect();
    contents.sort_by_cached_key(|(path, wanted)| {
        (path == "init", !matches!(wanted, Wanted::File { own: true, .. }), path.clone())
    });
    Ok(contents)
}

fn what<'a>(entry: Entry, programs: &Programs<'a>) -> (String, Wanted<'a>) {
    let own = |content, mode| Wanted::File { content, mode, own: true };
    let wanted = match entry.node {
        Node::Directory => Wanted::Directory,
        Node::File { mode, content } => Wanted::File { content, mode, own: false },
        Node::Link(target) => Wanted::Link(target),
        Node::Program => own(programs.program, 0o755),
        Node::SetuidProgram if programs.setuid.is_empty() => {
            Wanted::Link(Cow::Borrowed(installation::OVERLAY))
        }
        Node::SetuidProgram => own(programs.setuid, 0o4755),
    };
    (entry.path, wanted)
}

/// What is to be done.
#[derive(Debug, Default)]
pub(crate) struct Plan<'a> {
    /// What is made, and what is replaced.
    pub(crate) steps: Vec<(String, Wanted<'a>, Step)>,
    /// How many things are there already.
    pub(crate) kept: usize,
    /// What is in the way, by path.
    pub(crate) obstacles: Vec<(String, Obstacle)>,
}

impl<'a> Plan<'a> {
    /// Compares `contents` with what is there.  With `force`, what isn't ours is replaced.
    ///
    /// # Errors
    /// Something can't be looked at.
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

    /// Does it.
    ///
    /// # Errors
    /// Something couldn't be made; what was made before is removed again, but what was replaced stays.
    pub(crate) fn carry_out(&self, root: &Root) -> Result<(), Fatal> {
        let mut undo = Undo::default();
        for (path, wanted, step) in &self.steps {
            if let Err(why) = root.make(path, wanted, *step == Step::Replace, &mut undo) {
                root.take_back(undo);
                return Err(why);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
