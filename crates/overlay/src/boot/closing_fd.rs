//! S6_WAIT_FOR_CLOSING_FD: the engine closes the descriptor of that number when the container may start.

use crate::environment::settings::Settings;
use crate::environment::variables::S6_WAIT_FOR_CLOSING_FD;
use crate::pid1::NAME;
use crate::pid1::lifecycle::STOP_SIGNALS;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use std::os::fd::BorrowedFd;
use sys::signal::{self, SignalFd};
use tool::{Env, clock, diag};

/// Waits until the descriptor is closed or a stop is requested.
pub(crate) fn wait_for_closing_fd(env: &Env) {
    let number = Settings::of_container(env).number(S6_WAIT_FOR_CLOSING_FD);
    let Some(number) = i32::try_from(number).ok().filter(|n| *n >= 3 && sys::fd::is_open(*n)) else { return };
    // A container that is told to stop before it may start doesn't wait any longer.
    let stop = SignalFd::new(&signal::Set::of(&STOP_SIGNALS)).ok();
    let mut buffer = [0; 64];
    let closed = |fd: BorrowedFd<'_>| loop {
        let mut fds = vec![PollFd::from_borrowed_fd(fd, PollFlags::IN)];
        fds.extend(stop.as_ref().map(|stop| PollFd::new(stop, PollFlags::IN)));
        clock::poll_until(&mut fds, None)?;
        if fds.get(1).is_some_and(|stop| !stop.revents().is_empty()) {
            return Ok(());
        }
        match rustix::io::read(fd, &mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    };
    if let Err(e) = sys::fd::with(number, closed) {
        diag::warn(NAME, format_args!("unable to wait for descriptor {number}: {}", sys::strerror(e)));
    }
    sys::fd::close(number);
}
