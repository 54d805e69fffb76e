//! `s6-pause`: waits until a signal kills it.

use sys::signal::{self, Signal};
use tool::{Call, Fatal, Opt, OrUnable, Outcome, Role, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-pause",
    summary: "wait until killed by a signal",
    operands: "",
    options: &[
        Opt::flag('t', "ignore SIGTERM"),
        Opt::flag('h', "ignore SIGHUP"),
        Opt::flag('a', "ignore SIGALRM"),
        Opt::flag('q', "ignore SIGQUIT"),
        Opt::flag('b', "ignore SIGABRT"),
        Opt::flag('i', "ignore SIGINT"),
        Opt::value('p', "signals", "ignore these signal numbers, separated by commas"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    for (letter, value) in options.iter() {
        for ignored in signals(letter, value)? {
            signal::set_ignored(ignored).or_unable(|| format!("ignore signal {ignored}"))?;
        }
    }
    loop {
        rustix::event::pause();
    }
}

/// The signals that an option ignores.
fn signals(letter: char, list: &[u8]) -> Result<Vec<Signal>, Fatal> {
    let name: &[u8] = match letter {
        't' => b"TERM",
        'h' => b"HUP",
        'a' => b"ALRM",
        'q' => b"QUIT",
        'b' => b"ABRT",
        'i' => b"INT",
        _ => {
            let signal = |word: &[u8]| number::decimal(word).filter(|n| (1..=64).contains(n));
            return number::list(list, signal).ok_or_else(Fatal::usage);
        }
    };
    Ok(signal::parse(name).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_letters() {
        assert_eq!(signals('p', b"10,12,15").unwrap(), [10, 12, 15]);
        assert_eq!(signals('p', b"1 2,").unwrap(), [1, 2]);
        let letters: Vec<_> = "thaqbi".chars().flat_map(|letter| signals(letter, b"").unwrap()).collect();
        assert_eq!(letters, [15, 1, 14, 3, 6, 2]);
        for bad in [&b""[..], b"0", b"65", b"TERM"] {
            assert!(signals('p', bad).is_err(), "{bad:?}");
        }
    }
}
