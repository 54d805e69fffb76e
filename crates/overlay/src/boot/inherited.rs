//! The descriptors that the container was started with besides the standard ones: sockets of systemd's or podman's socket
//! activation, pipes of an engine.
//!
//! They are the CMD's, under the numbers that they have.  The boot child keeps them for it, close-on-exec; process 1 closes
//! its own when that child has its copies, since the last close of a socket or pipe means something to its other end.
//! Services and scripts never get them.

use crate::layout::CONTAINER_ENVIRONMENT;
use rustix::fs::CWD;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use tool::Env;

/// What socket activation sets, sd_listen_fds(3).
const LISTEN_PID: &[u8] = b"LISTEN_PID";
const LISTEN_FDS: &[u8] = b"LISTEN_FDS";
const LISTEN_FDNAMES: &[u8] = b"LISTEN_FDNAMES";

/// The descriptors, and what describes them to the CMD.
#[derive(Debug, Default)]
pub(crate) struct Inherited {
    /// The descriptors, whose numbers mean something to the CMD.
    fds: Vec<OwnedFd>,
    /// The variables of socket activation but LISTEN_PID, if that named this process.
    listen: Option<Env>,
}

impl Inherited {
    /// Marks the descriptors of this process close-on-exec.  `container` is the container's environment.
    pub(crate) fn take(container: &Env) -> Self {
        let fds = sys::fd::inherited().into_iter().filter_map(|number| sys::fd::adopt(number).ok());
        Self::again(fds.collect(), container)
    }

    /// Those that a process has kept which was re-executed.
    pub(crate) fn again(fds: Vec<OwnedFd>, container: &Env) -> Self {
        Self { fds, listen: activation(container, std::process::id()) }
    }

    /// Their numbers, in their order.
    pub(crate) fn numbers(&self) -> Vec<RawFd> {
        self.fds.iter().map(AsRawFd::as_raw_fd).collect()
    }

    /// The descriptors themselves.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.fds.iter().map(AsFd::as_fd)
    }

    /// Tells in the container's environment that they are for this process, which becomes the CMD.  No service has that
    /// process id, so none takes them for its own.
    pub(crate) fn announce(&self) {
        if self.listen.is_some() {
            let file = [CONTAINER_ENVIRONMENT.as_bytes(), b"/", LISTEN_PID].concat();
            // There is no such file with S6_KEEP_ENV.
            if sys::fs::stat(&file).is_ok() {
                let pid = std::process::id().to_string();
                let _ = files::write_file(CWD, &file, pid.as_bytes(), files::Permissions::LessUmask(0o644));
            }
        }
    }

    /// Lets the program inherit them that this process is about to become, and describes them in its environment.
    pub(crate) fn hand_on(self, env: &mut Env) {
        for fd in self.fds {
            // It stays open.
            sys::fd::set_close_on_exec(fd.into_raw_fd(), false);
        }
        if let Some(listen) = &self.listen {
            for (name, value) in listen.iter() {
                env.set(name, value);
            }
            env.set(LISTEN_PID, std::process::id().to_string().as_bytes());
        }
    }
}

/// The variables of socket activation but LISTEN_PID, if that names the process `own`.
fn activation(container: &Env, own: u32) -> Option<Env> {
    let count = container.get(LISTEN_FDS)?;
    if wire::number::decimal::<u32>(container.get(LISTEN_PID)?) != Some(own) {
        return None;
    }
    let mut listen = Env::new();
    listen.set(LISTEN_FDS, count);
    if let Some(names) = container.get(LISTEN_FDNAMES) {
        listen.set(LISTEN_FDNAMES, names);
    }
    Some(listen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_meant_for_this_process_is_handed_on() {
        let of = |vars: &[&str]| {
            let env = Env::from_vars(vars.iter().map(|v| v.as_bytes().to_vec()).collect());
            activation(&env, 7).map(|listen| {
                listen.vars().iter().map(|v| String::from_utf8_lossy(v).into_owned()).collect::<Vec<_>>()
            })
        };
        assert_eq!(of(&["LISTEN_PID=7", "LISTEN_FDS=1"]), Some(vec!["LISTEN_FDS=1".to_owned()]));
        let named = of(&["LISTEN_FDNAMES=a:b", "LISTEN_PID=7", "LISTEN_FDS=2", "X=1"]).unwrap();
        assert_eq!(named, ["LISTEN_FDS=2", "LISTEN_FDNAMES=a:b"]);
        for other in [&["LISTEN_PID=1", "LISTEN_FDS=1"][..], &["LISTEN_PID=7"], &["LISTEN_FDS=1"], &[]] {
            assert_eq!(of(other), None, "{other:?}");
        }
    }

    #[test]
    fn the_cmd_gets_the_descriptors_and_their_description() {
        let (reader, _writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let number = reader.as_raw_fd();
        let listen = Env::from_vars(vec![b"LISTEN_FDS=1".to_vec()]);
        let inherited = Inherited { fds: vec![reader], listen: Some(listen) };
        let mut env = Env::new();
        inherited.hand_on(&mut env);
        assert!(sys::fd::inherited().contains(&number));
        let pid = std::process::id().to_string();
        assert_eq!((env.get(LISTEN_FDS), env.get(LISTEN_PID)), (Some(&b"1"[..]), Some(pid.as_bytes())));
    }
}
