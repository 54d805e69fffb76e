//! `s6-rc-compile`: source directories in, a compiled service database out.
//!
//! Exit codes: 0 done, 1 an error in the sources, 100 wrong usage, 111 a system call failed.

use crate::common_options::{FDHOLDER_USER, verbosity};
use crate::compile::{compile, print_report};
use tool::{
    Call, Fatal, Next, Opt, Outcome, Role, Tool,
    diag::{show, shown},
};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-compile",
    summary: "compile service definitions into a database",
    operands: "destination sources...",
    options: &[
        Opt::flag('b', "let oneshots wait for locks; they take none here, so nothing changes").long("block"),
        Opt::value('v', "verbosity", "0: errors only; 1: warnings too; 2: notes; 3: the graph")
            .long("verbosity"),
        FDHOLDER_USER,
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = verbosity(&options)?;
    let destination = call.shift()?;
    let sources = call.take_args();
    if sources.is_empty() {
        return Err(Fatal::usage());
    }
    let report = compile(&destination, &sources)?;
    print_report(TOOL.name, verbosity, &report.diagnostics);
    let Some(database) = report.database else { return Ok(Next::Exit(1)) };
    if verbosity >= 3 {
        for service in database.services() {
            let on: Vec<_> = service.dependencies.iter().map(|d| shown(database.name(*d))).collect();
            call.info(format_args!("{} depends on: {}", show(&service.name), on.join(" ")));
        }
        for bundle in database.bundles() {
            let of: Vec<_> = bundle.contents.iter().map(|d| shown(database.name(*d))).collect();
            call.info(format_args!("{} contains: {}", show(&bundle.name), of.join(" ")));
        }
    }
    Ok(Next::SUCCESS)
}
