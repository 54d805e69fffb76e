//! Whether conditions hold.

use super::parse::variable;
use super::words::{About, capability, machine, size, version};
use super::{Condition, Facts, Test};
use rustix::fs::FileType;
use std::env::consts::ARCH;
use tool::Fatal;
use tool::diag::{show, shown};

/// The names of the variable that has the profiles.
const PROFILES: &[u8] = b"S6_PROFILES";

/// Asks conditions until one doesn't hold; gives the answers, as they are in [`super::Examined`], and why that one doesn't.
///
/// # Errors
/// A program gave no answer.
pub fn examine(conditions: &[Condition], facts: &dyn Facts) -> Result<(Vec<u8>, Option<String>), Fatal> {
    let mut answers = Vec::new();
    for condition in conditions {
        let mut reasons = String::new();
        let mut holds = false;
        for test in &condition.tests {
            let is_so = is_so(test, facts)?;
            holds = is_so != test.negated;
            if holds {
                break;
            }
            reasons.push_str(if reasons.is_empty() { "" } else { ", and " });
            reasons.push_str(&reason(test, is_so, facts)?);
        }
        answers.push(if holds { b'+' } else { b'-' });
        answers.extend_from_slice(&condition.text);
        answers.push(0);
        if !holds {
            return Ok((answers, Some(reasons)));
        }
    }
    Ok((answers, None))
}

/// Whether a variable's value means yes.
fn means_yes(value: &[u8]) -> bool {
    let no: [&[u8]; 5] = [b"", b"0", b"false", b"no", b"off"];
    !no.contains(&value.trim_ascii().to_ascii_lowercase().as_slice())
}

/// Whether a list, with these bytes between its words, has this one.
fn is_one_of(word: &[u8], list: &[u8], separators: &[u8]) -> bool {
    list.split(|byte| separators.contains(byte)).any(|other| other == word)
}

/// Whether it is as a test says, before what negates it.
fn is_so(test: &Test, facts: &dyn Facts) -> Result<bool, Fatal> {
    if let Some(answer) = facts.decided(test.row.name, &test.arguments) {
        return Ok(answer);
    }
    let argument = |at: usize| test.arguments.get(at).map(Vec::as_slice).unwrap_or_default();
    let is_file = |kind| facts.file(argument(0)) == Some(kind);
    let any = |is: &dyn Fn(&[u8]) -> bool| test.arguments.iter().any(|argument| is(argument));
    Ok(match test.row.about {
        About::Variable => {
            let (name, values) = variable(argument(0));
            facts.variable(name)?.is_some_and(|value| match values {
                None => means_yes(&value),
                Some(values) => is_one_of(&value, values, b"|"),
            })
        }
        About::IsSet => facts.variable(argument(0))?.is_some(),
        About::File => is_file(FileType::RegularFile),
        About::Directory => is_file(FileType::Directory),
        About::Socket => is_file(FileType::Socket),
        About::Program => facts.has_program(argument(0))?,
        About::Machine => any(&|name| machine(name) == Some(ARCH)),
        About::User => {
            let uid = facts.uid();
            any(&|id| uid.is_some() && wire::number::decimal(id) == uid)
        }
        About::Capability => capability(argument(0)).is_some_and(|bit| facts.capabilities() >> bit & 1 == 1),
        About::First => facts.is_first(),
        About::Terminal => facts.has_terminal(),
        About::Memory => facts.memory() >= size(argument(1)),
        About::Kernel => version(&facts.kernel()) >= version(argument(1)),
        About::Profile => {
            let profiles = facts.variable(PROFILES)?.unwrap_or_default();
            is_one_of(argument(0), &profiles, b" \t\n")
        }
        About::Answer => facts.run(&test.arguments)?,
    })
}

/// Why a test doesn't hold; no variable's value is in it but one that means no.
fn reason(test: &Test, is_so: bool, facts: &dyn Facts) -> Result<String, Fatal> {
    let what = shown(&test.arguments.join(&b' '));
    if test.row.about == About::Variable {
        let (name, values) = variable(test.arguments.first().map(Vec::as_slice).unwrap_or_default());
        let value = facts.variable(name)?;
        let name = show(name);
        match (values, value) {
            (Some(values), Some(_)) => {
                let values = shown(values).replace('|', " or ");
                return Ok(format!("{name} {} {values}", if is_so { "is" } else { "isn't" }));
            }
            (None, Some(value)) if !is_so && value.is_empty() => return Ok(format!("{name} is empty")),
            (None, Some(value)) if !is_so => return Ok(format!("{name} is {}", show(&value))),
            _ if !is_so => return Ok(format!("{name} isn't set")),
            _ => {}
        }
    }
    let [no, yes] = test.row.told;
    Ok((if is_so { yes } else { no }).replace('%', &what))
}
