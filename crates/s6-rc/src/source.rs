//! Reading source directories.
//!
//! Circle: `expand` is the part of [`Sources`] about services that there are several of.

mod expand;

use crate::condition::Facts;
use crate::definition_reader::{DefinitionReader, no_type};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::directory::Directory;
use crate::folder::Folder;
use crate::graph::is_stray;
use crate::script::Interpreters;
use crate::source_definition::{SourceBody, SourceDefinition, is_reserved};
use expand::{Expanded, several};
use files::Kind;
use rustix::io::Errno;
use tool::path::join;
use tool::sorted::Set;
use tool::{Fatal, OrUnable};

/// What the sources say.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) definitions: Vec<SourceDefinition>,
    /// The names of definitions with errors: a reference to one of them is not another error.
    pub(crate) broken: Set<Vec<u8>>,
    pub(crate) findings: Vec<Diagnostic>,
    /// The source directories without a definition.
    pub(crate) empty: Vec<Vec<u8>>,
    /// The services that there are several of.
    pub(crate) expanded: Vec<Expanded>,
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

    /// Adds the implied bundles that no source defines.
    fn add_missing(&mut self, bundles: &[&[u8]], sources: &[Vec<u8>]) {
        for name in bundles {
            if !self.broken.contains(*name) && self.definitions.iter().all(|d| d.name != *name) {
                let path = sources.first().map_or_else(|| name.to_vec(), |source| join(source, name));
                self.definitions.push(SourceDefinition::empty_bundle(name, path));
            }
        }
    }

    /// Adds an implied bundle; if another source has defined it already, only its contents.
    fn add_bundle(&mut self, definition: SourceDefinition) {
        let other = self.definitions.iter_mut().find(|d| d.name == definition.name);
        match (other, definition.body) {
            (
                Some(SourceDefinition { body: SourceBody::Bundle(contents), conditions, .. }),
                SourceBody::Bundle(more),
            ) => {
                contents.list.extend(more.list);
                conditions.extend(definition.conditions);
            }
            (_, body) => self.definitions.push(SourceDefinition { body, ..definition }),
        }
    }
}

/// Whether a folder can only be left over: without a file in it, hidden ones apart, nor the contents of a bundle.
fn defines_nothing<D: Directory>(folder: &Folder<D>, name: &[u8]) -> bool {
    if is_stray(name) {
        return !folder.has(b"type");
    }
    let mut visible = folder.entries().filter(|(name, _)| !name.starts_with(b"."));
    visible.all(|(name, kind)| folder.followed(name, kind) == Kind::Directory && name != b"contents.d")
}

/// Why no service can have this name.
fn wrong_name(name: &[u8]) -> Option<&'static str> {
    if name.contains(&b'\n') {
        return Some("a service name can't contain a newline");
    }
    is_reserved(name).then_some("service names can't begin with s6rc- or s6-rc-: these are reserved")
}

/// Reads all source directories, in the order that they are given; the services of each sorted by name.
/// `bundles` names services that are bundles whatever their directories lack, and empty ones if they have none; of
/// several directories for one of them, the contents are united.  `facts` say how many instances there are.  `open` opens a source
/// directory by its path.
///
/// # Errors
/// A directory or file could not be read: code 111.  What is wrong inside them is in the findings.
pub(crate) fn read_sources<D: Directory>(
    sources: &[Vec<u8>],
    bundles: &[&[u8]],
    facts: Option<&dyn Facts>,
    open: impl Fn(&[u8]) -> Result<D, Errno>,
) -> Result<Sources, Fatal> {
    let mut all = Sources::default();
    let mut left_over = Vec::new();
    let mut interpreters = Interpreters::default();
    for source in sources {
        let folder = Folder::of(open(source).or_unable_to("open", source)?, source.clone())?;
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
            if let Some(text) = wrong_name(name) {
                all.findings.push(Diagnostic::error(Code::NAME, path, text));
            } else {
                let service = folder.open_in(name, path)?;
                if let Some(base) = several(name, &service) {
                    all.expand(&folder, (base, &service), facts, &mut interpreters)?;
                    continue;
                }
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
    all.join_consumers();
    left_over.into_iter().for_each(|(name, path)| all.add_left_over(&name, path));
    all.add_missing(bundles, sources);
    Ok(all)
}
