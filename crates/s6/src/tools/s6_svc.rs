//! `s6-svc`: sends commands to the supervisors of services.

use crate::service_options::CONTROL;
use rustix::fs::Access;
use rustix::io::Errno;
use supervision::by_hand;
use supervision::control::{Undelivered, join, send, signal_number};
use supervision::listen::{Goal, Listening};
use supervision::naming::{advice_for, advised};
use sys::signal;
use tool::clock::deadline;
use tool::{Call, Fatal, Next, Options, Outcome, Role, Tool, diag};
use wire::control::{COMMANDS, Command, Target};

pub static TOOL: Tool = Tool {
    name: "s6-svc",
    summary: "send commands to the supervisors of services",
    operands: "servicedir...",
    options: CONTROL,
    role: Role::Stay,
    main,
};

/// At most this many commands are sent at once.
const COMMANDS_LIMIT: usize = 64;

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let commands = commands(&options)?;
    let deadline = deadline(options.number('T')?);
    let goal = options.get('w').map(|v| goal(v).ok_or_else(Fatal::usage)).transpose()?;
    let dirs = call.take_args();
    let first = dirs.first().ok_or_else(Fatal::usage)?;
    if first.is_empty() {
        return Err(Fatal::user("invalid service path"));
    }
    let Some(goal) = goal else {
        return Ok(Next::Exit(send_all(call, &dirs, &commands)));
    };
    let goal = without_notification(call, first, goal)?;
    let listening = Listening::new(&dirs, goal, false);
    let mut listening = listening.map_err(|fatal| advised(fatal, TOOL.name, &dirs))?;
    if !commands.is_empty() {
        let code = send_all(call, &dirs, &commands);
        if code != 0 {
            return Ok(Next::Exit(code));
        }
    }
    listening.wait(deadline)?;
    Ok(Next::SUCCESS)
}

/// The commands of the options, in their order.
fn commands(options: &Options) -> Result<Vec<Command>, Fatal> {
    let mut commands = Vec::new();
    for (option, value) in options.iter() {
        match option {
            's' => commands.push(signal_command(value)?),
            'T' | 'w' => {}
            letter => commands.extend(u8::try_from(letter).ok().and_then(Command::from_letter)),
        }
    }
    if commands.len() > COMMANDS_LIMIT {
        return Err(Fatal::user("too many commands"));
    }
    Ok(commands)
}

/// The command that sends a signal, given by name or number, to the process of `run`.
fn signal_command(word: &[u8]) -> Result<Command, Fatal> {
    let name = diag::show(word);
    let number = signal::parse(word).ok_or_else(|| Fatal::user(format_args!("invalid signal: {name}")))?;
    let sends = |command: Command| matches!(command.sends(), Some((s, Target::Process)) if signal_number(s) == number);
    let command = COMMANDS.iter().map(|row| row.command).find(|command| sends(*command));
    command.ok_or_else(|| Fatal::user(format_args!("{name} is not in the list of signals that can be sent")))
}

fn goal(word: &[u8]) -> Option<Goal> {
    word.first().and_then(|l| Goal::from_letter(char::from(*l)))
}

/// The goal without readiness, if the service cannot notify its readiness.
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
            call.warn(format_args!("{} is not there: not waiting for readiness", diag::show(&file)));
            Ok(lesser)
        }
        Err(e) => Err(Fatal::unable(format_args!("access {}", diag::show(&file)), e)),
    }
}

/// Sends the commands to every supervisor; gives the exit code of the last error.
fn send_all(call: &Call, dirs: &[Vec<u8>], commands: &[Command]) -> u8 {
    let mut code = 0;
    for dir in dirs {
        let name = diag::show(dir);
        code = match send(dir, commands) {
            Ok(()) => {
                note_stop(dir, commands);
                continue;
            }
            Err(Undelivered::NobodyListens) => {
                call.warn(format_args!("unable to control {name}: no supervisor is listening"));
                102
            }
            Err(Undelivered::NotThere) => {
                call.warn(format_args!("something is wrong with the directory {name}/supervise"));
                1
            }
            Err(Undelivered::Failed(e)) => {
                let advice = advice_for(TOOL.name, dir);
                call.warn(format_args!("unable to control {name}: {}{advice}", sys::strerror(e)));
                111
            }
        };
    }
    code
}

/// Tells the container's log who stops a service of it.
fn note_stop(dir: &[u8], commands: &[Command]) {
    let stops = |command: &Command| matches!(command, Command::Down | Command::DownForGood | Command::Exit);
    if commands.iter().any(stops)
        && let Some(name) = by_hand::name_in_container(dir)
    {
        by_hand::note(&format!("stop: {}", diag::show(&name)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_has_an_option_that_says_what_it_sends() {
        // What s6-svdt-clear and the attendant send has none.
        use Command::{Forget, Unhealthy, UnhealthyMark, UnhealthyStop};
        let hidden = [Forget, Unhealthy, UnhealthyMark, UnhealthyStop];
        for row in COMMANDS.iter().filter(|row| !hidden.contains(&row.command)) {
            let option = TOOL.options.iter().find(|o| o.short == char::from(row.letter)).unwrap();
            let help = row.sends.map(|(which, target)| {
                let to = if target == Target::Group { " to the process group" } else { "" };
                format!("send {}{to}", signal::name(signal_number(which)).unwrap())
            });
            assert!(help.is_none_or(|help| option.help == help), "-{}: {}", option.short, option.help);
        }
        let others = TOOL
            .options
            .iter()
            .map(|o| o.short)
            .filter(|short| Command::from_letter(u8::try_from(*short).unwrap()).is_none());
        assert_eq!(others.collect::<String>(), "sTw");
    }

    #[test]
    fn options_become_commands_in_their_order() {
        let commands = |words: &[&str]| {
            let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
            commands(&Options::take(TOOL.options, &mut args).unwrap())
        };
        let letters = |words: &[&str]| {
            commands(words).unwrap().into_iter().map(|c| char::from(c.letter())).collect::<String>()
        };
        assert_eq!(letters(&["-wD", "-T", "5", "-xd", "-u"]), "xdu");
        assert_eq!(letters(&["-sSTOP", "-s", "usr2", "-s18", "-sCONT"]), "p2cc");
        assert_eq!(commands(&["-s", "SEGV"]).unwrap_err().code(), 100);
        assert_eq!(commands(&["-s", "x"]).unwrap_err().code(), 100);
        assert_eq!(commands(&["-u"; 64]).unwrap().len(), 64);
        assert_eq!(commands(&["-u"; 65]).unwrap_err().code(), 100);
    }
}
