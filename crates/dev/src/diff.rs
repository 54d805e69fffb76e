//! What fixes would change, as a patch that git and patch understand.

use crate::fix::Change;
use crate::tree::Tree;
use files::Kind;
use similar::TextDiff;
use std::collections::BTreeMap;
use tool::diag::show;
use tool::path::join;

/// Bigger files are shown as changed, and no more.
const FILE_MAX: usize = 1 << 20;

/// The patch.
#[must_use]
pub fn print(tree: &Tree, changes: &BTreeMap<Vec<u8>, Change>) -> String {
    // Directories are nothing to a patch: their files get other names, with what else becomes of them.
    let renamed = |path: &[u8], change: &Change| Some((path.to_vec(), change.name.clone()?));
    let directories: Vec<(Vec<u8>, Vec<u8>)> = changes
        .iter()
        .filter(|(path, _)| tree.lstat(path).is_some_and(|meta| meta.kind == Kind::Directory))
        .filter_map(|(path, change)| renamed(path, change))
        .collect();
    let mut files: BTreeMap<Vec<u8>, Change> = changes.clone();
    for (from, _) in &directories {
        files.remove(from);
        for path in files_in(tree, from) {
            files.entry(path).or_default();
        }
    }
    let mut out = String::new();
    for (path, change) in &files {
        let moved = directories.iter().find_map(|(from, to)| {
            let rest = path.strip_prefix(from.as_slice()).filter(|rest| rest.starts_with(b"/"))?;
            Some([to, rest].concat())
        });
        one(tree, path, change.name.as_ref().or(moved.as_ref()).unwrap_or(path), change, &mut out);
    }
    out
}

/// The paths of all files in a directory.
fn files_in(tree: &Tree, directory: &[u8]) -> Vec<Vec<u8>> {
    let (mut left, mut all) = (vec![directory.to_vec()], Vec::new());
    while let Some(directory) = left.pop() {
        for (name, kind) in tree.entries(&directory) {
            let path = join(&directory, &name);
            if kind == Kind::Directory { left.push(path) } else { all.push(path) }
        }
    }
    all
}

/// A path behind the `a` or `b` of a patch, in quotes if it has to be.
fn name(side: &str, tree: &Tree, path: &[u8]) -> String {
    let shown = tree.shown(path);
    let plain = shown.strip_prefix(b"/").unwrap_or(&shown);
    let text = show(plain).to_string();
    let is_quoted = text.as_bytes() != plain || plain.contains(&b'"') || plain.contains(&b' ');
    let text = if is_quoted { text.replace('"', "\\\"") } else { text };
    let text = format!("{side}{text}");
    if is_quoted { format!("\"{text}\"") } else { text }
}

/// One file, which is called `to` afterwards.
fn one(tree: &Tree, path: &[u8], to: &[u8], change: &Change, out: &mut String) {
    let (a, b) = (name("a/", tree, if change.is_new { to } else { path }), name("b/", tree, to));
    let old_mode = tree.lstat(path).map_or(0o644, |meta| meta.mode);
    out.push_str(&format!("diff --git {a} {b}\n"));
    match change.mode {
        _ if change.is_removed => out.push_str(&format!("deleted file mode 100{old_mode:o}\n")),
        Some(mode) if change.is_new => out.push_str(&format!("new file mode 100{mode:o}\n")),
        Some(mode) => out.push_str(&format!("old mode 100{old_mode:o}\nnew mode 100{mode:o}\n")),
        None => {}
    }
    if path != to && !change.is_new {
        let (from, to) = (name("", tree, path), name("", tree, to));
        out.push_str(&format!("rename from {from}\nrename to {to}\n"));
    }
    let new = match &change.text {
        Some(text) if !change.is_removed => text.as_slice(),
        _ if change.is_removed => b"",
        _ => return,
    };
    let old = if change.is_new { Vec::new() } else { tree.read(path, FILE_MAX).unwrap_or_default() };
    let nothing = || "/dev/null".to_owned();
    let (a, b) = (if change.is_new { nothing() } else { a }, if change.is_removed { nothing() } else { b });
    match (printable(&old), printable(new)) {
        (Some(old), Some(new)) => {
            out.push_str(&TextDiff::from_lines(old, new).unified_diff().header(&a, &b).to_string());
        }
        _ => out.push_str(&format!("Binary files {a} and {b} differ\n")),
    }
}

/// A text, if nothing in it acts on a terminal.
fn printable(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() < FILE_MAX)?;
    let acts = |c: char| c.is_control() && c != '\t' && c != '\n';
    (!text.replace("\r\n", "\n").contains(acts)).then_some(text)
}
