//! `proxy-server`: reads a PROXY header, sets variables from it, and executes the rest.
//!
//! `--before-tlsd` and `--after-tlsd` are for s6-tlsserver `-L`, where the header precedes the TLS handshake: variables
//! about TLS are kept under other names until s6-tlsd has set its own.

use crate::proxy::{self, Ends, Header, Step, Versions, Wrong};
use crate::socket::wait;
use rustix::event::PollFlags;
use rustix::io::{Errno, read};
use rustix::stdio::stdin;
use tool::clock::{Moment, deadline};
use tool::{Call, Env, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "proxy-server",
    summary: "set the client's variables from a PROXY header",
    operands: "prog...",
    options: &[
        Opt::flag('1', "accept only version 1, a line of text").long("only-v1"),
        Opt::flag('2', "accept only version 2, a binary block").long("only-v2"),
        Opt::value('t', "timeout", "fail if there is no header after this many milliseconds").long("timeout"),
        Opt::value('v', "verbosity", "0: fatal errors only, 1: normal").long("verbosity"),
        Opt::flag(BEFORE, "keep the variables about TLS under other names").long("before-tlsd"),
        Opt::flag(AFTER, "read nothing, but restore what --before-tlsd kept").long("after-tlsd"),
    ],
    role: Role::Chain,
    main,
};

const BEFORE: char = '\x01';
const AFTER: char = '\x02';

/// The prefix of variables that `--before-tlsd` keeps.
const KEPT_PREFIX: &str = "tlsbak_";

/// The variables about TLS.
const SERVER_NAME: &str = "SSL_TLS_SNI_SERVERNAME";
const PROTOCOL: &str = "SSL_PROTOCOL";
const COMMON_NAME: &str = "SSL_PEER_CERT_CN";
const CIPHER: &str = "SSL_CIPHER";

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let deadline = deadline(options.number('t')?);
    options.number::<u32>('v')?;
    let versions = match options.last_of("12") {
        Some('1') => Versions::Text,
        Some(_) => Versions::Binary,
        None => Versions::Both,
    };
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let mut env = call.take_env();
    if options.has(AFTER) {
        restore(&mut env);
    } else {
        let header = receive(versions, deadline)?;
        describe(&header, if options.has(BEFORE) { KEPT_PREFIX } else { "" }, &mut env);
    }
    Next::run(call.take_args(), env)
}

/// Reads the header from standard input, and nothing after it.
fn receive(versions: Versions, deadline: Option<Moment>) -> Result<Header, Fatal> {
    let mut got = Vec::new();
    loop {
        let more = match proxy::step(&got, versions) {
            Ok(Step::Done(header)) => return Ok(header),
            Ok(Step::Read(more)) => more,
            Err(Wrong::Invalid(why)) => {
                return Err(Fatal::new(1, format_args!("invalid PROXY header: {why}")));
            }
            Err(Wrong::Unsupported(what)) => {
                return Err(Fatal::new(2, format_args!("unsupported PROXY header: {what}")));
            }
        };
        let to_do = || "read a PROXY header from standard input";
        wait(stdin(), PollFlags::IN, deadline).or_unable(to_do)?;
        let length = got.len();
        got.resize(length + more, 0);
        let room = got.get_mut(length..).unwrap_or_default();
        let n = match read(stdin(), room) {
            Err(Errno::AGAIN | Errno::INTR) => 0,
            done => match done.or_unable(to_do)? {
                0 => return Err(Fatal::new(111, "standard input ended within the PROXY header")),
                n => n,
            },
        };
        got.truncate(length + n);
    }
}

/// Sets the variables that the header describes; others are unchanged.
fn describe(header: &Header, prefix: &str, env: &mut Env) {
    match &header.ends {
        None => {}
        Some(Ends::Tcp { remote, local }) => {
            env.set(b"PROTO", b"TCP");
            for (side, address) in [("REMOTE", remote), ("LOCAL", local)] {
                env.set(format!("TCP{side}IP").as_bytes(), wire::ip::text(address.ip()).as_bytes());
                env.set(format!("TCP{side}PORT").as_bytes(), address.port().to_string().as_bytes());
            }
        }
        Some(Ends::Unix { remote, local }) => {
            env.set(b"PROTO", b"IPC");
            env.set(b"IPCREMOTEPATH", remote);
            env.set(b"IPCLOCALPATH", local);
        }
    }
    let tls = &header.tls;
    for (name, value) in [
        (SERVER_NAME, &tls.server_name),
        (PROTOCOL, &tls.protocol),
        (COMMON_NAME, &tls.common_name),
        (CIPHER, &tls.cipher),
    ] {
        if let Some(value) = value {
            env.set(format!("{prefix}{name}").as_bytes(), value);
        }
    }
}

/// Restores the kept variables, and removes those about the proxy's own TLS connection.
fn restore(env: &mut Env) {
    for name in [SERVER_NAME, PROTOCOL, COMMON_NAME, CIPHER] {
        let kept = format!("{KEPT_PREFIX}{name}").into_bytes();
        match env.get(&kept).map(<[u8]>::to_vec) {
            Some(value) => env.set(name.as_bytes(), &value),
            None => env.unset(name.as_bytes()),
        }
        env.unset(&kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tool::diag;

    fn shown(env: &Env) -> String {
        let mut vars: Vec<_> = env.vars().iter().map(|v| diag::shown(v)).collect();
        vars.sort();
        vars.join(" ")
    }

    #[test]
    fn variables_are_set_from_the_header() {
        let mut env = Env::from_vars(vec![b"TCPREMOTEHOST=kept".to_vec()]);
        describe(&Header::default(), "", &mut env);
        assert_eq!(shown(&env), "TCPREMOTEHOST=kept");
        let ends = Ends::Tcp { remote: "1.2.3.4:5".parse().unwrap(), local: "6.7.8.9:10".parse().unwrap() };
        describe(&Header { ends: Some(ends), ..Header::default() }, "", &mut env);
        assert_eq!(
            shown(&env),
            "PROTO=TCP TCPLOCALIP=6.7.8.9 TCPLOCALPORT=10 TCPREMOTEHOST=kept TCPREMOTEIP=1.2.3.4 TCPREMOTEPORT=5"
        );
        let ends = Ends::Unix { remote: b"/r".to_vec(), local: b"/l".to_vec() };
        let mut env = Env::new();
        describe(&Header { ends: Some(ends), ..Header::default() }, "", &mut env);
        assert_eq!(shown(&env), "IPCLOCALPATH=/l IPCREMOTEPATH=/r PROTO=IPC");
    }

    #[test]
    fn variables_about_tls_survive_a_handshake() {
        let mut header = Header::default();
        header.tls.protocol = Some(b"TLSv1.3".to_vec());
        let mut env = Env::new();
        describe(&header, KEPT_PREFIX, &mut env);
        assert_eq!(shown(&env), "tlsbak_SSL_PROTOCOL=TLSv1.3");
        env.set(b"SSL_PROTOCOL", b"TLSv1.2");
        env.set(b"SSL_CIPHER", b"own");
        restore(&mut env);
        assert_eq!(shown(&env), "SSL_PROTOCOL=TLSv1.3");
    }
}
