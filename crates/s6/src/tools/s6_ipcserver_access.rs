//! `s6-ipcserver-access`: runs a program if the rules allow the client.

use ipc::access_rules::{Grant, Rules, Verdict};
use ipc::identity::id;
use ipc::server_options::access;
use rustix::net::{SocketAddrUnix, getsockname};
use rustix::stdio::stdin;
use tool::{Call, Env, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-ipcserver-access",
    summary: "run a program if rules let the client of a Unix socket in",
    operands: "prog...",
    options: &[
        Opt::value(
            'v',
            "verbosity",
            "0: errors, 1: also warnings and accepted clients (default), 2: also refused clients",
        ),
        Opt::flag('E', "remove the variables about the connection"),
        Opt::flag('e', "set them (default)"),
        Opt::value('l', "localname", "the value of ${PROTO}LOCALPATH"),
        access::RULES_DIR,
        access::RULES_FILE,
    ],
    role: Role::Chain,
    main,
};

/// The limit of the value of ${PROTO}LOCALPATH in bytes.
const LOCAL_PATH_MAX: usize = 99;

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity: u32 = options.number('v')?.unwrap_or(1);
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let rules = Rules::open(options.get('i'), options.get('x'))?;
    let protocol = variable(&call.env, b"PROTO")?.to_vec();
    let named = |suffix: &[u8]| [&protocol, suffix].concat();
    let ids = |suffix: &[u8]| {
        let name = named(suffix);
        let value = variable(&call.env, &name)?;
        id(value).ok_or_else(|| Fatal::user(format_args!("invalid variable {}", diag::show(&name))))
    };
    let (uid, gid) = (ids(b"REMOTEEUID")?, ids(b"REMOTEEGID")?);
    let mut grant = Grant::default();
    if let Some(rules) = rules {
        match rules.check_ids(uid, gid)? {
            Verdict::Allow(allowed) => {
                if verbosity >= 1 {
                    call.info(format_args!("allow uid {uid} gid {gid}"));
                }
                grant = allowed;
            }
            Verdict::Deny | Verdict::Unknown => {
                if verbosity >= 2 {
                    call.info(format_args!("deny uid {uid} gid {gid}"));
                }
                return Ok(Next::Exit(1));
            }
        }
    } else if verbosity >= 2 {
        call.warn("there are no rules: every client is let in");
    }
    let mut env = call.take_env();
    if options.last_of("eE") == Some('E') {
        env.unset(b"PROTO");
        for suffix in ["REMOTEEUID", "REMOTEEGID", "REMOTEPATH", "CONNNUM", "LOCALPATH"] {
            env.unset(&named(suffix.as_bytes()));
        }
    } else {
        let local = match options.get('l') {
            Some(name) => name.to_vec(),
            None => local_path()?,
        };
        env.set(&named(b"LOCALPATH"), local.get(..LOCAL_PATH_MAX).unwrap_or(&local));
    }
    grant.apply(&mut env);
    if grant.exec.is_empty() {
        return Next::run(call.take_args(), env);
    }
    Next::run(vec![tool::tool_file("execlineb"), b"-Pc".to_vec(), grant.exec], env)
}

fn variable<'a>(env: &'a Env, name: &[u8]) -> Result<&'a [u8], Fatal> {
    env.get(name).ok_or_else(|| Fatal::user(format_args!("variable {} is not set", diag::show(name))))
}

/// The path that the socket on standard input is bound to.
fn local_path() -> Result<Vec<u8>, Fatal> {
    let address = getsockname(stdin()).or_unable(|| "look up the address of standard input")?;
    let address =
        SocketAddrUnix::try_from(address).or_unable(|| "understand the address of standard input")?;
    Ok(address.path().map(|p| p.to_bytes().to_vec()).unwrap_or_default())
}
