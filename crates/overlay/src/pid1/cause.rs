//! Pure: the texts of why a container stops.

use crate::pid1::lifecycle::{Event, Successor};
use rustix::io::Errno;
use sys::process::Ended;
use sys::signal::{self, KILL, Sender, Signal};
use tool::diag;

/// Who or what asked for a stop.
#[derive(Debug)]
pub(crate) enum Cause {
    /// A signal.
    Signal(Signal, Sender),
    /// A shutdown command, which describes itself and its parent.
    Command(String),
}

/// Signals by which a program ends that crashed or that the kernel killed.
const CRASHES: [&str; 6] = ["SIGKILL", "SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE"];

fn name(signal: Signal) -> String {
    signal::name(signal).unwrap_or_else(|| format!("signal {signal}"))
}

/// By whom a signal was sent, where it may need an explanation.
fn killed(signal: u8) -> String {
    let signal = Signal::from(signal);
    let hint = if signal == KILL { ", which the kernel sends if memory runs out" } else { "" };
    format!("was killed by {}{hint}", name(signal))
}

fn sender(sender: Sender) -> String {
    match sender {
        Sender::Kernel => " from the terminal".to_owned(),
        Sender::Outside => " from outside of it".to_owned(),
        Sender::Process(pid) => format!(" from process {}", diag::process(pid)),
    }
}

/// Why a stop began with this event, and whether the CMD crashed; `None` if another message tells.
pub(crate) fn of_stop(event: Event, cause: Option<&Cause>, ran_command: bool) -> Option<(String, bool)> {
    let (why, is_crash) = match (event, cause) {
        (Event::Signal(_) | Event::Asked(_), Some(Cause::Signal(signal, by))) => {
            (format!("{}{}", name(*signal), sender(*by)), false)
        }
        (Event::Signal(_) | Event::Asked(_), Some(Cause::Command(by))) => (by.clone(), false),
        (Event::Time, _) => ("the planned time has come".to_owned(), false),
        (Event::BootEnded(Ended::Exited(code)), _) if ran_command => {
            (format!("the command exited {code}"), false)
        }
        (Event::BootEnded(Ended::Killed(signal)), _) if ran_command => {
            (format!("the command {}", killed(signal)), CRASHES.contains(&name(signal.into()).as_str()))
        }
        _ => return None,
    };
    Some((format!("the container stops: {why}"), is_crash))
}

/// The boot child was killed.
pub(crate) fn boot_killed(signal: u8) -> String {
    let code = Ended::Killed(signal).code();
    format!("what starts the services {}, so the container stops with code {code}", killed(signal))
}

/// The stop child can't be started.
pub(crate) fn no_stop_child(e: Errno) -> String {
    format!(
        "unable to start what stops the services: {}: what isn't a service is told to end (TERM), and it is tried again for \
         half of S6_KILL_GRACETIME",
        sys::strerror(e)
    )
}

/// The stop child couldn't be started in time.
pub(crate) const UNORDERED: &str = "the services aren't stopped in order, since no process can be made for that: down \
                                    scripts and cont-finish.d are left out";

/// The stop child was killed.
pub(crate) fn stop_killed(signal: u8, successor: Successor) -> String {
    let code = Ended::Killed(signal).code();
    let next = match successor {
        Successor::Next => "another one goes on where it was".to_owned(),
        Successor::None => {
            format!("services that are still up aren't stopped in order, and a code of 0 becomes {code}")
        }
    };
    format!("what stops the services {}: {next}", killed(signal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use s6_linux_init::request::{How, Request};
    use sys::signal::TERM;

    #[test]
    fn why_a_container_stops() {
        let asked = Event::Asked(Request::stop(How::Halt));
        let text = |event, cause: Option<Cause>, ran| of_stop(event, cause.as_ref(), ran);
        let signal = |by| text(Event::Signal(TERM), Some(Cause::Signal(TERM, by)), true);
        let gone = 0x3fff_ffff;
        let stops = |why: &str, is_crash| Some((format!("the container stops: {why}"), is_crash));
        assert_eq!(signal(Sender::Outside), stops("SIGTERM from outside of it", false));
        assert_eq!(signal(Sender::Kernel), stops("SIGTERM from the terminal", false));
        assert_eq!(signal(Sender::Process(gone)), stops("SIGTERM from process 1073741823", false));
        let by = Cause::Command("halt, process 7 (halt)".to_owned());
        assert_eq!(text(asked, Some(by), false), stops("halt, process 7 (halt)", false));
        assert_eq!(text(asked, None, false), None);
        assert_eq!(text(Event::Time, None, true), stops("the planned time has come", false));
        let ended = |ended, ran| text(Event::BootEnded(ended), None, ran);
        assert_eq!(ended(Ended::Exited(3), true), stops("the command exited 3", false));
        assert_eq!(ended(Ended::Killed(15), true), stops("the command was killed by SIGTERM", false));
        let memory = "the command was killed by SIGKILL, which the kernel sends if memory runs out";
        assert_eq!(ended(Ended::Killed(9), true), stops(memory, true));
        assert_eq!(ended(Ended::Killed(11), true), stops("the command was killed by SIGSEGV", true));
        // The boot child tells itself why it failed.
        assert_eq!((ended(Ended::Exited(1), false), ended(Ended::Killed(9), false)), (None, None));
        assert_eq!(text(Event::HostLost, None, true), None);
    }

    #[test]
    fn children_that_are_killed() {
        assert_eq!(
            boot_killed(9),
            "what starts the services was killed by SIGKILL, which the kernel sends if memory runs out, so the \
             container stops with code 137"
        );
        assert_eq!(
            stop_killed(11, Successor::Next),
            "what stops the services was killed by SIGSEGV: another one goes on where it was"
        );
        assert_eq!(
            stop_killed(9, Successor::None),
            "what stops the services was killed by SIGKILL, which the kernel sends if memory runs out: services that \
             are still up aren't stopped in order, and a code of 0 becomes 137"
        );
    }
}
