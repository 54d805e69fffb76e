//! Reading source directories.

use crate::definition_reader::{DefinitionReader, no_type};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::folder::Folder;
use crate::graph::is_stray;
use crate::script::Interpreters;
use crate::source_definition::{SourceBody, SourceDefinition, is_reserved};
use files::Kind;
use rustix::fd::AsFd;
use rustix::fs::CWD;
use tool::Fatal;
use tool::path::join;
use tool::sorted::Set;

/// What the sources say.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) definitions: Vec<SourceDefinition>,
    /// The names of definitions with errors: a reference to one of them is not another error.
    pub(crate) broken: Set<Vec<u8>>,
    pub(crate) findings: Vec<Diagnostic>,
    /// The source directories without a definition.
    pub(crate) empty: Vec<Vec<u8>>,
}

impl Sources {
    /// Adds a folder that defines nothing: an error if it is meant to.
    fn add_left_over(&mut self, name: &[u8], path: Vec<u8>) {
        if is_stray(name) {
            return;
        }
        if self.definitions.iter().any(|definition| definition.refers_to(name)) {
            self.findings.push(no_type(path));
            self.broken.insert(name.to_vec());
        } else {
            let text = "ignored: nothing in this folder defines a service, and nothing refers to it";
            let finding = Diagnostic::new(Code::STRAY, Severity::Warning, path, text);
            self.findings.push(finding.advice("remove it, or complete it with a file type"));
        }
    }

    /// Adds an implied bundle; if another source has defined it already, only its contents.
    fn add_bundle(&mut self, definition: SourceDefinition) {
        let other = self.definitions.iter_mut().find(|d| d.name == definition.name);
        match (other.map(|d| &mut d.body), definition.body) {
            (Some(SourceBody::Bundle(contents)), SourceBody::Bundle(more)) => contents.list.extend(more.list),
            (_, body) => self.definitions.push(SourceDefinition { body, ..definition }),
        }
    }
}

/// Whether a folder can only be left over: without a file in it, hidden ones apart, nor the contents of a bundle.
fn defines_nothing(folder: &Folder, name: &[u8]) -> bool {
    if is_stray(name) {
        return !folder.has(b"type");
    }
    let mut visible = folder.entries().filter(|(name, _)| !name.starts_with(b"."));
    visible.all(|(name, kind)| folder.followed(name, kind) == Kind::Directory && name != b"contents.d")
}

/// Reads all source directories, in the order that they are given; the services of each sorted by name.
/// `bundles` names services that are bundles whatever their directories lack, and empty ones if they have none; of
/// several directories for one of them, the contents are united.
///
/// # Errors
/// A directory or file could not be read: code 111.  What is wrong inside them is in the findings.
pub(crate) fn read_sources(sources: &[Vec<u8>], bundles: &[&[u8]]) -> Result<Sources, Fatal> {
    let mut all = Sources::default();
    let mut left_over = Vec::new();
    let mut interpreters = Interpreters::default();
    for source in sources {
        let folder = Folder::open(CWD, source, source.clone())?;
        let mut is_empty = true;
        for (name, entry_kind) in folder.sorted() {
            if name.starts_with(b".") {
                continue;
            }
            let path = folder.path_of(name);
            let kind = folder.followed(name, entry_kind);
            if kind != Kind::Directory {
                if entry_kind == Kind::Link && kind == Kind::Other {
                    let text = "a link that leads nowhere defines no service";
                    all.findings.push(Diagnostic::new(Code::KIND, Severity::Warning, path, text));
                }
                continue;
            }
            is_empty = false;
            if name.contains(&b'\n') {
                let text = "a service name can't contain a newline";
                all.findings.push(Diagnostic::error(Code::NAME, path, text));
            } else if is_reserved(name) {
                let text = "service names can't begin with s6rc- or s6-rc-: these are reserved";
                all.findings.push(Diagnostic::error(Code::NAME, path, text));
            } else {
                let service = Folder::open(folder.fd.as_fd(), name, path)?;
                let implied = bundles.contains(&name);
                if !implied && defines_nothing(&service, name) {
                    left_over.push((name.to_vec(), service.path));
                    continue;
                }
                let (findings, interpreters) = (&mut all.findings, &mut interpreters);
                let mut reader = DefinitionReader { folder: service, findings, interpreters };
                match reader.definition(name, implied)? {
                    Some(definition) if implied => all.add_bundle(definition),
                    Some(definition) => all.definitions.push(definition),
                    None => {
                        all.broken.insert(name.to_vec());
                    }
                }
            }
        }
        if is_empty {
            all.empty.push(source.clone());
        }
    }
    left_over.into_iter().for_each(|(name, path)| all.add_left_over(&name, path));
    for name in bundles {
        if !all.broken.contains(*name) && all.definitions.iter().all(|d| d.name != *name) {
            let path = sources.first().map_or_else(|| name.to_vec(), |source| join(source, name));
            all.definitions.push(SourceDefinition::empty_bundle(name, path));
        }
    }
    Ok(all)
}
