//! Stopping services: those that the last scan didn't see, or all, loggers last.

use super::Host;
use super::roster::Slot;
use super::scan::is_catch_all;
use crate::service::machine::Event;
use rustix::fs::{Mode, OFlags};
use std::os::fd::AsRawFd;
use std::rc::Rc;
use sys::signal;

impl Host {
    /// Ends the supervision of every service that `which` picks.
    ///
    /// Loggers, unless `loggers` is set, are supervised until they end by themselves: after their last line.
    fn end_supervision(&mut self, loggers: bool, which: impl Fn(&Slot) -> bool) {
        for number in 0..self.roster.slot_count() {
            let Some(slot) = self.roster.get_mut(number).filter(|s| which(s)) else { continue };
            let at_its_end = !loggers && (slot.pair.is_logger() || is_catch_all(slot));
            if slot.service.is_some() {
                self.feed(number, if at_its_end { Event::Hangup } else { Event::Terminate });
            } else if !self.tell_supervisor(number, if at_its_end { signal::HUP } else { signal::TERM }) {
                self.roster.remove(number);
            }
        }
    }

    /// Stops the services that the last scan didn't see.
    pub(super) fn prune(&mut self, loggers: bool) {
        self.end_supervision(loggers, |slot| !slot.active);
    }

    /// Stops all services; when they are down, the loop ends.
    pub fn stop(&mut self, loggers: bool) {
        if !self.stopping {
            self.stopping = true;
            self.scan_at = None;
            self.close_catch_all();
            // A logger reads the end of its input when the last writer has closed it.
            for slot in self.roster.iter_mut() {
                self.launch.journal.close(slot.log_pipe.take().and_then(Rc::into_inner));
            }
        }
        self.end_supervision(loggers, |_| true);
    }

    /// Closes the catch-all logger's input, which is this process's own output.
    fn close_catch_all(&mut self) {
        if !self.roster.iter().any(is_catch_all) {
            return;
        }
        let null = sys::fs::open("/dev/null", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
        let replaced = null.and_then(|null| {
            sys::fd::copy(null.as_raw_fd(), 1)?;
            sys::fd::copy(self.config.console.as_ref().map_or(null.as_raw_fd(), |c| c.as_raw_fd()), 2)
        });
        if let Err(e) = replaced {
            self.warn(format_args!("unable to redirect the output: {}", sys::strerror(e)));
        }
    }
}
