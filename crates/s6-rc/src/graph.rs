//! The names of source definitions: numbers for services, and look-ups with advice for names that nothing defines.

use crate::database::{Entity, Id};
use crate::diagnostic::{Diagnostic, Severity};
use crate::source_definition::{SourceBody, SourceDefinition};
use crate::text::Reference;
use std::collections::{HashMap, HashSet};
use tool::diag::show;
use tool::edit_distance;
use tool::path::join;

/// Source definitions with numbers, and the names that they know each other by.
pub(crate) struct Graph<'a, 'f> {
    definitions: &'a [SourceDefinition],
    /// The names of definitions with errors.
    broken: &'f HashSet<Vec<u8>>,
    pub(crate) findings: &'f mut Vec<Diagnostic>,
    pub(crate) names: HashMap<&'a [u8], Entity>,
    /// The definitions of atomic services by number; the internal services have none.
    pub(crate) atomics: Vec<Option<&'a SourceDefinition>>,
    pub(crate) bundles: Vec<NamedSet<'a>>,
}

/// A bundle of the database that is being made.
#[derive(Debug, Clone)]
pub(crate) struct NamedSet<'a> {
    pub(crate) name: &'a [u8],
    /// Where it is defined: a bundle's own definition, or the last consumer of a pipeline.
    pub(crate) definition: &'a SourceDefinition,
    /// What is in it beside the contents of the bundle's definition.
    pub(crate) members: Vec<Id>,
}

/// Sorts and removes repetitions.
pub(crate) fn as_set(mut list: Vec<Id>) -> Vec<Id> {
    list.sort_unstable();
    list.dedup();
    list
}

/// Whether file systems, their hosts or editors make files and folders of that name, which are no services.
pub(crate) fn is_stray(name: &[u8]) -> bool {
    const STRAY: [&[u8]; 8] = [
        b"lost+found",
        b"@eaDir",
        b"#recycle",
        b"#snapshot",
        b"@Recycle",
        b"@Recently-Snapshot",
        b"Thumbs.db",
        b"desktop.ini",
    ];
    STRAY.contains(&name) || is_edited(name)
}

/// Whether editors call their copies so.
fn is_edited(name: &[u8]) -> bool {
    name.ends_with(b"~") || (name.len() > 1 && name.starts_with(b"#") && name.ends_with(b"#"))
}

impl<'a, 'f> Graph<'a, 'f> {
    /// The graph of these definitions, with numbers for services and bundles.
    pub(crate) fn new(
        definitions: &'a [SourceDefinition],
        broken: &'f HashSet<Vec<u8>>,
        findings: &'f mut Vec<Diagnostic>,
    ) -> Self {
        let mut graph = Self {
            definitions,
            broken,
            findings,
            names: HashMap::with_capacity(definitions.len() + 2),
            atomics: vec![None, None],
            bundles: Vec::new(),
        };
        graph.number();
        graph
    }

    /// Adds an error about a definition; an empty `file` means the whole of it.
    pub(crate) fn error(
        &mut self,
        definition: &SourceDefinition,
        file: &str,
        line: u32,
        text: String,
        advice: Option<String>,
    ) {
        let path = if file.is_empty() { definition.path.clone() } else { definition.path_of(file) };
        self.findings.push(Diagnostic { advice, ..Diagnostic::error(path, text).line(line) });
    }

    /// Gives numbers to services and bundles.
    fn number(&mut self) {
        let mut sorted: Vec<&SourceDefinition> = self.definitions.iter().collect();
        let rank = |d: &SourceDefinition| match d.body {
            SourceBody::Longrun { .. } => 0,
            SourceBody::Oneshot { .. } => 1,
            SourceBody::Bundle(_) => 2,
        };
        sorted.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name)));
        let mut first: HashMap<&[u8], &SourceDefinition> = HashMap::with_capacity(sorted.len());
        for definition in self.definitions {
            if let Some(other) = first.insert(&definition.name, definition) {
                let text = format!("{} is already defined in {}", show(&definition.name), show(&other.path));
                self.error(definition, "", 0, text, None);
            }
        }
        for definition in sorted {
            let target = if matches!(definition.body, SourceBody::Bundle(_)) {
                self.bundles.push(NamedSet { name: &definition.name, definition, members: Vec::new() });
                Entity::Bundle(u32::try_from(self.bundles.len() - 1).unwrap_or(u32::MAX))
            } else {
                self.atomics.push(Some(definition));
                Entity::Atomic(Id::try_from(self.atomics.len() - 1).unwrap_or(Id::MAX))
            };
            self.names.insert(&definition.name, target);
        }
    }

    /// The name that was probably meant.
    fn similar(&self, name: &[u8]) -> Option<&[u8]> {
        let names = self.definitions.iter().map(|d| &d.name).chain(self.broken);
        // A name that differs in more than two of five bytes is not a typing mistake.
        let near = names.filter(|n| n.len().abs_diff(name.len()) * 5 <= name.len() * 2 + 5);
        let nearest = near.map(|n| (edit_distance(name, n), n.as_slice())).min();
        nearest.filter(|(d, _)| d * 5 <= name.len() * 2).map(|(_, n)| n)
    }

    pub(crate) fn look_up(
        &mut self,
        of: &SourceDefinition,
        file: &str,
        reference: &Reference,
    ) -> Option<Entity> {
        if let Some(target) = self.names.get(reference.name.as_slice()) {
            return Some(*target);
        }
        if self.broken.contains(&reference.name) {
            return None;
        }
        if reference.line == 0 && is_stray(&reference.name) {
            let path = join(&of.path_of(file), &reference.name);
            let text = "ignored: a file system or an editor left this here, it names no service";
            // What a host keeps in every folder can't be removed.
            let severity = if is_edited(&reference.name) { Severity::Warning } else { Severity::Note };
            self.findings.push(Diagnostic::new(severity, path, text).advice("remove it"));
            return None;
        }
        let advice = match self.similar(&reference.name) {
            Some(name) => format!("did you mean {}?", show(name)),
            None => "no source directory defines it".to_owned(),
        };
        let text = format!("undefined service name {}", show(&reference.name));
        // In a directory of names, the entry is the place.
        let mut path = of.path_of(file);
        if reference.line == 0 {
            path = join(&path, &reference.name);
        }
        self.findings.push(Diagnostic::error(path, text).line(reference.line).advice(advice));
        None
    }

    /// The numbers of all atomic services.
    pub(crate) fn ids(&self) -> std::ops::Range<Id> {
        0..Id::try_from(self.atomics.len()).unwrap_or(0)
    }
}
