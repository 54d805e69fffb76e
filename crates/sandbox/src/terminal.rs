//! The container's terminal, from inside: it lives in the container's own `/dev/pts`, so that `ttyname` works there.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Gid, Uid};
use rustix::pty::OpenptFlags;

use crate::fault::{Fault, Unable};

/// Makes a terminal, the calling session leader's controlling one and its standard streams, also as `/dev/console`;
/// gives the master side back.
pub(crate) fn open(user: Option<(u32, u32)>) -> Result<OwnedFd, Fault> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = rustix::pty::openpt(flags).unable("open a terminal")?;
    rustix::pty::unlockpt(&master).unable("unlock the terminal")?;
    let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags).unable("open the terminal's other side")?;
    if let Some((uid, gid)) = user {
        rustix::fs::fchown(&slave, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
            .unable("give the terminal to the user")?;
    }
    rustix::process::ioctl_tiocsctty(&slave).unable("take the terminal as the controlling one")?;
    rustix::stdio::dup2_stdin(&slave).unable("use the terminal as standard input")?;
    rustix::stdio::dup2_stdout(&slave).unable("use the terminal as standard output")?;
    rustix::stdio::dup2_stderr(&slave).unable("use the terminal as standard error")?;
    let name = rustix::termios::ttyname(slave.as_fd(), Vec::new()).unable("name the terminal")?;
    if fs::exists("/dev/console").is_ok_and(|there| !there) {
        fs::write("/dev/console", b"").unable("make /dev/console")?;
        rustix::mount::mount_bind(name, "/dev/console").unable("bind /dev/console")?;
    }
    Ok(master)
}
