//! The compiler's view of an image: it reads a copy of the definitions, in a directory of this program's own.

use crate::finding::{Finding, Span};
use crate::tree::Tree;
use files::Kind;
use overlay::boot::sources::USER_BUNDLES;
use s6_rc::database::Database;
use s6_rc::diagnostic::Diagnostic;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use tool::path::join;

/// Longer files are cut: the compiler looks only at their beginning.
pub const FILE_MAX: usize = 1 << 16;
/// How deep the directories of a definition may be.
const DEPTH_MAX: u32 = 3;

/// The definitions of an image as the compiler reads them.
#[derive(Debug)]
pub struct Compiled {
    /// The database, if there is no error.
    pub database: Option<Database>,
    /// What was found.
    pub diagnostics: Vec<Diagnostic>,
    /// Where the copies of the source directories are.
    copies: Vec<PathBuf>,
    sources: Vec<Vec<u8>>,
}

/// Compiles the definitions in source directories.
///
/// # Errors
/// No copy can be made of them.
pub fn compile(tree: &Tree, directories: &[Vec<u8>]) -> io::Result<Compiled> {
    // In memory, if that can be had: thousands of small files are made and removed again.
    let top = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
    let mut copies = Vec::new();
    let mut sources = Vec::new();
    for source in directories.iter().filter(|source| tree.is_directory(source)) {
        let copy = top.path().join(copies.len().to_string());
        copy_directory(tree, source, &copy, 0)?;
        copies.push(copy);
        sources.push(source.clone());
    }
    let paths: Vec<Vec<u8>> = copies.iter().map(|copy| copy.as_os_str().as_bytes().to_vec()).collect();
    let report =
        s6_rc::compile::check(&paths, USER_BUNDLES).map_err(|e| io::Error::other(e.message().to_owned()))?;
    Ok(Compiled { database: report.database, diagnostics: report.diagnostics, copies, sources })
}

/// Copies what the compiler may read: names and small files.  What is no file or directory becomes a link to nowhere.
fn copy_directory(tree: &Tree, from: &[u8], to: &Path, depth: u32) -> io::Result<()> {
    fs::create_dir(to)?;
    for name in tree.names(from) {
        let (path, copy) = (join(from, &name), to.join(OsStr::from_bytes(&name)));
        match tree.stat(&path).map(|meta| meta.kind) {
            Some(Kind::Directory) if depth < DEPTH_MAX => copy_directory(tree, &path, &copy, depth + 1)?,
            Some(Kind::File) => fs::write(copy, tree.read(&path, FILE_MAX).unwrap_or_default())?,
            _ => std::os::unix::fs::symlink("nowhere", copy)?,
        }
    }
    Ok(())
}

impl Compiled {
    /// The path in the image of a file of the copies.
    fn original(&self, path: &[u8]) -> Vec<u8> {
        let pairs = self.copies.iter().zip(&self.sources);
        let mut found = pairs.filter_map(|(copy, source)| {
            let rest = path.strip_prefix(copy.as_os_str().as_bytes())?;
            Some([source, rest].concat())
        });
        found.next().unwrap_or_else(|| path.to_vec())
    }

    /// What it says, of the image's files.
    #[must_use]
    pub fn finding(&self, diagnostic: &Diagnostic) -> Finding {
        let mut finding =
            Finding::new(diagnostic.code.0, &self.original(&diagnostic.file), self.text(&diagnostic.text));
        finding.severity = diagnostic.severity;
        finding.advice = diagnostic.advice.as_deref().map(|advice| self.text(advice));
        finding.span = diagnostic.line.map(|line| match diagnostic.column {
            Some(column) => Span { line, column, end: column },
            None => Span::line(line),
        });
        finding
    }

    /// A text with the image's paths in it.
    fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (copy, source) in self.copies.iter().zip(&self.sources) {
            text = text.replace(&copy.to_string_lossy().into_owned(), &String::from_utf8_lossy(source));
        }
        text
    }
}
