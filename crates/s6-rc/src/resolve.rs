//! From source definitions to a [`Database`]: bundles are flattened, pipelines joined, cycles found.

use crate::database::{
    Body, Bundle, Database, ESSENTIAL, Entity, FDHOLDER, Id, ONESHOT_RUNNER, RECOMMENDED, Service, cycles,
};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::graph::{Graph, NamedSet, as_set};
use crate::order::walk;
use crate::pipeline::Pipelines;
use crate::restart_policy::second_main;
use crate::source_definition::{AtomicSource, ServiceList, SourceBody, SourceDefinition, WANTS};
use tool::diag::shown;
use tool::path::join;
use tool::sorted::Set;
use wire::restart_policy::Consequence;

/// The internal services have the first numbers.
const FDHOLDER_ID: Id = 0;
const RUNNER_ID: Id = 1;

/// The database of the definitions, if there is no error in the findings; the second value tells for each service
/// which definition it comes from.
pub(crate) fn resolve<'a>(
    definitions: &'a [SourceDefinition],
    broken: &Set<Vec<u8>>,
    findings: &mut Vec<Diagnostic>,
) -> Option<(Database, Vec<Option<&'a SourceDefinition>>)> {
    let mut graph = Graph::new(definitions, broken, findings);
    let pipelines = Pipelines::find(&mut graph);
    let mut contents = graph.flatten();
    let mut services = graph.services(&contents);
    graph.check_policies(&services);
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
            let text = format!("the services are inconsistent: {why}");
            findings.push(Diagnostic::error(Code::CYCLE, Vec::new(), text));
            None
        }
    }
}

impl<'a> Graph<'a, '_> {
    /// The atomic services of each bundle.
    fn flatten(&mut self) -> Vec<Vec<Id>> {
        let mut direct = Vec::with_capacity(self.bundles.len());
        let mut nested = Vec::with_capacity(self.bundles.len());
        for NamedSet { definition, members, .. } in self.bundles.clone() {
            let (mut atomics, mut bundles) = (members, Vec::new());
            if let SourceBody::Bundle(ServiceList { file, list }) = &definition.body {
                for reference in list {
                    match self.look_up(definition, file, reference) {
                        Some(Entity::Atomic(id)) => atomics.push(id),
                        Some(Entity::Bundle(at)) => bundles.push(at),
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
                let advice = "remove one of them from the contents of another";
                self.error(Code::BUNDLE, definition, "", 0, text, Some(advice.into()));
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
        let flags = |d: &SourceDefinition| {
            u32::from(d.essential) * ESSENTIAL + u32::from(d.recommended) * RECOMMENDED
        };
        let mut services = vec![internal(FDHOLDER), internal(ONESHOT_RUNNER)];
        for definition in self.atomics.iter().flatten() {
            let mut service =
                Service { name: definition.name.clone(), flags: flags(definition), ..Service::default() };
            let common = match &definition.body {
                SourceBody::Longrun { common, .. } => common,
                SourceBody::Oneshot { common, up, down, reload } => {
                    service.body =
                        Body::Oneshot { up: up.clone(), down: down.clone(), reload: reload.clone() };
                    common
                }
                SourceBody::Bundle(_) => continue,
            };
            (service.timeout_up, service.timeout_down) = (common.timeout_up, common.timeout_down);
            services.push(service);
        }
        for (bundle, contents) in self.bundles.iter().zip(contents) {
            // The flags of a pipeline's last consumer are its own.
            if !matches!(bundle.definition.body, SourceBody::Bundle(_)) {
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

    /// Reports what services say about their ends that others, or flags of bundles, contradict.
    fn check_policies(&mut self, services: &[Service]) {
        let mut main: Option<&SourceDefinition> = None;
        for (definition, service) in self.atomics.clone().into_iter().zip(services) {
            let Some(definition) = definition else { continue };
            let SourceBody::Longrun { restart: Some(policy), .. } = &definition.body else { continue };
            if let Some(other) = main.filter(|_| policy.main) {
                self.findings.push(second_main(join(&definition.path, b"main"), &other.name));
            }
            main = main.or(Some(definition).filter(|_| policy.main));
            if service.flags & ESSENTIAL != 0 && policy.stops_dependents() {
                let text = "stop-dependents can't bring down an essential service".to_owned();
                let advice = "write stop, which stops the container, or remove flag-essential";
                let failure = policy.record.on_failure == Consequence::StopDependents;
                let file = if failure { "on-failure" } else { "on-success" };
                self.error(Code::RESTART, definition, file, 0, text, Some(advice.into()));
            }
        }
    }

    fn common(&self, id: Id) -> Option<(&'a SourceDefinition, &'a AtomicSource)> {
        let definition = self.atomics.get(id as usize).copied().flatten()?;
        match &definition.body {
            SourceBody::Longrun { common, .. } | SourceBody::Oneshot { common, .. } => {
                Some((definition, common))
            }
            SourceBody::Bundle(_) => None,
        }
    }

    fn add_dependencies(&mut self, services: &mut [Service], contents: &[Vec<Id>]) {
        for id in self.ids() {
            let Some((definition, common)) = self.common(id) else { continue };
            let mut list = Vec::new();
            for reference in &common.dependencies.list {
                match self.look_up(definition, common.dependencies.file, reference) {
                    Some(Entity::Atomic(on)) => list.push(on),
                    Some(Entity::Bundle(at)) => list.extend(contents.get(at as usize).into_iter().flatten()),
                    None => {}
                }
            }
            if matches!(definition.body, SourceBody::Oneshot { .. }) {
                list.push(RUNNER_ID);
            }
            let mut wants = Vec::new();
            for reference in &common.wants {
                match self.look_for(definition, reference) {
                    Some(Entity::Atomic(other)) => wants.push(other),
                    Some(Entity::Bundle(at)) => wants.extend(contents.get(at as usize).into_iter().flatten()),
                    None => {}
                }
            }
            if let Some(service) = services.get_mut(id as usize) {
                list.append(&mut service.dependencies);
                service.dependencies = as_set(list);
                wants.retain(|other| *other != id && !service.dependencies.contains(other));
                service.wants = as_set(wants);
            }
        }
    }

    fn report_cycles(&mut self, services: &[Service]) {
        for cycle in cycles(services) {
            let members: Vec<_> =
                cycle.iter().filter_map(|id| Some((*id, services.get(*id as usize)?))).collect();
            let names: Vec<_> = members.iter().map(|(_, service)| service.name.as_slice()).collect();
            let next = members.iter().cycle().skip(1);
            let mut places = String::new();
            let mut is_weak = false;
            for ((id, service), (next, _)) in members.iter().zip(next) {
                let wants = service.wants.contains(next);
                is_weak |= wants;
                let Some((definition, common)) = self.common(*id) else { continue };
                let file = if wants { WANTS } else { common.dependencies.file };
                places.push_str(if places.is_empty() { "" } else { ", " });
                places.push_str(&shown(&definition.path_of(file)));
            }
            let (how, advice) = if is_weak {
                ("wait for", format!("so none could start first: remove an entry of one of {places}"))
            } else {
                let advice = "each waits for the next one, so none could start: remove one dependency";
                ("need", advice.to_owned())
            };
            let text = format!("services {how} each other: {}", path_text(&names));
            let atomic = cycle.iter().find_map(|id| self.atomics.get(*id as usize).copied().flatten());
            if let Some(definition) = atomic {
                self.error(Code::CYCLE, definition, "", 0, text, Some(advice));
            }
        }
    }

    /// Reports the services that only their own name starts.
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
                self.findings.push(Diagnostic::new(
                    Code::UNREACHED,
                    Severity::Note,
                    definition.path.clone(),
                    text,
                ));
            }
        }
    }
}

/// `a -> b -> a`.
fn path_text(names: &[&[u8]]) -> String {
    let shown: Vec<_> = names.iter().chain(names.first()).map(|n| shown(n)).collect();
    shown.join(" -> ")
}
