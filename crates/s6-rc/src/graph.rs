//! From definitions to a [`Database`]: names are looked up, bundles flattened, pipelines joined, cycles found.

use crate::database::{
    Body as ServiceBody, Bundle, Database, ESSENTIAL, FDHOLDER, Id, ONESHOT_RUNNER, RECOMMENDED, Service,
};
use crate::definition::{Body, Common, Definition, Names};
use crate::diagnostic::{Diagnostic, Severity};
use crate::order::walk;
use crate::source::file_of;
use crate::text::Reference;
use std::collections::{HashMap, HashSet};
use tool::diag::show;
use tool::path::join;

const FDHOLDER_ID: Id = 0;
const RUNNER_ID: Id = 1;

/// What a name in a definition stands for while the graph is made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    Atomic(Id),
    Bundle(u32),
}

pub(crate) struct Graph<'a, 'f> {
    definitions: &'a [Definition],
    broken: &'f HashSet<Vec<u8>>,
    pub(crate) findings: &'f mut Vec<Diagnostic>,
    pub(crate) names: HashMap<&'a [u8], Target>,
    /// The definitions of atomic services by number; the internal services have none.
    pub(crate) atomics: Vec<Option<&'a Definition>>,
    pub(crate) bundles: Vec<NamedSet<'a>>,
}

/// A bundle to be.
#[derive(Debug, Clone)]
pub(crate) struct NamedSet<'a> {
    pub(crate) name: &'a [u8],
    /// Where it is defined: a bundle's own definition, or the last consumer of a pipeline.
    pub(crate) definition: &'a Definition,
    /// What is in it beside the contents of the bundle's definition.
    pub(crate) members: Vec<Id>,
}

/// The database of the definitions, if there is no error in the findings; the second value tells for each service
/// which definition it comes from.
pub(crate) fn resolve<'a>(
    definitions: &'a [Definition],
    broken: &HashSet<Vec<u8>>,
    findings: &mut Vec<Diagnostic>,
) -> Option<(Database, Vec<Option<&'a Definition>>)> {
    let mut graph = Graph {
        definitions,
        broken,
        findings,
        names: HashMap::with_capacity(definitions.len() + 2),
        atomics: vec![None, None],
        bundles: Vec::new(),
    };
    graph.number();
    let pipelines = graph.pipelines();
    let mut contents = graph.flatten();
    let mut services = graph.services(&contents);
    pipelines.join(&mut services, FDHOLDER_ID);
    graph.add_dependencies(&mut services, &contents);
    graph.report_cycles(&services);
    let mut bundles: Vec<Bundle> = graph
        .bundles
        .iter()
        .zip(contents.drain(..))
        .map(|(b, contents)| Bundle { name: b.name.to_vec(), contents })
        .collect();
    bundles.sort_by(|a, b| a.name.cmp(&b.name));
    graph.note_unreached(&services, &bundles);
    if graph.findings.iter().any(|f| f.severity == Severity::Error) {
        return None;
    }
    let atomics = std::mem::take(&mut graph.atomics);
    match Database::new(services, bundles) {
        Ok(database) => Some((database, atomics)),
        Err(why) => {
            findings.push(Diagnostic::error(Vec::new(), format!("the services are inconsistent: {why:?}")));
            None
        }
    }
}

/// Sorts and removes repetitions.
pub(crate) fn as_set(mut list: Vec<Id>) -> Vec<Id> {
    list.sort_unstable();
    list.dedup();
    list
}

impl<'a> Graph<'a, '_> {
    /// Adds an error about a definition; an empty `file` means the whole of it.
    pub(crate) fn error(
        &mut self,
        definition: &Definition,
        file: &str,
        line: u32,
        text: String,
        advice: Option<String>,
    ) {
        let path = if file.is_empty() { definition.path.clone() } else { file_of(definition, file) };
        self.findings.push(Diagnostic { advice, ..Diagnostic::error(path, text).line(line) });
    }

    /// Gives numbers to services and bundles.
    fn number(&mut self) {
        let mut sorted: Vec<&Definition> = self.definitions.iter().collect();
        let rank = |d: &Definition| match d.body {
            Body::Longrun { .. } => 0,
            Body::Oneshot { .. } => 1,
            Body::Bundle(_) => 2,
        };
        sorted.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name)));
        let mut first: HashMap<&[u8], &Definition> = HashMap::with_capacity(sorted.len());
        for definition in self.definitions {
            if let Some(other) = first.insert(&definition.name, definition) {
                let text = format!("{} is already defined in {}", show(&definition.name), show(&other.path));
                self.error(definition, "", 0, text, None);
            }
        }
        for definition in sorted {
            let target = if matches!(definition.body, Body::Bundle(_)) {
                self.bundles.push(NamedSet { name: &definition.name, definition, members: Vec::new() });
                Target::Bundle(u32::try_from(self.bundles.len() - 1).unwrap_or(u32::MAX))
            } else {
                self.atomics.push(Some(definition));
                Target::Atomic(Id::try_from(self.atomics.len() - 1).unwrap_or(Id::MAX))
            };
            self.names.insert(&definition.name, target);
        }
    }

    /// The name that was meant, perhaps.
    fn similar(&self, name: &[u8]) -> Option<&[u8]> {
        let names = self.definitions.iter().map(|d| &d.name).chain(self.broken);
        // More than two of five bytes that differ are no slip of the pen.
        let near = names.filter(|n| n.len().abs_diff(name.len()) * 5 <= name.len() * 2 + 5);
        let nearest = near.map(|n| (distance(name, n), n.as_slice())).min();
        nearest.filter(|(d, _)| d * 5 <= name.len() * 2).map(|(_, n)| n)
    }

    pub(crate) fn look_up(&mut self, of: &Definition, file: &str, reference: &Reference) -> Option<Target> {
        if let Some(target) = self.names.get(reference.name.as_slice()) {
            return Some(*target);
        }
        if self.broken.contains(&reference.name) {
            return None;
        }
        let advice = match self.similar(&reference.name) {
            Some(name) => format!("did you mean {}?", show(name)),
            None => "no source directory defines it".to_owned(),
        };
        let text = format!("undefined service name {}", show(&reference.name));
        // In a directory of names, the entry is the place.
        let mut path = file_of(of, file);
        if reference.line == 0 {
            path = join(&path, &reference.name);
        }
        self.findings.push(Diagnostic::error(path, text).line(reference.line).advice(advice));
        None
    }

    /// The atomic services of each bundle.
    fn flatten(&mut self) -> Vec<Vec<Id>> {
        let mut direct = Vec::with_capacity(self.bundles.len());
        let mut nested = Vec::with_capacity(self.bundles.len());
        for NamedSet { definition, members, .. } in self.bundles.clone() {
            let (mut atomics, mut bundles) = (members, Vec::new());
            if let Body::Bundle(Names { file, list }) = &definition.body {
                for reference in list {
                    match self.look_up(definition, file, reference) {
                        Some(Target::Atomic(id)) => atomics.push(id),
                        Some(Target::Bundle(at)) => bundles.push(at),
                        None => {}
                    }
                }
            }
            direct.push(atomics);
            nested.push(bundles);
        }
        let count = u32::try_from(nested.len()).unwrap_or(u32::MAX);
        let found = walk(count, |at| nested.get(at as usize).map_or(&[], Vec::as_slice));
        for cycle in found.cycles {
            let names: Vec<_> =
                cycle.iter().filter_map(|at| self.bundles.get(*at as usize)).map(|b| b.name).collect();
            let text = format!("bundles contain each other: {}", path_text(&names));
            if let Some(definition) =
                cycle.first().and_then(|at| self.bundles.get(*at as usize)).map(|b| b.definition)
            {
                let advice = "take one of them out of the next one's contents";
                self.error(definition, "", 0, text, Some(advice.into()));
            }
        }
        for at in found.order {
            let mut all = direct.get_mut(at as usize).map(std::mem::take).unwrap_or_default();
            for inner in nested.get(at as usize).into_iter().flatten() {
                all.extend(direct.get(*inner as usize).into_iter().flatten());
            }
            if let Some(slot) = direct.get_mut(at as usize) {
                *slot = as_set(all);
            }
        }
        direct
    }

    /// The services without their dependencies and pipelines; flags of bundles reach their contents.
    fn services(&self, contents: &[Vec<Id>]) -> Vec<Service> {
        let internal = |name: &[u8]| Service { name: name.to_vec(), flags: ESSENTIAL, ..Service::default() };
        let flags =
            |d: &Definition| u32::from(d.essential) * ESSENTIAL + u32::from(d.recommended) * RECOMMENDED;
        let mut services = vec![internal(FDHOLDER), internal(ONESHOT_RUNNER)];
        for definition in self.atomics.iter().flatten() {
            let mut service =
                Service { name: definition.name.clone(), flags: flags(definition), ..Service::default() };
            let common = match &definition.body {
                Body::Longrun { common, .. } => common,
                Body::Oneshot { common, up, down, reload } => {
                    service.body =
                        ServiceBody::Oneshot { up: up.clone(), down: down.clone(), reload: reload.clone() };
                    common
                }
                Body::Bundle(_) => continue,
            };
            (service.timeout_up, service.timeout_down) = (common.timeout_up, common.timeout_down);
            services.push(service);
        }
        for (bundle, contents) in self.bundles.iter().zip(contents) {
            // The flags of a pipeline's last consumer are its own.
            if !matches!(bundle.definition.body, Body::Bundle(_)) {
                continue;
            }
            for id in contents {
                if let Some(service) = services.get_mut(*id as usize) {
                    service.flags |= flags(bundle.definition);
                }
            }
        }
        services
    }

    fn common(&self, id: Id) -> Option<(&'a Definition, &'a Common)> {
        let definition = self.atomics.get(id as usize).copied().flatten()?;
        match &definition.body {
            Body::Longrun { common, .. } | Body::Oneshot { common, .. } => Some((definition, common)),
            Body::Bundle(_) => None,
        }
    }

    pub(crate) fn ids(&self) -> std::ops::Range<Id> {
        0..Id::try_from(self.atomics.len()).unwrap_or(0)
    }

    fn add_dependencies(&mut self, services: &mut [Service], contents: &[Vec<Id>]) {
        for id in self.ids() {
            let Some((definition, common)) = self.common(id) else { continue };
            let mut list = Vec::new();
            for reference in &common.dependencies.list {
                match self.look_up(definition, common.dependencies.file, reference) {
                    Some(Target::Atomic(on)) => list.push(on),
                    Some(Target::Bundle(at)) => list.extend(contents.get(at as usize).into_iter().flatten()),
                    None => {}
                }
            }
            if matches!(definition.body, Body::Oneshot { .. }) {
                list.push(RUNNER_ID);
            }
            if let Some(service) = services.get_mut(id as usize) {
                list.append(&mut service.dependencies);
                service.dependencies = as_set(list);
            }
        }
    }

    fn report_cycles(&mut self, services: &[Service]) {
        let count = Id::try_from(services.len()).unwrap_or(Id::MAX);
        let found = walk(count, |id| services.get(id as usize).map_or(&[], |s| s.dependencies.as_slice()));
        for cycle in found.cycles {
            let names: Vec<_> =
                cycle.iter().filter_map(|id| services.get(*id as usize)).map(|s| s.name.as_slice()).collect();
            let text = format!("services need each other: {}", path_text(&names));
            let advice = "each waits for the next one, so none could start: take one dependency out";
            let atomic = cycle.iter().find_map(|id| self.atomics.get(*id as usize).copied().flatten());
            if let Some(definition) = atomic {
                self.error(definition, "", 0, text, Some(advice.into()));
            }
        }
    }

    /// Says which services nothing starts but their own name.
    fn note_unreached(&mut self, services: &[Service], bundles: &[Bundle]) {
        let mut reached = vec![false; services.len()];
        let used =
            bundles.iter().flat_map(|b| &b.contents).chain(services.iter().flat_map(|s| &s.dependencies));
        for id in used {
            if let Some(slot) = reached.get_mut(*id as usize) {
                *slot = true;
            }
        }
        for (definition, reached) in self.atomics.iter().zip(reached) {
            if let Some(definition) = definition.filter(|_| !reached) {
                let text = "in no bundle, and nothing depends on it: it starts only by its own name";
                self.findings.push(Diagnostic::new(Severity::Note, definition.path.clone(), text));
            }
        }
    }
}

/// How many bytes must be added, removed or changed to make `b` of `a`, letters' cases and separators aside.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let plain = |n: &[u8]| -> Vec<u8> {
        n.iter().filter(|b| !b"-_.".contains(b)).map(u8::to_ascii_lowercase).collect()
    };
    let (a, b) = (plain(a), plain(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in (1..).zip(&a) {
        let mut next = vec![i];
        for ((y, above), corner) in b.iter().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or(i);
            next.push((corner + usize::from(x != y)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// `a -> b -> a`.
fn path_text(names: &[&[u8]]) -> String {
    let shown: Vec<_> = names.iter().chain(names.first()).map(|n| show(n)).collect();
    shown.join(" -> ")
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn names_are_near_if_little_separates_them() {
        for (a, b, d) in
            [("", "", 0), ("a", "", 1), ("nginx", "ngnix", 2), ("My_App", "my-app", 0), ("ab", "b", 1)]
        {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), d, "{a} {b}");
        }
    }
}
