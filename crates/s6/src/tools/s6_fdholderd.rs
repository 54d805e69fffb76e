//! `s6-fdholderd`: holds descriptors for the clients of the socket on its standard input.

use ipc::fdholder::{self, Settings};
use ipc::server_options::fdholder as table;
use ipc::server_options::{NOTIFY, VERBOSITY};
use rustix::process::Resource;
use std::time::Duration;
use tool::{Call, Fatal, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-fdholderd",
    summary: "hold descriptors for the clients of a listening Unix socket",
    operands: "",
    options: &[
        NOTIFY,
        VERBOSITY,
        table::CLIENTS,
        table::DESCRIPTORS,
        table::CLIENT_TIMEOUT,
        table::LAME_DUCK_TIMEOUT,
        table::RULES_DIR,
        table::RULES_FILE,
    ],
    role: Role::Stay,
    main,
};

/// Descriptors that the server needs for itself: the socket, standard error, the signals, a client and what it sends.
const RESERVE: u64 = 6;

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let span = |letter| -> Result<_, Fatal> {
        Ok(options.number::<u32>(letter)?.filter(|ms| *ms != 0).map(|ms| Duration::from_millis(ms.into())))
    };
    let (client_timeout, lame_duck_timeout) = (span('t')?, span('T')?);
    let verbosity = options.number('v')?.unwrap_or(1);
    let client_limit = options.number('c')?.unwrap_or(table::DEFAULT_CLIENTS).clamp(1, table::CLIENTS_LIMIT);
    let fd_limit = options.number('n')?.unwrap_or(table::DEFAULT_DESCRIPTORS);
    let Some((letter, rules)) = options.iter().filter(|(letter, _)| "ix".contains(*letter)).last() else {
        return Err(Fatal::user("no access rights are given: use -i rulesdir or -x rulesfile"));
    };
    let rules = rules.to_vec();
    let settings = Settings {
        verbosity,
        client_limit,
        fd_limit: store_limit(fd_limit, sys::limit::get(Resource::Nofile).current)?,
        client_timeout,
        lame_duck_timeout,
        rules_in_dir: letter == 'i',
        rules,
        notify: options.has('1'),
    };
    fdholder::serve(call, settings)
}

/// The limit of descriptors in the store: `wanted`, as far as the open file limit allows it.
fn store_limit(wanted: usize, limit: Option<u64>) -> Result<usize, Fatal> {
    let Some(limit) = limit else { return Ok(wanted.max(1)) };
    let possible_fds = limit.checked_sub(RESERVE).filter(|n| *n > 0);
    let possible_fds = possible_fds
        .ok_or_else(|| Fatal::new(111, format_args!("the open file limit is too low: {limit}")))?;
    Ok(wanted.clamp(1, usize::try_from(possible_fds).unwrap_or(usize::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_open_file_limit_bounds_the_store() {
        let held = |wanted, limit| store_limit(wanted, limit).map_err(|e| e.code());
        assert_eq!(held(1000, None), Ok(1000));
        assert_eq!(held(1000, Some(1024)), Ok(1000));
        assert_eq!(held(1000, Some(7)), Ok(1));
        assert_eq!(held(1000, Some(6)), Err(111));
        assert_eq!(held(0, Some(100)), Ok(1));
    }
}
