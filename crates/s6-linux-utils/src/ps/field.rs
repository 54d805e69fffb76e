//! The fields of a process that s6-ps can show.

use super::process::Process;
use super::text;
use super::tty;
use std::collections::HashMap;
use wire::calendar::DateTime;
use wire::tai::Tai64n;

/// A field.
pub(crate) struct Field {
    /// Its name in `-o`.
    pub(crate) name: &'static str,
    /// Its word in the header line.
    pub(crate) header: &'static str,
    /// Numbers end under each other.
    pub(crate) is_number: bool,
    /// Its value for a process.
    pub(crate) value: fn(&Process, &World) -> Vec<u8>,
}

/// What holds for all processes.
pub(crate) struct World {
    /// Unix time, nanoseconds.
    pub(crate) now: i64,
    /// Since the machine's boot, clock ticks.
    pub(crate) up: u64,
    /// Memory and swap, bytes.
    pub(crate) memory: u64,
    /// Bytes.
    pub(crate) page: u64,
    pub(crate) users: HashMap<u32, Vec<u8>>,
    pub(crate) groups: HashMap<u32, Vec<u8>>,
    /// Kernel functions by address; `None`: ask the kernel for their names.
    pub(crate) symbols: Option<HashMap<u64, Vec<u8>>>,
}

/// Not allowed to know.
const HIDDEN: &[u8] = b"*";
/// There is none.
const NONE: &[u8] = b"-";

impl World {
    /// The ticks since a process started.
    fn age(&self, process: &Process) -> u64 {
        self.up.saturating_sub(process.stat.start)
    }

    /// When a process started: Unix time, nanoseconds.
    fn start(&self, process: &Process) -> i64 {
        let nanos = i128::from(self.age(process)) * text::NANOS_A_TICK;
        self.now.saturating_sub(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

/// Unix time in nanoseconds by the local calendar.
fn local(nanos: i64) -> Option<DateTime> {
    tool::local_time::local(nanos.div_euclid(1_000_000_000))
}

macro_rules! number {
    ($name:literal, $header:literal, $value:expr) => {
        Field {
            name: $name,
            header: $header,
            is_number: true,
            value: |process, world| {
                let show: fn(&Process, &World) -> _ = $value;
                show(process, world).to_string().into_bytes()
            },
        }
    };
}

macro_rules! word {
    ($name:literal, $header:literal, $value:expr) => {
        Field { name: $name, header: $header, is_number: false, value: $value }
    };
}

macro_rules! duration {
    ($name:literal, $header:literal, $ticks:expr) => {
        Field {
            name: $name,
            header: $header,
            is_number: false,
            value: |process, _| {
                let ticks: fn(&Process) -> u64 = $ticks;
                text::duration(ticks(process)).into_bytes()
            },
        }
    };
}

/// All of them.
pub(crate) static FIELDS: &[Field] = &[
    number!("pid", "PID", |p, _| p.stat.pid),
    word!("comm", "COMM", |p, _| text::line(&p.stat.comm)),
    word!("s", "STAT", |p, _| state(p)),
    number!("ppid", "PPID", |p, _| p.stat.ppid),
    number!("pgrp", "PGRP", |p, _| p.stat.group),
    number!("sess", "SESSION", |p, _| p.stat.session),
    word!("tty", "TTY", |p, _| match p.stat.tty {
        0 => NONE.to_vec(),
        device => tty::name(device).into_bytes(),
    }),
    number!("tpgid", "TPGID", |p, _| p.stat.foreground),
    number!("minflt", "MINFLT", |p, _| p.stat.minor_faults),
    number!("cminflt", "CMINFLT", |p, _| p.stat.minor_faults.saturating_add(p.stat.minor_faults_of_children)),
    number!("majflt", "MAJFLT", |p, _| p.stat.major_faults),
    number!("cmajflt", "CMAJFLT", |p, _| p.stat.major_faults.saturating_add(p.stat.major_faults_of_children)),
    duration!("utime", "UTIME", |p| p.stat.user),
    duration!("stime", "STIME", |p| p.stat.system),
    duration!("cutime", "CUTIME", |p| p.stat.user.saturating_add(p.stat.user_of_children)),
    duration!("cstime", "CSTIME", |p| p.stat.system.saturating_add(p.stat.system_of_children)),
    number!("prio", "PRIO", |p, _| p.stat.priority),
    number!("nice", "NICE", |p, _| p.stat.nice),
    number!("thcount", "THREADS", |p, _| p.stat.threads),
    word!("start", "START", |p, world| match (local(world.start(p)), local(world.now)) {
        (Some(then), Some(now)) => text::start(&then, &now).into_bytes(),
        _ => NONE.to_vec(),
    }),
    number!("vsize", "VSZ", |p, _| p.stat.virtual_size / 1024),
    number!("rss", "RSS", |p, world| p.stat.resident.saturating_mul(world.page) / 1024),
    number!("rsslimit", "RSSLIM", |p, _| p.stat.resident_limit / 1024),
    number!("psr", "CPU", |p, _| p.stat.processor),
    number!("rtprio", "RTPRIO", |p, _| p.stat.realtime_priority),
    word!("policy", "RTPOLICY", |p, _| policy(p.stat.policy).to_vec()),
    word!("user", "USER", |p, world| account(&world.users, p.uid)),
    word!("group", "GROUP", |p, world| account(&world.groups, p.gid)),
    number!("pmem", "%MEM", |p, world| {
        text::percent(p.stat.resident.saturating_mul(world.page), world.memory)
    }),
    word!("wchan", "WCHAN", function),
    word!("args", "COMMAND", |p, _| args(p)),
    word!("env", "ENVIRONMENT", |p, _| p.env.as_ref().map_or_else(|| HIDDEN.to_vec(), |e| text::line(e))),
    number!("pcpu", "%CPU", |p, world| text::percent(p.stat.ran(), world.age(p))),
    duration!("ttime", "TTIME", |p| p.stat.ran()),
    duration!("cttime", "CTTIME", |p| p.stat.ran_with_children()),
    word!("tstart", "TSTART", |p, world| {
        let start = world.start(p);
        let nanos = u32::try_from(start.rem_euclid(1_000_000_000)).unwrap_or_default();
        Tai64n::from_unix(start.div_euclid(1_000_000_000), nanos).label().to_vec()
    }),
    number!("cpcpu", "C%CPU", |p, world| text::percent(p.stat.ran_with_children(), world.age(p))),
];

/// The fields that a list of names, separated by commas, asks for.
///
/// # Errors
/// What is wrong with the list, a phrase.
pub(crate) fn chosen(list: &str) -> Result<Vec<&'static Field>, String> {
    let mut found: Vec<&Field> = Vec::new();
    for name in list.split(',') {
        let field = FIELDS
            .iter()
            .find(|field| field.name == name)
            .ok_or_else(|| format!("there is no field {name:?}; the fields are {}", names()))?;
        if found.iter().any(|other| other.name == name) {
            return Err(format!("field {name} is asked for twice"));
        }
        found.push(field);
    }
    Ok(found)
}

fn names() -> String {
    FIELDS.iter().map(|field| field.name).collect::<Vec<_>>().join(",")
}

/// The state's letter, then `s` for a session's leader, `l` for several threads, `+` for the terminal's foreground
/// group, `<` or `N` for a nice value.
fn state(process: &Process) -> Vec<u8> {
    let stat = &process.stat;
    let marks = [
        (stat.pid == stat.session, b's'),
        (stat.threads > 1, b'l'),
        (stat.foreground > 0 && i64::try_from(stat.group) == Ok(stat.foreground), b'+'),
        (stat.nice < 0, b'<'),
        (stat.nice > 0, b'N'),
    ];
    std::iter::once(stat.state)
        .chain(marks.iter().filter(|(holds, _)| *holds).map(|(_, mark)| *mark))
        .collect()
}

/// sched(7).
fn policy(number: u64) -> &'static [u8] {
    match number {
        0 => b"NORMAL",
        1 => b"FIFO",
        2 => b"RR",
        3 => b"BATCH",
        5 => b"IDLE",
        6 => b"DEADLINE",
        7 => b"EXT",
        _ => b"UNKNOWN",
    }
}

fn account(names: &HashMap<u32, Vec<u8>>, id: u32) -> Vec<u8> {
    names.get(&id).map_or_else(|| id.to_string().into_bytes(), |name| text::line(name))
}

/// The command line; the name in parentheses of a process that has none.
fn args(process: &Process) -> Vec<u8> {
    match &process.args {
        None => HIDDEN.to_vec(),
        Some(words) if words.is_empty() => [b"(", text::line(&process.stat.comm).as_slice(), b")"].concat(),
        Some(words) => text::line(words),
    }
}

fn function(process: &Process, world: &World) -> Vec<u8> {
    let stat = &process.stat;
    match (&world.symbols, &process.waits_in) {
        _ if stat.waits_in == 0 => NONE.to_vec(),
        (Some(symbols), _) => {
            symbols.get(&stat.waits_in).map_or_else(|| b"?".to_vec(), |name| text::line(name))
        }
        (None, None) => HIDDEN.to_vec(),
        (None, Some(name)) if name == b"0" || name.is_empty() => b"?".to_vec(),
        (None, Some(name)) => text::line(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let names = |list| chosen(list).map(|f| f.iter().map(|f| f.header).collect::<Vec<_>>().join(" "));
        assert_eq!(names("pid,s,cpcpu").unwrap(), "PID STAT C%CPU");
        assert_eq!(names("pid,pid").unwrap_err(), "field pid is asked for twice");
        for wrong in ["", "pid,", ",pid", "pid, s", "PID"] {
            assert!(names(wrong).unwrap_err().starts_with("there is no field"), "{wrong}");
        }
    }

    #[test]
    fn states() {
        let line = b"7 (a) S 1 7 7 34816 7 0 0 0 0 0 0 0 0 0 0 5 2 0 0 0 0 0\n";
        let stat = wire::proc_stat::Stat::parse(line).unwrap();
        let process = Process { stat, uid: 0, gid: 0, args: None, env: None, waits_in: None };
        assert_eq!(state(&process), b"Ssl+N");
    }
}
