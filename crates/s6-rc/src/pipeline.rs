//! Pipelines of longruns: each producer names its consumer, each consumer its producers, and they must agree.

use crate::database::{Body, Entity, Id, Service};
use crate::diagnostic::Code;
use crate::graph::{Graph, NamedSet, as_set};
use crate::source_definition::{Pipe, SourceBody, SourceDefinition, is_reserved};
use crate::text::Reference;
use tool::diag::show;

/// The consumer and the producers of each service, by number.
pub(crate) struct Pipelines {
    consumers: Vec<Option<Id>>,
    producers: Vec<Vec<Id>>,
}

impl Pipelines {
    /// Looks up the producers of all consumers, and makes the bundles that pipelines are named by.
    pub(crate) fn find(graph: &mut Graph<'_, '_>) -> Self {
        let mut consumers: Vec<Option<Id>> = vec![None; graph.atomics.len()];
        let mut producers: Vec<Vec<Id>> = vec![Vec::new(); graph.atomics.len()];
        for id in graph.ids() {
            let Some((definition, pipe)) = graph.pipe(id) else { continue };
            if let Some(reference) = &pipe.producer_for {
                let consumer = graph.look_up_longrun(definition, "producer-for", reference);
                if let Some(slot) = consumers.get_mut(id as usize) {
                    *slot = consumer;
                }
            }
            for reference in pipe.consumer_for.iter().flatten() {
                let Some(producer) = graph.look_up_longrun(definition, "consumer-for", reference) else {
                    continue;
                };
                let agrees = graph.pipe(producer).and_then(|(_, p)| p.producer_for.as_ref());
                if agrees.is_some_and(|r| r.name == definition.name) {
                    if let Some(list) = producers.get_mut(id as usize) {
                        list.push(producer);
                    }
                } else {
                    let advice = format!("write {} into its producer-for", show(&definition.name));
                    graph.disagree(definition, "consumer-for", reference, "producer", advice);
                }
            }
        }
        for id in graph.ids() {
            let Some((definition, pipe)) = graph.pipe(id) else { continue };
            if let (Some(reference), Some(Some(consumer))) = (&pipe.producer_for, consumers.get(id as usize))
            {
                let listed = producers.get(*consumer as usize).is_some_and(|p| p.contains(&id));
                let named = graph
                    .pipe(*consumer)
                    .is_some_and(|(_, p)| p.consumer_for.iter().flatten().any(|r| r.name == definition.name));
                if !listed && !named {
                    let advice = format!("add a line {} to its consumer-for", show(&definition.name));
                    graph.disagree(definition, "producer-for", reference, "consumer", advice);
                }
            }
        }
        graph.name_pipelines(&producers);
        Self { consumers, producers }
    }

    /// Adds the pipelines to the services: a producer depends on its consumer, and every member of a pipeline
    /// on `holder`, the service that stands for the pipes.
    pub(crate) fn join(self, services: &mut [Service], holder: Id) {
        for ((service, consumer), list) in services.iter_mut().zip(self.consumers).zip(self.producers) {
            if consumer.is_some() || !list.is_empty() {
                service.dependencies.push(holder);
                service.dependencies.extend(consumer);
                service.body = Body::Longrun { consumer, producers: as_set(list) };
            }
        }
    }
}

impl<'a> Graph<'a, '_> {
    /// Adds the error that a service doesn't say that it has a part in the pipeline, which `file` says of it.
    fn disagree(
        &mut self,
        of: &SourceDefinition,
        file: &str,
        reference: &Reference,
        part: &str,
        advice: String,
    ) {
        let (name, other) = (show(&reference.name), show(&of.name));
        let text = format!("{name} does not say that it is a {part} for {other}");
        self.error(Code::PIPELINE, of, file, reference.line, text, Some(advice));
    }

    fn pipe(&self, id: Id) -> Option<(&'a SourceDefinition, &'a Pipe)> {
        let definition = self.atomics.get(id as usize).copied().flatten()?;
        match &definition.body {
            SourceBody::Longrun { pipe, .. } => Some((definition, pipe)),
            _ => None,
        }
    }

    /// The longrun that a pipeline file names.
    fn look_up_longrun(&mut self, of: &SourceDefinition, file: &str, reference: &Reference) -> Option<Id> {
        let target = self.look_up(of, file, reference)?;
        if let Entity::Atomic(id) = target
            && self.pipe(id).is_some()
        {
            return Some(id);
        }
        let text = format!("{} is not a longrun: only longruns make pipelines", show(&reference.name));
        self.error(Code::PIPELINE, of, file, reference.line, text, None);
        None
    }

    /// Makes the bundles that pipelines are named by.
    fn name_pipelines(&mut self, producers: &[Vec<Id>]) {
        for id in self.ids() {
            let Some((definition, Pipe { name: Some(reference), .. })) = self.pipe(id) else { continue };
            let name = &reference.name;
            if self.names.contains(name.as_slice()) || is_reserved(name) || name.contains(&b'/') {
                let text =
                    format!("{} can't name this pipeline: the name is taken or not allowed", show(name));
                self.error(Code::PIPELINE, definition, "pipeline-name", reference.line, text, None);
                continue;
            }
            let mut members = vec![id];
            let mut at = 0;
            while let Some(member) = members.get(at).copied() {
                for producer in producers.get(member as usize).into_iter().flatten() {
                    if !members.contains(producer) {
                        members.push(*producer);
                    }
                }
                at += 1;
            }
            let at = u32::try_from(self.bundles.len()).unwrap_or(u32::MAX);
            self.bundles.push(NamedSet { name, definition, members: as_set(members) });
            self.names.set(name, Entity::Bundle(at));
        }
    }
}
