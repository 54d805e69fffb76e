//! `fix-attrs`: applies the files of fix-attrs.d; the oneshot of that name runs it.

use crate::environment::settings::{Behaviour, Settings};
use crate::environment::variables::S6_FIX_ATTRS_HIDDEN;
use crate::legacy::attributes::{Accounts, Rule, parse};
use crate::legacy::scripts;
use posix_regex::glob::{Globbing, glob};
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use sys::account::{Group, User};
use tool::path::join;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "fix-attrs",
    summary: "apply the files of fix-attrs.d",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let settings = Settings::new(&call.env);
    let verbosity = settings.verbosity();
    let folder = join(&settings.etc(), b"fix-attrs.d");
    let names = scripts::list(&folder).or_unable_to("read", &folder)?;
    if names.is_empty() {
        return Ok(Next::SUCCESS);
    }
    let files = Files::read()?;
    let hidden = settings.switch(S6_FIX_ATTRS_HIDDEN);
    let mut failed = false;
    for name in names {
        let file = join(&folder, &name);
        if verbosity >= 2 {
            call.info(&format!("applying {}", diag::show(&file)));
        }
        let text = std::fs::read(Path::new(OsStr::from_bytes(&file))).or_unable_to("read", &file);
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

/// Applies a file's rules; `false` if one of them failed, which is said with file and line.
fn apply_file(call: &Call, file: &[u8], text: &[u8], accounts: &Files, hidden: bool) -> bool {
    let mut good = true;
    for (line, rule) in parse(text) {
        let mut complain = |text: &str| {
            call.warn(&format!("{}:{line}: {text}", diag::show(file)));
            good = false;
        };
        let rule = match rule {
            Ok(rule) => rule,
            Err(wrong) => {
                complain(wrong);
                continue;
            }
        };
        let Some((uid, gid)) = rule.account.resolve(accounts) else {
            complain("unknown account, and no fallback");
            continue;
        };
        let apply = Apply { rule: &rule, uid: Uid::from_raw(uid), gid: Gid::from_raw(gid), hidden };
        for path in expand(&rule.path) {
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            let done =
                sys::fs::openat(CWD, path.as_slice(), flags, Mode::empty()).and_then(|fd| apply.to(&fd));
            if let Err(e) = done {
                complain(&format!("unable to change {}: {}", diag::show(&path), sys::strerror(e)));
            }
        }
    }
    good
}

/// The paths that match a pattern; itself if none does, as in a shell.
fn expand(pattern: &[u8]) -> Vec<Vec<u8>> {
    let found = glob(pattern, Globbing { sorted: true, ..Globbing::default() }).names;
    if found.is_empty() { vec![pattern.to_vec()] } else { found }
}

/// One rule with its ids.
struct Apply<'a> {
    rule: &'a Rule,
    uid: Uid,
    gid: Gid,
    hidden: bool,
}

impl Apply<'_> {
    /// Changes what the descriptor, opened with `PATH`, refers to.
    fn to(&self, fd: &OwnedFd) -> Result<(), Errno> {
        let stat = rustix::fs::fstat(fd)?;
        sys::fs::chownat(fd, "", Some(self.uid), Some(self.gid), AtFlags::EMPTY_PATH)?;
        let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        let mode = if is_folder { self.rule.folder_mode } else { self.rule.file_mode };
        sys::fs::chmod(format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd()), Mode::from(mode))?;
        if is_folder && self.rule.recurse { self.to_contents(fd) } else { Ok(()) }
    }

    /// Changes everything in a folder.  Links are left alone: what they lead to lies elsewhere.
    fn to_contents(&self, folder: &OwnedFd) -> Result<(), Errno> {
        let mut failure = None;
        for name in files::names_at(folder, b".")? {
            if name.starts_with(b".") && !self.hidden {
                continue;
            }
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = sys::fs::openat(folder, &name, flags, Mode::empty())?;
            let kind = FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode);
            if kind != FileType::Symlink
                && let Err(e) = self.to(&fd)
            {
                failure = Some(e);
            }
        }
        failure.map_or(Ok(()), Err)
    }
}
