//! Pure: the texts of why a container stops.

use crate::pid1::lifecycle::{Event, Successor};
use rustix::io::Errno;
use supervision::by_hand;
use supervisor::memory;
use sys::process::Ended;
use sys::signal::{self, Sender, Signal};
use tool::diag;

/// Who or what asked for a stop.
#[derive(Debug)]
pub(crate) enum Cause {
    /// A signal.
    Signal(Signal, Sender),
    /// A shutdown command, which describes itself and its parent, and says who it is.
    Command(String, Option<by_hand::Sender>),
    /// The end of a service whose restart policy stops the container.
    Service {
        /// Which, as it is shown.
        name: String,
        /// Why it has failed for good, and what follows; `None` if it has ended with success.
        failure: Option<String>,
    },
}

/// Signals by which a program ends that crashed or that the kernel killed.
const CRASHES: [&str; 6] = ["SIGKILL", "SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE"];

fn sender(sender: Sender) -> String {
    match sender {
        Sender::Kernel => " from the terminal".to_owned(),
        Sender::Outside => " from outside of it".to_owned(),
        Sender::Process { pid, uid } => format!(" from process {}, UID {uid}", diag::process(pid)),
    }
}

/// Why a stop began with this event, and whether the CMD crashed; `None` if another message tells.  `killed_by` is about
/// the child that has ended.
pub(crate) fn of_stop(
    event: Event,
    cause: Option<&Cause>,
    ran_command: bool,
    killed_by: memory::Cause,
) -> Option<(String, bool)> {
    let (why, is_crash) = match (event, cause) {
        (Event::Signal(_) | Event::Asked(_), Some(Cause::Signal(signal, by))) => {
            (format!("{}{}", signal::show(*signal), sender(*by)), false)
        }
        (Event::Signal(_) | Event::Asked(_), Some(Cause::Command(by, _))) => (by.clone(), false),
        (Event::ServiceOver(_), Some(Cause::Service { name, failure })) => {
            let how = if failure.is_some() { "has failed for good" } else { "has ended with success" };
            (format!("{name} {how}"), false)
        }
        (Event::Time, Some(Cause::Command(by, _))) => (format!("the planned time has come: {by}"), false),
        (Event::Time, _) => ("the planned time has come".to_owned(), false),
        (Event::BootEnded(Ended::Exited(code)), _) if ran_command => {
            (format!("the command exited {code}"), false)
        }
        (Event::BootEnded(Ended::Killed(signal)), _) if ran_command => (
            format!("the command {}", killed_by.text(signal)),
            CRASHES.contains(&signal::show(signal.into()).as_str()),
        ),
        _ => return None,
    };
    Some((format!("the container stops: {why}"), is_crash))
}

/// The boot child was killed.
pub(crate) fn boot_killed(signal: u8, by: memory::Cause) -> String {
    let code = Ended::Killed(signal).code();
    format!("what starts the services {}, so the container stops with code {code}", by.text(signal))
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
pub(crate) fn stop_killed(signal: u8, by: memory::Cause, successor: Successor) -> String {
    let code = Ended::Killed(signal).code();
    let next = match successor {
        Successor::Next => "another one goes on where it was".to_owned(),
        Successor::None => {
            format!("services that are still up aren't stopped in order, and a code of 0 becomes {code}")
        }
    };
    format!("what stops the services {}: {next}", by.text(signal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use s6_linux_init::request::{How, Request};
    use supervisor::memory::Shortfall;
    use sys::signal::TERM;

    #[test]
    fn why_a_container_stops() {
        let asked = Event::Asked(Request::stop(How::Halt));
        let text =
            |event, cause: Option<Cause>, ran| of_stop(event, cause.as_ref(), ran, memory::Cause::Foreign);
        let signal = |by| text(Event::Signal(TERM), Some(Cause::Signal(TERM, by)), true);
        let gone = 0x3fff_ffff;
        let stops = |why: &str, is_crash| Some((format!("the container stops: {why}"), is_crash));
        assert_eq!(signal(Sender::Outside), stops("SIGTERM from outside of it", false));
        assert_eq!(signal(Sender::Kernel), stops("SIGTERM from the terminal", false));
        assert_eq!(
            signal(Sender::Process { pid: gone, uid: 1000 }),
            stops("SIGTERM from process 1073741823, UID 1000", false)
        );
        let by = Cause::Command("halt, process 7 (halt)".to_owned(), None);
        assert_eq!(text(asked, Some(by), false), stops("halt, process 7 (halt)", false));
        let planned = Some(Cause::Command("process 7 (shutdown)".to_owned(), None));
        let planned = text(Event::Time, planned, true);
        assert_eq!(planned, stops("the planned time has come: process 7 (shutdown)", false));
        assert_eq!(text(asked, None, false), None);
        assert_eq!(text(Event::Time, None, true), stops("the planned time has come", false));
        let over = |failure| {
            text(Event::ServiceOver(7), Some(Cause::Service { name: "web".to_owned(), failure }), true)
        };
        assert_eq!(over(Some(String::new())), stops("web has failed for good", false));
        assert_eq!(over(None), stops("web has ended with success", false));
        let ended = |ended, ran| text(Event::BootEnded(ended), None, ran);
        assert_eq!(ended(Ended::Exited(3), true), stops("the command exited 3", false));
        assert_eq!(
            of_stop(Event::BootEnded(Ended::Killed(15)), None, true, memory::Cause::Own),
            stops("the command was killed by SIGTERM", false)
        );
        let foreign = "the command was killed by SIGKILL, not by us";
        assert_eq!(ended(Ended::Killed(9), true), stops(foreign, true));
        assert_eq!(
            of_stop(Event::BootEnded(Ended::Killed(11)), None, true, memory::Cause::Own),
            stops("the command was killed by SIGSEGV", true)
        );
        // The boot child tells itself why it failed.
        assert_eq!((ended(Ended::Exited(1), false), ended(Ended::Killed(9), false)), (None, None));
        assert_eq!(text(Event::HostLost, None, true), None);
    }

    #[test]
    fn children_that_are_killed() {
        let shortfall = Shortfall { limit: Some(64 << 20), peak: Some(60 << 20) };
        let causes = [memory::Cause::Own, memory::Cause::Foreign, memory::Cause::Memory(shortfall)];
        let texts: Vec<String> = causes
            .into_iter()
            .flat_map(|by| {
                [boot_killed(9, by), stop_killed(9, by, Successor::Next), stop_killed(9, by, Successor::None)]
            })
            .collect();
        insta::assert_snapshot!(texts.join("\n"));
    }
}
