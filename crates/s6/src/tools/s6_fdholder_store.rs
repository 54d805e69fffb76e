//! `s6-fdholder-store`: stores a copy of a descriptor in an fd holder.

use ipc::fdholder;
use std::os::fd::RawFd;
use tool::clock;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool, diag};
use wire::tai::Tai64n;

pub static TOOL: Tool = Tool {
    name: "s6-fdholder-store",
    summary: "have an fd holder keep a descriptor",
    operands: "path id",
    options: &[
        Opt::value('d', "fd", "the descriptor; default: standard input"),
        Opt::value('t', "timeout", "give up after this many milliseconds"),
        Opt::value('T', "fdtimeout", "have the holder close it after this many milliseconds"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let number = options.number::<u32>('d')?.unwrap_or(0);
    let number = RawFd::try_from(number).map_err(|_| Fatal::usage())?;
    let span = options.number::<u32>('T')?.filter(|ms| *ms != 0);
    let timeout = options.number('t')?;
    let (path, id) = (call.shift()?, call.shift()?);
    let what = format!("store descriptor {number} as {}", diag::show(&id));
    // Taken first: the connection could get its number.
    let fd = sys::fd::duplicate(number, 3);
    let mut holder = fdholder::connect(&path, timeout)?;
    let now = clock::wall();
    let limit = span.map_or_else(|| wire::fdholder::never(now), |ms| after(now, ms));
    fd.and_then(|fd| holder.store(&id, fd, limit)).map_err(|e| fdholder::refused(&what, e))?;
    Ok(Next::SUCCESS)
}

/// The time `ms` milliseconds after `now`.
fn after(now: Tai64n, ms: u32) -> Tai64n {
    let nanos = now.nanos + ms % 1000 * 1_000_000;
    let seconds = now.seconds + u64::from(ms / 1000) + u64::from(nanos / 1_000_000_000);
    Tai64n { seconds, nanos: nanos % 1_000_000_000 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_carry() {
        let now = Tai64n { seconds: 7, nanos: 999_999_999 };
        assert_eq!(after(now, 1), Tai64n { seconds: 8, nanos: 999_999 });
        assert_eq!(after(now, u32::MAX).seconds, 7 + 4_294_967 + 1);
    }
}
