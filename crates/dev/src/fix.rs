//! Carries out what mends findings.

use crate::finding::{Edit, Finding};
use crate::tree::Tree;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A longer file isn't changed.
const FILE_MAX: usize = 1 << 20;

/// What was done, and what was left for another run because it concerns the same place.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fixed {
    /// One line for each fix.
    pub done: Vec<String>,
    /// How many are left for another run.
    pub left: usize,
}

/// Carries out the fixes of findings, unsafe ones only if they are wanted.
///
/// # Errors
/// A file can't be changed; fixes before it are carried out.
pub fn apply(tree: &Tree, findings: &[Finding], unsafe_ones: bool) -> io::Result<Fixed> {
    let mut fixed = Fixed::default();
    let mut replaced: BTreeMap<Vec<u8>, Vec<(std::ops::Range<usize>, Vec<u8>)>> = BTreeMap::new();
    let mut renamed = BTreeSet::new();
    for finding in findings {
        let Some(fix) = finding.fix.as_ref().filter(|fix| fix.safe || unsafe_ones) else { continue };
        let overlaps = fix.edits.iter().any(|edit| match edit {
            Edit::Replace(path, range, _) => replaced.get(path).is_some_and(|all| {
                all.iter()
                    .any(|(other, _)| range.start < other.end && other.start < range.end || range == other)
            }),
            Edit::Rename(from, to) => renamed.contains(from) || renamed.contains(to),
            Edit::Create(path, ..) => renamed.contains(path) || tree.lstat(path).is_some(),
            Edit::Mode(..) => false,
        });
        if overlaps {
            fixed.left += 1;
            continue;
        }
        for edit in &fix.edits {
            match edit {
                Edit::Replace(path, range, text) => {
                    replaced.entry(path.clone()).or_default().push((range.clone(), text.clone()));
                }
                Edit::Rename(from, to) => {
                    renamed.insert(from.clone());
                    renamed.insert(to.clone());
                }
                Edit::Create(path, ..) => {
                    renamed.insert(path.clone());
                }
                Edit::Mode(..) => {}
            }
        }
        fixed.done.push(format!(
            "{}: {}: {}",
            tool::diag::show(&tree.shown(&finding.path)),
            finding.code,
            fix.what
        ));
    }
    for (path, mut changes) in replaced {
        let place = tree.on_disk(&path).ok_or_else(|| gone(&path))?;
        let mut text = fs::read(&place)?;
        if text.len() > FILE_MAX {
            continue;
        }
        changes.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        for (range, new) in changes {
            if range.end <= text.len() {
                text.splice(range, new);
            }
        }
        replace(&place, &text)?;
    }
    let carried_out = findings.iter().filter_map(|finding| finding.fix.as_ref());
    // Names last: what was changed before has its old one.
    for edit in carried_out.filter(|fix| fix.safe || unsafe_ones).flat_map(|fix| &fix.edits) {
        match edit {
            Edit::Mode(path, mode) => {
                let place = tree.on_disk(path).ok_or_else(|| gone(path))?;
                fs::set_permissions(place, fs::Permissions::from_mode(*mode))?;
            }
            Edit::Create(path, mode, text) if tree.lstat(path).is_none() => {
                let place = new_place(tree, path)?;
                if let Some(parent) = place.parent() {
                    fs::create_dir_all(parent)?;
                }
                fs::write(&place, text)?;
                fs::set_permissions(&place, fs::Permissions::from_mode(*mode))?;
            }
            _ => {}
        }
    }
    for edit in findings
        .iter()
        .filter_map(|f| f.fix.as_ref())
        .filter(|fix| fix.safe || unsafe_ones)
        .flat_map(|fix| &fix.edits)
    {
        if let Edit::Rename(from, to) = edit
            && tree.lstat(to).is_none()
            && let Some(place) = tree.on_disk(from)
        {
            let new = new_place(tree, to)?;
            if let Some(parent) = new.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::rename(place, new)?;
        }
    }
    Ok(fixed)
}

fn gone(path: &[u8]) -> io::Error {
    io::Error::other(format!("{} isn't in the directory that is checked", tool::diag::show(path)))
}

/// Where a new file goes: below the deepest directory above it that exists.
fn new_place(tree: &Tree, path: &[u8]) -> io::Result<PathBuf> {
    let mut above = tool::path::split(path).0;
    let mut rest = vec![tool::path::split(path).1.to_vec()];
    loop {
        if let Some(mut place) = tree.on_disk(above) {
            for name in rest.iter().rev() {
                place.push(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name));
            }
            return Ok(place);
        }
        if above == b"/" || above == b"." || above.is_empty() {
            return Err(gone(path));
        }
        let (next, name) = tool::path::split(above);
        rest.push(name.to_vec());
        above = next;
    }
}

/// Writes a file anew beside its place and renames it, with the mode of the old one.
fn replace(place: &std::path::Path, text: &[u8]) -> io::Result<()> {
    let mode = fs::metadata(place)?.permissions();
    let parent = place.parent().ok_or_else(|| io::Error::other("no directory"))?;
    let mut new = tempfile::NamedTempFile::new_in(parent)?;
    io::Write::write_all(&mut new, text)?;
    new.as_file().set_permissions(mode)?;
    new.persist(place).map_err(|e| e.error)?;
    Ok(())
}
