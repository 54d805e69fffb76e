//! `s6-fghack`: keeps a program that puts itself in the background in the foreground.
//!
//! The program inherits many write ends of a pipe; when all of them are closed, the program and its descendants have
//! ended.

use rustix::io::{Errno, dup, read};
use rustix::pipe::PipeFlags;
use std::os::fd::AsFd;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Setup, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-fghack",
    summary: "wait for the end of a program that puts itself in the background",
    operands: "prog...",
    options: &[],
    role: Role::Stay,
    main,
};

/// How many write ends the program inherits.
const COPIES: usize = 30;

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let argv = call.take_args();
    let name = argv.first().cloned().ok_or_else(Fatal::usage)?;
    call.warn("this program is obsolescent: use s6-background-watch");
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::empty()).or_unable(|| "create a pipe")?;
    let copies = (0..COPIES).map(|_| dup(&writer)).collect::<Result<Vec<_>, _>>();
    let copies = copies.or_unable(|| "duplicate a descriptor")?;
    rustix::io::fcntl_setfd(&reader, rustix::io::FdFlags::CLOEXEC).or_unable(|| "set close-on-exec")?;
    let setup = Setup { private: &[reader.as_fd()], ..Setup::default() };
    let env = call.take_env();
    let pid = tool::try_spawn(call, argv, env, &setup).map_err(|e| tool::unable_to_spawn(&name, e))?;
    drop((writer, copies));
    loop {
        match read(&reader, &mut [0_u8; 1]) {
            Err(Errno::INTR) => {}
            Ok(0) => break,
            Ok(_) => {
                return Err(Fatal::new(102, format_args!("{} wrote on the pipe", diag::show(&name))));
            }
            Err(e) => return Err(Fatal::unable("read the pipe", e)),
        }
    }
    let ended = sys::process::wait_for(pid).or_unable(|| "wait for the program")?;
    Ok(Next::Exit(ended.code()))
}
