//! `s6-uniquename`: prints a file name that no other process on any machine generates.

use rustix::time::ClockId;
use tool::{Call, Fatal, Opt, OrUnable, Out, Outcome, Role, Tool};
use wire::tai::Tai64n;

pub static TOOL: Tool = Tool {
    name: "s6-uniquename",
    summary: "print a unique file name",
    operands: "prefix",
    options: &[Opt::value(
        'n',
        "length",
        "the number of random characters at the end; default 8, at most 65535",
    )],
    role: Role::Stay,
    main,
};

/// The 64 characters for random names; all are safe in file names.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let length = options.number::<u16>('n')?.unwrap_or(8);
    let mut name = call.args.first().cloned().ok_or_else(Fatal::usage)?;
    let now = sys::clock::get(ClockId::Realtime);
    let stamp = Tai64n::from_unix(now.tv_sec, u32::try_from(now.tv_nsec).unwrap_or_default()).label();
    let pid = rustix::process::getpid().as_raw_nonzero().to_string();
    let host = rustix::system::uname().nodename().to_bytes().to_vec();
    for part in [&stamp, pid.as_bytes(), &host] {
        name.push(b':');
        name.extend_from_slice(part);
    }
    if length > 0 {
        name.push(b':');
        name.extend(random(length.into())?);
    }
    let mut out = Out::new();
    out.line(&name)?;
    out.finish()
}

fn random(length: usize) -> Result<Vec<u8>, Fatal> {
    let mut bytes = vec![0_u8; length];
    sys::random::fill(&mut bytes).or_unable(|| "get random bytes")?;
    Ok(bytes.into_iter().map(|b| ALPHABET[usize::from(b & 63)]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_characters_are_64_different_ones() {
        let mut sorted = ALPHABET.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 64);
    }

    #[test]
    fn random_characters_are_safe() {
        let text = random(500).unwrap();
        assert_eq!(text.len(), 500);
        assert!(text.iter().all(|b| ALPHABET.contains(b)));
    }
}
