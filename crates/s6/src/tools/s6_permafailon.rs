//! `s6-permafailon`: in a finish script, makes the service fail permanently if it has died too often.

use supervisor::service::machine::PERMANENT_FAILURE;
use sys::signal;
use tool::clock;
use tool::{Call, Fatal, Next, Outcome, Role, Tool};
use wire::death_tally::{Death, RECORDS_MAX};

pub static TOOL: Tool = Tool {
    name: "s6-permafailon",
    summary: "exit 125 if a service has died too often, else run a program",
    operands: "secs deathcount events prog...",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let seconds: u32 = wire::number::decimal(&call.shift()?).ok_or_else(Fatal::usage)?;
    let count: usize = wire::number::decimal(&call.shift()?).filter(|n| *n > 0).ok_or_else(Fatal::usage)?;
    let events = Events::parse(&call.shift()?)?;
    let deaths = supervision::status::read_deaths(b".").unwrap_or_else(|e| {
        call.warn(format_args!("unable to read the death tally: {}", sys::strerror(e)));
        Vec::new()
    });
    let now = clock::wall();
    let recent = |d: &&Death| {
        let age = now.seconds.saturating_sub(d.stamp.seconds);
        age < u64::from(seconds) || age == u64::from(seconds) && d.stamp.nanos >= now.nanos
    };
    let matching: Vec<_> = deaths.iter().filter(recent).filter(|d| events.contain(d)).collect();
    if let Some(last) = matching.get(count.min(RECORDS_MAX).saturating_sub(1)) {
        let cause = match last.signal {
            0 => format!("exit code {}", last.exit_code),
            n => format!("signal {n}"),
        };
        call.info(format_args!(
            "PERMANENT FAILURE triggered after {count} events involving {cause} in the last {seconds} seconds"
        ));
        return Ok(Next::Exit(PERMANENT_FAILURE));
    }
    let env = call.take_env();
    Next::run_if_any(call.take_args(), env)
}

/// Exit codes and intervals of them, and signals.
#[derive(Debug, PartialEq, Eq)]
struct Events {
    codes: Vec<(u8, u8)>,
    signals: Vec<u8>,
}

impl Events {
    fn parse(list: &[u8]) -> Result<Self, Fatal> {
        let mut events = Self { codes: Vec::new(), signals: Vec::new() };
        let is_separator = |b: &u8| b",; \n\r\t".contains(b);
        if list.first().is_some_and(is_separator) {
            return Err(Fatal::user("empty event in the list of events"));
        }
        for word in list.split(is_separator).filter(|w| !w.is_empty()) {
            if !word.first().is_some_and(u8::is_ascii_digit) {
                let signal = signal::parse(word).and_then(|s| u8::try_from(s).ok());
                events.signals.push(signal.ok_or_else(|| Fatal::user("invalid list of events"))?);
                continue;
            }
            let mut ends = word.splitn(2, |b| *b == b'-').map(wire::number::decimal::<u8>);
            let invalid = || Fatal::user("invalid exit code or interval");
            let first = ends.next().flatten().ok_or_else(invalid)?;
            let last = ends.next().map_or(Some(first), |n| n).filter(|l| *l >= first).ok_or_else(invalid)?;
            events.codes.push((first, last));
        }
        Ok(events)
    }

    fn contain(&self, death: &Death) -> bool {
        match death.signal {
            0 => self.codes.iter().any(|(first, last)| (*first..=*last).contains(&death.exit_code)),
            n => self.signals.contains(&n),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_events() {
        let events = Events::parse(b"1,101-103,SIGSEGV,sig11").unwrap();
        assert_eq!((events.codes, events.signals), (vec![(1, 1), (101, 103)], vec![11, 11]));
        for bad in [&b"256"[..], b"5-1", b"1-", b"NOSIGNAL", b"-1"] {
            assert_eq!(Events::parse(bad).unwrap_err().code(), 100, "{bad:?}");
        }
    }
}
