//! `s6-mkfifo`: creates named pipes.

use rustix::fs::{CWD, FileType, Mode};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-mkfifo",
    summary: "create named pipes",
    operands: "fifo...",
    options: &[Opt::value('m', "mode", "exact permissions, octal, whatever the umask")],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mode = match options.get('m') {
        None => 0o666,
        Some(word) => {
            let mode = number::octal(word).filter(|m| *m <= 0o7777).ok_or_else(Fatal::usage)?;
            rustix::process::umask(Mode::empty());
            mode
        }
    };
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    for fifo in &call.args {
        sys::fs::mknodat(CWD, fifo.as_slice(), FileType::Fifo, Mode::from_raw_mode(mode), 0)
            .or_unable_to("make fifo", fifo)?;
    }
    Ok(Next::SUCCESS)
}
