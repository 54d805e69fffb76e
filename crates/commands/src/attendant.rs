//! The attendant: a process beside the services that answers questions about them, without process 1.
//!
//! Process 1 starts it where something asks for it, as S6_HTTP does, and another one when it ends.  It reads what everybody may
//! read: the status board, the record, s6-rc's live state, /proc.  It has given up all privileges before it hears from anybody.
//!
//! What it does is divided into duties, each with descriptors and a deadline of its own: one loop waits for all of them.  A duty
//! never waits by itself.
//!
//! | module | what it is |
//! |---|---|
//! | [`http`] | pure: requests and responses |
//! | [`server`] | the duty to answer over HTTP: its socket and its connections |
//! | [`answer`] | what is answered to each path |
//! | [`metrics`] | pure: a container as metrics |

pub(crate) mod answer;
pub mod http;
pub(crate) mod metrics;
pub(crate) mod server;

use rustix::event::PollFd;
use rustix::io::Errno;
use tool::clock::{Moment, poll_until};

/// A part of what the attendant does.
pub(crate) trait Duty {
    /// Adds what is waited for, and gives the moment at which [`Duty::serve`] is called at the latest.
    fn wait<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) -> Option<Moment>;

    /// Does what can be done now; `ready` says of each descriptor that was added whether something has happened there.
    fn serve(&mut self, ready: &[bool]);
}

/// Serves these duties until nothing can be waited for; gives why.
pub(crate) fn attend(duties: &mut [&mut dyn Duty]) -> Errno {
    loop {
        let (mut fds, mut ends, mut until) = (Vec::new(), Vec::with_capacity(duties.len()), None);
        for duty in duties.iter() {
            until = until.into_iter().chain(duty.wait(&mut fds)).min();
            ends.push(fds.len());
        }
        if let Err(why) = poll_until(&mut fds, until) {
            return why;
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        let mut start = 0;
        for (duty, end) in duties.iter_mut().zip(ends) {
            duty.serve(ready.get(start..end).unwrap_or_default());
            start = end;
        }
    }
}
