//! `s6-svscanctl`: sends commands to the host of a scan directory.

use supervision::control::{Undelivered, send_to_host};
use tool::{Call, Fatal, Next, Opt, Options, Outcome, Role, Tool, diag};
use wire::control::ScanCommand;

pub static TOOL: Tool = Tool {
    name: "s6-svscanctl",
    summary: "send commands to the s6-svscan of a scan directory",
    operands: "scandir",
    options: &[
        Opt::flag('z', "reap dead children"),
        Opt::flag('a', "scan for services"),
        Opt::flag('b', "exit at once, without waiting for the services"),
        Opt::flag('h', "scan, and stop services that are gone"),
        Opt::flag('i', "the same as -t"),
        Opt::flag('t', "stop all services, let loggers read to the end, then exit"),
        Opt::flag('q', "stop all services and loggers, then exit"),
        Opt::flag('n', "stop the services that the last scan did not see"),
        Opt::flag('N', "the same, and stop their loggers too"),
        Opt::flag('R', "re-execute the program of s6-svscan; services continue to run"),
    ],
    role: Role::Stay,
    main,
};

/// At most this many commands are sent at once.
const COMMANDS_LIMIT: usize = 64;

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let commands = commands(&options);
    if commands.len() > COMMANDS_LIMIT {
        return Err(Fatal::user("too many commands"));
    }
    let dir = call.shift()?;
    let name = diag::show(&dir);
    match send_to_host(&dir, &commands) {
        Ok(()) => Ok(Next::SUCCESS),
        Err(Undelivered::NobodyListens) => {
            Err(Fatal::user(format_args!("unable to control {name}: no s6-svscan is listening")))
        }
        Err(Undelivered::NotThere) => {
            Err(Fatal::user(format_args!("something is wrong with the directory {name}/.s6-svscan")))
        }
        Err(Undelivered::Failed(e)) => Err(Fatal::unable(format_args!("control {name}"), e)),
    }
}

/// The commands of the options, in their order.
fn commands(options: &Options) -> Vec<ScanCommand> {
    let letters = options.iter().filter_map(|(letter, _)| u8::try_from(letter).ok());
    letters.filter_map(ScanCommand::from_letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::control::SCAN_COMMANDS;

    #[test]
    fn options_and_letters_are_the_same() {
        let mut options: Vec<char> = TOOL.options.iter().map(|o| o.short).collect();
        let mut letters: Vec<char> =
            SCAN_COMMANDS.iter().map(|command| char::from(command.letter())).collect();
        options.sort_unstable();
        letters.sort_unstable();
        assert_eq!(options, letters);
        let options = Options::take(TOOL.options, &mut vec![b"-anb".to_vec()]).unwrap();
        assert_eq!(commands(&options), [ScanCommand::Scan, ScanCommand::Prune, ScanCommand::Abort]);
    }
}
