//! What comes from a service's socket of sd_notify(3).
//!
//! Circle: a service hears what is said, which is about it.
//!
//! Anybody may send to it; a message counts if its sender is a process of the service's.  One that has ended already counts if
//! its user is the service's, or root.

use super::processes::{belongs, file, stat, user};
use super::sd_notify::{SIZE_MAX, Said, said};
use super::service::Service;
use std::os::fd::BorrowedFd;
use std::time::Duration;
use tool::clock::Moment;
use wire::attended::{Phase, STATUS_MAX};
use wire::probes::Kind;

/// After so many messages others have their turn.
const MESSAGES: usize = 16;

/// Takes the messages that are there.  Each one is taken once what it says is written down, and its descriptors are closed then.
pub(crate) fn hear(service: &mut Service, socket: BorrowedFd<'_>, now: Moment) {
    let mut bytes = [0; SIZE_MAX];
    for _ in 0..MESSAGES {
        let Ok(message) = sys::message::receive(socket, &mut bytes, true) else { return };
        let (pid, uid) = message.sender.unwrap_or_default();
        drop(message.fds);
        if is_sender(service.pid.into(), pid.into(), uid) {
            for one in said(bytes.get(..message.length).unwrap_or_default()) {
                service.hear(one, now);
            }
        }
        let _ = sys::message::receive(socket, &mut [0], false);
    }
}

fn is_sender(of: u64, pid: u64, uid: u32) -> bool {
    if pid == 0 || pid == of {
        return pid != 0;
    }
    match stat(pid) {
        Some(sender) => belongs(&sender, of, &stat),
        None => uid == 0 || file(of, "status").as_deref().and_then(user).is_some_and(|user| user.uid == uid),
    }
}

impl Service {
    fn hear(&mut self, said: Said<'_>, now: Moment) {
        let microseconds = Duration::from_micros;
        match said {
            Said::Ready => {
                self.report.phase = self.report.phase.filter(|phase| *phase != Phase::Reloading);
                self.hold_kind(|kind| *kind == Kind::Notify, now);
            }
            Said::Reloading => self.report.phase = Some(Phase::Reloading),
            Said::Stopping => self.report.phase = Some(Phase::Stopping),
            Said::Status(text) => {
                self.report.status = text.get(..STATUS_MAX).unwrap_or(text).to_vec();
            }
            Said::MainPid(pid) => self.report.main_pid = Some(pid),
            Said::Error(number) => {
                let number = i32::try_from(number).unwrap_or(i32::MAX);
                let why = sys::strerror(rustix::io::Errno::from_raw_os_error(number));
                self.report.status = format!("error {number}: {why}").into_bytes();
            }
            Said::ExitStatus(code) => self.report.status = format!("exits with code {code}").into_bytes(),
            Said::Extend(time) => {
                let until = now.saturating_add(microseconds(time)).as_millis();
                self.report.until = Some(u64::try_from(until).unwrap_or(u64::MAX));
            }
            Said::Watchdog => {
                if let Some(health) = &mut self.health {
                    health.heard(now);
                }
            }
            Said::WatchdogTime(time) => {
                if let Some(health) = &mut self.health {
                    health.set_watchdog(microseconds(time), now);
                }
            }
            Said::Trigger => {
                let text = b"watchdog: the service says that it fails".to_vec();
                if self.health.as_mut().is_some_and(|health| health.condemn(text)) {
                    self.act(now);
                }
            }
        }
    }
}
