//! `s6-nuke`: sends signals to every process that it may signal, except itself and process 1.

use rustix::io::Errno;
use sys::process::kill_all;
use sys::signal::{self, CONT, HUP, KILL, Signal, TERM};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-nuke",
    summary: "send a signal to all processes",
    operands: "",
    options: &[
        Opt::flag('h', "send SIGHUP"),
        Opt::flag('t', "send SIGTERM, then SIGCONT"),
        Opt::flag('k', "send SIGKILL"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let letter = options.last_of("htk").ok_or_else(Fatal::usage)?;
    for number in signals(letter) {
        // SIGKILL can't be ignored, but kill(2) leaves out the caller.
        let _ = signal::set_ignored(*number);
        match kill_all(*number) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(e) => return Err(e).or_unable(|| "signal all processes"),
        }
    }
    Ok(Next::SUCCESS)
}

/// The signals that a letter sends, in order.
fn signals(letter: char) -> &'static [Signal] {
    match letter {
        'h' => &[HUP],
        't' => &[TERM, CONT],
        _ => &[KILL],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signals_of_each_letter() {
        assert_eq!(signals('h'), [1]);
        assert_eq!(signals('t'), [15, 18]);
        assert_eq!(signals('k'), [9]);
    }
}
