//! Options that several servers share with the programs that build their command lines, and the defaults.

use tool::Opt;

/// The default limit of connections at once, in all and of one origin.
pub const DEFAULT_CONNECTIONS: usize = 40;

/// `-1` of a server of a Unix socket.
pub const NOTIFY: Opt = Opt::flag('1', "write a newline to standard output when ready");
/// `-1` of a server of a TCP port.
pub const NOTIFY_PORT: Opt = Opt::flag('1', "write the port to standard output when ready");
/// `-q`.
pub const QUIET: Opt = Opt::flag('q', "be quiet");
/// `-Q`.
pub const NORMALLY_VERBOSE: Opt = Opt::flag('Q', "be normally verbose (default)");
/// `-v` of a program that has `-q` and `-Q`, too.
pub const VERBOSE: Opt = Opt::flag('v', "be verbose");
/// `-v` with a number.
pub const VERBOSITY: Opt = Opt::value('v', "verbosity", "0: quiet, 1: normal, 2: verbose");
/// `-c`.
pub const CONNECTIONS: Opt =
    Opt::value('c', "maxconn", "accept at most this many connections at once; default 40");
/// `-C` of a server of a Unix socket.
pub const CONNECTIONS_OF_USER: Opt =
    Opt::value('C', "localmaxconn", "accept at most this many connections of one user at once; default 40");
/// `-C` of a server of a TCP port.
pub const CONNECTIONS_OF_ADDRESS: Opt = Opt::value(
    'C',
    "localmaxconn",
    "accept at most this many connections from one address at once; default 40",
);
/// `-b` of a server.
pub const BACKLOG: Opt = Opt::value('b', "backlog", "how many connections may wait");
/// `-b` of a program that only makes the socket.
pub const BACKLOG_OR_NONE: Opt = Opt::value('b', "backlog", "how many connections may wait; 0: don't listen");
/// `-d` for a Unix socket.
pub const TAKE_PLACE: Opt = Opt::flag('d', "replace a socket that is left over there (default)");
/// `-D` for a Unix socket.
pub const TAKE_NO_PLACE: Opt = Opt::flag('D', "fail if anything is there");
/// `-d` for a TCP port.
pub const REUSE_ADDRESS: Opt = Opt::flag('d', "accept an address that was in use shortly before (default)");
/// `-D` for a TCP port.
pub const REUSE_NO_ADDRESS: Opt = Opt::flag('D', "don't");
/// `-P` of a server of a Unix socket.
pub const NO_LOOKUP: Opt = Opt::flag('P', "don't look up who the client is");
/// `-p` of a server of a Unix socket.
pub const LOOKUP: Opt = Opt::flag('p', "look up who the client is (default)");
/// `-a`.
pub const PERMISSIONS: Opt = Opt::value('a', "perms", "permissions of the socket, octal; default 0777");

/// The default number of connections that may wait: the limit of Linux, unless it is configured.
pub const DEFAULT_BACKLOG: u32 = 4096;

/// The options of the programs that allow a client by rules.
pub mod access {
    use tool::Opt;

    /// `-W`.
    pub const ALLOW_FAILED_LOOKUP: Opt = Opt::flag('W', "continue if a look-up fails (default)");
    /// `-w`.
    pub const DENY_FAILED_LOOKUP: Opt = Opt::flag('w', "drop the connection if a look-up fails");
    /// `-D`.
    pub const SEND_AT_ONCE: Opt = Opt::flag('D', "send each write at once (TCP_NODELAY)");
    /// `-d`.
    pub const COLLECT_WRITES: Opt = Opt::flag('d', "let the system collect small writes (default)");
    /// `-H`.
    pub const NO_NAMES: Opt = Opt::flag('H', "look up no names");
    /// `-h`.
    pub const HOSTS: Opt = Opt::flag('h', "look into /etc/hosts before the DNS");
    /// `-R`.
    pub const NO_IDENT: Opt = Opt::flag('R', "don't ask the client who it is (default)");
    /// `-r`.
    pub const IDENT: Opt = Opt::flag('r', "ask the client who it is by IDENT");
    /// `-P`.
    pub const BELIEVE_NAME: Opt = Opt::flag('P', "believe the client's name (default)");
    /// `-p`.
    pub const CHECK_NAME: Opt =
        Opt::flag('p', "drop the connection if the client's name has another address");
    /// `-i`.
    pub const RULES_DIR: Opt = Opt::value('i', "dir", "the rules are in this directory");
    /// `-x`.
    pub const RULES_FILE: Opt = Opt::value('x', "cdb", "the rules are in this cdb");
}

/// The options of an fd holder that both of its programs have.
pub mod fdholder {
    use tool::Opt;

    /// The default limit of clients at once.
    pub const DEFAULT_CLIENTS: usize = 16;
    /// The highest limit of clients that can be set.
    pub const CLIENTS_LIMIT: usize = 256;
    /// The default limit of descriptors in the store.
    pub const DEFAULT_DESCRIPTORS: usize = 1000;

    /// `-c`.
    pub const CLIENTS: Opt =
        Opt::value('c', "maxconn", "serve at most this many clients at once, up to 256; default 16");
    /// `-n`.
    pub const DESCRIPTORS: Opt =
        Opt::value('n', "maxfds", "hold at most this many descriptors; default 1000");
    /// `-t`.
    pub const CLIENT_TIMEOUT: Opt =
        Opt::value('t', "clienttimeout", "disconnect a client that does nothing for this many milliseconds");
    /// `-T`.
    pub const LAME_DUCK_TIMEOUT: Opt =
        Opt::value('T', "lameducktimeout", "exit this many milliseconds after SIGTERM, finished or not");
    /// `-i`.
    pub const RULES_DIR: Opt = Opt::value('i', "rulesdir", "the rules are in this directory");
    /// `-x`.
    pub const RULES_FILE: Opt = Opt::value('x', "rulesfile", "the rules are in this cdb");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_state_the_defaults() {
        let states =
            |option: Opt, words: String| assert!(option.help.contains(&words), "{} {words}", option.help);
        for option in [CONNECTIONS, CONNECTIONS_OF_USER, CONNECTIONS_OF_ADDRESS] {
            states(option, format!("default {DEFAULT_CONNECTIONS}"));
        }
        states(
            fdholder::CLIENTS,
            format!("up to {}; default {}", fdholder::CLIENTS_LIMIT, fdholder::DEFAULT_CLIENTS),
        );
        states(fdholder::DESCRIPTORS, format!("default {}", fdholder::DEFAULT_DESCRIPTORS));
    }

    #[test]
    fn a_server_takes_40_connections_by_default() {
        assert_eq!(DEFAULT_CONNECTIONS, 40);
    }

    #[test]
    fn a_backlog_is_4096_by_default() {
        assert_eq!(DEFAULT_BACKLOG, 4096);
    }

    #[test]
    fn an_fd_holder_takes_16_clients_by_default_and_256_at_most() {
        assert_eq!((fdholder::DEFAULT_CLIENTS, fdholder::CLIENTS_LIMIT), (16, 256));
    }

    #[test]
    fn an_fd_holder_holds_1000_descriptors_by_default() {
        assert_eq!(fdholder::DEFAULT_DESCRIPTORS, 1000);
    }
}
