//! `s6-svc`: sends commands to the supervisors of services.

use rustix::fs::Access;
use rustix::io::Errno;
use supervision::control::{SUPERVISE, Undelivered, join, send};
use supervision::listen::{Goal, Listening};
use sys::signal;
use tool::clock::deadline;
use tool::{Call, Fatal, Next, Opt, Options, Outcome, Role, Tool, diag};
use wire::control::Command;

pub static TOOL: Tool = Tool {
    name: "s6-svc",
    summary: "send commands to the supervisors of services",
    operands: "servicedir...",
    options: &[
        Opt::value('s', "signal", "send this signal, one of those below, by name or number"),
        Opt::flag('a', "send SIGALRM"),
        Opt::flag('b', "send SIGABRT"),
        Opt::flag('q', "send SIGQUIT"),
        Opt::flag('h', "send SIGHUP"),
        Opt::flag('k', "send SIGKILL"),
        Opt::flag('t', "send SIGTERM"),
        Opt::flag('i', "send SIGINT"),
        Opt::flag('1', "send SIGUSR1"),
        Opt::flag('2', "send SIGUSR2"),
        Opt::flag('p', "send SIGSTOP"),
        Opt::flag('c', "send SIGCONT"),
        Opt::flag('y', "send SIGWINCH"),
        Opt::flag('r', "restart: send the down signal, keep the service wanted up"),
        Opt::flag('l', "send the reload signal"),
        Opt::flag('P', "send SIGSTOP to the process group"),
        Opt::flag('C', "send SIGCONT to the process group"),
        Opt::flag('K', "send SIGKILL to the process group"),
        Opt::flag('o', "start if down, and do not restart"),
        Opt::flag('d', "stop, and keep down"),
        Opt::flag('u', "start, and keep up"),
        Opt::flag('D', "stop, and make the down file"),
        Opt::flag('U', "start, and remove the down file"),
        Opt::flag('x', "end the supervisor when the service is down"),
        Opt::flag('O', "do not restart; do not start if down"),
        Opt::flag('Q', "as -O, and make the down file"),
        Opt::value('T', "timeout", "with -w: give up after so many milliseconds, with code 99"),
        Opt::value('w', "u|U|d|D|r|R", "wait until the services are in that state"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let letters = letters(&options)?;
    let deadline = deadline(options.number('T')?);
    let goal = options.get('w').map(|v| goal(v).ok_or_else(Fatal::usage)).transpose()?;
    let dirs = call.take_args();
    let first = dirs.first().ok_or_else(Fatal::usage)?;
    if first.is_empty() {
        return Err(Fatal::user("invalid service path"));
    }
    let Some(goal) = goal else {
        return Ok(Next::Exit(send_all(call, &dirs, &letters)));
    };
    let goal = without_notification(call, first, goal)?;
    let mut listening = Listening::new(&dirs, goal, false)?;
    if !letters.is_empty() {
        let code = send_all(call, &dirs, &letters);
        if code != 0 {
            return Ok(Next::Exit(code));
        }
    }
    listening.wait(deadline)?;
    Ok(Next::SUCCESS)
}

/// The letters of the options, in their order.
fn letters(options: &Options) -> Result<Vec<u8>, Fatal> {
    let mut letters = Vec::new();
    for (option, value) in options.iter() {
        match option {
            's' => letters.push(signal_letter(value)?),
            'T' | 'w' => {}
            _ => letters.extend(u8::try_from(option).ok().filter(|l| Command::from_letter(*l).is_some())),
        }
    }
    if letters.len() > 64 {
        return Err(Fatal::user("too many commands"));
    }
    Ok(letters)
}

fn signal_letter(word: &[u8]) -> Result<u8, Fatal> {
    let number =
        signal::parse(word).ok_or_else(|| Fatal::user(format!("invalid signal: {}", diag::show(word))))?;
    Ok(match number {
        signal::ALRM => b'a',
        signal::ABRT => b'b',
        signal::QUIT => b'q',
        signal::HUP => b'h',
        signal::KILL => b'k',
        signal::TERM => b't',
        signal::INT => b'i',
        signal::USR1 => b'1',
        signal::USR2 => b'2',
        signal::STOP => b'p',
        signal::CONT => b'c',
        signal::WINCH => b'y',
        _ => {
            let word = diag::show(word);
            return Err(Fatal::user(format!("{word} is not in the list of signals that can be sent")));
        }
    })
}

fn goal(word: &[u8]) -> Option<Goal> {
    word.first().and_then(|l| Goal::from_letter(char::from(*l)))
}

/// A service that cannot notify is not waited for to do so.
fn without_notification(call: &Call, dir: &[u8], goal: Goal) -> Result<Goal, Fatal> {
    let lesser = match goal {
        Goal::UpReady => Goal::Up,
        Goal::RestartReady => Goal::Restart,
        _ => return Ok(goal),
    };
    let file = join(dir, &[b"notification-fd"]);
    match sys::fs::access(&file, Access::EXISTS) {
        Ok(()) => Ok(goal),
        Err(Errno::NOENT) => {
            call.warn(&format!("{} is not there: not waiting for readiness", diag::show(&file)));
            Ok(lesser)
        }
        Err(e) => Err(Fatal::unable(&format!("access {}", diag::show(&file)), e)),
    }
}

/// Sends to every directory; the code of the last error.
fn send_all(call: &Call, dirs: &[Vec<u8>], letters: &[u8]) -> u8 {
    let mut code = 0;
    for dir in dirs {
        let name = diag::show(dir);
        code = match send(dir, SUPERVISE, letters) {
            Ok(()) => continue,
            Err(Undelivered::NobodyListens) => {
                call.warn(&format!("unable to control {name}: no supervisor is listening"));
                102
            }
            Err(Undelivered::NotThere) => {
                call.warn(&format!("something is wrong with the directory {name}/supervise"));
                1
            }
            Err(Undelivered::Failed(e)) => {
                call.warn(&format!("unable to control {name}: {}", sys::strerror(e)));
                111
            }
        };
    }
    code
}
