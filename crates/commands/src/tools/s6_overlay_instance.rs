//! `s6-overlay-instance`: what stands before the programs of a service that there are several of.
//!
//! It is the `run` or `finish` of the service directory, a text whose other lines are variables, and becomes the program beside
//! it in the same process.

use rustix::fs::CWD;
use std::os::fd::AsFd;
use supervisor::noexec;
use tool::path::split;
use tool::{Call, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-overlay-instance",
    summary: "tell a program which instance of its service it is",
    operands: "[ argument... ]",
    options: &[],
    role: Role::Chain,
    main,
};

/// What comes behind its own name in the name of the program that it becomes.
const SUFFIX: &str = ".instance";

/// At most this much is read of the text.
const TEXT_MAX: usize = 4096;

fn main(call: &mut Call) -> Outcome {
    // The words are the program's.
    let arguments = call.take_args();
    let mut env = call.take_env();
    let file = &call.argv0;
    let text = files::read_file(CWD, file, TEXT_MAX).or_unable_to("read", file)?;
    for line in text.split(|byte| *byte == b'\n').skip(1) {
        if let Some(at) = line.iter().position(|byte| *byte == b'=') {
            let (name, value) = line.split_at(at);
            env.set(name, value.get(1..).unwrap_or_default());
        }
    }
    let (dir, name) = split(file);
    let name = format!("{}{SUFFIX}", String::from_utf8_lossy(name));
    let dir = files::open_dir(CWD, dir).or_unable_to("open", dir)?;
    let words: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
    let argv = noexec::around(dir.as_fd(), &name, &words).unwrap_or_else(|| {
        let mut argv = vec![[file, SUFFIX.as_bytes()].concat()];
        argv.extend(arguments.iter().cloned());
        argv
    });
    Next::run(argv, env)
}
