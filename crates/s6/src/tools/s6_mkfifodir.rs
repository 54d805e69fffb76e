//! `s6-mkfifodir`: makes a fifodir.

use tool::{Call, Next, Opt, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-mkfifodir",
    summary: "make a fifodir",
    operands: "fifodir",
    options: &[
        Opt::flag('f', "also set the permissions of an existing directory"),
        Opt::value('g', "gid", "let only this group listen; by default everybody may"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let gid = options.number('g')?;
    let path = call.shift()?;
    supervision::fifodir::make(&path, gid, options.has('f')).or_unable_to("create fifodir at", &path)?;
    Ok(Next::SUCCESS)
}
