//! fix-attrs.d: sets owners and modes of files by the rules of [`attributes`](super::attributes).

use crate::environment::settings::{Behaviour, Settings};
use crate::environment::variables::S6_FIX_ATTRS_HIDDEN;
use crate::layout::FIX_ATTRS;
use crate::legacy::attributes::{Accounts, Rule, parse};
use crate::legacy::{scripts, trusted};
use crate::{program, texts};
use ipc::capability::{self, CHOWN, Capability, FOWNER};
use posix_regex::glob::{Globbing, glob};
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use sys::account::{Group, User};
use tool::path::join;
use tool::{Call, Fatal, Next, OrUnable, Outcome, diag};

/// The limit of the rules on standard input.
const RULES_MAX: usize = 1024 * 1024;

/// Applies the files of fix-attrs.d in byte order.
///
/// # Errors
/// The folder or the account files can't be read: 111. A rule failed, and S6_BEHAVIOUR_IF_STAGE2_FAILS says that the
/// container stops then: 1.
pub(crate) fn apply_files(call: &Call) -> Outcome {
    let settings = Settings::new(&call.env);
    let verbosity = settings.verbosity();
    let folder = join(&settings.etc(), b"fix-attrs.d");
    let names = scripts::list(&folder).or_unable_to("read", &folder)?;
    if names.is_empty() {
        return Ok(Next::SUCCESS);
    }
    let files = Files::read()?;
    let hidden = settings.switch(S6_FIX_ATTRS_HIDDEN);
    let others = texts::is_replaced(FIX_ATTRS);
    let mut failed = false;
    for name in names {
        let file = join(&folder, &name);
        if verbosity >= 2 {
            call.info(format_args!("applying {}", diag::show(&file)));
        }
        if others {
            failed |= !apply_by_program(call, &file)?;
            continue;
        }
        let text = open_rules(&file)
            .and_then(|rules| files::read_at_most(&rules, RULES_MAX).or_unable_to("read", &file));
        match text {
            Ok(text) => failed |= !apply_file(call, &file, &text, &files, hidden),
            Err(fatal) => {
                call.warn(fatal.message());
                failed = true;
            }
        }
    }
    if verbosity >= 1 {
        call.warn("fix-attrs is deprecated: set owners and modes in the image or on the volume instead");
    }
    let behaviour = settings.behaviour();
    if failed && behaviour != Behaviour::GoOn && verbosity >= 1 {
        call.warn("some files could not be applied");
    }
    if failed && behaviour == Behaviour::Stop { Err(Fatal::silent(1)) } else { Ok(Next::SUCCESS) }
}

/// Applies the rules on standard input.
///
/// # Errors
/// They or the account files can't be read: 111. A rule failed: 1.
pub(crate) fn apply_input(call: &Call) -> Outcome {
    let text = files::read_at_most(rustix::stdio::stdin(), RULES_MAX).or_unable(|| "read the rules")?;
    let hidden = Settings::new(&call.env).switch(S6_FIX_ATTRS_HIDDEN);
    let succeeded = apply_file(call, b"standard input", &text, &Files::read()?, hidden);
    if succeeded { Ok(Next::SUCCESS) } else { Err(Fatal::silent(1)) }
}

/// Opens a file of rules.  A FIFO would have the start wait for who writes into it.
fn open_rules(file: &[u8]) -> Result<OwnedFd, Fatal> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = sys::fs::openat(CWD, file, flags, Mode::empty()).or_unable_to("read", file)?;
    let stat = sys::fs::fstat(&fd).or_unable_to("read", file)?;
    if FileType::from_raw_mode(stat.st_mode).is_file() {
        return Ok(fd);
    }
    Err(Fatal::new(111, format_args!("unable to read {}: it is not a regular file", diag::show(file))))
}

/// Lets the image's own program apply a file; `false` if it failed.
fn apply_by_program(call: &Call, file: &[u8]) -> Result<bool, Fatal> {
    let input = match open_rules(file) {
        Ok(input) => input,
        Err(fatal) => {
            call.warn(fatal.message());
            return Ok(false);
        }
    };
    let ended = program::run(&[FIX_ATTRS.into()], &call.env, &[(input.as_fd(), 0)]);
    Ok(ended.or_unable(|| format!("execute {FIX_ATTRS}"))?.code() == 0)
}

/// The account files, read once.
struct Files {
    users: Vec<User>,
    groups: Vec<Group>,
}

impl Files {
    fn read() -> Result<Self, Fatal> {
        Ok(Self {
            users: sys::account::users().or_unable(|| "read /etc/passwd")?,
            groups: sys::account::groups().or_unable(|| "read /etc/group")?,
        })
    }
}

impl Accounts for Files {
    fn user(&self, name: &[u8]) -> Option<(u32, u32)> {
        self.users.iter().find(|u| u.name == name).map(|u| (u.uid, u.gid))
    }

    fn group(&self, name: &[u8]) -> Option<u32> {
        self.groups.iter().find(|g| g.name == name).map(|g| g.gid)
    }
}

/// Applies the rules of a file; `false` if one of them failed, which is reported with file and line.
fn apply_file(call: &Call, file: &[u8], text: &[u8], accounts: &Files, hidden: bool) -> bool {
    let mut succeeded = true;
    for (line, rule) in parse(text) {
        let mut report = |text: &str| {
            call.warn(format_args!("{}:{line}: {text}", diag::show(file)));
            succeeded = false;
        };
        let rule = match rule {
            Ok(rule) => rule,
            Err(wrong) => {
                report(wrong);
                continue;
            }
        };
        let Some((uid, gid)) = rule.account.resolve(accounts) else {
            report("unknown account, and no fallback");
            continue;
        };
        let resolved = ResolvedRule { rule: &rule, uid: Uid::from_raw(uid), gid: Gid::from_raw(gid), hidden };
        for path in expand(&rule.path) {
            let done = trusted::open(&path).map_err(|refusal| refusal.reason()).and_then(|fd| {
                resolved.apply_to(&fd).map_err(|failure| failure.reason(capability::effective()))
            });
            if let Err(reason) = done {
                report(&format!("unable to change {}: {reason}", diag::show(&path)));
            }
        }
    }
    succeeded
}

/// The paths that match a pattern; the pattern itself if none does, as in a shell.
fn expand(pattern: &[u8]) -> Vec<Vec<u8>> {
    let found = glob(pattern, Globbing { sorted: true, ..Globbing::default() }).names;
    if found.is_empty() { vec![pattern.to_vec()] } else { found }
}

/// Why a file couldn't be changed.
#[derive(Debug, Clone, Copy)]
struct Failure {
    error: Errno,
    /// What allows it.
    needed: Option<Capability>,
}

impl From<Errno> for Failure {
    fn from(error: Errno) -> Self {
        Self { error, needed: None }
    }
}

impl Failure {
    /// The reason, with the capability that is missing.
    fn reason(self, effective: Option<u64>) -> String {
        let needed = self.needed.filter(|_| self.error == Errno::PERM);
        format!("{}{}", sys::strerror(self.error), capability::lacking(needed.as_slice(), effective))
    }
}

/// A rule whose account is resolved.
struct ResolvedRule<'a> {
    rule: &'a Rule,
    uid: Uid,
    gid: Gid,
    hidden: bool,
}

impl ResolvedRule<'_> {
    /// Changes the file that the descriptor, opened with `O_PATH`, refers to, and what is below it if the rule is recursive.
    fn apply_to(&self, fd: &OwnedFd) -> Result<(), Failure> {
        let stat = sys::fs::fstat(fd)?;
        sys::fs::chownat(fd, "", Some(self.uid), Some(self.gid), AtFlags::EMPTY_PATH)
            .map_err(|error| Failure { error, needed: Some(CHOWN) })?;
        let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        let mode = if is_folder { self.rule.folder_mode } else { self.rule.file_mode };
        sys::fs::chmod(format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd()), Mode::from(mode))
            .map_err(|error| Failure { error, needed: Some(FOWNER) })?;
        if is_folder && self.rule.recurse { self.apply_to_contents(fd) } else { Ok(()) }
    }

    /// Changes everything in a folder except symbolic links, which may lead elsewhere. After a failure the rest is still
    /// changed; the last failure is returned.
    fn apply_to_contents(&self, folder: &OwnedFd) -> Result<(), Failure> {
        let mut failure = None;
        for name in files::names_at(folder, b".")? {
            if name.starts_with(b".") && !self.hidden {
                continue;
            }
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = sys::fs::openat(folder, &name, flags, Mode::empty())?;
            let kind = FileType::from_raw_mode(sys::fs::fstat(&fd)?.st_mode);
            if kind != FileType::Symlink
                && let Err(e) = self.apply_to(&fd)
            {
                failure = Some(e);
            }
        }
        failure.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_capability_that_is_missing() {
        let not_permitted = sys::strerror(Errno::PERM).to_owned();
        for (failure, effective, expected) in [
            (
                Failure { error: Errno::PERM, needed: Some(CHOWN) },
                Some(0),
                format!("{not_permitted} (the process lacks CAP_CHOWN: --cap-add CHOWN)"),
            ),
            (
                Failure { error: Errno::PERM, needed: Some(FOWNER) },
                Some(1),
                format!("{not_permitted} (the process lacks CAP_FOWNER: --cap-add FOWNER)"),
            ),
            // As of an immutable file.
            (Failure { error: Errno::PERM, needed: Some(CHOWN) }, Some(1), not_permitted.clone()),
            (
                Failure { error: Errno::ROFS, needed: Some(CHOWN) },
                Some(0),
                sys::strerror(Errno::ROFS).to_owned(),
            ),
            (Failure::from(Errno::PERM), Some(0), not_permitted),
        ] {
            assert_eq!(failure.reason(effective), expected);
        }
    }
}
