//! `s6-rmrf`: removes files and directory trees; links are removed, not followed.

use rustix::io::Errno;
use std::os::unix::ffi::OsStrExt;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-rmrf",
    summary: "remove files and directory trees",
    operands: "subtree...",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.only_operands()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    for path in &call.args {
        remove(path).or_unable_to("remove", path)?;
    }
    Ok(Next::SUCCESS)
}

fn remove(path: &[u8]) -> std::io::Result<()> {
    match sys::fs::unlink(path) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        // unlink(2) of a directory is EISDIR on Linux, EPERM by POSIX.
        Err(Errno::ISDIR | Errno::PERM) => std::fs::remove_dir_all(std::ffi::OsStr::from_bytes(path)),
        Err(e) => Err(e.into()),
    }
}
