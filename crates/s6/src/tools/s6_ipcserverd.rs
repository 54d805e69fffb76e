//! `s6-ipcserverd`: accepts connections on its standard input and runs a program for each of them.

use ipc::server_options::{
    CONNECTIONS, CONNECTIONS_OF_USER, DEFAULT_CONNECTIONS, LOOKUP, NO_LOOKUP, NOTIFY, VERBOSITY,
};
use ipc::super_server::{self, Protocol, Settings};
use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{SocketAddrAny, SocketAddrUnix};
use std::fmt;
use std::os::fd::OwnedFd;
use tool::{Call, Env, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-ipcserverd",
    summary: "run a program for each connection to a listening Unix socket",
    operands: "prog...",
    options: &[NOTIFY, VERBOSITY, NO_LOOKUP, LOOKUP, CONNECTIONS, CONNECTIONS_OF_USER],
    role: Role::Stay,
    main,
};

/// The highest limit of connections that can be set.
const CONNECTIONS_LIMIT: usize = 1000;

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = options.number('v')?.unwrap_or(1);
    let limit = options.number('c')?.unwrap_or(DEFAULT_CONNECTIONS).clamp(1, CONNECTIONS_LIMIT);
    let lookup = options.last_of("pP") != Some('P');
    let origin_limit =
        if lookup { options.number('C')?.unwrap_or(DEFAULT_CONNECTIONS).min(limit) } else { limit };
    let notification = options.has('1').then(|| b"\n".to_vec());
    let argv = call.take_args();
    super_server::serve(
        call,
        Unix { lookup },
        Settings { argv, verbosity, limit, origin_limit, notification },
    )
}

/// Clients of a Unix socket, counted by user.
struct Unix {
    /// Whether clients are looked up.
    lookup: bool,
}

struct Client {
    /// Effective user and group when it connected.
    ids: Option<(u32, u32)>,
    /// The path that the client's socket is bound to, if any.
    path: Vec<u8>,
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        User(self.ids.map(|(uid, _)| uid)).fmt(f)
    }
}

#[derive(PartialEq, Eq)]
struct User(Option<u32>);

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(uid) => write!(f, "uid {uid}"),
            None => f.write_str("uid ?"),
        }
    }
}

impl Protocol for Unix {
    type Client = Client;
    type Origin = User;

    fn client(&self, socket: &OwnedFd, from: Option<SocketAddrAny>) -> Result<Client, (String, Errno)> {
        let ids = match self.lookup.then(|| socket_peercred(socket)).transpose() {
            Ok(who) => who.map(|c| (c.uid.as_raw(), c.gid.as_raw())),
            Err(e) => return Err((String::from("look up the client"), e)),
        };
        let from = from.and_then(|from| SocketAddrUnix::try_from(from).ok());
        let path = from.and_then(|from| from.path().map(|p| p.to_bytes().to_vec())).unwrap_or_default();
        Ok(Client { ids, path })
    }

    fn origin(&self, client: &Client) -> User {
        User(client.ids.map(|(uid, _)| uid))
    }

    fn describe(&self, client: &Client, number: usize, env: &mut Env) {
        env.set(b"PROTO", b"IPC");
        match client.ids {
            Some((uid, gid)) => {
                env.set(b"IPCREMOTEEUID", uid.to_string().as_bytes());
                env.set(b"IPCREMOTEEGID", gid.to_string().as_bytes());
                env.set(b"IPCCONNNUM", number.to_string().as_bytes());
            }
            None => {
                env.unset(b"IPCREMOTEEUID");
                env.unset(b"IPCREMOTEEGID");
                env.set(b"IPCCONNNUM", b"");
            }
        }
        env.set(b"IPCREMOTEPATH", &client.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tool::diag;

    fn described(ids: Option<(u32, u32)>, path: &[u8]) -> Env {
        let mut env = Env::from_vars(vec![b"IPCREMOTEEUID=0".to_vec()]);
        Unix { lookup: true }.describe(&Client { ids, path: path.to_vec() }, 3, &mut env);
        env
    }

    #[test]
    fn an_unknown_client_has_no_variables() {
        assert_eq!(described(None, b"").get(b"IPCREMOTEEUID"), None);
        let env = described(Some((7, 8)), b"x");
        let values = ["PROTO", "IPCREMOTEEUID", "IPCREMOTEEGID", "IPCCONNNUM", "IPCREMOTEPATH"];
        let values = values.map(|n| diag::shown(env.get(n.as_bytes()).unwrap_or(b"?")));
        assert_eq!(values, ["IPC", "7", "8", "3", "x"]);
    }
}
