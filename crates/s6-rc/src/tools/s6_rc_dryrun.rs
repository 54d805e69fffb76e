//! `s6-rc-dryrun`: prints a command line instead of running it, and takes as long as the command line would.

use crate::common_options::verbosity;
use rustix::event::{Timespec, poll};
use tool::{Call, Fatal, Next, Opt, OrUnable, Out, Outcome, Role, Tool};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-dryrun",
    summary: "print a command line instead of running it",
    operands: "prog...",
    options: &[
        Opt::value('v', "verbosity", "0: print nothing").long("verbosity"),
        Opt::value('t', "ms", "exit after this time, 1000 by default").long("timeout"),
    ],
    role: Role::Stay,
    main,
};

/// How long the command line takes by default, in milliseconds.
const DURATION_MS: u32 = 1000;

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = verbosity(&options)?;
    let ms = options.number('t')?.unwrap_or(DURATION_MS);
    let words = call.take_args();
    if words.is_empty() {
        return Err(Fatal::usage());
    }
    if verbosity > 0 {
        let mut out = Out::new();
        out.put(b"s6-rc-dryrun: ")?;
        out.line(&words.join(&b' '))?;
        out.flush()?;
    }
    let until = tool::clock::now() + std::time::Duration::from_millis(ms.into());
    loop {
        let left = until.saturating_sub(tool::clock::now());
        if left.is_zero() {
            return Ok(Next::SUCCESS);
        }
        match poll(&mut [], Timespec::try_from(left).ok().as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e).or_unable(|| "poll"),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_command_line_takes_a_second_by_default() {
        assert_eq!(super::DURATION_MS, 1000);
    }
}
