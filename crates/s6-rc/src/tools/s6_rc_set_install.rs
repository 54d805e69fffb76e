//! `s6-rc-set-install`: makes the database of a set the live one, and the one to boot.
//!
//! Exit codes: 0 done, 3 no such set, 7 changed since its commit, 100 wrong usage, 102 a damaged set, 111 a system call failed, others
//! as s6-rc-update.

use crate::change_options::ChangeOptions;
use crate::common_options::{
    BLOCK, CONVERSION_FILE, KEEP_OLD, LIVE_DIR, REPOSITORY_DIR, REPOSITORY_VERBOSITY, boot_database,
    check_absolute, live_dir, release, repository_dir, verbosity,
};
use crate::interrupts::Interrupts;
use crate::live::Lock;
use crate::repo::Repo;
use crate::service_set::check_set_name;
use crate::update::{UpdateOptions, update};
use files::{Owners, copy_tree, open_dir, remove_tree, replace_link};
use rustix::fs::{AtFlags, CWD};
use std::os::unix::ffi::OsStrExt;
use tool::path::{join, split};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag::show};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-set-install",
    summary: "make the database of a set the live one",
    operands: "set",
    options: &[
        BLOCK,
        KEEP_OLD,
        Opt::flag('\u{1}', "only copy the database and make it the one to boot").long("no-update"),
        Opt::flag('e', "essential services are stopped like others (the default)").long("force-essentials"),
        Opt::flag('E', "essential services are not stopped").long("no-force-essentials"),
        Opt::value('c', "bootdb", "the link to the database to boot").long("bootdb"),
        LIVE_DIR,
        CONVERSION_FILE,
        REPOSITORY_VERBOSITY,
        REPOSITORY_DIR,
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = verbosity(&options)?;
    let name = call.shift()?;
    check_set_name(&name)?;
    let boot = boot_database(&options).to_vec();
    let live = live_dir(&options).to_vec();
    check_absolute(&boot)?;
    check_absolute(&live)?;
    let repo = Repo::open(repository_dir(&options), Lock::Shared)?;
    if !repo.is_committed(&name)? {
        return Err(Fatal::new(7, format_args!("set {} has changed since it was committed", show(&name))));
    }
    let source = repo.compiled(&name)?;
    let (dir, boot_name) = split(&boot);
    let (source_dir, file) = split(&source);
    let target = join(dir, file);
    let dir_fd = open_dir(CWD, dir).or_unable_to("open", dir)?;
    if sys::fs::statat(&dir_fd, file, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
        call.info(format_args!("set {} is installed already as {}", show(&name), show(&target)));
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
        let interrupts = Interrupts::trap()?;
        let force = options.last_of("Ee") != Some('E');
        let how = ChangeOptions { force, ..interrupts.change_options(call, verbosity) };
        let conversions = options.get('f').map(<[u8]>::to_vec);
        let what = UpdateOptions { live, compiled: target.clone(), conversions, block: options.has('b') };
        let switched = update(&what, &how);
        // Codes 1 and 2 come after the switch.
        code = *switched.as_ref().unwrap_or(&0);
        if switched.is_err() || code > 2 {
            let _ = remove_tree(&dir_fd, file);
            switched?;
            return Ok(Next::Exit(code));
        }
        if let Some(old) = old.map(|o| o.as_os_str().as_bytes().to_vec()).filter(|o| *o != target) {
            release(&old, &options)?;
        }
    }
    replace_link(&dir_fd, file, boot_name).or_unable_to("symlink", &boot)?;
    Ok(Next::Exit(code))
}
