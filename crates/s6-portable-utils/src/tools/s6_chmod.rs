//! `s6-chmod`: sets the permissions of a file; symbolic links are followed.

use rustix::fs::{CWD, Mode};
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-chmod",
    summary: "set the permissions of a file",
    operands: "perms file",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.only_operands()?;
    let mode = number::octal(&call.shift()?).filter(|m| *m <= 0o7777).ok_or_else(Fatal::usage)?;
    let file = call.shift()?;
    sys::fs::chmodat(CWD, file.as_slice(), Mode::from_raw_mode(mode), rustix::fs::AtFlags::empty())
        .or_unable_to("change mode of", &file)?;
    Ok(Next::SUCCESS)
}
