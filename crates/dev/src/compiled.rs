//! What the compiler makes of the definitions of an image.

use crate::finding::{Finding, Span};
use crate::tree::Tree;
use files::{Each, Kind};
use overlay::boot::sources::USER_BUNDLES;
use rustix::io::Errno;
use s6_rc::compile::{Report, Variables};
use s6_rc::database::Database;
use s6_rc::diagnostic::Diagnostic;
use s6_rc::directory::Directory;
use s6_rc::restart_policy::Checked;
use tool::path::join;

/// The definitions of an image, compiled.
#[derive(Debug)]
pub struct Compiled {
    /// The database, if there is no error.
    pub database: Option<Database>,
    /// What was found.
    pub diagnostics: Vec<Diagnostic>,
}

/// A directory of an image, as the compiler reads it.
#[derive(Debug)]
struct Inside<'t> {
    tree: &'t Tree,
    path: Vec<u8>,
}

impl<'t> Inside<'t> {
    fn open(tree: &'t Tree, path: Vec<u8>) -> Result<Self, Errno> {
        if tree.is_directory(&path) { Ok(Self { tree, path }) } else { Err(Errno::NOTDIR) }
    }
}

impl Directory for Inside<'_> {
    fn open(&self, name: &[u8]) -> Result<Self, Errno> {
        Self::open(self.tree, join(&self.path, name))
    }

    fn list(&self, each: Each<'_>) -> Result<(), Errno> {
        self.tree.entries(&self.path).into_iter().try_for_each(|(name, kind)| {
            // What is neither a file nor a directory is nothing, as a link to nowhere.
            each(&name, if kind == Kind::Other { Kind::Link } else { kind })
        })
    }

    fn follow(&self, name: &[u8]) -> Kind {
        self.tree.kind(&join(&self.path, name)).unwrap_or(Kind::Other)
    }

    fn read(&self, name: &[u8], _is_regular: bool, limit: usize) -> Result<Vec<u8>, Errno> {
        // The tree tells what it couldn't read.
        Ok(self.tree.read(&join(&self.path, name), limit).unwrap_or_default())
    }
}

/// Compiles the definitions in source directories, those that there are.
///
/// # Errors
/// They can't be read.
pub fn compile(tree: &Tree, directories: &[Vec<u8>]) -> Result<Compiled, String> {
    let sources: Vec<_> = directories.iter().filter(|source| tree.is_directory(source)).cloned().collect();
    let open = |path: &[u8]| Inside::open(tree, path.to_vec());
    let report = s6_rc::compile::check(&sources, USER_BUNDLES, None, open);
    let report = report.map_err(|e| e.message().to_owned())?;
    Ok(Compiled { database: report.database, diagnostics: report.diagnostics })
}

/// The same, and what isn't in a container with these variables.
///
/// # Errors
/// As [`compile`].
pub fn compile_for(tree: &Tree, directories: &[Vec<u8>], variables: Variables<'_>) -> Result<Report, String> {
    let sources: Vec<_> = directories.iter().filter(|source| tree.is_directory(source)).cloned().collect();
    let open = |path: &[u8]| Inside::open(tree, path.to_vec());
    s6_rc::compile::check(&sources, USER_BUNDLES, Some(variables), open).map_err(|e| e.message().to_owned())
}

/// What the files of a service directory of services.d, or of its logger, say; `None` if they can't be read.
#[must_use]
pub fn look_at(tree: &Tree, path: &[u8], is_logger: bool) -> Option<Checked> {
    let directory = Inside { tree, path: path.to_vec() };
    s6_rc::restart_policy::look_at(directory, path, is_logger).ok()
}

/// What a diagnostic says, as a finding.
#[must_use]
pub fn finding(diagnostic: &Diagnostic) -> Finding {
    let mut finding = Finding::new(diagnostic.code.0, &diagnostic.file, &*diagnostic.text);
    finding.severity = diagnostic.severity;
    finding.advice = diagnostic.advice.as_deref().map(str::to_owned);
    finding.span = diagnostic.line.map(|line| match diagnostic.column {
        Some(column) => Span { line, column, end: column },
        None => Span::line(line),
    });
    finding
}
