//! `s6-setsid`: runs a program as the leader of a new session or process group.

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{getpid, setpgid, setsid};
use std::os::fd::{OwnedFd, RawFd};
use sys::signal;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-setsid",
    summary: "run a program as the leader of a session or process group",
    operands: "prog...",
    options: &[
        Opt::flag('s', "lead a new session (default)").long("session"),
        Opt::flag('\u{1}', "lead a new process group").long("process-group"),
        Opt::flag('b', "lead a new process group in the background").long("background-process-group"),
        Opt::flag('\u{2}', "bring the new process group to the foreground").long("foreground"),
        Opt::flag('f', "lead a new process group in the foreground").long("foreground-process-group"),
        Opt::flag('\u{3}', "take the terminal from its process group").long("grab"),
        Opt::flag('g', "as -f, and take the terminal from its process group")
            .long("foreground-process-group-grab"),
        Opt::flag('i', "fail with code 111 if something can't be done").long("strict"),
        Opt::flag('I', "warn about what can't be done (default)").long("no-strict"),
        Opt::flag('q', "don't report what can't be done").long("quiet"),
        Opt::value('d', "ctty", "the controlling terminal is this descriptor").long("ctty"),
    ],
    role: Role::Chain,
    main,
};

/// What the options ask for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Plan {
    group: bool,
    foreground: bool,
    grab: bool,
    strict: bool,
    quiet: bool,
}

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let plan = options.iter().fold(Plan::default(), |plan, (letter, _)| plan.with(letter));
    let terminal =
        options.number::<RawFd>('d')?.map(|n| if n < 0 { Err(Fatal::usage()) } else { Ok(n) }).transpose()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    for (what, done) in carry_out(plan, terminal) {
        match done {
            Err(e) if plan.strict => return Err(Fatal::unable(what, e)),
            Err(e) if !plan.quiet => call.warn(format_args!("unable to {what}: {}", sys::strerror(e))),
            _ => {}
        }
    }
    let env = call.take_env();
    Next::run(call.take_args(), env)
}

impl Plan {
    fn with(mut self, letter: char) -> Self {
        match letter {
            's' => (self.group, self.foreground, self.grab) = (false, false, false),
            '\u{1}' => self.group = true,
            'b' => (self.group, self.foreground, self.grab) = (true, false, false),
            '\u{2}' => self.foreground = true,
            'f' => (self.group, self.foreground, self.grab) = (true, true, false),
            '\u{3}' => self.grab = true,
            'g' => (self.group, self.foreground, self.grab) = (true, true, true),
            'i' => self.strict = true,
            'I' => self.strict = false,
            'q' => self.quiet = true,
            _ => {}
        }
        self
    }
}

/// Takes all steps, and returns the outcome of each.
fn carry_out(plan: Plan, terminal: Option<RawFd>) -> Vec<(&'static str, Result<(), Errno>)> {
    if !plan.group {
        return vec![("setsid", setsid().map(drop))];
    }
    let mut done = vec![("setpgid", setpgid(None, None))];
    if plan.foreground {
        done.push(("bring the process group to the foreground", to_foreground(plan.grab, terminal)));
    }
    done
}

fn to_foreground(grab: bool, terminal: Option<RawFd>) -> Result<(), Errno> {
    let terminal: OwnedFd = match terminal {
        Some(number) => sys::fd::duplicate(number, 3)?,
        None => {
            let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
            sys::fs::open("/dev/tty", flags, Mode::empty())?
        }
    };
    let ttou = signal::Set::of(&[signal::TTOU]);
    let old = if grab { Some(signal::block(&ttou)) } else { None };
    let done = rustix::termios::tcsetpgrp(&terminal, getpid());
    if let Some(old) = old {
        signal::set_mask(&old);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_each_kind_counts() {
        let plan = |letters: &str| letters.chars().fold(Plan::default(), Plan::with);
        assert_eq!(plan("gs"), Plan::default());
        assert!(plan("bf").foreground && !plan("gb").foreground);
        assert!(plan("g").grab && !plan("gf").grab);
        assert!(plan("Ii").strict && !plan("iI").strict);
    }
}
