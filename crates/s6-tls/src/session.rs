//! A TLS session from its command line to its end: what `s6-tlsc-io` and `s6-tlsd-io` share.

use crate::relay::{self, Ends, Failure, Manners};
use crate::report;
use rustix::io::Errno;
use rustls::Connection;
use rustls::crypto::CryptoProvider;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::Arc;
use sys::credential::Identity;
use sys::signal;
use tool::clock::deadline;
use tool::{Call, Env, Fatal, Next, Opt, Options, OrUnable, Outcome};
use wire::number;

/// The options of both sides.
pub(crate) const S: Opt =
    Opt::flag('S', "send close_notify when the local program ends its output").long("close-notify");
pub(crate) const NO_S: Opt =
    Opt::flag('s', "only shut the connection's sending side down (default)").long("no-close-notify");
pub(crate) const J: Opt =
    Opt::flag('J', "an end of the peer without close_notify is an error").long("enforce-close-notify");
pub(crate) const NO_J: Opt = Opt::flag('j', "it is none (default)").long("no-enforce-close-notify");
pub(crate) const VERBOSITY: Opt =
    Opt::value('v', "verbosity", "0: quiet, 1: normal, 2: verbose").long("verbosity");
pub(crate) const TIMEOUT: Opt =
    Opt::value('K', "kimeout", "the handshake may last so many milliseconds").long("handshake-timeout");
pub(crate) const NOTIFICATION: Opt =
    Opt::value('d', "notif", "tell this descriptor when the handshake is done").long("notification");

/// A descriptor's number in an operand or option.
fn descriptor(word: &[u8]) -> Result<RawFd, Fatal> {
    let fd = number::decimal::<RawFd>(word).filter(|fd| *fd >= 0).ok_or_else(Fatal::usage)?;
    if !sys::fd::is_open(fd) {
        return Err(Fatal::user(format!("descriptor {fd} is not open")));
    }
    Ok(fd)
}

/// Becomes the owner of descriptors; one that is named twice is copied.
fn own<const N: usize>(numbers: [RawFd; N]) -> Result<[OwnedFd; N], Fatal> {
    let mut taken: Vec<RawFd> = Vec::new();
    let mut owned = Vec::new();
    for fd in numbers {
        let take = || if taken.contains(&fd) { sys::fd::duplicate(fd, 3) } else { sys::fd::own(fd) };
        owned.push(take().or_unable(|| format!("use descriptor {fd}"))?);
        taken.push(fd);
    }
    owned.try_into().map_err(|_| Fatal::usage())
}

/// What the command line says.
pub(crate) struct Session {
    manners: Manners,
    notification: Option<OwnedFd>,
    /// Standard input and output, and the two descriptors of the command line.
    descriptors: [OwnedFd; 4],
    verbosity: u32,
}

impl Session {
    /// Reads options and operands.
    pub(crate) fn new(call: &mut Call, options: &Options) -> Result<Self, Fatal> {
        let notification = options.get('d').map(descriptor).transpose()?;
        let (fdr, fdw) = (descriptor(&call.shift()?)?, descriptor(&call.shift()?)?);
        let (input, output) = (descriptor(b"0")?, descriptor(b"1")?);
        let manners = Manners {
            notifies: options.last_of("sS") == Some('S'),
            is_strict: options.last_of("jJ") == Some('J'),
            handshake_until: deadline(options.number('K')?),
        };
        let verbosity = options.number('v')?.unwrap_or(1);
        let descriptors = own([input, output, fdr, fdw])?;
        let notification = notification.map(|fd| own([fd])).transpose()?.map(|[fd]| fd);
        Ok(Self { manners, notification, descriptors, verbosity })
    }

    /// Drops privileges, shakes hands, and relays.
    pub(crate) fn run(
        self,
        env: &Env,
        mut tls: Connection,
        name: Option<&[u8]>,
        provider: &Arc<CryptoProvider>,
    ) -> Outcome {
        drop_privileges(env)?;
        // A write to somebody who has gone is an error, not a death.
        signal::set_interrupting(signal::PIPE).or_unable(|| "catch SIGPIPE")?;
        let [input, output, fdr, fdw] = self.descriptors.map(Some);
        let mut ends = match &tls {
            Connection::Client(_) => Ends { local_in: input, local_out: output, net_in: fdr, net_out: fdw },
            Connection::Server(_) => Ends { net_in: input, net_out: output, local_in: fdr, local_out: fdw },
        };
        let notification = self.notification;
        let shaken = |tls: &Connection| match notification {
            Some(fd) => tell(&fd, &report::of(tls, name, provider)),
            None => Ok(()),
        };
        let tls_failed = |text: String| match self.verbosity {
            0 => Fatal::silent(98),
            _ => Fatal::new(98, text),
        };
        match relay::run(&mut tls, &mut ends, self.manners, shaken) {
            Ok(()) => Ok(Next::SUCCESS),
            Err(Failure::Tls(e)) => Err(tls_failed(format!("TLS failed: {e}"))),
            Err(Failure::Late) => Err(tls_failed(String::from("the TLS handshake took too long"))),
            Err(Failure::Gone) => Err(tls_failed(String::from("the peer left during the TLS handshake"))),
            Err(Failure::Truncated) => {
                Err(tls_failed(String::from("the peer ended the connection without close_notify")))
            }
            Err(Failure::System(e)) => Err(Fatal::unable("relay data", e)),
        }
    }
}

/// Writes a report; who doesn't want it any more is no trouble.
fn tell(fd: &OwnedFd, report: &[u8]) -> Result<(), Errno> {
    match files::write_all(fd, report) {
        Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
        done => done,
    }
}

/// Becomes the user and the group of TLS_UID and TLS_GID, without any other group, if this is root.
fn drop_privileges(env: &Env) -> Result<(), Fatal> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let id = |name: &[u8]| {
        let invalid = || Fatal::user(format!("invalid variable {}", tool::diag::show(name)));
        env.get(name).map(|v| ipc::identity::id(v).ok_or_else(invalid)).transpose()
    };
    let (uid, gid) = (id(b"TLS_UID")?, id(b"TLS_GID")?);
    let groups = (uid.is_some() || gid.is_some()).then(Vec::new);
    ipc::identity::assume(&Identity { uid, gid, groups })
}
