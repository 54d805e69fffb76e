//! `s6-fdholderd`: holds descriptors for the clients of the socket on its standard input.

use ipc::fdholder::{self, Settings};
use rustix::process::{Resource, getrlimit};
use std::time::Duration;
use tool::{Call, Fatal, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-fdholderd",
    summary: "hold descriptors for the clients of a listening Unix socket",
    operands: "",
    options: &[
        Opt::flag('1', "write a newline to standard output when ready"),
        Opt::value('v', "verbosity", "0: quiet, 1: normal, 2: verbose"),
        Opt::value('c', "maxconn", "so many clients at once; default 16, at most 256"),
        Opt::value('n', "maxfds", "hold so many descriptors; default 1000"),
        Opt::value('t', "clienttimeout", "disconnect a client that does nothing for so many milliseconds"),
        Opt::value('T', "lameducktimeout", "exit so many milliseconds after SIGTERM, finished or not"),
        Opt::value('i', "rulesdir", "the rules are in this directory"),
        Opt::value('x', "rulesfile", "the rules are in this cdb"),
    ],
    role: Role::Stay,
    main,
};

/// More clients than this can't be asked for.
const MOST_CLIENTS: usize = 256;

/// Descriptors that aren't held: the socket, standard error, the signals, a client and what it sends.
const RESERVE: u64 = 6;

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let span = |letter| -> Result<_, Fatal> {
        Ok(options.number::<u32>(letter)?.filter(|ms| *ms != 0).map(|ms| Duration::from_millis(ms.into())))
    };
    let (client_timeout, lame_duck_timeout) = (span('t')?, span('T')?);
    let verbosity = options.number('v')?.unwrap_or(1);
    let most_clients = options.number('c')?.unwrap_or(16).clamp(1, MOST_CLIENTS);
    let most_fds = options.number('n')?.unwrap_or(1000);
    let Some((letter, rules)) = options.iter().filter(|(letter, _)| "ix".contains(*letter)).last() else {
        return Err(Fatal::user("no access rights are given: use -i rulesdir or -x rulesfile"));
    };
    let rules = rules.to_vec();
    let settings = Settings {
        verbosity,
        most_clients,
        most_fds: possible(most_fds, getrlimit(Resource::Nofile).current)?,
        client_timeout,
        lame_duck_timeout,
        rules_in_dir: letter == 'i',
        rules,
        notify: options.has('1'),
    };
    fdholder::serve(call, settings)
}

/// How many descriptors can be held if so many may be open.
fn possible(wanted: usize, limit: Option<u64>) -> Result<usize, Fatal> {
    let Some(limit) = limit else { return Ok(wanted.max(1)) };
    let most = limit.checked_sub(RESERVE).filter(|n| *n > 0);
    let most = most.ok_or_else(|| Fatal::new(111, format!("the open file limit is too low: {limit}")))?;
    Ok(wanted.clamp(1, usize::try_from(most).unwrap_or(usize::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_bounds_what_is_held() {
        let held = |wanted, limit| possible(wanted, limit).map_err(|e| e.code());
        assert_eq!(held(1000, None), Ok(1000));
        assert_eq!(held(1000, Some(1024)), Ok(1000));
        assert_eq!(held(1000, Some(7)), Ok(1));
        assert_eq!(held(1000, Some(6)), Err(111));
        assert_eq!(held(0, Some(100)), Ok(1));
    }
}
