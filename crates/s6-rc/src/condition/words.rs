//! The words that a condition may begin with, and what may follow them.

/// What a condition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Variable,
    IsSet,
    File,
    Directory,
    Socket,
    Program,
    Machine,
    User,
    Capability,
    First,
    Terminal,
    Memory,
    Kernel,
    Profile,
    Answer,
}

/// A word.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) about: About,
    /// How many words follow: at least, and at most.
    pub(super) counts: (usize, usize),
    /// What to write.
    pub(super) usage: &'static str,
    /// In words that it doesn't hold, and that it does; `%` stands for what follows.
    pub(super) told: [&'static str; 2],
}

const fn row(
    name: &'static str,
    about: About,
    counts: (usize, usize),
    usage: &'static str,
    told: [&'static str; 2],
) -> Row {
    Row { name, about, counts, usage, told }
}

/// So many words as there are.
const MANY: usize = usize::MAX;

/// All of them.
pub(super) static ROWS: [Row; 15] = [
    row("env", About::Variable, (1, 1), "env NAME, or env NAME=a|b", ["% isn't set", "% is set"]),
    row("env-set", About::IsSet, (1, 1), "env-set NAME", ["% isn't set", "% is set"]),
    row("file", About::File, (1, 1), "file /PATH", ["there is no file %", "there is a file %"]),
    row("dir", About::Directory, (1, 1), "dir /PATH", ["there is no directory %", "there is a directory %"]),
    row("socket", About::Socket, (1, 1), "socket /PATH", ["there is no socket %", "there is a socket %"]),
    row("exec", About::Program, (1, 1), "exec PROGRAM", ["there is no program %", "there is a program %"]),
    row(
        "arch",
        About::Machine,
        (1, MANY),
        "arch x86_64, aarch64, arm, x86 or riscv64",
        ["the machine isn't %", "the machine is %"],
    ),
    row("uid", About::User, (1, MANY), "uid 0", ["the user isn't %", "the user is %"]),
    row(
        "cap",
        About::Capability,
        (1, 1),
        "cap net_admin",
        ["the capability % is missing", "the capability % is there"],
    ),
    row("pid1", About::First, (0, 0), "pid1", ["/init isn't process 1", "/init is process 1"]),
    row("tty", About::Terminal, (0, 0), "tty", ["there is no terminal", "there is a terminal"]),
    row("memory", About::Memory, (2, 2), "memory >= 1G", ["memory isn't %", "memory is %"]),
    row("kernel", About::Kernel, (2, 2), "kernel >= 5.13", ["the kernel isn't %", "the kernel is %"]),
    row("profile", About::Profile, (1, 1), "profile NAME", ["S6_PROFILES has no %", "S6_PROFILES has %"]),
    row("run", About::Answer, (1, MANY), "run /PROGRAM", ["% says no", "% says yes"]),
];

/// The names of machines, each with the standard library's.
const MACHINES: [(&str, &str); 12] = [
    ("x86_64", "x86_64"),
    ("amd64", "x86_64"),
    ("aarch64", "aarch64"),
    ("arm64", "aarch64"),
    ("arm", "arm"),
    ("armhf", "arm"),
    ("armv7", "arm"),
    ("armv7l", "arm"),
    ("x86", "x86"),
    ("i686", "x86"),
    ("386", "x86"),
    ("riscv64", "riscv64"),
];

/// capabilities(7), in the order of their numbers.
const CAPABILITIES: &str = "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap \
    linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio \
    sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease \
    audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon \
    bpf checkpoint_restore";

/// The standard library's name for a machine.
pub(super) fn machine(name: &[u8]) -> Option<&'static str> {
    MACHINES.iter().find(|(other, _)| other.as_bytes() == name).map(|(_, machine)| *machine)
}

/// The number of a capability; `CAP_` may be before its name.
pub(super) fn capability(name: &[u8]) -> Option<u32> {
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix(b"cap_").unwrap_or(&name);
    (0..).zip(CAPABILITIES.split(' ')).find(|(_, other)| other.as_bytes() == name).map(|(number, _)| number)
}

/// The name that was probably meant, where one of so many names may follow a word.
pub(super) fn meant(about: About, name: &[u8]) -> Option<&'static [u8]> {
    match about {
        About::Machine => similar(name, &mut MACHINES.iter().map(|(name, _)| name.as_bytes())),
        About::Capability => similar(name, &mut CAPABILITIES.split(' ').map(str::as_bytes)),
        _ => None,
    }
}

/// The one of these names that was probably meant.
pub(super) fn similar<'n>(name: &[u8], names: &mut dyn Iterator<Item = &'n [u8]>) -> Option<&'n [u8]> {
    tool::similar(name, names)
}

/// A number of bytes: `512M`, `1G`, `2GiB`.
pub(super) fn size(word: &[u8]) -> Option<u64> {
    let word = word.to_ascii_lowercase();
    let end = word.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(word.len());
    let (digits, unit) = word.split_at_checked(end)?;
    let shift = match unit {
        b"" => 0,
        b"k" | b"kib" => 10,
        b"m" | b"mib" => 20,
        b"g" | b"gib" => 30,
        b"t" | b"tib" => 40,
        _ => return None,
    };
    wire::number::decimal::<u64>(digits)?.checked_mul(1 << shift)
}

/// The numbers that a version begins with: `6.1.0-13-amd64` gives 6, 1 and 0.
pub(super) fn version(text: &[u8]) -> Vec<u32> {
    let end = text.iter().position(|byte| !(byte.is_ascii_digit() || *byte == b'.')).unwrap_or(text.len());
    let mut numbers = Vec::new();
    for number in text.get(..end).unwrap_or_default().split(|byte| *byte == b'.') {
        match wire::number::decimal(number) {
            Some(number) => numbers.push(number),
            None => break,
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_versions() {
        for (word, bytes) in [
            ("0", Some(0)),
            ("100", Some(100)),
            ("64k", Some(65_536)),
            ("512M", Some(536_870_912)),
            ("1G", Some(1 << 30)),
            ("2GiB", Some(2 << 30)),
            ("1t", Some(1 << 40)),
            ("", None),
            ("G", None),
            ("1GB", None),
            ("-1", None),
            ("1.5G", None),
            ("99999999999T", None),
        ] {
            assert_eq!(size(word.as_bytes()), bytes, "{word}");
        }
        for (text, numbers) in [
            ("6.1.0-13-amd64", &[6, 1, 0][..]),
            ("5.13", &[5, 13]),
            ("4", &[4]),
            ("", &[]),
            ("x", &[]),
            ("5..1", &[5]),
        ] {
            assert_eq!(version(text.as_bytes()), numbers, "{text}");
        }
        assert!(version(b"5.9") < version(b"5.13") && version(b"5.13.1") > version(b"5.13"));
    }

    #[test]
    fn names_of_capabilities_and_machines() {
        let numbers = ["chown", "net_admin", "CAP_SYS_ADMIN", "checkpoint_restore", "nothing"];
        assert_eq!(
            numbers.map(|name| capability(name.as_bytes())),
            [Some(0), Some(12), Some(21), Some(40), None]
        );
        let machines = ["amd64", "arm64", "riscv64", "sparc"];
        assert_eq!(
            machines.map(|name| machine(name.as_bytes())),
            [Some("x86_64"), Some("aarch64"), Some("riscv64"), None]
        );
    }
}
