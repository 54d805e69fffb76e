//! `s6-linux-init-shutdown`, in a container also `shutdown`: stops at a given time.

use crate::hpr::confirm_hostname;
use crate::request::{How, Request, send};
use crate::utmp;
use rustix::io::Errno;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-linux-init-shutdown",
    summary: "stop the machine at a given time",
    operands: OPERANDS,
    options: OPTIONS,
    role: Role::Stay,
    main,
};

pub(super) const OPERANDS: &str = "time [ message ]";

pub(super) const OPTIONS: &[Opt] = &[
    Opt::flag('h', "halt"),
    Opt::flag('H', "with -h: halt, don't power off"),
    Opt::flag('P', "with -h: power off"),
    Opt::flag('p', "power off"),
    Opt::flag('r', "reboot"),
    Opt::flag('k', "only tell the users, stop nothing"),
    Opt::flag('c', "cancel a planned stop"),
    Opt::flag('a', "only if a user listed in /etc/shutdown.allow is logged in"),
    Opt::flag('f', "no effect, for compatibility"),
    Opt::flag('F', "no effect, for compatibility"),
    Opt::flag('i', "ask for the host's name first, on a terminal"),
    Opt::value('t', "sec", "seconds between TERM and KILL at the end"),
];

const ALLOWED: &str = "/etc/shutdown.allow";
const MINUTE: u64 = 60_000;
const DAY_MINUTES: u64 = 24 * 60;

pub(super) fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let grace: u32 = match options.number::<u32>('t')? {
        None => 0,
        Some(seconds) => seconds.saturating_mul(1000).max(1),
    };
    if options.has('a') {
        check_access()?;
    }
    if options.has('i') {
        confirm_hostname(call)?;
    }
    let mut words = call.take_args().into_iter();
    if options.has('c') {
        send(Request::Cancel).or_unable(|| "tell the container's first process")?;
        if let Some(message) = words.next() {
            utmp::wall(&tool::diag::show(&message));
        }
        return Ok(Next::SUCCESS);
    }
    let how = match options.last_of("hpr") {
        Some('r') => Some(How::Reboot),
        Some('p') => Some(How::PowerOff),
        Some(_) if options.last_of("HP") == Some('P') => Some(How::PowerOff),
        Some(_) => Some(How::Halt),
        None if options.has('k') => None,
        None => return Err(Fatal::user("one of -h, -p, -r and -k is needed")),
    };
    let word = words.next().ok_or_else(Fatal::usage)?;
    let delay = match parse_time(&word).ok_or_else(|| Fatal::user("invalid time format"))? {
        Time::In(ms) => ms,
        Time::At(minutes) => until(minutes)?,
    };
    let message = words.next().map(|m| tool::diag::show(&m)).unwrap_or_default();
    let minutes = delay.div_ceil(MINUTE);
    utmp::wall(format!("The system is going down in {minutes} minutes. {message}").trim_end());
    if let (Some(how), false) = (how, options.has('k')) {
        let request = Request::Stop { how, now: false, delay, grace };
        send(request).or_unable(|| "tell the container's first process to stop")?;
    }
    Ok(Next::SUCCESS)
}

/// Of the users that the file lists, one has to be logged in.
fn check_access() -> Result<(), Fatal> {
    let text = std::fs::read(ALLOWED).or_unable(|| format!("read {ALLOWED}"))?;
    let logins = utmp::logins();
    let mut listed = text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|l| !l.starts_with(b"#"));
    if listed.any(|name| logins.iter().any(|l| l.user == name)) {
        Ok(())
    } else {
        Err(Fatal::new(1, "no authorized users logged in"))
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Time {
    /// Milliseconds from now.
    In(u64),
    /// Minutes after midnight, local time.
    At(u64),
}

fn parse_time(word: &[u8]) -> Option<Time> {
    if word == b"now" {
        return Some(Time::In(0));
    }
    if let Some(at) = word.iter().position(|b| *b == b':') {
        let (hours, rest) = word.split_at_checked(at)?;
        let minutes = rest.get(1..)?;
        if hours.len() > 2 || minutes.len() != 2 {
            return None;
        }
        let (h, m) = (number::decimal::<u64>(hours)?, number::decimal::<u64>(minutes)?);
        return (h < 24 && m < 60).then_some(Time::At(h * 60 + m));
    }
    let minutes: u64 = number::decimal(word.strip_prefix(b"+").unwrap_or(word))?;
    minutes.checked_mul(MINUTE).map(Time::In)
}

/// Milliseconds until that minute of the local day, today or tomorrow.
fn until(minutes: u64) -> Result<u64, Fatal> {
    let second =
        tool::local_time::second_of_day().ok_or(Errno::OVERFLOW).or_unable(|| "read the local time")?;
    Ok(distance(minutes * 60, u64::from(second)) * 1000)
}

/// Seconds from one second of the day to the next occurrence of another one.
fn distance(target: u64, now: u64) -> u64 {
    if target > now { target - now } else { target + DAY_MINUTES * 60 - now }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(parse_time(b"now"), Some(Time::In(0)));
        assert_eq!(parse_time(b"+2"), Some(Time::In(120_000)));
        assert_eq!(parse_time(b"2"), Some(Time::In(120_000)));
        assert_eq!(parse_time(b"7:05"), Some(Time::At(425)));
        for bad in [&b""[..], b"+", b"soon", b"24:00", b"7:5", b"007:05", b"-1", b"99999999999999999999"] {
            assert_eq!(parse_time(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_time_that_has_passed_is_tomorrow() {
        assert_eq!(distance(100, 40), 60);
        assert_eq!(distance(40, 100), 86_340);
    }
}
