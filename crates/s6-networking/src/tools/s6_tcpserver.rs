//! `s6-tcpserver`: a super-server for TCP, put together from its parts.

use ipc::command_line::CommandLine;
use ipc::identity;
use ipc::server_options::{
    BACKLOG, CONNECTIONS, CONNECTIONS_OF_ADDRESS, NORMALLY_VERBOSE, NOTIFY_PORT, QUIET, REUSE_ADDRESS,
    REUSE_NO_ADDRESS, VERBOSE,
};
use tool::{Call, Fatal, Next, Options, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-tcpserver",
    summary: "run a program for each connection to a TCP port",
    operands: "ip port prog...",
    options: &[
        NOTIFY_PORT,
        QUIET,
        NORMALLY_VERBOSE,
        VERBOSE,
        REUSE_ADDRESS,
        REUSE_NO_ADDRESS,
        CONNECTIONS,
        CONNECTIONS_OF_ADDRESS,
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
    let address = [call.shift()?, call.shift()?];
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let mut argv = command(&options, address, tool::tool_file)?;
    argv.extend(call.take_args());
    let env = call.take_env();
    Next::run(argv, env)
}

/// The command line without the program at its end.
fn command(
    options: &Options,
    address: [Vec<u8>; 2],
    file: fn(&str) -> Vec<u8>,
) -> Result<Vec<Vec<u8>>, Fatal> {
    let mut line = CommandLine::new(file);
    line.begin_binder("s6-tcpserver-socketbinder", options)?;
    line.end_options();
    address.into_iter().for_each(|word| line.push(word));
    line.identity(options)?;
    line.begin_part("s6-tcpserverd");
    line.verbosity(options);
    if options.has('1') {
        line.push("-1");
    }
    line.numbers(options, "cC", 1)?;
    line.end_options();
    Ok(line.into_words())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(words: &[&str]) -> Result<String, u8> {
        let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
        let options = Options::take(TOOL.options, &mut args).map_err(|e| e.code())?;
        let address = [b"::".to_vec(), b"80".to_vec()];
        let argv = command(&options, address, |n| n.as_bytes().to_vec()).map_err(|e| e.code())?;
        Ok(argv.iter().map(|w| String::from_utf8_lossy(w)).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn only_the_parts_that_are_needed() {
        assert_eq!(made(&[]).unwrap(), "s6-tcpserver-socketbinder -- :: 80 s6-tcpserverd --");
        assert_eq!(
            made(&["-1vD", "-b0", "-c", "5", "-C0", "-U", "-g", "2", "-G", "3,4"]).unwrap(),
            "s6-tcpserver-socketbinder -D -b 1 -- :: 80 s6-applyuidgid -Uz -g 2 -G 3,4 -- s6-tcpserverd -v2 -1 -c 5 -C 1 --"
        );
    }

    #[test]
    fn values_are_checked_here() {
        for bad in [["-c", "x"], ["-C", "-1"], ["-u", "x"], ["-G", "x"], ["-b", "x"]] {
            assert_eq!(made(&bad), Err(100), "{bad:?}");
        }
    }
}
