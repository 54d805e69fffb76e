//! What the compiler says: it reads a copy of the definitions, in a directory of this program's own.

use crate::finding::{Finding, Span};
use crate::image::Image;
use crate::tree::{Kind, Tree};
use s6_rc::database::Database;
use s6_rc::diagnostic::{Code, Diagnostic};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use tool::path::join;

/// Longer files are cut: the compiler looks only at their beginning.
const FILE_MAX: usize = 1 << 16;
/// How deep the directories of a definition may be.
const DEPTH_MAX: u32 = 3;

/// The bundles that exist whatever the image says.
const IMPLIED: [&[u8]; 2] = [b"user", b"user2"];

/// What the compiler finds for itself, and finds out about this machine, not about the image.
const LEFT_TO_OTHERS: [Code; 4] = [Code::INTERPRETER, Code::COMMAND, Code::CARRIAGE_RETURN, Code::UNREACHED];

/// The definitions of an image as the compiler reads them.
#[derive(Debug)]
pub struct Compiled {
    /// The database, if there is no error.
    pub database: Option<Database>,
    /// What was found.
    diagnostics: Vec<Diagnostic>,
    /// Where the copies of the source directories are.
    copies: Vec<PathBuf>,
    sources: Vec<Vec<u8>>,
}

/// Compiles the definitions of an image.
///
/// # Errors
/// No copy can be made of them.
pub fn compile(image: &Image<'_>) -> io::Result<Compiled> {
    let top = tempfile::tempdir()?;
    let mut copies = Vec::new();
    let mut sources = Vec::new();
    for source in image.sources.iter().filter(|source| image.tree.is_directory(source)) {
        let copy = top.path().join(copies.len().to_string());
        copy_directory(image.tree, source, &copy, 0)?;
        copies.push(copy);
        sources.push(source.clone());
    }
    let paths: Vec<Vec<u8>> = copies.iter().map(|copy| copy.as_os_str().as_bytes().to_vec()).collect();
    let report =
        s6_rc::compile::check(&paths, &IMPLIED).map_err(|e| io::Error::other(e.message().to_owned()))?;
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

    fn finding(&self, diagnostic: &Diagnostic) -> Finding {
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

/// Everything that the compiler says of an image.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    let compiled = match image.compiled() {
        Ok(compiled) => compiled,
        Err(e) => {
            found.push(Finding::new(117, b"", format!("the definitions can't be read: {e}")));
            return;
        }
    };
    for diagnostic in compiled.diagnostics.iter().filter(|d| !LEFT_TO_OTHERS.contains(&d.code)) {
        // What isn't here may be in the image below.
        let elsewhere = [Code::UNDEFINED, Code::TYPE, Code::BUNDLE, Code::STRAY, Code::PROGRAM];
        if !image.is_whole
            && elsewhere.contains(&diagnostic.code)
            && !["is not a type", "contain each other"].iter().any(|text| diagnostic.text.contains(text))
        {
            continue;
        }
        let mut finding = compiled.finding(diagnostic);
        if let Some(word) = word_at(image.tree, &finding)
            && let Some(span) = &mut finding.span
        {
            span.end = span.column + word;
        }
        if diagnostic.code == Code::MISSPELT
            && let Some(meant) = meant(finding.advice.as_deref()).map(str::to_owned)
        {
            let to = join(tool::path::split(&finding.path).0, meant.as_bytes());
            let edit = crate::finding::Edit::Rename(finding.path.clone(), to);
            finding = finding.unsafe_fix(format!("rename it to {meant}"), vec![edit]);
        }
        found.push(finding);
    }
}

/// The name in `did you mean NAME?`.
fn meant(advice: Option<&str>) -> Option<&str> {
    advice?.strip_prefix("did you mean ")?.strip_suffix('?')
}

/// The length of the word that a finding points to.
fn word_at(tree: &Tree, finding: &Finding) -> Option<u32> {
    let span = finding.span.filter(|span| span.column > 0)?;
    let text = tree.read(&finding.path, FILE_MAX)?;
    let line = text.split(|byte| *byte == b'\n').nth(usize::try_from(span.line).ok()?.checked_sub(1)?)?;
    let word = line.get(usize::try_from(span.column).ok()?.checked_sub(1)?..)?;
    let length = word.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
    u32::try_from(length.max(1)).ok()
}
