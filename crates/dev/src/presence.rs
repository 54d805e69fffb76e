//! Which services would be in a container with some variables, and what that depends on.
//!
//! What only a container knows, such as its memory, is taken from what the caller says, or is unknown: then everything is asked
//! once for each way that it could be.

use crate::compiled;
use crate::finding::Finding;
use crate::image::Image;
use files::Kind;
use overlay::boot::definitions::FIXED;
use s6_rc::compile::Variables;
use s6_rc::condition::{Facts, Switches, examine, refusal};
use s6_rc::database::{Database, Id};
use s6_rc::diagnostic::Severity;
use s6_rc::direction::Direction;
use s6_rc::restart_policy::{Elsewhere, Overrides};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use tool::Fatal;
use tool::diag::shown;

/// So many unknown facts are two to that power of containers.
const UNKNOWN_MAX: usize = 10;
/// The bundle of all that is started.
const TOP: &[u8] = b"top";

/// Variables of a container.
pub type Env = BTreeMap<Vec<u8>, Vec<u8>>;

/// The variables in a text as `docker run --env-file` takes it: `NAME=value` on each line, `#` before a comment; `inherited` gives
/// the value for a name alone.
#[must_use]
pub fn read_env(text: &str, inherited: impl Fn(&str) -> Option<String>) -> Env {
    let lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs = lines.filter_map(|line| match line.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => inherited(line.trim_end()).map(|value| (line.trim_end().to_owned(), value)),
    });
    pairs.map(|(name, value)| (name.into_bytes(), value.into_bytes())).collect()
}

/// What is so in a container, or isn't: a test of a condition, with `!` before it if it doesn't hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    text: String,
    holds: bool,
}

impl Fact {
    /// Reads one of the command line.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let (rest, holds) = text.trim().strip_prefix('!').map_or((text, true), |rest| (rest, false));
        Self { text: rest.split_whitespace().collect::<Vec<_>>().join(" "), holds }
    }
}

/// What is known of a container.
struct Known<'a> {
    image: &'a Image<'a>,
    env: &'a Env,
    given: &'a [Fact],
    /// Which of them were asked for.
    used: RefCell<BTreeSet<usize>>,
    /// The tests whose answers aren't known.
    unknown: RefCell<Vec<String>>,
    /// What is assumed of them, a bit each.
    assumed: Cell<usize>,
}

impl Known<'_> {
    /// What the image says of a test.
    fn in_image(&self, name: &str, argument: &[u8]) -> Option<bool> {
        let tree = self.image.tree;
        let is = |kind| tree.kind(argument).map(|found| found == kind);
        match name {
            "file" => is(Kind::File),
            "dir" => is(Kind::Directory),
            // A service makes it, or a mount.
            "socket" => is(Kind::Other).filter(|is_one| !is_one),
            "exec" => {
                let found = self.image.program(&String::from_utf8_lossy(argument)).is_some();
                Some(found).filter(|found| *found || self.image.is_whole)
            }
            _ => None,
        }
    }

    /// What is assumed of an unknown test.
    fn assume(&self, text: String) -> bool {
        let mut unknown = self.unknown.borrow_mut();
        let at = unknown.iter().position(|other| *other == text).unwrap_or_else(|| {
            unknown.push(text);
            unknown.len() - 1
        });
        self.assumed.get() >> at.min(UNKNOWN_MAX) & 1 == 1
    }
}

impl Facts for Known<'_> {
    fn decided(&self, name: &str, arguments: &[Vec<u8>]) -> Option<bool> {
        let words = arguments.iter().map(|argument| shown(argument));
        let text = std::iter::once(name.to_owned()).chain(words).collect::<Vec<_>>().join(" ");
        if let Some(at) = self.given.iter().rposition(|fact| fact.text == text) {
            self.used.borrow_mut().insert(at);
            return self.given.get(at).map(|fact| fact.holds);
        }
        if matches!(name, "env" | "env-set" | "profile") {
            return None;
        }
        let argument = arguments.first().map(Vec::as_slice).unwrap_or_default();
        Some(self.in_image(name, argument).unwrap_or_else(|| self.assume(text)))
    }

    fn variable(&self, name: &[u8]) -> Result<Option<Vec<u8>>, Fatal> {
        Ok(self.env.get(name).cloned())
    }

    // Nothing else is asked: it is decided.

    fn run(&self, _: &[Vec<u8>]) -> Result<bool, Fatal> {
        Ok(false)
    }
}

/// Where a service is in one container.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Starts,
    /// Nothing starts it.
    Idle,
    /// Why it isn't there.
    Skipped(String),
}

/// A container: its services by name, and why it doesn't start, if it doesn't.
type Container = (BTreeMap<Vec<u8>, State>, Option<String>);

/// What would be in a container.
#[derive(Debug, Default)]
pub struct Foresight {
    /// A line for each service, and what else there is to say.
    pub text: String,
    /// What is wrong, so that nothing can be said.
    pub findings: Vec<Finding>,
    /// Whether the container doesn't start, whatever is unknown.
    pub is_refused: bool,
}

/// Says which services an image would have in a container with these variables, beside its own, and these facts.
///
/// # Errors
/// The definitions can't be read, or too much is unknown.
pub fn foresee(image: &Image<'_>, env: &Env, given: &[Fact]) -> Result<Foresight, String> {
    let own = image.config.env.iter().map(|(name, value)| (name.clone().into(), value.clone().into()));
    let env: Env = own.chain(env.clone()).collect();
    let (used, unknown, assumed) = <(RefCell<_>, RefCell<_>, Cell<_>)>::default();
    let known = Known { image, env: &env, given, used, unknown, assumed };
    let mut containers = Vec::new();
    // A test that is asked for the first time was assumed not to hold until then.
    while containers.len() < 1 << known.unknown.borrow().len() {
        known.assumed.set(containers.len());
        match container(&known)? {
            Ok(container) => containers.push(container),
            Err(findings) => return Ok(Foresight { findings, ..Foresight::default() }),
        }
        if known.unknown.borrow().len() > UNKNOWN_MAX {
            let some = known.unknown.borrow().join(", ");
            return Err(format!(
                "more than {UNKNOWN_MAX} facts are unknown: say some of them with --fact: {some}"
            ));
        }
    }
    Ok(told(&known, &containers))
}

/// The services in the container that is assumed, or what is wrong with the definitions.
fn container(known: &Known<'_>) -> Result<Result<Container, Vec<Finding>>, String> {
    let Known { image, env, .. } = known;
    let value = |name: &str| env.get(name.as_bytes()).map(Vec::as_slice).unwrap_or_default();
    let named = |name: &'static str| (name, value(name));
    let switches = Switches::new(named("S6_DISABLE"), named("S6_ENABLE"), named("S6_REQUIRE"));
    let legacy: Vec<_> = image.legacy.iter().map(|service| service.name.clone()).collect();
    let variables = Variables {
        overrides: &Overrides::default(),
        elsewhere: Elsewhere { names: &legacy, grows: !image.stages.is_empty() },
        own: image.sources.last().map(Vec::as_slice).unwrap_or_default(),
        switches: &switches,
        facts: Some(known),
        counts: Some(known),
        fixed: &FIXED,
    };
    let report = compiled::compile_for(image.tree, &image.sources, variables)?;
    let findings: Vec<_> = report
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(compiled::finding)
        .collect();
    if !findings.is_empty() {
        return Ok(Err(findings));
    }
    let mut refused = report.refusal;
    let database = report.database.unwrap_or_default();
    let started = started(&database);
    let mut services = BTreeMap::new();
    for definition in &image.definitions {
        let skipped = report.examined.iter().find(|one| one.name == definition.name);
        let state = match skipped.and_then(|one| one.absent.clone()) {
            Some(reason) => State::Skipped(reason),
            None if started.contains(definition.name.as_slice()) => State::Starts,
            None if definition.is_longrun() || definition.is_oneshot() => State::Idle,
            None => continue,
        };
        services.insert(definition.name.clone(), state);
    }
    for service in &image.legacy {
        let Some(checked) = compiled::look_at(image.tree, &service.path, false) else { continue };
        let absent = match switches.disables(&service.name) {
            Some(reason) => Some(reason),
            None => examine(&checked.conditions, known).map_err(|e| e.message().to_owned())?.1,
        };
        if let Some((reason, why)) = absent.as_ref().zip(switches.requires(&service.name, checked.main)) {
            refused.get_or_insert_with(|| refusal(&service.name, why, reason));
        }
        services.insert(service.name.clone(), absent.map_or(State::Starts, State::Skipped));
    }
    Ok(Ok((services, refused)))
}

/// The names of all services that a start brings up.
fn started(database: &Database) -> BTreeSet<&[u8]> {
    let mut selection = vec![false; database.len()];
    for id in database.atomics(TOP).unwrap_or_default() {
        if let Some(slot) = usize::try_from(id).ok().and_then(|id| selection.get_mut(id)) {
            *slot = true;
        }
    }
    database.close(&mut selection, Direction::Up);
    let ids = (0..).zip(selection).filter(|(_, is_started)| *is_started);
    ids.map(|(id, _): (Id, bool)| database.name(id)).collect()
}

/// What all possible containers have in common, and what makes their differences.
fn told(known: &Known<'_>, containers: &[Container]) -> Foresight {
    let unknown = known.unknown.borrow();
    let mut text = String::new();
    let Some((first, refused)) = containers.first() else { return Foresight::default() };
    let width = first.keys().map(|name| shown(name).len()).max().unwrap_or_default();
    let mut matters = vec![false; unknown.len()];
    for (name, state) in first {
        let in_all: Vec<_> = containers.iter().map(|(services, _)| services.get(name)).collect();
        let starts: Vec<_> = in_all.iter().map(|state| *state == Some(&State::Starts)).collect();
        let said = if starts.iter().all(|other| Some(other) == starts.first()) {
            match state {
                State::Starts => "starts".to_owned(),
                State::Idle => "isn't started: no bundle has it".to_owned(),
                State::Skipped(reason) => format!("skipped: {reason}"),
            }
        } else {
            let causes = causes(&starts, unknown.len());
            for (at, _) in &causes {
                if let Some(slot) = matters.get_mut(*at) {
                    *slot = true;
                }
            }
            let fact = |at: usize| unknown.get(at).map(String::as_str).unwrap_or_default();
            match causes.as_slice() {
                [(at, true)] => format!("starts if {}", fact(*at)),
                [(at, false)] => format!("starts unless {}", fact(*at)),
                several => {
                    let facts: Vec<_> = several.iter().map(|(at, _)| fact(*at)).collect();
                    format!("may start; that depends on: {}", facts.join(", "))
                }
            }
        };
        text.push_str(&format!("{:width$}  {said}\n", shown(name)));
    }
    let is_refused = containers.iter().all(|(_, refused)| refused.is_some());
    match (containers.iter().find_map(|(_, refused)| refused.as_ref()), is_refused) {
        (None, _) => {}
        (_, true) => {
            let why = refused.as_deref().unwrap_or_default();
            text.push_str(&format!("the container doesn't start: {why}\n"));
        }
        (Some(why), false) => {
            matters.fill(true);
            text.push_str(&format!("the container may not start: {why}\n"));
        }
    }
    for (fact, _) in unknown.iter().zip(matters).filter(|(_, matters)| *matters) {
        text.push_str(&format!("unknown: {fact}; say it with --fact \"{fact}\" or --fact \"! {fact}\"\n"));
    }
    let used = known.used.borrow();
    for (_, fact) in known.given.iter().enumerate().filter(|(at, _)| !used.contains(at)) {
        text.push_str(&format!("nothing asks: {}\n", fact.text));
    }
    for name in ["S6_RUNTIME_PROFILE", "S6_RUNTIME_BUNDLEDIR", "S6_STAGE2_HOOK"] {
        if known.env.contains_key(name.as_bytes()) {
            text.push_str(&format!("not followed: {name}, which may change the definitions\n"));
        }
    }
    Foresight { text, findings: Vec::new(), is_refused }
}

/// The bits that make a difference, and whether each one alone, when it is set, makes what is asked true.
fn causes(holds: &[bool], bits: usize) -> Vec<(usize, bool)> {
    let differs = |bit: usize| {
        let pairs = (0..holds.len()).filter(move |at| at >> bit & 1 == 0);
        let mut changes = pairs.filter_map(|at| {
            let (without, with) = (holds.get(at)?, holds.get(at | 1 << bit)?);
            (without != with).then_some(*with)
        });
        changes.next()
    };
    (0..bits).filter_map(|bit| Some((bit, differs(bit)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_as_an_engine_reads_them() {
        let inherited = |name: &str| (name == "HOME").then(|| "/root".to_owned());
        let env = read_env("# a\nA=1\n  B=x = \"y\"\nHOME\nNONE\n\nC=\r\n", inherited);
        let shown: Vec<_> = env.iter().map(|(name, value)| (shown(name), shown(value))).collect();
        let expected = [("A", "1"), ("B", "x = \"y\""), ("C", ""), ("HOME", "/root")];
        assert_eq!(shown, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn facts_are_words() {
        let fact = |text: &str, holds| Fact { text: text.to_owned(), holds };
        assert_eq!(Fact::read("memory  >= 1G"), fact("memory >= 1G", true));
        assert_eq!(Fact::read(" ! tty"), fact("tty", false));
        assert_eq!(Fact::read("!tty"), fact("tty", false));
    }

    #[test]
    fn what_makes_a_difference() {
        assert_eq!(causes(&[false, true, false, true], 2), [(0, true)]);
        assert_eq!(causes(&[true, true, false, false], 2), [(1, false)]);
        assert_eq!(causes(&[false, false, false, true], 2), [(0, true), (1, true)]);
        assert_eq!(causes(&[true, true], 1), []);
    }
}
