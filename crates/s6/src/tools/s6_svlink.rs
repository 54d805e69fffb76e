//! `s6-svlink`: links a service directory into a live scan directory and waits for its supervisor.

use rustix::io::Errno;
use supervision::control::join;
use supervision::link::{How, is_hosted, link};
use tool::clock::deadline;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-svlink",
    summary: "supervise a service directory in a scan directory",
    operands: "scandir servicedir [name]",
    options: &[
        Opt::flag('d', "do not start the service"),
        Opt::flag('D', "do not start the service, and leave a down file"),
        Opt::flag('f', "also set the permissions of an existing event directory"),
        Opt::flag('P', "let everybody subscribe to the service's events"),
        Opt::value('t', "timeout", "give up after this many milliseconds, with code 99"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let deadline = deadline(options.number('t')?);
    let how = How::of_options(&options, false);
    let (scandir, servicedir) = (call.shift()?, call.shift()?);
    let name = match call.args.first() {
        Some(name) => name.clone(),
        None => servicedir.split(|b| *b == b'/').rfind(|w| !w.is_empty()).unwrap_or_default().to_vec(),
    };
    if scandir.is_empty() || servicedir.is_empty() {
        return Err(Fatal::user("invalid directory"));
    }
    if name.is_empty() || name.starts_with(b".") || name.contains(&b'/') {
        return Err(Fatal::user("invalid name"));
    }
    if !is_hosted(&scandir)? {
        return Err(Fatal::new(1, format_args!("s6-svscan not running on {}", diag::show(&scandir))));
    }
    check(call, &servicedir)?;
    let log = join(&servicedir, &[b"log"]);
    match sys::fs::stat(&log) {
        Ok(_) => check(call, &log)?,
        Err(Errno::NOENT) => {}
        Err(e) => return Err(Fatal::unable(format_args!("stat {}", diag::show(&log)), e)),
    }
    link(&scandir, &servicedir, &name, how, deadline)?;
    Ok(Next::SUCCESS)
}

/// Checks that a service directory has a program to run; warns if it is supervised already.
fn check(call: &Call, dir: &[u8]) -> Result<(), Fatal> {
    let run = join(dir, &[b"run"]);
    let st = sys::fs::stat(&run).or_unable_to("stat", &run)?;
    if st.st_mode & 0o100 == 0 {
        return Err(Fatal::user(format_args!("{} is not executable", diag::show(&run))));
    }
    let name = diag::show(dir);
    if supervision::control::is_supervised(dir).or_unable(|| format!("check supervision of {name}"))? {
        call.warn(format_args!("supervisor already running on {name}"));
    }
    Ok(())
}
