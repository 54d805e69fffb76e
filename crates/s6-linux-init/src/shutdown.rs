//! A stop at a given time: s6-linux-init-shutdown, in a container also shutdown.

use crate::hpr::confirm_hostname;
use crate::request::{How, Request, send};
use crate::utmp;
use rustix::io::Errno;
use tool::{Call, Fatal, Next, Opt, Options, OrUnable, Outcome};
use wire::number;

pub(crate) const OPERANDS: &str = "time [ message ]";

pub(crate) const OPTIONS: &[Opt] = &[
    Opt::flag('h', "halt"),
    Opt::flag('H', "with -h: halt, don't power off"),
    Opt::flag('P', "with -h: power off"),
    Opt::flag('p', "power off"),
    Opt::flag('r', "reboot"),
    Opt::flag('k', "only notify logged-in users, stop nothing"),
    Opt::flag('c', "cancel a scheduled stop"),
    Opt::flag('a', "only if a user listed in /etc/shutdown.allow is logged in"),
    Opt::flag('f', "no effect, for compatibility"),
    Opt::flag('F', "no effect, for compatibility"),
    Opt::flag('i', "ask for the host name first, on a terminal"),
    Opt::value('t', "sec", "seconds between SIGTERM and SIGKILL at the end"),
];

/// The users for `-a`, one a line.
const ALLOWED_USERS: &str = "/etc/shutdown.allow";
/// A minute in milliseconds.
const MINUTE_MS: u64 = 60_000;
/// A day in seconds.
const DAY_SECONDS: u64 = 24 * 60 * 60;

pub(crate) fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let grace = grace(&options)?;
    if options.has('a') {
        check_access()?;
    }
    if options.has('i') {
        confirm_hostname(call)?;
    }
    let mut words = call.take_args().into_iter();
    if options.has('c') {
        send(Request::Cancel).or_unable(|| "send a shutdown request to process 1")?;
        if let Some(message) = words.next() {
            utmp::wall(&tool::diag::shown(&message));
        }
        return Ok(Next::SUCCESS);
    }
    let what = requested(&options)?;
    let word = words.next().ok_or_else(Fatal::usage)?;
    let delay = match parse_time(&word).ok_or_else(|| Fatal::user("invalid time format"))? {
        Time::In(ms) => ms,
        Time::At(minutes) => until(minutes)?,
    };
    let message = words.next().map(|m| tool::diag::shown(&m)).unwrap_or_default();
    let minutes = delay.div_ceil(MINUTE_MS);
    utmp::wall(format!("The system is going down in {minutes} minutes. {message}").trim_end());
    let request = match what {
        What::OnlyNotify => return Ok(Next::SUCCESS),
        What::ServicesDown => Request::ServicesDown { delay },
        What::Stop(how) => Request::Stop { how, now: false, delay, grace },
    };
    send(request).or_unable(|| "send a shutdown request to process 1")?;
    Ok(Next::SUCCESS)
}

/// The milliseconds between SIGTERM and SIGKILL; 0: as configured.
fn grace(options: &Options) -> Result<u32, Fatal> {
    Ok(options.number::<u32>('t')?.map_or(0, |seconds| seconds.saturating_mul(1000).max(1)))
}

/// What to do at the given time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// Nothing: logged-in users are notified now.
    OnlyNotify,
    /// Bring the services down; everything else goes on.
    ServicesDown,
    /// Stop.
    Stop(How),
}

/// What the options ask for.
fn requested(options: &Options) -> Result<What, Fatal> {
    let action = options.last_of("hprk");
    let variant = options.last_of("HP");
    if variant.is_some() && action != Some('h') {
        return Err(Fatal::user("-H and -P say how -h stops: they need -h"));
    }
    Ok(match action {
        _ if options.has('k') => What::OnlyNotify,
        Some('r') => What::Stop(How::Reboot),
        Some('p') => What::Stop(How::PowerOff),
        Some(_) if variant == Some('P') => What::Stop(How::PowerOff),
        Some(_) => What::Stop(How::Halt),
        None => What::ServicesDown,
    })
}

/// Requires one of the listed users to be logged in.
fn check_access() -> Result<(), Fatal> {
    let text = std::fs::read(ALLOWED_USERS).or_unable(|| format!("read {ALLOWED_USERS}"))?;
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

/// Parses `now`, `HH:MM`, `MINUTES` or `+MINUTES`.
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
    minutes.checked_mul(MINUTE_MS).map(Time::In)
}

/// The milliseconds until a minute of the local day, today or tomorrow.
fn until(minutes: u64) -> Result<u64, Fatal> {
    let second =
        tool::local_time::second_of_day().ok_or(Errno::OVERFLOW).or_unable(|| "read the local time")?;
    Ok(distance(minutes * 60, u64::from(second)) * 1000)
}

/// The seconds from a second of the day to the next occurrence of another one.
fn distance(target: u64, now: u64) -> u64 {
    if target > now { target - now } else { target + DAY_SECONDS - now }
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
        assert_eq!(parse_time(b"0"), Some(Time::In(0)));
        assert_eq!(parse_time(b"23:59"), Some(Time::At(1439)));
        for bad in [&b""[..], b"+", b"soon", b"24:00", b"7:5", b"007:05", b"-1", b"99999999999999999999"] {
            assert_eq!(parse_time(bad), None, "{bad:?}");
        }
    }

    fn options(words: &str) -> Options {
        let mut args = words.split_whitespace().map(|w| w.as_bytes().to_vec()).collect();
        Options::take(OPTIONS, &mut args).unwrap()
    }

    #[test]
    fn the_grace_time_is_given_in_seconds() {
        let grace = |words: &str| grace(&options(words)).map_err(|e| e.code());
        assert_eq!(grace(""), Ok(0), "as configured");
        assert_eq!(grace("-t 3"), Ok(3000));
        assert_eq!(grace("-t 0"), Ok(1), "zero would mean: as configured");
        assert_eq!(grace("-t 4294967295"), Ok(u32::MAX));
        assert_eq!(grace("-t x"), Err(100));
    }

    #[test]
    fn how_the_machine_stops() {
        let requested = |words: &str| requested(&options(words)).map_err(|e| e.code());
        for (words, what) in [
            ("-h", What::Stop(How::Halt)),
            ("-h -H", What::Stop(How::Halt)),
            ("-h -P", What::Stop(How::PowerOff)),
            ("-P -h", What::Stop(How::PowerOff)),
            ("-h -P -H", What::Stop(How::Halt)),
            ("-r -h -P", What::Stop(How::PowerOff)),
            ("-p", What::Stop(How::PowerOff)),
            ("-r", What::Stop(How::Reboot)),
            ("-k", What::OnlyNotify),
            ("-k -r", What::OnlyNotify),
            ("", What::ServicesDown),
        ] {
            assert_eq!(requested(words), Ok(what), "{words}");
        }
        for words in ["-H", "-P", "-r -H", "-p -P", "-k -H", "-h -r -H"] {
            assert_eq!(requested(words), Err(100), "{words}");
        }
        assert_eq!(ALLOWED_USERS, "/etc/shutdown.allow");
    }

    #[test]
    fn a_time_that_has_passed_is_tomorrow() {
        assert_eq!(distance(100, 40), 60);
        assert_eq!(distance(40, 100), 86_340);
        assert_eq!(distance(40, 40), 86_400);
    }
}
