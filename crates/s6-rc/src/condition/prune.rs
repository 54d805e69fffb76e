//! The definitions that a container is without: those whose conditions don't hold, those that S6_DISABLE names, and what needs
//! one of them.
//!
//! A bundle that isn't there takes its members with it.  A bundle whose member isn't there goes on without that, and so does a
//! consumer as long as it has a producer; what a service only wants may be missing.  What every container has stays, whatever
//! it needs.

use super::{Examined, Facts, Switches, examine};
use crate::diagnostic::Severity;
use crate::source::Sources;
use crate::source_definition::{AtomicSource, Pipe, SourceBody, SourceDefinition};
use crate::text::Reference;
use tool::Fatal;
use tool::diag::{show, shown};

/// What decides.
#[derive(Clone, Copy)]
pub(crate) struct By<'a> {
    pub(crate) switches: &'a Switches,
    pub(crate) facts: &'a dyn Facts,
    /// The bundles that are there even if they are empty; the first one gets what is to be started in any case.
    pub(crate) bundles: &'a [&'a [u8]],
    /// What every container has.
    pub(crate) fixed: &'a [&'a [u8]],
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Pruned {
    /// What isn't there, and what has conditions.
    pub(crate) examined: Vec<Examined>,
    /// Why the container isn't to start, if it isn't.
    pub(crate) refusal: Option<String>,
}

/// What is known so far.
struct Known<'a> {
    by: By<'a>,
    examined: Vec<Examined>,
}

/// Takes out of the sources what a container is without.  Where they have errors, nothing is asked.
///
/// # Errors
/// A condition couldn't be evaluated.
pub(crate) fn prune(read: &mut Sources, by: By<'_>) -> Result<Pruned, Fatal> {
    let conditional = read.definitions.iter().any(|definition| !definition.conditions.is_empty());
    let failed = read.findings.iter().any(|finding| finding.severity == Severity::Error);
    if failed || (by.switches.is_empty() && !conditional) {
        return Ok(Pruned::default());
    }
    add_enabled(&mut read.definitions, by);
    let mut known = Known { by, examined: Vec::new() };
    for definition in &read.definitions {
        let mut one = of(definition);
        match by.switches.disables(&definition.name) {
            Some(reason) => one.absent = Some(reason),
            None => (one.answers, one.absent) = examine(&definition.conditions, by.facts)?,
        }
        if one.absent.is_some() || !one.answers.is_empty() {
            known.examined.push(one);
        }
    }
    while known.spread(&read.definitions) {}
    let refusal = known.refusal(&read.definitions);
    read.definitions.retain(|definition| !known.is_gone(&definition.name));
    for definition in &mut read.definitions {
        match &mut definition.body {
            SourceBody::Bundle(contents) => known.forget(&mut contents.list),
            SourceBody::Oneshot { common, .. } => known.forget_of(common),
            SourceBody::Longrun { common, pipe, .. } => {
                known.forget_of(common);
                if let Some(producers) = &mut pipe.consumer_for {
                    known.forget(producers);
                }
            }
        }
    }
    Ok(Pruned { examined: known.examined, refusal })
}

fn of(definition: &SourceDefinition) -> Examined {
    let kind = definition.type_name().as_bytes().first().copied().unwrap_or_default();
    let pipeline = pipeline(definition).unwrap_or_default().to_vec();
    Examined { name: definition.name.clone(), kind, pipeline, ..Examined::default() }
}

/// The name of the pipeline whose end a service is.
pub(crate) fn pipeline(definition: &SourceDefinition) -> Option<&[u8]> {
    match &definition.body {
        SourceBody::Longrun { pipe: Pipe { name: Some(name), .. }, .. } => Some(&name.name),
        _ => None,
    }
}

/// Whether a name is a definition's own or its pipeline's.
fn is_called(definition: &SourceDefinition, name: &[u8]) -> bool {
    definition.name == name || pipeline(definition) == Some(name)
}

/// Adds what is to be started in any case to the first bundle.
fn add_enabled(definitions: &mut [SourceDefinition], by: By<'_>) {
    let mut found = Vec::new();
    by.switches.each_enabled(&mut |name| {
        if definitions.iter().any(|definition| is_called(definition, name)) {
            found.push(Reference { name: name.to_vec(), line: 0 });
        }
    });
    for definition in definitions {
        if let SourceBody::Bundle(contents) = &mut definition.body
            && by.bundles.first() == Some(&&*definition.name)
        {
            contents.list.append(&mut found);
        }
    }
}

impl Known<'_> {
    /// What is absent and has this name, or ends the pipeline of this name.
    fn absent(&self, name: &[u8]) -> Option<&Examined> {
        self.examined.iter().find(|one| one.absent.is_some() && (one.name == name || one.pipeline == name))
    }

    /// Whether a name means nothing any more.
    fn is_gone(&self, name: &[u8]) -> bool {
        self.absent(name).is_some() && !self.by.bundles.contains(&name)
    }

    /// Takes out the names that are gone.
    fn forget(&self, list: &mut Vec<Reference>) {
        list.retain(|reference| !self.is_gone(&reference.name));
    }

    /// Takes them out of what a service depends on and wants.
    fn forget_of(&self, common: &mut AtomicSource) {
        self.forget(&mut common.dependencies.list);
        self.forget(&mut common.wants);
    }

    /// Adds what follows from what isn't there; whether there was anything.
    fn spread(&mut self, definitions: &[SourceDefinition]) -> bool {
        let mut has_grown = false;
        for definition in definitions {
            match &definition.body {
                SourceBody::Bundle(contents) if self.absent(&definition.name).is_some() => {
                    for member in &contents.list {
                        for other in definitions {
                            if is_called(other, &member.name) {
                                has_grown |= self.add(other, "in", &definition.name);
                            }
                        }
                    }
                }
                _ => {
                    if let Some((how, other)) = self.lacks(definition) {
                        has_grown |= self.add(definition, how, other);
                    }
                }
            }
        }
        has_grown
    }

    /// Adds a definition that isn't there because another one isn't; `false` if it was known.
    fn add(&mut self, definition: &SourceDefinition, how: &str, other: &[u8]) -> bool {
        let name = definition.name.as_slice();
        if self.absent(name).is_some() || self.by.fixed.contains(&name) {
            return false;
        }
        let Some(cause) = self.absent(other) else { return false };
        let root = if cause.without.is_empty() { &cause.name } else { &cause.without };
        let reason = self.absent(root).and_then(|root| root.absent.as_deref()).unwrap_or_default();
        let text = format!("{how} {}: {reason}", show(other));
        let mut one = Examined { absent: Some(text), without: root.clone(), ..of(definition) };
        match self.examined.iter_mut().find(|one| one.name == name) {
            // Its conditions hold, which doesn't matter.
            Some(slot) => {
                one.answers = std::mem::take(&mut slot.answers);
                *slot = one;
            }
            None => self.examined.push(one),
        }
        true
    }

    /// What a service can't be without and isn't there, and how it is connected to that.
    fn lacks<'d>(&self, definition: &'d SourceDefinition) -> Option<(&'static str, &'d [u8])> {
        let (common, pipe) = match &definition.body {
            SourceBody::Bundle(_) => return None,
            SourceBody::Oneshot { common, .. } => (common, None),
            SourceBody::Longrun { common, pipe, .. } => (common, Some(pipe)),
        };
        let is_gone = |reference: &&Reference| self.is_gone(&reference.name);
        let needed = common.dependencies.list.iter().find(is_gone);
        if let Some(reference) = needed.or(pipe?.producer_for.as_ref().filter(is_gone)) {
            return Some(("needs", &reference.name));
        }
        let producers = pipe?.consumer_for.as_ref()?;
        let is_alone = producers.iter().all(|other| is_gone(&other));
        producers.first().filter(|_| is_alone).map(|first| ("reads the output of", first.name.as_slice()))
    }

    /// Why the container isn't to start.
    fn refusal(&self, definitions: &[SourceDefinition]) -> Option<String> {
        for definition in definitions {
            let (mut main, mut members) = (false, [].as_slice());
            match &definition.body {
                SourceBody::Longrun { restart: Some(policy), .. } => main = policy.main,
                SourceBody::Bundle(contents) => members = &contents.list,
                _ => {}
            }
            let of_pipeline = || self.by.switches.requires(pipeline(definition)?, false);
            let required = self.by.switches.requires(&definition.name, main).or_else(of_pipeline);
            let Some(why) = required else { continue };
            let of_members = || members.iter().find_map(|member| self.absent(&member.name));
            if let Some(absent) = self.absent(&definition.name).or_else(of_members) {
                return Some(refusal(&absent.name, why, absent.absent.as_deref().unwrap_or_default()));
            }
        }
        None
    }
}

/// Why a container isn't to start without a service that isn't there.
#[must_use]
pub fn refusal(name: &[u8], why: &str, reason: &str) -> String {
    format!("{} has to be in this container ({why}), and isn't: {reason}", show(name))
}

/// What isn't in a container, in a line; `None` if nothing is missing.
#[must_use]
pub fn told(examined: &[Examined]) -> Option<String> {
    let mut text = String::new();
    for root in examined {
        let Some(reason) = root.absent.as_deref().filter(|_| root.without.is_empty()) else { continue };
        text.push_str(if text.is_empty() { "not in this container: " } else { "; " });
        text.push_str(&format!("{} ({reason})", show(&root.name)));
        let how =
            if root.kind == b'b' { ", and what is in it or needs it: " } else { ", and what needs it: " };
        let mut before = how;
        for other in examined {
            if other.absent.is_some() && other.without == root.name {
                text.push_str(before);
                text.push_str(&shown(&other.name));
                before = ", ";
            }
        }
    }
    (!text.is_empty()).then_some(text)
}
