//! Capabilities that a process lacks, for messages.

/// A capability of capabilities(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capability {
    /// Without `CAP_`, as an engine's option `--cap-add` takes it.
    name: &'static str,
    bit: u32,
}

/// To change owners of files.
pub const CHOWN: Capability = Capability { name: "CHOWN", bit: 0 };
/// To change modes of files of others.
pub const FOWNER: Capability = Capability { name: "FOWNER", bit: 3 };
/// To change groups.
pub const SETGID: Capability = Capability { name: "SETGID", bit: 6 };
/// To change the user.
pub const SETUID: Capability = Capability { name: "SETUID", bit: 7 };

/// Bytes of /proc/self/status that are read: it has less than 2 KiB, unless the process has thousands of groups.
const STATUS_LIMIT: usize = 1 << 20;

/// The capabilities that are in effect in this process, a bit each; `None` if that is unknown.
#[must_use]
pub fn effective() -> Option<u64> {
    in_effect(&files::read_path(b"/proc/self/status", STATUS_LIMIT).unwrap_or_default())
}

/// The same of a process by the text of its /proc/PID/status.
#[must_use]
pub fn in_effect(status: &[u8]) -> Option<u64> {
    let line = status.split(|b| *b == b'\n').find_map(|l| l.strip_prefix(b"CapEff:"))?;
    u64::from_str_radix(std::str::from_utf8(line.trim_ascii()).ok()?, 16).ok()
}

/// Which of the needed ones aren't among those in effect, in parentheses after a blank; empty if none is known to be
/// missing.
#[must_use]
pub fn lacking(needed: &[Capability], effective: Option<u64>) -> String {
    let is_lacking = |one: &&Capability| effective.is_some_and(|set| set >> one.bit & 1 == 0);
    let names: Vec<&str> = needed.iter().filter(is_lacking).map(|one| one.name).collect();
    if names.is_empty() {
        return String::new();
    }
    let options: Vec<_> = names.iter().map(|name| format!("--cap-add {name}")).collect();
    format!(" (the process lacks CAP_{}: {})", names.join(" and CAP_"), options.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_tells_what_is_in_effect() {
        assert_eq!(in_effect(b"Name:\tx\nCapEff:\t00000000a80425fb\nCapBnd:\t0\n"), Some(0xa804_25fb));
        assert_eq!((in_effect(b"CapEff:\tx\n"), in_effect(b"")), (None, None));
    }

    #[test]
    fn only_what_is_known_to_be_missing_is_named() {
        let both = [CHOWN, FOWNER];
        assert_eq!(
            lacking(&both, Some(0)),
            " (the process lacks CAP_CHOWN and CAP_FOWNER: --cap-add CHOWN --cap-add FOWNER)"
        );
        assert_eq!(lacking(&both, Some(1)), " (the process lacks CAP_FOWNER: --cap-add FOWNER)");
        assert_eq!((lacking(&both, Some(9)), lacking(&both, None)), (String::new(), String::new()));
    }
}
