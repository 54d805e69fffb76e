//! `s6-rc-set-install`: makes the database of a set the live one, and the one to boot.
//!
//! Exit codes: 0 done, 3 no such set, 7 changed since its commit, 100 wrong usage, 102 a damaged set, 111 a system call failed, others
//! as s6-rc-update.

use crate::change_options::{ChangeOptions, OnInterrupt, Oneshots, Starter};
use crate::live::{BOOT_DATABASE, LIVE, Lock};
use crate::repo::{REPOSITORY, Repo, check_set_name};
use crate::reporter::Reporter;
use crate::update::{Options, update};
use files::{Owners, copy_tree, open_dir, remove_tree, replace_link};
use rustix::fd::AsFd;
use rustix::fs::{AtFlags, CWD};
use std::os::unix::ffi::OsStrExt;
use sys::signal::{self, Set, SignalFd};
use tool::path::{join, split};
use tool::{Call, Fatal, Next, Opt, OrUnable, Out, Outcome, Role, Tool, diag::show};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-set-install",
    summary: "make the database of a set the live one",
    operands: "set",
    options: &[
        Opt::flag('b', "wait for other commands instead of failing").long("block"),
        Opt::flag('K', "keep the old database and print its path").long("keep-old"),
        Opt::flag('\u{1}', "only copy the database and make it the one to boot").long("no-update"),
        Opt::flag('e', "essential services are stopped like others (the default)").long("force-essentials"),
        Opt::flag('E', "essential services are not stopped").long("no-force-essentials"),
        Opt::value('c', "bootdb", "the link to the database to boot").long("bootdb"),
        Opt::value('l', "live", "the live directory").long("livedir"),
        Opt::value('f', "file", "what old services are called now, and which to restart")
            .long("conversion-file"),
        Opt::value('v', "verbosity", "0: errors only; 1: warnings too; 2: what is done").long("verbosity"),
        Opt::value('r', "repo", "the repository").long("repodir"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = options.number('v')?.unwrap_or(1);
    let name = call.shift()?;
    check_set_name(&name)?;
    let boot = options.get('c').unwrap_or(BOOT_DATABASE).to_vec();
    let live = options.get('l').unwrap_or(LIVE).to_vec();
    for path in [&boot, &live] {
        if !path.starts_with(b"/") {
            return Err(Fatal::user(format!("{} is not an absolute path", show(path))));
        }
    }
    let repo = Repo::open(options.get('r').unwrap_or(REPOSITORY), Lock::Shared)?;
    if !repo.is_committed(&name)? {
        return Err(Fatal::new(7, format!("set {} has changed since it was committed", show(&name))));
    }
    let source = repo.compiled(&name)?;
    let (dir, boot_name) = split(&boot);
    let (source_dir, file) = split(&source);
    let target = join(dir, file);
    let dir_fd = open_dir(CWD, dir).or_unable_to("open", dir)?;
    if sys::fs::statat(&dir_fd, file, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
        call.info(&format!("set {} is installed already as {}", show(&name), show(&target)));
        return Ok(Next::SUCCESS);
    }
    let old = std::fs::canonicalize(std::ffi::OsStr::from_bytes(&join(&live, b"compiled"))).ok();
    let source_fd = open_dir(CWD, source_dir).or_unable_to("open", source_dir)?;
    let copied = copy_tree(&source_fd, file, &dir_fd, file, Owners::Kept);
    copied.or_unable(|| format!("copy {} to {}", show(&source), show(&target))).inspect_err(|_| {
        let _ = remove_tree(&dir_fd, file);
    })?;
    let mut code = 0;
    if !options.has('\u{1}') {
        let signals = SignalFd::new(&Set::of(&[signal::TERM, signal::INT])).or_unable(|| "trap signals")?;
        let how = ChangeOptions {
            reporter: Reporter { name: TOOL.name, verbosity },
            force: options.last_of("Ee") != Some('E'),
            deadline: None,
            dry_run: None,
            oneshots: Oneshots { starter: Starter::Host, env: &call.env, path: call.path.as_deref() },
            interrupt: Some(signals.as_fd()),
            on_interrupt: OnInterrupt::FinishOneshots,
            remind: None,
        };
        let conversions = options.get('f').map(<[u8]>::to_vec);
        let what = Options { live, compiled: target.clone(), conversions, block: options.has('b') };
        let switched = update(&what, &how);
        // Codes 1 and 2 come after the switch.
        code = *switched.as_ref().unwrap_or(&0);
        if switched.is_err() || code > 2 {
            let _ = remove_tree(&dir_fd, file);
            switched?;
            return Ok(Next::Exit(code));
        }
        if let Some(old) = old.map(|o| o.as_os_str().as_bytes().to_vec()).filter(|o| *o != target) {
            if options.has('K') {
                let mut out = Out::new();
                out.line(&old)?;
                out.flush()?;
            } else {
                remove_tree(CWD, &old).or_unable_to("remove", &old)?;
            }
        }
    }
    replace_link(&dir_fd, file, boot_name).or_unable_to("symlink", &boot)?;
    Ok(Next::Exit(code))
}
