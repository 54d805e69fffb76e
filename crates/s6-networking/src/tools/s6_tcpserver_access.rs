//! `s6-tcpserver-access`: executes a program if the rules allow the client, and sets the names of both ends.

use crate::ident::{Answer, ask};
use crate::{address, peers};
use ipc::access_rules::{Grant, Rules, Verdict};
use ipc::server_options::access;
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::sockopt;
use rustix::stdio::stdout;
use s6_dns::failure::Failure;
use s6_dns::families::Families;
use s6_dns::hosts::Hosts;
use s6_dns::resolver::Resolver;
use std::net::{IpAddr, SocketAddr};
use tool::clock::{self, Moment};
use tool::{Call, Fatal, Next, Opt, Options, OrUnable, Outcome, Role, Tool, diag};
use wire::ip;

pub static TOOL: Tool = Tool {
    name: "s6-tcpserver-access",
    summary: "run a program if rules allow the client of a TCP socket",
    operands: "prog...",
    options: &[
        Opt::value(
            'v',
            "verbosity",
            "0: errors, 1: also warnings and accepted clients (default), 2: also refused clients, 3: also why look-ups failed",
        ),
        access::ALLOW_FAILED_LOOKUP,
        access::DENY_FAILED_LOOKUP,
        access::SEND_AT_ONCE,
        access::COLLECT_WRITES,
        access::NO_NAMES,
        access::HOSTS,
        access::NO_IDENT,
        access::IDENT,
        access::BELIEVE_NAME,
        access::CHECK_NAME,
        Opt::value('l', "localname", "the value of ${PROTO}LOCALHOST"),
        Opt::value('B', "banner", "write this to the client first"),
        Opt::value('t', "timeout", "give up after this many milliseconds, with code 99"),
        access::RULES_DIR,
        access::RULES_FILE,
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = options.number('v')?.unwrap_or(1);
    let deadline = clock::deadline(options.number('t')?);
    if call.args.first().is_none_or(Vec::is_empty) {
        return Err(Fatal::usage());
    }
    let rules = Rules::open(options.get('i'), options.get('x'))?;
    let protocol = call.env.get(b"PROTO").ok_or_else(|| Fatal::user("variable PROTO is not set"))?.to_vec();
    let local = address::of_side(&call.env, &protocol, "LOCAL")?;
    let remote = address::of_side(&call.env, &protocol, "REMOTE")?;
    if options.last_of("dD") == Some('D')
        && let Err(e) = sockopt::set_tcp_nodelay(stdout(), true)
        && verbosity >= 1
    {
        call.warn(format_args!("unable to set TCP_NODELAY: {}", sys::strerror(e)));
    }
    if let Some(banner) = options.get('B') {
        write_banner(banner, deadline)?;
    }
    let check = Check {
        call,
        verbosity,
        strict: options.last_of("wW") == Some('w'),
        paranoid: options.last_of("pP") == Some('p'),
        rules,
        local,
        remote,
        deadline,
    };
    match check.run(&options) {
        Ok(Some(admitted)) => {
            if verbosity >= 1 {
                call.info(format_args!("allow pid {} ip {}", pid(), ip::text(remote.ip())));
            }
            admit(call, &protocol, admitted)
        }
        Ok(None) => {
            if verbosity >= 2 {
                call.info(format_args!("deny pid {} ip {}", pid(), ip::text(remote.ip())));
            }
            Ok(Next::Exit(1))
        }
        Err(fatal) => {
            if verbosity >= 2 {
                call.info(format_args!("deny pid {} ip {}", pid(), ip::text(remote.ip())));
            }
            Err(fatal)
        }
    }
}

fn pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

/// Writes the banner to the client.
fn write_banner(banner: &[u8], deadline: Option<Moment>) -> Result<(), Fatal> {
    let mut rest = banner;
    while !rest.is_empty() {
        crate::socket::wait(stdout(), PollFlags::OUT, deadline)
            .map_err(|e| failure(e, "write the banner"))?;
        match rustix::io::write(stdout(), rest) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            done => {
                let n = done.or_unable(|| "write the banner")?;
                rest = rest.get(n..).unwrap_or_default();
            }
        }
    }
    Ok(())
}

/// The failure of a step: code 99 for a time-out.
fn failure(e: Errno, to_do: &str) -> Fatal {
    Fatal::unable(to_do, e).with_code(if e == Errno::TIMEDOUT { 99 } else { 111 })
}

/// What an allowed client is given.
struct Admitted {
    grant: Grant,
    /// The suffixes LOCALHOST, REMOTEHOST and REMOTEINFO; variables without a value are removed.
    variables: [(&'static str, Option<Vec<u8>>); 3],
}

fn admit(call: &mut Call, protocol: &[u8], admitted: Admitted) -> Outcome {
    let mut env = call.take_env();
    for (suffix, value) in admitted.variables {
        let name = [protocol, suffix.as_bytes()].concat();
        match value {
            Some(value) => env.set(&name, &value),
            None => env.unset(&name),
        }
    }
    admitted.grant.apply(&mut env);
    if admitted.grant.exec.is_empty() {
        return Next::run(call.take_args(), env);
    }
    Next::run(vec![tool::tool_file("execlineb"), b"-c".to_vec(), admitted.grant.exec], env)
}

struct Check<'a> {
    call: &'a Call,
    verbosity: u32,
    /// A failed look-up drops the connection.
    strict: bool,
    /// The client's name must resolve to its address.
    paranoid: bool,
    rules: Option<Rules>,
    local: SocketAddr,
    remote: SocketAddr,
    deadline: Option<Moment>,
}

impl Check<'_> {
    /// Checks the client: `None` denies it, and so does a fatal error.
    fn run(&self, options: &Options) -> Result<Option<Admitted>, Fatal> {
        let look_up = !options.has('H') || self.paranoid;
        let verdict = match &self.rules {
            None => Verdict::Allow(Grant::default()),
            Some(rules) => rules.check_ip(self.remote.ip())?,
        };
        let known = match verdict {
            Verdict::Deny => return Ok(None),
            Verdict::Unknown if !look_up => return Ok(None),
            Verdict::Unknown => None,
            Verdict::Allow(grant) => Some(grant),
        };
        let info = if options.last_of("rR") == Some('r') { self.ident()? } else { None };
        let given = options.get('l').map(<[u8]>::to_vec);
        let (local_name, remote_name) = match look_up {
            false => (given, None),
            true => match self.names(given, options.has('h'))? {
                Some(names) => names,
                None => return Ok(None),
            },
        };
        let grant = match (known, &self.rules, &remote_name) {
            (Some(grant), ..) => grant,
            (None, Some(rules), Some(name)) => match rules.check_name(name)? {
                Verdict::Allow(grant) => grant,
                Verdict::Deny | Verdict::Unknown => return Ok(None),
            },
            (None, ..) => return Ok(None),
        };
        let variables = [("LOCALHOST", local_name), ("REMOTEHOST", remote_name), ("REMOTEINFO", info)];
        Ok(Some(Admitted { grant, variables }))
    }

    /// Handles a failed step: fatal if the check is strict or timed out, otherwise at most a warning.
    fn tolerate(&self, fatal: Fatal) -> Result<(), Fatal> {
        if self.strict || fatal.code() == 99 {
            return Err(fatal);
        }
        if self.verbosity >= 3 {
            self.call.warn(fatal.message());
        }
        Ok(())
    }

    fn ident(&self) -> Result<Option<Vec<u8>>, Fatal> {
        match ask(self.remote, self.local, self.deadline) {
            Ok(Answer::User(name)) => return Ok(Some(name)),
            Ok(Answer::Refusal(refusal)) => {
                self.tolerate(Fatal::new(2, format_args!("the IDENT server says: {refusal}")))?;
            }
            Err(e) => self.tolerate(failure(e, "ask the IDENT server"))?,
        }
        Ok(None)
    }

    /// As [`Check::tolerate`] for a failed look-up: code 1 if there is no such name.
    /// Reports a line or word that is ignored; at normal verbosity, this isn't said for each connection.
    fn warn_of_file(&self, text: &str) {
        if self.verbosity >= 2 {
            self.call.warn(text);
        }
    }

    fn tolerate_unresolved(&self, failure: Failure, what: &str) -> Result<(), Fatal> {
        let code = match failure {
            Failure::TimedOut => 99,
            Failure::NoSuchName => 1,
            _ => 111,
        };
        self.tolerate(failure.fatal(&format!("look up {what}")).with_code(code))
    }

    /// Looks up the local and the remote name; `None` if the remote one doesn't resolve to the client's address.
    #[expect(clippy::type_complexity, reason = "two names")]
    fn names(
        &self,
        given: Option<Vec<u8>>,
        use_hosts: bool,
    ) -> Result<Option<(Option<Vec<u8>>, Option<Vec<u8>>)>, Fatal> {
        let ips = [self.local.ip(), self.remote.ip()];
        let [mut local, mut remote] = match use_hosts {
            true => self.names_in_hosts(ips)?,
            false => [None, None],
        };
        if given.is_some() {
            local = given;
        }
        let wanted = [local.is_none().then_some(ips[0]), remote.is_none().then_some(ips[1])];
        if wanted == [None, None] {
            return Ok(Some((local, remote)));
        }
        let resolver = match Resolver::new(&self.call.env, false, &|text| self.warn_of_file(text)) {
            Ok(resolver) => resolver,
            Err(fatal) => {
                self.tolerate(fatal)?;
                return Ok(Some((local, remote)));
            }
        };
        // An address without a name is no failure.
        let [local_found, remote_found] =
            peers::names(&resolver, wanted, self.deadline).map(|found| match found {
                Err(Failure::NoSuchName) => Ok(None),
                found => found,
            });
        match local_found {
            Ok(name) => local = local.or(name),
            Err(failure) => self.tolerate_unresolved(failure, "the local name")?,
        }
        match remote_found {
            Err(failure) => self.tolerate_unresolved(failure, "the client's name")?,
            Ok(None) if self.paranoid && self.strict && remote.is_none() => return Ok(None),
            Ok(None) => {}
            Ok(Some(name)) if !self.paranoid => remote = Some(name),
            Ok(Some(name)) => {
                let families = if ips[1].is_ipv4() { Families::V4 } else { Families::V6 };
                match resolver.addresses(&name, families, false, self.deadline) {
                    Ok(found) if found.contains(&ips[1]) => remote = Some(name),
                    Ok(_) | Err(Failure::NoSuchName) => {
                        if self.verbosity >= 2 {
                            self.call.warn(format_args!("{} is not {}", ips[1], diag::show(&name)));
                        }
                        return Ok(None);
                    }
                    Err(failure) => self.tolerate_unresolved(failure, &diag::shown(&name))?,
                }
            }
        }
        Ok(Some((local, remote)))
    }

    fn names_in_hosts(&self, ips: [IpAddr; 2]) -> Result<[Option<Vec<u8>>; 2], Fatal> {
        let hosts = match Hosts::read(&|text| self.warn_of_file(text)) {
            Ok(hosts) => hosts,
            Err(fatal) => {
                self.tolerate(fatal)?;
                return Ok([None, None]);
            }
        };
        let mut names = [None, None];
        for (slot, ip) in names.iter_mut().zip(ips) {
            match hosts.names(ip) {
                Ok(found) => *slot = found.into_iter().next(),
                Err(failure) => {
                    self.tolerate_unresolved(failure, &format!("{} in the hosts file", ip::text(ip)))?
                }
            }
        }
        Ok(names)
    }
}
