//! `heredoc`: feeds a string to a descriptor.

use crate::descriptor::descriptor;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use sys::process::{Fork, exit, fork, wait_for};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "heredoc",
    summary: "let a program read a string from a descriptor",
    operands: "fd string prog...",
    options: &[Opt::flag('d', "detach: the writing process is not a child of prog")],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    if call.args.len() < 3 {
        return Err(Fatal::usage());
    }
    let (fd, text) = (descriptor(&call.shift()?)?, call.shift()?);
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).or_unable(|| "create a pipe")?;
    // A process to write the text is needed only for what doesn't fit into the pipe.
    sys::fd::set_blocking(writer.as_raw_fd(), false).or_unable(|| "set up a pipe")?;
    let written = match rustix::io::write(&writer, &text) {
        Ok(n) => n,
        Err(Errno::AGAIN) => 0,
        Err(e) => return Err(Fatal::unable("write to a pipe", e)),
    };
    sys::fd::set_blocking(writer.as_raw_fd(), true).or_unable(|| "set up a pipe")?;
    let rest = text.get(written..).unwrap_or_default();
    if !rest.is_empty() {
        feed(rest, writer.as_fd(), reader.as_fd(), options.has('d')).or_unable(|| "fork")?;
    }
    drop(writer);
    sys::fd::place(reader, fd).or_unable(|| format!("make it descriptor {fd}"))?;
    Next::run(call.take_args(), call.take_env())
}

/// Writes the text from a child, or from a grandchild if `detached`.
fn feed(text: &[u8], writer: BorrowedFd<'_>, reader: BorrowedFd<'_>, detached: bool) -> Result<(), Errno> {
    if let Fork::Parent(pid) = fork()? {
        return if detached { wait_for(pid).map(drop) } else { Ok(()) };
    }
    if detached && matches!(fork(), Ok(Fork::Parent(_))) {
        exit(0);
    }
    sys::fd::close(reader.as_raw_fd());
    if files::write_all(writer, text).is_err() {
        exit(111);
    }
    exit(0)
}
