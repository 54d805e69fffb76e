//! `s6-softlimit`: runs a program with other resource limits.

use rustix::process::{Resource, Rlimit};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-softlimit",
    summary: "run a program with other resource limits",
    operands: "prog...",
    options: &[
        Opt::flag('H', "also set the hard limits, in the options that follow"),
        Opt::flag('h', "only set the hard limits, in the options that follow"),
        Opt::value('a', "allmem", "address space, bytes"),
        Opt::value('c', "core", "core file, bytes"),
        Opt::value('d', "data", "heap, bytes"),
        Opt::value('f', "fsize", "file size, bytes"),
        Opt::value('l', "lock", "locked memory, bytes"),
        Opt::value('m', "mem", "each kind of memory, bytes"),
        Opt::value('o', "ofiles", "open descriptors"),
        Opt::value('P', "prio", "real-time priority"),
        Opt::value('p', "proc", "processes of the user"),
        Opt::value('r', "res", "physical memory, bytes"),
        Opt::value('s', "stack", "stack, bytes"),
        Opt::value('t', "cpusecs", "processor time, seconds"),
    ],
    role: Role::Chain,
    main,
};

/// Which of the two limits are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Soft,
    Hard,
    Both,
}

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let mut which = Which::Soft;
    for (letter, value) in options.iter() {
        match letter {
            'H' => which = Which::Both,
            'h' => which = Which::Hard,
            _ => {
                // `=` is the highest possible limit.
                let wanted =
                    if value == b"=" { None } else { Some(number::decimal(value).ok_or_else(Fatal::usage)?) };
                for resource in resources(letter) {
                    let limit = changed(sys::limit::get(*resource), which, wanted);
                    sys::limit::set(*resource, &limit).or_unable(|| format!("set the limit of -{letter}"))?;
                }
            }
        }
    }
    let env = call.take_env();
    Next::run(call.take_args(), env)
}

fn resources(letter: char) -> &'static [Resource] {
    match letter {
        'a' => &[Resource::As],
        'c' => &[Resource::Core],
        'd' => &[Resource::Data],
        'f' => &[Resource::Fsize],
        'l' => &[Resource::Memlock],
        'm' => &[Resource::Data, Resource::Stack, Resource::Memlock, Resource::As],
        'o' => &[Resource::Nofile],
        'P' => &[Resource::Rtprio],
        'p' => &[Resource::Nproc],
        'r' => &[Resource::Rss],
        's' => &[Resource::Stack],
        't' => &[Resource::Cpu],
        _ => &[],
    }
}

/// The smaller of two limits; `None` is no limit.
fn smaller(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The new limits; `wanted` is `None` for the highest possible.  The soft one never exceeds the hard one.
fn changed(now: Rlimit, which: Which, wanted: Option<u64>) -> Rlimit {
    let maximum = if which == Which::Soft { now.maximum } else { wanted };
    let current = if which == Which::Hard { now.current } else { wanted };
    Rlimit { current: smaller(current, maximum), maximum }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_never_above_hard() {
        let now = Rlimit { current: Some(100), maximum: Some(200) };
        let set = |which, wanted| {
            let l = changed(now, which, wanted);
            (l.current, l.maximum)
        };
        assert_eq!(set(Which::Soft, Some(300)), (Some(200), Some(200)));
        assert_eq!(set(Which::Soft, Some(50)), (Some(50), Some(200)));
        assert_eq!(set(Which::Soft, None), (Some(200), Some(200)));
        assert_eq!(set(Which::Hard, Some(50)), (Some(50), Some(50)));
        assert_eq!(set(Which::Hard, Some(150)), (Some(100), Some(150)));
        assert_eq!(set(Which::Both, Some(300)), (Some(300), Some(300)));
        assert_eq!(set(Which::Both, None), (None, None));
    }
}
