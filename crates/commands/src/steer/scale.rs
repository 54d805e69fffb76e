//! Other numbers of instances, until the container ends.

use super::definitions::{Then, replace};
use super::names::set;
use crate::status::UNKNOWN;
use files::{Permissions, Replace, Writers, replace_at};
use overlay::boot::facts::Container;
use overlay::boot::scaled::Scaled;
use overlay::layout::{RUN_S6, SCALED};
use rustix::fs::{CWD, statvfs};
use s6_rc::change::change;
use s6_rc::change_options::ChangeOptions;
use s6_rc::changed::End;
use s6_rc::database::Database;
use s6_rc::direction::Direction;
use s6_rc::instances::plain;
use s6_rc::live::Live;
use supervision::by_hand;
use tool::clock::Moment;
use tool::diag::show;
use tool::{Call, Fatal, OrUnable, Outcome};

/// Blocks and files of /run that are left alone.
const SPARE: u64 = 64;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Scale {
    /// The services whose numbers are to change.
    names: Vec<Vec<u8>>,
    /// All numbers that count then.
    pub(super) all: Scaled,
    /// The free blocks and files of /run, before anything is written.
    free: [u64; 2],
}

/// Gives services the numbers of instances that the operands `NAME=NUMBER` say, and starts and stops instances accordingly.
///
/// # Errors
/// As of [`super::definitions::renew`]; 4: a service has no instances; 100: an operand isn't understood.
pub(crate) fn scale(call: &mut Call, deadline: Option<Moment>) -> Outcome {
    let words = call.take_args();
    let mut scale = Scale { names: Vec::new(), all: Scaled::read(), free: free()? };
    for word in &words {
        let (name, said) = parse(word)?;
        if scale.names.iter().any(|other| other == name) {
            return Err(Fatal::user(format_args!("{} is named twice", show(name))));
        }
        scale.names.push(name.to_vec());
        scale.all.set(name, said);
    }
    if scale.names.is_empty() {
        return Err(Fatal::usage());
    }
    replace(call, Then::Switch, Some(&scale), deadline)
}

/// The name and the number of an operand.
fn parse(word: &[u8]) -> Result<(&[u8], &[u8]), Fatal> {
    let wrong = |why: &str| Fatal::user(format_args!("{}: {why}", show(word)));
    let at = word.iter().position(|byte| *byte == b'=').unwrap_or_default();
    let (name, said) = word.split_at(at);
    let said = said.strip_prefix(b"=").unwrap_or_default();
    if name.is_empty() {
        return Err(wrong("write the name of a service and how many, as in worker=5"));
    }
    if name.contains(&b'\n') || said.contains(&b'\n') {
        return Err(wrong("there is a line end in it"));
    }
    plain(said, || 1).map_err(|mistake| wrong(&format!("{} ({})", mistake.text, mistake.advice)))?;
    Ok((name.strip_suffix(b"@").unwrap_or(name), said))
}

/// The free blocks and files of /run.
fn free() -> Result<[u64; 2], Fatal> {
    let found = statvfs(RUN_S6).or_unable(|| "look at the file system of /run")?;
    // Some file systems count no files.
    Ok([found.f_bavail, if found.f_files == 0 { u64::MAX } else { found.f_favail }])
}

impl Scale {
    /// Checks that the new database is what was asked for, and that there is room for what follows, before anything is touched.
    ///
    /// # Errors
    /// Code 1: definitions are gone.  4: a service has no instances.  111: there isn't enough room, or the system failed.
    pub(super) fn check(
        &self,
        container: &Container<'_>,
        old: &Database,
        new: &Database,
    ) -> Result<(), Fatal> {
        for name in &self.names {
            if !container.has_instances(name) {
                let text = format!("there is no definition {}@ with a file instances of its own", show(name));
                return Err(Fatal::new(UNKNOWN, text));
            }
            if new.atomics(name).is_none() {
                return Err(Fatal::new(UNKNOWN, format_args!("{} isn't in this container", show(name))));
            }
        }
        let is_gone = |name: &[u8]| new.atomics(name).is_none() && !name.contains(&b'@');
        if let Some(gone) = old.services().iter().find(|service| is_gone(&service.name)) {
            let gone = show(&gone.name);
            let text = format!("the definition of {gone} is gone; s6-overlay reload would stop it");
            return Err(Fatal::new(1, text));
        }
        for (before, now) in self.free.into_iter().zip(free()?) {
            // The live state is as big once more, with what supervisors need.
            if now < before.saturating_sub(now).saturating_mul(2).saturating_add(SPARE) {
                return Err(Fatal::new(111, "there isn't enough room in /run"));
            }
        }
        Ok(())
    }

    /// Whether what has changed of a service only follows from a number that was asked for.
    pub(super) fn follows(&self, name: &[u8], what: &[String]) -> bool {
        self.names.iter().any(|of| name.strip_prefix(&**of).is_some_and(|rest| rest.starts_with(b"@")))
            || what.iter().all(|what| what == "contents" || what == "dependencies")
    }

    /// Makes the numbers count for whatever compiles the definitions from now on.
    ///
    /// # Errors
    /// The file can't be written: code 111.
    pub(super) fn keep(&self) -> Result<(), Fatal> {
        let lines = self.all.encode();
        let how = Replace::with(Permissions::Exact(0o644), Writers::One);
        replace_at(CWD, SCALED.as_bytes(), &lines, how).or_unable_to("write", SCALED.as_bytes())?;
        for line in lines.split(|byte| *byte == b'\n') {
            if self
                .names
                .iter()
                .any(|name| line.strip_prefix(&**name).is_some_and(|rest| rest.starts_with(b"=")))
            {
                by_hand::note(&format!("scale: {}", show(line)));
            }
        }
        Ok(())
    }

    /// Starts the instances, and gives the exit code, as of [`s6_rc::update::update`].
    ///
    /// # Errors
    /// The system failed: code 111.
    pub(super) fn start(&self, live: &mut Live, how: &ChangeOptions<'_>) -> Result<u8, Fatal> {
        let database = live.database();
        let mut selected = vec![false; database.len()];
        for name in &self.names {
            for id in database.atomics(name).unwrap_or_default() {
                set(&mut selected, id);
            }
        }
        let changed = change(live, Direction::Up, selected, how)?;
        Ok(match changed.end {
            End::TimedOut => 2,
            End::Done | End::Interrupted => changed.code(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operand_is_a_name_and_what_its_file_would_say() {
        assert_eq!(parse(b"worker=5").unwrap(), (&b"worker"[..], &b"5"[..]));
        assert_eq!(parse(b"worker@=cpus*2").unwrap(), (&b"worker"[..], &b"cpus*2"[..]));
        assert_eq!(parse(b"queue=mail import").unwrap(), (&b"queue"[..], &b"mail import"[..]));
        for word in ["worker", "=5", "worker=", "worker=-1", "worker=1001", "worker=$N", "a=1\n2", "a\n=1"] {
            assert_eq!(parse(word.as_bytes()).unwrap_err().code(), 100, "{word}");
        }
    }
}
