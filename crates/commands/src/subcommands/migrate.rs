//! `s6-overlay migrate`: migrates an image's files to version 3 of the overlay, as far as that can be done mechanically.
//!
//! Without `--write` it only reports what it would do.  Exits 0, even if something is left to a human; 111 if something
//! can't be read or written.

use crate::migrate::survey::Survey;
use installation::Names;
use rustix::fs::{CWD, Mode};
use tool::sorted::Set;
use tool::{Call, Fatal, Next, Opt, OrUnable, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-overlay migrate",
    summary: "move an image's scripts and definitions to version 3",
    operands: "[ file... ]",
    options: &[
        Opt::value('r', "dir", "the image's root; / unless given").long("root"),
        Opt::flag('w', "write what is reported").long("write"),
    ],
    role: Role::Stay,
    main,
};

/// Names of our commands that systems have in /bin, too.
const SYSTEM_COMMANDS: &[&str] = &["cd", "umask", "wait"];

fn main(call: &mut Call) -> Outcome {
    let options = call.options_anywhere()?;
    let root = options.get('r').unwrap_or(b"/");
    let write = options.has('w');
    let folder = files::open_dir(CWD, root).or_unable_to("open", root)?;
    let names = Names::all().map_err(|why| Fatal::new(111, why))?;
    let mut ours: Set<&[u8]> = Set::new();
    let all = names.commands().chain(names.added.iter().copied());
    ours.extend(all.filter(|name| !SYSTEM_COMMANDS.contains(name)).map(str::as_bytes));
    let files = call.take_args();
    // All users may read new folders.
    rustix::process::umask(Mode::from(0o022));
    let mut survey = Survey {
        call,
        write,
        is_ours: &|name| ours.contains(&name),
        out: Out::new(),
        changed: 0,
        remarks: 0,
        failed: false,
        seen: Vec::new(),
    };
    for file in &files {
        survey.named(rustix::fd::AsFd::as_fd(&folder), file)?;
    }
    survey.root(rustix::fd::AsFd::as_fd(&folder))?;
    let Survey { mut out, changed, remarks, failed, .. } = survey;
    let mut summary = match (changed, write) {
        (0, _) => "nothing to change".to_owned(),
        (n, true) => format!("{n} changed"),
        (n, false) => format!("{n} to change, with --write"),
    };
    if remarks > 0 {
        summary.push_str(&format!("; {remarks} for you to look at"));
    }
    out.line(summary.as_bytes())?;
    out.flush()?;
    Ok(Next::Exit(if failed { 111 } else { 0 }))
}
