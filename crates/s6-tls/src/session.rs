//! A TLS session: what `s6-tlsc-io` and `s6-tlsd-io` share.

use crate::relay::{self, ConnectionPolicy, Ends, Failure};
use crate::report;
use rustix::io::Errno;
use rustls::crypto::CryptoProvider;
use rustls::{CertificateError, Connection, Error};
use std::os::fd::{OwnedFd, RawFd};
use std::sync::Arc;
use sys::credential::Identity;
use sys::signal;
use tool::clock::deadline;
use tool::{Call, Env, Fatal, Next, Opt, Options, OrUnable, Outcome};
use wire::number;

/// The options of both sides.
pub(crate) const SEND_CLOSE_NOTIFY: Opt =
    Opt::flag('S', "send close_notify when the local program ends its output").long("close-notify");
pub(crate) const NO_CLOSE_NOTIFY: Opt =
    Opt::flag('s', "only shut down the connection's sending side (default)").long("no-close-notify");
pub(crate) const REQUIRE_CLOSE_NOTIFY: Opt =
    Opt::flag('J', "treat an end of the peer without close_notify as an error").long("enforce-close-notify");
pub(crate) const ACCEPT_TRUNCATION: Opt =
    Opt::flag('j', "accept an end of the peer without close_notify (default)")
        .long("no-enforce-close-notify");
pub(crate) const VERBOSITY: Opt =
    Opt::value('v', "verbosity", "0: quiet, 1: normal, 2: verbose").long("verbosity");
pub(crate) const TIMEOUT: Opt =
    Opt::value('K', "kimeout", "the time-out of the handshake, in milliseconds; default: none")
        .long("handshake-timeout");
pub(crate) const NOTIFICATION: Opt =
    Opt::value('d', "notif", "report to this descriptor when the handshake is complete").long("notification");

/// Parses the number of an open descriptor.
fn descriptor(word: &[u8]) -> Result<RawFd, Fatal> {
    let fd = number::decimal::<RawFd>(word).filter(|fd| *fd >= 0).ok_or_else(Fatal::usage)?;
    if !sys::fd::is_open(fd) {
        return Err(Fatal::user(format_args!("descriptor {fd} is not open")));
    }
    Ok(fd)
}

/// Takes ownership of descriptors; a number given twice is duplicated.
fn take_ownership<const N: usize>(numbers: [RawFd; N]) -> Result<[OwnedFd; N], Fatal> {
    let mut taken: Vec<RawFd> = Vec::new();
    let mut owned = Vec::new();
    for fd in numbers {
        let take = || if taken.contains(&fd) { sys::fd::duplicate(fd, 3) } else { sys::fd::adopt(fd) };
        owned.push(take().or_unable(|| format!("use descriptor {fd}"))?);
        taken.push(fd);
    }
    owned.try_into().map_err(|_| Fatal::usage())
}

/// The settings and descriptors of a session.
pub(crate) struct Session {
    policy: ConnectionPolicy,
    notification: Option<OwnedFd>,
    /// Standard input and output, and the two descriptors of the command line.
    descriptors: [OwnedFd; 4],
    verbosity: u32,
}

impl Session {
    /// Parses options and operands.
    pub(crate) fn new(call: &mut Call, options: &Options) -> Result<Self, Fatal> {
        let notification = options.get('d').map(descriptor).transpose()?;
        let (fdr, fdw) = (descriptor(&call.shift()?)?, descriptor(&call.shift()?)?);
        let (input, output) = (descriptor(b"0")?, descriptor(b"1")?);
        let policy = policy(options)?;
        let verbosity = options.number('v')?.unwrap_or(1);
        let descriptors = take_ownership([input, output, fdr, fdw])?;
        let notification = notification.map(|fd| take_ownership([fd])).transpose()?.map(|[fd]| fd);
        Ok(Self { policy, notification, descriptors, verbosity })
    }

    /// Drops privileges, performs the handshake, and relays.
    pub(crate) fn run(
        self,
        env: &Env,
        mut tls: Connection,
        name: Option<&[u8]>,
        provider: &Arc<CryptoProvider>,
    ) -> Outcome {
        drop_privileges(env)?;
        // A write without a reader must fail rather than kill the process.
        signal::set_interrupting(signal::PIPE).or_unable(|| "catch SIGPIPE")?;
        let [input, output, fdr, fdw] = self.descriptors.map(Some);
        let mut ends = match &tls {
            Connection::Client(_) => Ends { local_in: input, local_out: output, net_in: fdr, net_out: fdw },
            Connection::Server(_) => Ends { net_in: input, net_out: output, local_in: fdr, local_out: fdw },
        };
        let notification = self.notification;
        let after_handshake = |tls: &Connection| match notification {
            Some(fd) => send_report(&fd, &report::of(tls, name, provider)),
            None => Ok(()),
        };
        let tls_failed = |text: String| match self.verbosity {
            0 => Fatal::silent(98),
            _ => Fatal::new(98, text),
        };
        match relay::run(&mut tls, &mut ends, self.policy, after_handshake) {
            Ok(()) => Ok(Next::SUCCESS),
            Err(Failure::Tls(e)) => Err(tls_failed(format!("TLS failed: {}", reason(&e)))),
            Err(Failure::HandshakeTimedOut) => {
                Err(tls_failed(String::from("the TLS handshake took too long")))
            }
            Err(Failure::PeerGone) => Err(tls_failed(String::from("the peer left during the TLS handshake"))),
            Err(Failure::Truncated) => {
                Err(tls_failed(String::from("the peer ended the connection without close_notify")))
            }
            Err(Failure::System(e)) => Err(Fatal::unable("relay data", e)),
        }
    }
}

/// The library's words for an error, or plainer ones.
fn reason(error: &Error) -> String {
    let Error::InvalidCertificate(flaw) = error else { return error.to_string() };
    match flaw {
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "invalid peer certificate: it is self-signed or an authority's, and not in CAFILE or CADIR"
                .to_owned()
        }
        CertificateError::UnknownIssuer => {
            format!("{error}: neither it nor its authority is in CAFILE or CADIR")
        }
        _ => error.to_string(),
    }
}

/// How the options want connections to end, and how long the handshake may last.
fn policy(options: &Options) -> Result<ConnectionPolicy, Fatal> {
    Ok(ConnectionPolicy {
        sends_close_notify: options.last_of("sS") == Some('S'),
        requires_close_notify: options.last_of("jJ") == Some('J'),
        handshake_deadline: deadline(options.number('K')?),
    })
}

/// Writes a report; a missing reader is no error.
fn send_report(fd: &OwnedFd, report: &[u8]) -> Result<(), Errno> {
    match files::write_all(fd, report) {
        Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
        done => done,
    }
}

/// As root, changes to the user TLS_UID and the group TLS_GID, without supplementary groups.
fn drop_privileges(env: &Env) -> Result<(), Fatal> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let id = |name: &[u8]| {
        let invalid = || Fatal::user(format_args!("invalid variable {}", tool::diag::show(name)));
        env.get(name).map(|v| ipc::identity::id(v).ok_or_else(invalid)).transpose()
    };
    let (uid, gid) = (id(b"TLS_UID")?, id(b"TLS_GID")?);
    let groups = (uid.is_some() || gid.is_some()).then(Vec::new);
    ipc::identity::assume(&Identity { uid, gid, groups })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tool::clock::now;

    #[test]
    fn by_default_close_notify_is_neither_sent_nor_required_and_a_handshake_has_no_limit() {
        let options = [SEND_CLOSE_NOTIFY, NO_CLOSE_NOTIFY, REQUIRE_CLOSE_NOTIFY, ACCEPT_TRUNCATION, TIMEOUT];
        let policy = |words: &str| {
            let mut args = words.split_whitespace().map(|w| w.as_bytes().to_vec()).collect();
            policy(&Options::take(&options, &mut args).unwrap()).unwrap()
        };
        let flags = |words: &str| (policy(words).sends_close_notify, policy(words).requires_close_notify);
        assert_eq!(
            [flags(""), flags("-SJ"), flags("-Ss -Jj")],
            [(false, false), (true, true), (false, false)]
        );
        assert_eq!(policy("").handshake_deadline, None);
        let before = now();
        let deadline = policy("-K 1500").handshake_deadline.unwrap();
        let limit = Duration::from_millis(1500);
        assert!(before + limit <= deadline && deadline <= now() + limit);
    }
}
