//! `s6-fdholder-daemon`: runs the parts of an fd holder one after the other.

use ipc::command_line::CommandLine;
use ipc::identity;
use ipc::server_options::fdholder as table;
use ipc::server_options::{BACKLOG, NOTIFY, TAKE_NO_PLACE, TAKE_PLACE, VERBOSITY};
use tool::{Call, Fatal, Next, Options, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-fdholder-daemon",
    summary: "hold descriptors for the clients of a Unix socket",
    operands: "path",
    options: &[
        NOTIFY,
        VERBOSITY,
        TAKE_PLACE,
        TAKE_NO_PLACE,
        table::CLIENTS,
        table::DESCRIPTORS,
        BACKLOG,
        identity::OPTIONS[0],
        identity::OPTIONS[1],
        identity::OPTIONS[2],
        identity::OPTIONS[3],
        table::CLIENT_TIMEOUT,
        table::LAME_DUCK_TIMEOUT,
        table::RULES_DIR,
        table::RULES_FILE,
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let path = call.shift()?;
    let argv = command(&options, path, tool::tool_file)?;
    let env = call.take_env();
    Next::run(argv, env)
}

fn command(options: &Options, path: Vec<u8>, file: fn(&str) -> Vec<u8>) -> Result<Vec<Vec<u8>>, Fatal> {
    let Some(rules) = options.iter().filter(|(letter, _)| "ix".contains(*letter)).last() else {
        return Err(Fatal::user("no access rights are given: use -i rulesdir or -x rulesfile"));
    };
    let mut line = CommandLine::new(file);
    line.begin_binder("s6-ipcserver-socketbinder", options)?;
    line.end_options();
    line.push(path);
    line.identity(options)?;
    line.begin_part("s6-fdholderd");
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
    fn a_command_line_has_only_the_parts_that_are_needed() {
        assert_eq!(made(&["-i", "r"]).unwrap(), "s6-ipcserver-socketbinder -- s s6-fdholderd -i r");
        assert_eq!(
            made(&["-1DU", "-b5", "-c3", "-n9", "-t1", "-T2", "-v2", "-i", "r", "-x", "f", "-u7"]).unwrap(),
            "s6-ipcserver-socketbinder -D -b 5 -- s s6-applyuidgid -Uz -u 7 -- s6-fdholderd -1 -v 2 -c 3 -n 9 -t 1 -T 2 -x f"
        );
    }

    #[test]
    fn rules_are_required_and_numbers_are_checked() {
        assert_eq!(made(&[]), Err(100));
        for bad in [["-c", "x"], ["-n", "x"], ["-t", "x"], ["-u", "x"], ["-G", "x"]] {
            assert_eq!(made(&[bad[0], bad[1], "-i", "r"]), Err(100), "{bad:?}");
        }
    }
}
