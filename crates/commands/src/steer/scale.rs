//! Other numbers of instances, until the container ends.

use super::definitions::{Differences, Then, replace};
use super::listed;
use super::names::set;
use crate::status::UNKNOWN;
use overlay::boot::facts::Container;
use overlay::boot::scaled::Scaled;
use overlay::layout::RUN_S6;
use rustix::fs::statvfs;
use s6_rc::change::change;
use s6_rc::change_options::ChangeOptions;
use s6_rc::changed::End;
use s6_rc::database::{Body, Database, Id};
use s6_rc::direction::Direction;
use s6_rc::instances::{is_numbered, plain};
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
    /// Those that count until then.
    former: Scaled,
    /// The free blocks and files of /run, before anything is written.
    free: [u64; 2],
}

/// Gives services the numbers of instances that the operands `NAME=NUMBER` say, and starts and stops instances accordingly.
///
/// # Errors
/// As of [`super::definitions::renew`]; 4: a service has no instances; 100: an operand isn't understood.
pub(crate) fn scale(call: &mut Call, deadline: Option<Moment>) -> Outcome {
    let words = call.take_args();
    let former = Scaled::read();
    let mut scale = Scale { names: Vec::new(), all: former.clone(), former, free: free()? };
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
            check_names(name, &instances(old, name), &instances(new, name))?;
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

    /// Checks that nothing has changed but what follows from the numbers: everything else is a reload's.
    ///
    /// # Errors
    /// Something has: code 1.
    pub(super) fn check_others(
        &self,
        found: &Differences,
        old: &Database,
        new: &Database,
    ) -> Result<(), Fatal> {
        let comes_and_goes =
            |name: &[u8]| found.added.iter().chain(&found.removed).any(|other| other == name);
        let is_ours = |name: &[u8]| {
            instance(name).is_some_and(|(_, own)| {
                let scaled = |of: &Vec<u8>| comes_and_goes(&[of, &b"@"[..], own].concat());
                self.names.iter().any(scaled)
            })
        };
        // A logger of instances is there only with them.
        let reads_ours = |name: &[u8]| {
            let producers = [old, new].into_iter().flat_map(|database| producers(database, name));
            producers.into_iter().any(is_ours)
        };
        let around = |name: &[u8]| {
            let [before, after] = [old, new].map(|database| around(database, name));
            let differs = |one: &[Vec<u8>], other: &[Vec<u8>]| {
                one.iter().any(|name| !other.contains(name) && !comes_and_goes(name))
            };
            !differs(&before, &after) && !differs(&after, &before)
        };
        let moved = found.added.iter().chain(&found.removed);
        let moved = moved.filter(|name| !is_ours(name) && !reads_ours(name));
        let changed = found.changed.iter().filter(|(name, what)| {
            !(what.iter().all(|what| FOLLOWS.contains(&what.as_str())) && around(name))
        });
        let others: Vec<Vec<u8>> = moved.chain(changed.map(|(name, _)| name)).cloned().collect();
        if others.is_empty() {
            return Ok(());
        }
        let text = "other definitions have changed, too, which is for s6-overlay reload: ";
        Err(Fatal::new(1, format_args!("{text}{}: nothing was changed", listed(&others))))
    }

    /// Makes the numbers count for whatever compiles the definitions from now on; without a switch to them, the former ones.
    ///
    /// # Errors
    /// The file can't be written: code 111.
    pub(super) fn keep(&self, has_switched: bool) -> Result<(), Fatal> {
        if has_switched { &self.all } else { &self.former }.write()
    }

    /// Remembers that the numbers were changed.
    pub(super) fn note(&self) {
        for name in &self.names {
            let said = self.all.get(name).unwrap_or_default();
            by_hand::note(&format!("scale: {}={}", show(name), show(&said)));
        }
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

/// What may change of a service because others come and go.
const FOLLOWS: [&str; 3] = ["contents", "dependencies", "wants"];

/// The name of a service that there are several of, and which one of them this is.
fn instance(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = name.iter().position(|byte| *byte == b'@')?;
    Some((name.get(..at)?, name.get(at.saturating_add(1)..)?))
}

/// Which instances of a service a database has.
fn instances(database: &Database, name: &[u8]) -> Vec<Vec<u8>> {
    let ids = database.atomics(name).unwrap_or_default();
    let own = |id: Id| instance(database.name(id)).map(|(_, own)| own.to_vec());
    ids.into_iter().filter_map(own).collect()
}

/// The services whose output one reads.
fn producers<'a>(database: &'a Database, name: &[u8]) -> Vec<&'a [u8]> {
    match database.services().iter().find(|service| service.name == name).map(|service| &service.body) {
        Some(Body::Longrun { producers, .. }) => producers.iter().map(|id| database.name(*id)).collect(),
        _ => Vec::new(),
    }
}

/// What a service needs and wants, or what is in a bundle.
fn around(database: &Database, name: &[u8]) -> Vec<Vec<u8>> {
    let service = database.services().iter().find(|service| service.name == name);
    let bundle = database.bundles().iter().find(|bundle| bundle.name == name);
    let ids = service.into_iter().flat_map(|service| service.dependencies.iter().chain(&service.wants));
    let ids = ids.chain(bundle.into_iter().flat_map(|bundle| &bundle.contents));
    ids.map(|id| database.name(*id).to_vec()).collect()
}

/// Checks that a service with numbers isn't given names, which may be a slip, nor the other way round.
///
/// # Errors
/// It is: code 100.
fn check_names(name: &[u8], before: &[Vec<u8>], after: &[Vec<u8>]) -> Result<(), Fatal> {
    if before.is_empty() || after.is_empty() || is_numbered(before) == is_numbered(after) {
        return Ok(());
    }
    let (name, before) = (show(name), listed(before));
    Err(Fatal::user(match is_numbered(after) {
        true => format!(
            "the instances of {name} have names ({before}): write names, not how many, or begin with {name}=0"
        ),
        false => format!(
            "the instances of {name} are numbered ({before}): write how many, not names, or begin with {name}=0"
        ),
    }))
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
