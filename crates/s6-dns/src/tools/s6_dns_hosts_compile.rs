//! `s6-dns-hosts-compile`: compiles a hosts file.

use crate::hosts::{COMPILED, MAX_FILE_SIZE, TEXT, compile, parse};
use files::{Permissions, Replace, Writers, replace_at};
use rustix::fs::CWD;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-dns-hosts-compile",
    summary: "compile the hosts file for quick look-ups",
    operands: "",
    options: &[
        Opt::value('i', "ifile", "read this file instead of /etc/hosts"),
        Opt::value('o', "ofile", "write this file instead of /etc/hosts.cdb"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let from = options.get('i').unwrap_or(TEXT.as_bytes());
    let to = options.get('o').unwrap_or(COMPILED.as_bytes());
    let text = files::read_path(from, MAX_FILE_SIZE).or_unable_to("read", from)?;
    let (records, flaws) = parse(&text);
    if let Some(flaw) = flaws.first() {
        return Err(flaw.fatal(&diag::shown(from)));
    }
    let cdb =
        compile(&records).ok_or_else(|| Fatal::new(111, format_args!("{} is too long", diag::show(from))))?;
    rustix::process::umask(rustix::fs::Mode::empty());
    let replacement = Replace { sync: true, ..Replace::with(Permissions::LessUmask(0o644), Writers::Many) };
    replace_at(CWD, to, &cdb, replacement).or_unable_to("write", to)?;
    Ok(Next::SUCCESS)
}
