//! What variables say about the ends of services, for images that one doesn't build.
//!
//! Both hold words `NAME=VALUE`.  A `*` in the place of the name means all services whose definitions say nothing of it, but
//! the overlay's own.

use super::service_policy::{IMPLIED_LIMIT, ServicePolicy};
use super::value::{Value, consequence, limit, restart};
use super::word::{Mistake, Word};
use crate::diagnostic::{Code, Diagnostic};
use tool::diag::show;
use wire::restart_policy::{Consequence, Limit, Restart};

/// The name of a variable, and its value.
pub type Given<'a> = (&'static str, &'a [u8]);

/// In the place of a name: every service.
const ALL: &[u8] = b"*";

/// The value of a word, and whom it is for.
#[derive(Debug, Clone)]
struct Entry<T> {
    name: Vec<u8>,
    value: T,
}

/// Which ends are followed by another start, and which failure is the last one.
#[derive(Debug, Clone, Copy)]
struct Restarts {
    restart: Restart,
    /// `None`: what the definition says.
    limit: Option<Counted>,
}

/// A limit that is given, and may be none.
#[derive(Debug, Clone, Copy)]
struct Counted(Option<Limit>);

/// What the variables say.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    restarts: Vec<Entry<Restarts>>,
    on_failure: Vec<Entry<Consequence>>,
    /// The names of the two variables.
    variables: [&'static str; 2],
}

/// The services that exist beside the definitions.
#[derive(Debug, Clone, Copy)]
pub struct Elsewhere<'a> {
    /// Their names.
    pub names: &'a [Vec<u8>],
    /// Whether there may be more of them later, so that no name is wrong yet because nothing has it.
    pub grows: bool,
}

/// A service that variables may be about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) name: &'a [u8],
    /// Whether it has a `finish`.
    pub(crate) finish: bool,
    /// Whether it is one of the overlay's own, which `*` doesn't mean.
    pub(crate) own: bool,
}

impl Overrides {
    /// The overrides in two variables: one with values such as `on-failure:5/60`, and one with values such as `stop`.
    ///
    /// # Errors
    /// Words that can't be understood.
    pub fn parse(restart: Given<'_>, on_failure: Given<'_>) -> Result<Self, Vec<Diagnostic>> {
        let mut findings = Vec::new();
        let variables = [restart.0, on_failure.0];
        let restarts = entries(restart, "on-failure:5/60", restarts, &mut findings);
        let on_failure = entries(on_failure, "stop", consequence, &mut findings);
        if findings.is_empty() { Ok(Self { restarts, on_failure, variables }) } else { Err(findings) }
    }

    /// Whether they say nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.restarts.is_empty() && self.on_failure.is_empty()
    }

    /// Applies them to what a service's definition says.
    ///
    /// # Errors
    /// Together they make no sense.
    pub(crate) fn apply(
        &self,
        of: Subject<'_>,
        policy: &mut Option<Box<ServicePolicy>>,
    ) -> Result<(), Diagnostic> {
        let (says_restart, says_on_failure) =
            policy.as_ref().map_or((false, false), |p| (p.says_restart, p.says_on_failure));
        let restarts = find(&self.restarts, of.name, !of.own && !says_restart);
        let on_failure = find(&self.on_failure, of.name, !of.own && !says_on_failure);
        if restarts.is_none() && on_failure.is_none() {
            return Ok(());
        }
        let policy = policy.get_or_insert_default();
        if let Some(restarts) = restarts {
            policy.record.restart = restarts.restart;
            match restarts.limit {
                Some(Counted(limit)) => policy.record.limit = limit,
                None if restarts.restart == Restart::Never => policy.record.limit = None,
                None => {}
            }
            policy.decides = true;
        }
        let Some(on_failure) = on_failure else { return Ok(()) };
        policy.record.on_failure = on_failure.clone();
        if *on_failure == Consequence::Nothing {
            return Ok(());
        }
        if !policy.decides && policy.record.limit.is_none() {
            policy.record.limit = Some(IMPLIED_LIMIT);
        }
        if policy.may_fail(of.finish) {
            return Ok(());
        }
        let name = show(of.name);
        let text = format!("{name} is restarted after every failure, so none has a consequence");
        let [restart, on_failure] = self.variables;
        let advice = format!("write {restart}={name}=on-failure:5/60 for the fifth failure within a minute");
        Err(Diagnostic::error(Code::POLICY_VARIABLE, on_failure.into(), text).advice(advice))
    }

    /// Reports the names that aren't those of daemons.  `names` are those of all definitions, each with its type if it isn't a
    /// longrun.
    pub fn check_names<'n>(
        &self,
        names: impl Iterator<Item = (&'n [u8], Option<&'static str>)> + Clone,
        elsewhere: Elsewhere<'_>,
        findings: &mut Vec<Diagnostic>,
    ) {
        let [restart, on_failure] = self.variables;
        let restarts = self.restarts.iter().map(|entry| (restart, &entry.name));
        let all = restarts.chain(self.on_failure.iter().map(|entry| (on_failure, &entry.name)));
        for (variable, name) in all.filter(|(_, name)| *name != ALL && !elsewhere.names.contains(name)) {
            let (text, advice) = match names.clone().find(|(other, _)| other == name) {
                Some((_, None)) => continue,
                Some((_, Some(kind))) => {
                    let text = format!("{} is a {kind}, which has no daemon that could end", show(name));
                    (text, "write the name of a longrun".to_owned())
                }
                None if elsewhere.grows => continue,
                None => {
                    let elsewhere = elsewhere.names.iter().map(Vec::as_slice);
                    let mut names = names.clone().map(|(name, _)| name).chain(elsewhere);
                    findings.push(undefined(Code::POLICY_VARIABLE, variable, name, &mut names));
                    continue;
                }
            };
            findings.push(Diagnostic::error(Code::POLICY_VARIABLE, variable.into(), text).advice(advice));
        }
    }
}

/// The error that a variable has a name which is none of these.
pub(crate) fn undefined(
    code: Code,
    variable: &str,
    name: &[u8],
    names: &mut dyn Iterator<Item = &[u8]>,
) -> Diagnostic {
    let advice = match tool::similar(name, names) {
        Some(name) => format!("did you mean {}?", show(name)),
        None => "no source directory defines it, and services.d doesn't have it".to_owned(),
    };
    let text = format!("undefined service name {}", show(name));
    Diagnostic::error(code, variable.into(), text).advice(advice)
}

/// The entry for a name, or else the one for all if that means it.
fn find<'e, T>(entries: &'e [Entry<T>], name: &[u8], all: bool) -> Option<&'e T> {
    let named = entries.iter().find(|entry| entry.name == name);
    let general = || entries.iter().find(|entry| all && entry.name == ALL);
    named.or_else(general).map(|entry| &entry.value)
}

/// The value of S6_RESTART: a word of the file `restart`, and perhaps one of the file `restart-limit`.
fn restarts(words: &[Word<'_>]) -> Value<Restarts> {
    let (first, rest) = words.split_at_checked(1).unwrap_or((words, &[]));
    let restart = restart(first)?;
    let Some(word) = rest.first() else { return Ok(Restarts { restart, limit: None }) };
    let limit = limit(rest)?;
    if restart == Restart::Never {
        return Err(Mistake::at(word, "a service that isn't restarted has no limit", "write never alone"));
    }
    Ok(Restarts { restart, limit: Some(Counted(limit)) })
}

/// The words of a value, of which a colon stands between each two.
fn words(value: &[u8]) -> Vec<Word<'_>> {
    value.split(|b| *b == b':').map(|text| Word { line: 0, column: 0, text }).collect()
}

/// The entries in a variable's value; a colon stands for each blank of the file that has the same words.
fn entries<T>(
    (variable, text): Given<'_>,
    example: &str,
    parse: fn(&[Word<'_>]) -> Value<T>,
    findings: &mut Vec<Diagnostic>,
) -> Vec<Entry<T>> {
    let mut found: Vec<Entry<T>> = Vec::new();
    for assignment in text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
        let mut parts = assignment.splitn(2, |b| *b == b'=');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next());
        let value = match value {
            None => Err(Mistake::whole("no = in it", format!("write NAME={example}"))),
            Some(_) if name.is_empty() => {
                Err(Mistake::whole("no name in it", format!("write NAME={example}, or *={example} for all")))
            }
            Some(_) if found.iter().any(|entry| entry.name == name) => {
                Err(Mistake::whole("the name is there twice", "remove one of the two"))
            }
            Some(value) => parse(&words(value)),
        };
        match value {
            Ok(value) => found.push(Entry { name: name.to_vec(), value }),
            Err(mistake) => {
                let text = format!("\"{}\": {}", show(assignment), mistake.text);
                findings.push(
                    Diagnostic::error(Code::POLICY_VARIABLE, variable.into(), text).advice(mistake.advice),
                );
            }
        }
    }
    found
}
