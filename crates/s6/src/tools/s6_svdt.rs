//! `s6-svdt`: prints the death tally of a service.

use logger::stamp::Clock;
use supervision::naming::advised;
use tool::{Call, Opt, OrUnable, Out, Outcome, Role, Tool, local_time};
use wire::death_tally::{Death, RECORDS_MAX};

pub static TOOL: Tool = Tool {
    name: "s6-svdt",
    summary: "print when and how a service has died",
    operands: "servicedir",
    options: &[
        Opt::flag('S', "print signals by name (default)"),
        Opt::flag('s', "print signals by number"),
        Opt::value('n', "maxentries", "print at most this many, the latest ones"),
        Opt::flag('H', "print times for people, in local time").long("human"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let limit = options.number('n')?.unwrap_or(RECORDS_MAX);
    let dir = call.shift()?;
    let deaths = supervision::status::read_deaths(&dir).or_unable_to("read death tally for service", &dir);
    let deaths = deaths.map_err(|fatal| advised(fatal, TOOL.name, &[dir]))?;
    let numeric = options.last_of("Ss") == Some('s');
    let mut clock = options.has('H').then(|| Clock::new(local_time::local));
    let mut out = Out::new();
    for death in deaths.iter().skip(deaths.len().saturating_sub(limit)) {
        match clock.as_mut().and_then(|clock| clock.iso(death.stamp)) {
            // Seconds are enough for a person.
            Some(stamp) => out.put(stamp.split(|b| *b == b'.').next().unwrap_or_default())?,
            None => out.put(&death.stamp.label())?,
        }
        out.put(b" ")?;
        out.line(cause(death, numeric).as_bytes())?;
    }
    out.finish()
}

fn cause(death: &Death, numeric: bool) -> String {
    let name = || sys::signal::name(death.signal.into());
    match death.signal {
        0 => format!("exitcode {}", death.exit_code),
        n if numeric => format!("signal {n}"),
        n => format!("signal {}", name().unwrap_or_else(|| n.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes() {
        let death =
            |exit_code, signal| Death { stamp: wire::tai::Tai64n::from_unix(0, 0), exit_code, signal };
        assert_eq!(cause(&death(3, 0), false), "exitcode 3");
        assert_eq!(cause(&death(134, 6), false), "signal SIGABRT");
        assert_eq!(cause(&death(134, 6), true), "signal 6");
    }
}
