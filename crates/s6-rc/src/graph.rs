//! The names of source definitions: numbers for services, and look-ups with advice for names that nothing defines.

use crate::by_name::by_name;
use crate::database::{Entity, Id};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::source_definition::{SourceBody, SourceDefinition, WANTS};
use crate::text::Reference;
use tool::diag::show;
use tool::path::join;
use tool::similar;
use tool::sorted::{Map, Set};

/// Source definitions with numbers, and the names that they know each other by.
pub(crate) struct Graph<'a, 'f> {
    definitions: &'a [SourceDefinition],
    /// The names of definitions with errors.
    broken: &'f Set<Vec<u8>>,
    pub(crate) findings: &'f mut Vec<Diagnostic>,
    pub(crate) names: Map<&'a [u8], Entity>,
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
        broken: &'f Set<Vec<u8>>,
        findings: &'f mut Vec<Diagnostic>,
    ) -> Self {
        let mut graph = Self {
            definitions,
            broken,
            findings,
            names: Map::new(),
            atomics: vec![None, None],
            bundles: Vec::new(),
        };
        graph.number();
        graph
    }

    /// Adds an error about a definition; an empty `file` means the whole of it.
    pub(crate) fn error(
        &mut self,
        code: Code,
        definition: &SourceDefinition,
        file: &str,
        line: u32,
        text: String,
        advice: Option<String>,
    ) {
        let path = if file.is_empty() { definition.path.clone() } else { definition.path_of(file) };
        self.findings.push(Diagnostic { advice, ..Diagnostic::error(code, path, text).line(line) });
    }

    /// Gives numbers to services and bundles.
    fn number(&mut self) {
        let mut ranks = [const { Vec::new() }; 3];
        let [longruns, oneshots, bundles] = &mut ranks;
        for definition in self.definitions {
            let rank = match definition.body {
                SourceBody::Longrun { .. } => &mut *longruns,
                SourceBody::Oneshot { .. } => &mut *oneshots,
                SourceBody::Bundle(_) => &mut *bundles,
            };
            rank.push(definition);
        }
        for rank in ranks {
            let names: Vec<&[u8]> = rank.iter().map(|d| d.name.as_slice()).collect();
            for definition in by_name(&names).into_iter().filter_map(|at| rank.get(at).copied()) {
                let target = if matches!(definition.body, SourceBody::Bundle(_)) {
                    self.bundles.push(NamedSet { name: &definition.name, definition, members: Vec::new() });
                    Entity::Bundle(u32::try_from(self.bundles.len() - 1).unwrap_or(u32::MAX))
                } else {
                    self.atomics.push(Some(definition));
                    Entity::Atomic(Id::try_from(self.atomics.len() - 1).unwrap_or(Id::MAX))
                };
                self.names.set(&definition.name, target);
            }
        }
        if self.names.len() < self.definitions.len() {
            self.report_duplicates();
        }
    }

    fn report_duplicates(&mut self) {
        let mut known: Map<&[u8], &SourceDefinition> = Map::new();
        for definition in self.definitions {
            if let Some(other) = known.set(&definition.name, definition) {
                let text = format!("{} is already defined in {}", show(&definition.name), show(&other.path));
                self.error(Code::DUPLICATE, definition, "", 0, text, None);
            }
        }
    }

    /// The name that was probably meant.
    fn similar(&self, name: &[u8]) -> Option<&[u8]> {
        similar(name, self.definitions.iter().map(|d| &d.name).chain(self.broken.keys()).map(Vec::as_slice))
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
        self.miss(of, file, reference, Code::UNDEFINED, Severity::Error);
        None
    }

    /// What a service wants, if it is there.
    pub(crate) fn look_for(&mut self, of: &SourceDefinition, reference: &Reference) -> Option<Entity> {
        if let Some(target) = self.names.get(reference.name.as_slice()) {
            return Some(*target);
        }
        // What is meant to come with another image resembles nothing here.
        let meant = self.similar(&reference.name).is_some();
        let severity = if meant { Severity::Warning } else { Severity::Note };
        self.miss(of, WANTS, reference, Code::WANTED, severity);
        None
    }

    /// Reports a name that nothing defines.
    fn miss(
        &mut self,
        of: &SourceDefinition,
        file: &str,
        reference: &Reference,
        code: Code,
        severity: Severity,
    ) {
        if self.broken.contains(&reference.name) {
            return;
        }
        if reference.line == 0 && is_stray(&reference.name) {
            let path = join(&of.path_of(file), &reference.name);
            let text = "ignored: a file system or an editor left this here, it names no service";
            // What a host keeps in every folder can't be removed.
            let severity = if is_edited(&reference.name) { Severity::Warning } else { Severity::Note };
            self.findings.push(Diagnostic::new(Code::STRAY, severity, path, text).advice("remove it"));
            return;
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
        let finding = Diagnostic::new(code, severity, path, text).line(reference.line);
        self.findings.push(finding.advice(advice));
    }

    /// The numbers of all atomic services.
    pub(crate) fn ids(&self) -> std::ops::Range<Id> {
        0..Id::try_from(self.atomics.len()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::is_stray;
    use crate::database::{ESSENTIAL, RECOMMENDED, Service};
    use crate::resolve::resolve;
    use crate::source_definition::{AtomicSource, ServiceList, SourceBody, SourceDefinition};
    use crate::text::Reference;
    use tool::sorted::Set;

    fn references(names: &[&str], line: u32) -> Vec<Reference> {
        names.iter().map(|name| Reference { name: name.as_bytes().to_vec(), line }).collect()
    }

    fn bundle(name: &str, contents: &[&str], line: u32) -> SourceDefinition {
        let body = SourceBody::Bundle(ServiceList { file: "contents.d", list: references(contents, line) });
        SourceDefinition { body, ..SourceDefinition::empty_bundle(name.as_bytes(), name.into()) }
    }

    fn oneshot(name: &str) -> SourceDefinition {
        let (common, nothing) = (AtomicSource::default(), Vec::new);
        let body = SourceBody::Oneshot { common, up: nothing(), down: nothing(), reload: nothing() };
        SourceDefinition { body, ..SourceDefinition::empty_bundle(name.as_bytes(), name.into()) }
    }

    /// What is found in definitions: each finding as its text and advice.
    fn findings(definitions: &[SourceDefinition], broken: &[&str]) -> Vec<String> {
        let broken: Set<_> = broken.iter().map(|name| (name.as_bytes().to_vec(), ())).collect();
        let mut found = Vec::new();
        let _ = resolve(definitions, &broken, &mut found);
        found.iter().map(|f| format!("{}: {}", f.text, f.advice.as_deref().unwrap_or_default())).collect()
    }

    #[test]
    fn strays_are_what_file_systems_and_editors_leave() {
        for name in ["lost+found", "@eaDir", "Thumbs.db", "desktop.ini", "web~", "~", "#web#", "##"] {
            assert!(is_stray(name.as_bytes()), "{name}");
        }
        for name in ["web", "#web", "web#", "#", "lost", "~web", "Thumbs"] {
            assert!(!is_stray(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn a_name_that_differs_in_two_of_five_bytes_is_a_typing_mistake() {
        for (name, meant) in [
            ("databse", Some("database")),
            ("dataabase", Some("database")),
            // Three of eight bytes differ, then four.
            ("databXYZ", Some("database")),
            ("dataWXYZ", None),
            ("wep", Some("web")),
            ("wxy", None),
            ("webserver", None),
        ] {
            let found = findings(&[oneshot("database"), oneshot("web"), bundle("all", &[name], 3)], &[]);
            let advice = match meant {
                Some(meant) => format!("did you mean {meant}?"),
                None => "no source directory defines it".to_owned(),
            };
            let text = format!("undefined service name {name}: {advice}");
            assert!(found.contains(&text), "{text}: {found:?}");
        }
        // What has errors of its own is no other one, and may be what was meant.
        assert!(
            !findings(&[bundle("all", &["broken"], 1)], &["broken"]).iter().any(|f| f.contains("undefined"))
        );
        let found = findings(&[bundle("all", &["brokem"], 1)], &["broken"]);
        assert!(found.iter().any(|f| f.ends_with("did you mean broken?")), "{found:?}");
    }

    #[test]
    fn a_stray_entry_of_a_folder_is_ignored_and_a_stray_line_isnt() {
        let one = |name, line| findings(&[bundle("all", &[name], line)], &[]).join("");
        assert!(one("web~", 0).contains("an editor left this here"));
        assert!(one("web~", 2).contains("undefined service name web~"));
        assert!(one("web", 0).contains("undefined service name web"));
    }

    #[test]
    fn flags_of_bundles_reach_what_is_in_them() {
        let marked = |name, contents: &[&str], essential, recommended| SourceDefinition {
            essential,
            recommended,
            ..bundle(name, contents, 1)
        };
        let definitions = [
            oneshot("plain"),
            SourceDefinition { recommended: true, ..oneshot("own") },
            oneshot("both"),
            marked("first", &["own", "both"], true, false),
            marked("second", &["both"], false, true),
        ];
        let mut found = Vec::new();
        let (database, _) = resolve(&definitions, &Set::new(), &mut found).unwrap();
        let flags = |name: &str| {
            let is = |service: &&Service| service.name == name.as_bytes();
            database.services().iter().find(is).unwrap().flags
        };
        assert_eq!(
            ["plain", "own", "both"].map(flags),
            [0, ESSENTIAL | RECOMMENDED, ESSENTIAL | RECOMMENDED]
        );
        assert_eq!(["s6rc-fdholder", "s6rc-oneshot-runner"].map(flags), [ESSENTIAL; 2]);
    }
}
