//! Carries out what fixes findings.

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

/// Bigger files aren't changed.
const FILE_MAX: usize = 1 << 24;

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

    /// What becomes of each file.
    fn changes(&self, tree: &Tree) -> io::Result<BTreeMap<Vec<u8>, Change>> {
        let mut changes: BTreeMap<Vec<u8>, Change> = BTreeMap::new();
        for path in self.replaced.keys() {
            changes.entry(path.to_vec()).or_default().text = Some(self.replaced_in(tree, path)?);
        }
        for edit in &self.edits {
            let change = changes.entry(edit.path().to_vec()).or_default();
            match edit {
                Edit::Mode(_, mode) => change.mode = Some(*mode),
                Edit::Create(_, mode, text) => {
                    (change.is_new, change.mode, change.text) = (true, Some(*mode), Some(text.clone()));
                }
                Edit::Rename(_, to) => change.name = Some(to.clone()),
                Edit::Remove(_) => change.is_removed = true,
                Edit::Replace(..) => {}
            }
        }
        Ok(changes)
    }

    /// What a file holds afterwards: it is changed from behind.
    fn replaced_in(&self, tree: &Tree, path: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = contents(tree, path)?;
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
        Ok(text)
    }
}

/// What becomes of a file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whether it isn't there yet.
    pub is_new: bool,
    /// Whether it is removed.
    pub is_removed: bool,
    /// Its permissions.
    pub mode: Option<u32>,
    /// Its contents.
    pub text: Option<Vec<u8>>,
    /// Its name.
    pub name: Option<Vec<u8>>,
}

/// What a file holds.
fn contents(tree: &Tree, path: &[u8]) -> io::Result<Vec<u8>> {
    let text = tree.read(path, FILE_MAX + 1).ok_or_else(|| gone(path))?;
    match text.len() > FILE_MAX {
        true => Err(io::Error::other(format!("{} is too big", show(path)))),
        false => Ok(text),
    }
}

/// Carries changes out: contents and permissions first, and names last, since what was changed before has its old one.
fn carry_out(tree: &Tree, changes: &BTreeMap<Vec<u8>, Change>) -> io::Result<()> {
    for (path, change) in changes {
        let place = match change.is_new {
            true => new_place(tree, path)?,
            false => tree.on_disk(path).ok_or_else(|| gone(path))?,
        };
        if change.is_removed {
            fs::remove_file(&place)?;
            continue;
        }
        if let Some(text) = &change.text {
            if change.is_new { fs::write(&place, text)? } else { write_anew(&place, text)? }
        }
        if let Some(mode) = change.mode {
            fs::set_permissions(&place, fs::Permissions::from_mode(mode))?;
        }
    }
    for (path, change) in changes {
        if let Some(name) = &change.name {
            let place = tree.on_disk(path).ok_or_else(|| gone(path))?;
            fs::rename(place, new_place(tree, name)?)?;
        }
    }
    Ok(())
}

/// Carries out the fixes of findings, unsafe ones only if they are wanted; gives a line for each.
///
/// # Errors
/// A file can't be changed; some may have been.
pub fn apply(tree: &Tree, findings: &[Finding], unsafe_ones: bool) -> io::Result<Vec<String>> {
    let (plan, done) = plan(tree, findings, unsafe_ones);
    carry_out(tree, &plan.changes(tree)?)?;
    Ok(done)
}

/// What the fixes of findings would change, by path.
///
/// # Errors
/// A file can't be read.
pub fn changes(
    tree: &Tree,
    findings: &[Finding],
    unsafe_ones: bool,
) -> io::Result<BTreeMap<Vec<u8>, Change>> {
    plan(tree, findings, unsafe_ones).0.changes(tree)
}

/// The fixes that are carried out together, with a line for each: what concerns the same place is left for another run.
fn plan<'f>(tree: &Tree, findings: &'f [Finding], unsafe_ones: bool) -> (Plan<'f>, Vec<String>) {
    let (mut plan, mut done) = (Plan::default(), Vec::new());
    for finding in findings {
        let Some(fix) = finding.fix.as_ref().filter(|fix| fix.safe || unsafe_ones) else { continue };
        // What came from standard input can't be changed.
        let from_input = |edit: &Edit| edit.path() == DOCKERFILE && tree.on_disk(DOCKERFILE).is_none();
        if !fix.edits.iter().any(|edit| from_input(edit) || plan.collides(tree, edit)) {
            fix.edits.iter().for_each(|edit| plan.add(edit));
            done.push(format!("{}: {}: {}", show(&tree.shown(&finding.path)), finding.code, fix.what));
        }
    }
    (plan, done)
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
