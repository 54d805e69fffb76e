//! `s6-svscanctl`: sends commands to the host of a scan directory.

use supervision::control::{SVSCAN, Undelivered, send};
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-svscanctl",
    summary: "send commands to the s6-svscan of a scan directory",
    operands: "scandir",
    options: &[
        Opt::flag('z', "reap dead children"),
        Opt::flag('a', "scan for services"),
        Opt::flag('b', "leave at once, without waiting for the services"),
        Opt::flag('h', "scan, and stop services that are not there any more"),
        Opt::flag('i', "the same as -t"),
        Opt::flag('t', "stop all services, let loggers read to the end, then leave"),
        Opt::flag('q', "stop all services and loggers, then leave"),
        Opt::flag('n', "stop the services that the last scan did not see"),
        Opt::flag('N', "the same, and stop their loggers too"),
        Opt::flag('R', "execute the program of s6-svscan anew; services run on"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let letters: String = options.iter().map(|(letter, _)| letter).collect();
    if letters.len() > 64 {
        return Err(Fatal::user("too many commands"));
    }
    let dir = call.shift()?;
    let name = diag::show(&dir);
    match send(&dir, SVSCAN, letters.as_bytes()) {
        Ok(()) => Ok(Next::SUCCESS),
        Err(Undelivered::NobodyListens) => {
            Err(Fatal::user(format!("unable to control {name}: no s6-svscan is listening")))
        }
        Err(Undelivered::NotThere) => {
            Err(Fatal::user(format!("something is wrong with the directory {name}/.s6-svscan")))
        }
        Err(Undelivered::Failed(e)) => Err(Fatal::unable(&format!("control {name}"), e)),
    }
}
