//! Carries out what mends findings.

use crate::finding::{Edit, Finding};
use crate::tree::{DOCKERFILE, Tree};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tool::diag::show;
use tool::path::split;

/// What was done, and what was left for another run because it concerns the same place.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fixed {
    /// One line for each fix.
    pub done: Vec<String>,
    /// How many are left for another run.
    pub left: usize,
}

/// The edits that are carried out together: no two of them concern the same place.
#[derive(Debug, Default)]
struct Plan<'f> {
    edits: Vec<&'f Edit>,
    replaced: BTreeMap<&'f [u8], Vec<&'f Range<usize>>>,
    named: BTreeSet<&'f [u8]>,
}

impl<'f> Plan<'f> {
    fn collides(&self, tree: &Tree, edit: &Edit) -> bool {
        match edit {
            Edit::Replace(path, range, _) => self.replaced.get(path.as_slice()).is_some_and(|others| {
                others
                    .iter()
                    .any(|other| range == *other || range.start < other.end && other.start < range.end)
            }),
            Edit::Rename(from, to) => {
                self.named.contains(from.as_slice())
                    || self.named.contains(to.as_slice())
                    || tree.is_uppermost(to)
            }
            Edit::Create(path, ..) => self.named.contains(path.as_slice()) || tree.lstat(path).is_some(),
            Edit::Remove(path) => self.named.contains(path.as_slice()),
            Edit::Mode(..) => false,
        }
    }

    fn add(&mut self, edit: &'f Edit) {
        match edit {
            Edit::Replace(path, range, _) => self.replaced.entry(path).or_default().push(range),
            Edit::Rename(from, to) => self.named.extend([from.as_slice(), to.as_slice()]),
            Edit::Create(path, ..) | Edit::Remove(path) => {
                self.named.insert(path);
            }
            Edit::Mode(..) => {}
        }
        self.edits.push(edit);
    }

    /// Carries it out: contents and permissions first, then new files, and names last, since what was changed before has its
    /// old one.
    fn carry_out(&self, tree: &Tree) -> io::Result<()> {
        for path in self.replaced.keys() {
            self.replace_in(tree, path)?;
        }
        for edit in &self.edits {
            match edit {
                Edit::Mode(path, mode) => {
                    let place = tree.on_disk(path).ok_or_else(|| gone(path))?;
                    fs::set_permissions(place, fs::Permissions::from_mode(*mode))?;
                }
                Edit::Create(path, mode, text) => {
                    let place = new_place(tree, path)?;
                    fs::write(&place, text)?;
                    fs::set_permissions(&place, fs::Permissions::from_mode(*mode))?;
                }
                Edit::Remove(path) => fs::remove_file(tree.on_disk(path).ok_or_else(|| gone(path))?)?,
                Edit::Replace(..) | Edit::Rename(..) => {}
            }
        }
        for edit in &self.edits {
            if let Edit::Rename(from, to) = edit {
                let place = tree.on_disk(from).ok_or_else(|| gone(from))?;
                fs::rename(place, new_place(tree, to)?)?;
            }
        }
        Ok(())
    }

    /// Changes the contents of a file, from behind.
    fn replace_in(&self, tree: &Tree, path: &[u8]) -> io::Result<()> {
        let place = tree.on_disk(path).ok_or_else(|| gone(path))?;
        let mut text = fs::read(&place)?;
        let mut changes: Vec<(&Range<usize>, &Vec<u8>)> = Vec::new();
        for edit in &self.edits {
            if let Edit::Replace(of, range, new) = edit
                && of == path
            {
                changes.push((range, new));
            }
        }
        changes.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        for (range, new) in changes {
            if range.end <= text.len() {
                text.splice(range.clone(), new.iter().copied());
            }
        }
        write_anew(&place, &text)
    }
}

/// Carries out the fixes of findings, unsafe ones only if they are wanted.
///
/// # Errors
/// A file can't be changed; some may have been.
pub fn apply(tree: &Tree, findings: &[Finding], unsafe_ones: bool) -> io::Result<Fixed> {
    let mut fixed = Fixed::default();
    let mut plan = Plan::default();
    for finding in findings {
        let Some(fix) = finding.fix.as_ref().filter(|fix| fix.safe || unsafe_ones) else { continue };
        // What came from standard input can't be changed.
        if fix.edits.iter().any(|edit| edit.path() == DOCKERFILE && tree.on_disk(DOCKERFILE).is_none()) {
            continue;
        }
        if fix.edits.iter().any(|edit| plan.collides(tree, edit)) {
            fixed.left += 1;
            continue;
        }
        fix.edits.iter().for_each(|edit| plan.add(edit));
        fixed.done.push(format!("{}: {}: {}", show(&tree.shown(&finding.path)), finding.code, fix.what));
    }
    plan.carry_out(tree)?;
    Ok(fixed)
}

fn gone(path: &[u8]) -> io::Error {
    io::Error::other(format!("{} isn't in the directory that is checked", show(path)))
}

/// Where a new file goes; the directories above it are made.
fn new_place(tree: &Tree, path: &[u8]) -> io::Result<PathBuf> {
    let (mut above, name) = split(path);
    let mut rest = vec![name];
    let place = loop {
        if let Some(place) = tree.on_disk(above) {
            break rest.iter().rev().fold(place, |place, name| place.join(OsStr::from_bytes(name)));
        }
        if above == b"/" || above == b"." || above.is_empty() {
            return Err(gone(path));
        }
        let (next, name) = split(above);
        rest.push(name);
        above = next;
    };
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(place)
}

/// Writes a file anew beside its place and renames it, with the mode of the old one.
fn write_anew(place: &Path, text: &[u8]) -> io::Result<()> {
    let mode = fs::metadata(place)?.permissions();
    let parent = place.parent().ok_or_else(|| io::Error::other("no directory"))?;
    let mut new = tempfile::NamedTempFile::new_in(parent)?;
    io::Write::write_all(&mut new, text)?;
    new.as_file().set_permissions(mode)?;
    new.persist(place).map_err(|e| e.error)?;
    Ok(())
}
