//! Definitions of services that there are several of: each instance becomes a definition of its own.
//!
//! Everything behind the sources sees ordinary services, and a bundle of them.

use super::Sources;
use crate::condition::Facts;
use crate::definition_reader::DefinitionReader;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::directory::Directory;
use crate::folder::Folder;
use crate::instances::{FILE, Mistake, instances, other};
use crate::script::{Interpreters, place_of};
use crate::source_definition::{Data, ServiceFile, SourceBody, SourceDefinition};
use crate::text::Reference;
use files::Kind;
use tool::Fatal;
use tool::script::INTERPRETER;

/// The tool that becomes an instance's program, with the variables that tell it which one it is.
const TOOL: &str = "s6-overlay-instance";

/// The programs of a service directory, and what they are called there if they are an instance's.
const PROGRAMS: [(&str, &str); 2] = [("run", "run.instance"), ("finish", "finish.instance")];

/// A service that there are several of.
#[derive(Debug)]
pub(crate) struct Expanded {
    /// Its name, without `@`.
    name: Vec<u8>,
    /// The names of its instances.
    members: Vec<Vec<u8>>,
}

/// The name of the service that a definition makes several of, if it does.
pub(super) fn several<'n, D: Directory>(name: &'n [u8], definition: &Folder<D>) -> Option<&'n [u8]> {
    let base = name.strip_suffix(b"@").filter(|base| !base.is_empty())?;
    (definition.kind(FILE.as_bytes()) == Some(Kind::File)).then_some(base)
}

impl Sources {
    /// Adds the instances of a service, which are defined in the directory `definition` of `source`, and their bundle.
    pub(super) fn expand<D: Directory>(
        &mut self,
        source: &Folder<D>,
        (base, definition): (&[u8], &Folder<D>),
        facts: Option<&dyn Facts>,
        interpreters: &mut Interpreters,
    ) -> Result<(), Fatal> {
        let stem = [base, b"@"].concat();
        let Some(names) = self.names(source, (base, definition), facts)? else {
            self.broken.insert(stem);
            self.broken.insert(base.to_vec());
            return Ok(());
        };
        let count = names.len().to_string();
        let start = self.findings.len();
        let mut made = Vec::with_capacity(names.len());
        // Without instances, it is read for its mistakes.
        let one = [b"1".to_vec()];
        for instance in if names.is_empty() { &one } else { names.as_slice() } {
            let name = [&stem, instance.as_slice()].concat();
            let mut folder = source.open_in(&stem, definition.path.clone())?;
            folder.instance = Some(instance.clone());
            let mut found = Vec::new();
            let mut reader =
                DefinitionReader { folder, findings: &mut found, interpreters: &mut *interpreters };
            let read = reader.definition(&name, false)?;
            self.add_new(start, found);
            match read {
                Some(SourceDefinition { body: SourceBody::Bundle(_), path, .. }) => {
                    let text = "a bundle has no instances";
                    let finding =
                        Diagnostic::error(Code::INSTANCES, tool::path::join(&path, FILE.as_bytes()), text);
                    self.add_new(
                        start,
                        vec![finding.advice("remove it, or write longrun or oneshot into type")],
                    );
                    self.broken.insert(name);
                }
                Some(mut one) => {
                    one.tell_which(instance, &count);
                    made.push(one);
                }
                None => {
                    self.broken.insert(name);
                }
            }
        }
        if names.is_empty() {
            made.clear();
        }
        self.add_expanded(base, definition.path.clone(), made);
        Ok(())
    }

    /// Adds what was found in the definition of one more instance, without what was found in another one's.
    fn add_new(&mut self, start: usize, found: Vec<Diagnostic>) {
        let before = self.findings.len();
        for finding in found {
            let others = self.findings.get(start..before).unwrap_or_default();
            let is_same = |other: &Diagnostic| {
                (other.code, &other.file, other.line) == (finding.code, &finding.file, finding.line)
            };
            if !others.iter().any(is_same) {
                self.findings.push(finding);
            }
        }
    }

    /// Adds instances and their bundle, which has the conditions if they are the same for all.
    fn add_expanded(&mut self, base: &[u8], path: Vec<u8>, mut made: Vec<SourceDefinition>) {
        let mut bundle = SourceDefinition::empty_bundle(base, path);
        if let Some((first, others)) = made.split_first()
            && others.iter().all(|other| other.conditions == first.conditions)
        {
            bundle.conditions.clone_from(&first.conditions);
            made.iter_mut().for_each(|one| one.conditions.clear());
        }
        let members: Vec<Vec<u8>> = made.iter().map(|one| one.name.clone()).collect();
        if let SourceBody::Bundle(contents) = &mut bundle.body {
            contents.file = FILE;
            contents.list = members.iter().map(|name| Reference { name: name.clone(), line: 0 }).collect();
        }
        self.definitions.append(&mut made);
        self.definitions.push(bundle);
        self.expanded.push(Expanded { name: base.to_vec(), members });
    }

    /// The instances that a definition's file says; `None` if it has a mistake, which is reported.
    fn names<D: Directory>(
        &mut self,
        source: &Folder<D>,
        (base, definition): (&[u8], &Folder<D>),
        facts: Option<&dyn Facts>,
    ) -> Result<Option<Vec<Vec<u8>>>, Fatal> {
        let text = definition.text(FILE.as_bytes())?.unwrap_or_default();
        let Some(other) = other(&text) else {
            let found = instances(base, &text, facts)?;
            return Ok(self.without_mistake(found, definition, &text, facts));
        };
        let stem = [&other, &b"@"[..]].concat();
        let theirs = match source.kind(&stem) {
            Some(Kind::Directory) => source.open_in(&stem, source.path_of(&stem))?.text(FILE.as_bytes())?,
            _ => None,
        };
        let found = match theirs {
            Some(theirs) if crate::instances::other(&theirs).is_none() => instances(&other, &theirs, facts)?,
            theirs => {
                let why =
                    if theirs.is_some() { "has as many as another one" } else { "has no instances here" };
                Err(Mistake::at(&stem, why))
            }
        };
        Ok(self.without_mistake(found, definition, &text, facts))
    }

    /// What a text says, unless that is a mistake.
    fn without_mistake(
        &mut self,
        found: Result<Vec<Vec<u8>>, Mistake>,
        definition: &Folder<impl Directory>,
        text: &[u8],
        facts: Option<&dyn Facts>,
    ) -> Option<Vec<Vec<u8>>> {
        let mistake = match found {
            Ok(names) => return Some(names),
            Err(mistake) => mistake,
        };
        let (line, column) = if mistake.word.is_empty() { (0, 0) } else { place_of(text, &mistake.word) };
        let code = if mistake.is_unset { Code::INSTANCES_UNSET } else { Code::INSTANCES };
        // Where containers' variables aren't known, they may be set.
        let may_be_right = mistake.is_unset && facts.is_none();
        let severity = if may_be_right { Severity::Warning } else { Severity::Error };
        let finding = Diagnostic::new(code, severity, definition.path_of(FILE.as_bytes()), mistake.text);
        self.findings.push(finding.line(line).column(column).advice(mistake.advice));
        may_be_right.then(|| vec![b"1".to_vec()])
    }

    /// Puts instances in the place of their bundle where a consumer names that as its producer.  A consumer of none is a bundle
    /// of nothing, and so is its pipeline.
    pub(super) fn join_consumers(&mut self) {
        let mut pipelines = Vec::new();
        for definition in &mut self.definitions {
            let SourceBody::Longrun { pipe, .. } = &mut definition.body else { continue };
            let Some(producers) = &mut pipe.consumer_for else { continue };
            let is_several = |name: &[u8]| self.expanded.iter().find(|one| one.name == name);
            if !producers.iter().any(|producer| is_several(&producer.name).is_some()) {
                continue;
            }
            for producer in std::mem::take(producers) {
                match is_several(&producer.name) {
                    None => producers.push(producer),
                    Some(Expanded { members, .. }) => {
                        let line = producer.line;
                        producers.extend(members.iter().map(|name| Reference { name: name.clone(), line }));
                    }
                }
            }
            if producers.is_empty() {
                let pipeline = pipe.name.take();
                let empty = SourceDefinition::empty_bundle(&definition.name, definition.path.clone());
                definition.body = empty.body;
                pipelines.extend(
                    pipeline.map(|name| SourceDefinition::empty_bundle(&name.name, definition.path.clone())),
                );
            }
        }
        self.definitions.append(&mut pipelines);
    }
}

impl SourceDefinition {
    /// Puts the variables INSTANCE and INSTANCES before the programs of an instance.
    fn tell_which(&mut self, instance: &[u8], count: &str) {
        let variables = [[b"INSTANCE=", instance].concat(), format!("INSTANCES={count}").into_bytes()];
        match &mut self.body {
            SourceBody::Bundle(_) => {}
            SourceBody::Oneshot { up, down, reload, .. } => {
                for script in [up, down, reload].into_iter().filter(|script| !script.is_empty()) {
                    let words = [b"s6-env".to_vec()].into_iter().chain(variables.iter().cloned());
                    script.splice(0..0, words);
                }
            }
            SourceBody::Longrun { files, .. } => {
                let mut text = format!("#!{INTERPRETER} {TOOL}\n").into_bytes();
                for line in &variables {
                    text.extend_from_slice(line);
                    text.push(b'\n');
                }
                for (name, theirs) in PROGRAMS {
                    if let Some(program) = files.files.iter_mut().find(|file| file.name == name) {
                        program.name = theirs;
                        files.files.push(ServiceFile { name, mode: 0o755, data: Data::Kept(text.clone()) });
                    }
                }
            }
        }
    }
}
