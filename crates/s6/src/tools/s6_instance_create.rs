//! `s6-instance-create`: adds an instance to an instanced service that is up.

use crate::instance::{check_name, copy_tree, live_scandir, remove_tree};
use rustix::io::Errno;
use supervision::control::join;
use supervision::link::{How, link};
use tool::clock::deadline;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-instance-create",
    summary: "add an instance to an instanced service",
    operands: "servicedir name",
    options: &[
        Opt::flag('d', "do not start the instance"),
        Opt::flag('D', "do not start the instance, and leave a down file"),
        Opt::flag('f', "also set the permissions of an existing event directory"),
        Opt::flag('P', "let everybody subscribe to the instance's events"),
        Opt::value('t', "timeout", "give up after this many milliseconds, with code 99"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let deadline = deadline(options.number('t')?);
    let how = How::of_options(&options, true);
    let (service, name) = (call.shift()?, call.shift()?);
    check_name(&name)?;
    let scandir = live_scandir(&service)?;
    // The link is relative to the scan directory, so that the service can be moved.
    rustix::process::chdir(&scandir)
        .map_err(|e| Fatal::unable(format_args!("chdir to {}", diag::show(&scandir)), e))?;
    let copy = join(b"../instances", &[&name]);
    match sys::fs::lstat(&copy) {
        Ok(_) => return Err(Fatal::user(format_args!("the instance {} exists already", diag::show(&name)))),
        Err(Errno::NOENT) => {}
        Err(e) => return Err(Fatal::unable(format_args!("stat {}", diag::show(&copy)), e)),
    }
    // What failed leaves nothing behind; that this may fail too changes nothing about the reason.
    copy_tree(b"../template", &copy)
        .and_then(|()| link(b".", &copy, &name, how, deadline))
        .inspect_err(|_| drop(remove_tree(&copy)))?;
    Ok(Next::SUCCESS)
}
