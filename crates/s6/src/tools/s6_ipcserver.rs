//! `s6-ipcserver`: runs the parts of a super-server for Unix sockets one after the other.

use ipc::command_line::CommandLine;
use ipc::identity;
use ipc::server_options::{
    BACKLOG, CONNECTIONS, CONNECTIONS_OF_USER, LOOKUP, NO_LOOKUP, NORMALLY_VERBOSE, NOTIFY, PERMISSIONS,
    QUIET, TAKE_NO_PLACE, TAKE_PLACE, VERBOSE,
};
use tool::{Call, Fatal, Next, Options, Outcome, Role, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-ipcserver",
    summary: "run a program for each connection to a Unix socket",
    operands: "path prog...",
    options: &[
        NOTIFY,
        QUIET,
        NORMALLY_VERBOSE,
        VERBOSE,
        TAKE_PLACE,
        TAKE_NO_PLACE,
        NO_LOOKUP,
        LOOKUP,
        PERMISSIONS,
        CONNECTIONS,
        CONNECTIONS_OF_USER,
        BACKLOG,
        identity::OPTIONS[0],
        identity::OPTIONS[1],
        identity::OPTIONS[2],
        identity::OPTIONS[3],
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let path = call.shift()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let mut argv = command(&options, path, tool::tool_file)?;
    argv.extend(call.take_args());
    let env = call.take_env();
    Next::run(argv, env)
}

/// The command line without the program at its end.
fn command(options: &Options, path: Vec<u8>, file: fn(&str) -> Vec<u8>) -> Result<Vec<Vec<u8>>, Fatal> {
    let mut line = CommandLine::new(file);
    line.begin_binder("s6-ipcserver-socketbinder", options)?;
    if let Some(permissions) = options.get('a') {
        if number::octal(permissions).is_none_or(|mode| mode > 0o777) {
            return Err(Fatal::usage());
        }
        line.push("-a");
        line.push(permissions);
    }
    line.end_options();
    line.push(path);
    line.identity(options)?;
    line.begin_part("s6-ipcserverd");
    line.verbosity(options);
    if options.has('1') {
        line.push("-1");
    }
    if options.last_of("pP") == Some('P') {
        line.push("-P");
    }
    line.numbers(options, "cC", 0)?;
    line.end_options();
    Ok(line.into_words())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(words: &[&str]) -> Result<String, u8> {
        let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
        let options = Options::take(TOOL.options, &mut args).map_err(|e| e.code())?;
        let argv = command(&options, b"s".to_vec(), |n| n.as_bytes().to_vec()).map_err(|e| e.code())?;
        Ok(argv.iter().map(|w| String::from_utf8_lossy(w)).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_command_line_has_only_the_parts_that_are_needed() {
        assert_eq!(made(&[]).unwrap(), "s6-ipcserver-socketbinder -- s s6-ipcserverd --");
        assert_eq!(
            made(&["-1qPD", "-a", "0700", "-b0", "-c", "5", "-u1", "-U", "-g", "2", "-G", ""]).unwrap(),
            "s6-ipcserver-socketbinder -D -b 1 -a 0700 -- s s6-applyuidgid -Uz -g 2 -G  -- s6-ipcserverd -v0 -1 -P -c 5 --"
        );
    }

    #[test]
    fn values_are_checked_here() {
        for bad in [["-a", "999"], ["-a", "x"], ["-c", "x"], ["-u", "x"], ["-G", "x"], ["-b", "x"]] {
            assert_eq!(made(&bad), Err(100), "{bad:?}");
        }
    }
}
