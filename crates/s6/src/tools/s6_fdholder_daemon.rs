//! `s6-fdholder-daemon`: an fd holder, put together from its parts.

use ipc::command_line::CommandLine;
use ipc::identity;
use tool::{Call, Fatal, Next, Opt, Options, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-fdholder-daemon",
    summary: "hold descriptors for the clients of a Unix socket",
    operands: "path",
    options: &[
        Opt::flag('1', "write a newline to standard output when ready"),
        Opt::value('v', "verbosity", "0: quiet, 1: normal, 2: verbose"),
        Opt::flag('d', "take the place of a socket that was left there (default)"),
        Opt::flag('D', "fail if there is something"),
        Opt::value('c', "maxconn", "so many clients at once; default 16, at most 256"),
        Opt::value('n', "maxfds", "hold so many descriptors; default 1000"),
        Opt::value('b', "backlog", "how many connections may wait"),
        identity::OPTIONS[0],
        identity::OPTIONS[1],
        identity::OPTIONS[2],
        identity::OPTIONS[3],
        Opt::value('t', "clienttimeout", "disconnect a client that does nothing for so many milliseconds"),
        Opt::value('T', "lameducktimeout", "exit so many milliseconds after SIGTERM, finished or not"),
        Opt::value('i', "rulesdir", "the rules are in this directory"),
        Opt::value('x', "rulesfile", "the rules are in this cdb"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let path = call.shift()?;
    let argv = command(&options, path, tool::own_file)?;
    let env = call.take_env();
    Next::run(argv, env)
}

fn command(options: &Options, path: Vec<u8>, file: fn(&str) -> Vec<u8>) -> Result<Vec<Vec<u8>>, Fatal> {
    let Some(rules) = options.iter().filter(|(letter, _)| "ix".contains(*letter)).last() else {
        return Err(Fatal::user("no access rights are given: use -i rulesdir or -x rulesfile"));
    };
    let mut line = CommandLine::new(file);
    line.begin_binder("s6-ipcserver-socketbinder", options)?;
    line.end();
    line.push(path);
    line.identity(options)?;
    line.begin("s6-fdholderd");
    if options.has('1') {
        line.push("-1");
    }
    line.numbers(options, "vcntT", 0)?;
    line.push(format!("-{}", rules.0));
    line.push(rules.1);
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
    fn only_the_parts_that_are_needed() {
        assert_eq!(made(&["-i", "r"]).unwrap(), "s6-ipcserver-socketbinder -- s s6-fdholderd -i r");
        assert_eq!(
            made(&["-1DU", "-b5", "-c3", "-n9", "-t1", "-T2", "-v2", "-i", "r", "-x", "f", "-u7"]).unwrap(),
            "s6-ipcserver-socketbinder -D -b 5 -- s s6-applyuidgid -Uz -u 7 -- s6-fdholderd -1 -v 2 -c 3 -n 9 -t 1 -T 2 -x f"
        );
    }

    #[test]
    fn there_must_be_rules_and_numbers() {
        assert_eq!(made(&[]), Err(100));
        for bad in [["-c", "x"], ["-n", "x"], ["-t", "x"], ["-u", "x"], ["-G", "x"]] {
            assert_eq!(made(&[bad[0], bad[1], "-i", "r"]), Err(100), "{bad:?}");
        }
    }
}
