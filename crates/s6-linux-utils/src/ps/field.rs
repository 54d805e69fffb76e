//! The fields of a process that s6-ps can show.

use super::process::Process;
use super::text;
use super::tty;
use tool::sorted::Map;
use wire::calendar::DateTime;
use wire::tai::Tai64n;

/// A field.
pub(crate) struct Field {
    /// Its name in `-o`.
    pub(crate) name: &'static str,
    /// Its column header.
    pub(crate) header: &'static str,
    /// Whether it is right-aligned.
    pub(crate) is_number: bool,
    /// Its value for a process.
    pub(crate) value: fn(&Process, &Context) -> Vec<u8>,
}

/// What is the same for all processes.
pub(crate) struct Context {
    /// The current Unix time in nanoseconds.
    pub(crate) now: i64,
    /// The time since the machine's boot in clock ticks.
    pub(crate) up: u64,
    /// Memory and swap space in bytes.
    pub(crate) memory: u64,
    /// The page size in bytes.
    pub(crate) page: u64,
    pub(crate) users: Map<u32, Vec<u8>>,
    pub(crate) groups: Map<u32, Vec<u8>>,
    /// Kernel functions by address; `None` if the kernel provides their names.
    pub(crate) symbols: Option<Map<u64, Vec<u8>>>,
}

/// Shown for a value without permission to read it.
const HIDDEN: &[u8] = b"*";
/// Shown for a missing value.
const NONE: &[u8] = b"-";

impl Context {
    /// The ticks since a process started.
    fn age(&self, process: &Process) -> u64 {
        self.up.saturating_sub(process.stat.start)
    }

    /// When a process started: Unix time, nanoseconds.
    fn start(&self, process: &Process) -> i64 {
        let nanos = i128::from(self.age(process)) * text::NANOS_PER_TICK;
        self.now.saturating_sub(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

/// Converts Unix time in nanoseconds to local time.
fn local(nanos: i64) -> Option<DateTime> {
    tool::local_time::local(nanos.div_euclid(1_000_000_000))
}

macro_rules! number {
    ($name:literal, $header:literal, $value:expr) => {
        Field {
            name: $name,
            header: $header,
            is_number: true,
            value: |process, context| {
                let show: fn(&Process, &Context) -> _ = $value;
                show(process, context).to_string().into_bytes()
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

/// All fields.
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
    word!("start", "START", |p, context| match (local(context.start(p)), local(context.now)) {
        (Some(then), Some(now)) => text::start(&then, &now).into_bytes(),
        _ => NONE.to_vec(),
    }),
    number!("vsize", "VSZ", |p, _| p.stat.virtual_size / 1024),
    number!("rss", "RSS", |p, context| p.stat.resident.saturating_mul(context.page) / 1024),
    number!("rsslimit", "RSSLIM", |p, _| p.stat.resident_limit / 1024),
    number!("psr", "CPU", |p, _| p.stat.processor),
    number!("rtprio", "RTPRIO", |p, _| p.stat.realtime_priority),
    word!("policy", "RTPOLICY", |p, _| policy(p.stat.policy).to_vec()),
    word!("user", "USER", |p, context| account(&context.users, p.uid)),
    word!("group", "GROUP", |p, context| account(&context.groups, p.gid)),
    number!("pmem", "%MEM", |p, context| {
        text::percent(p.stat.resident.saturating_mul(context.page), context.memory)
    }),
    word!("wchan", "WCHAN", function),
    word!("args", "COMMAND", |p, _| args(p)),
    word!("env", "ENVIRONMENT", |p, _| p.env.as_ref().map_or_else(|| HIDDEN.to_vec(), |e| text::line(e))),
    number!("pcpu", "%CPU", |p, context| text::percent(p.stat.ran(), context.age(p))),
    duration!("ttime", "TTIME", |p| p.stat.ran()),
    duration!("cttime", "CTTIME", |p| p.stat.ran_with_children()),
    word!("tstart", "TSTART", |p, context| {
        let start = context.start(p);
        let nanos = u32::try_from(start.rem_euclid(1_000_000_000)).unwrap_or_default();
        Tai64n::from_unix(start.div_euclid(1_000_000_000), nanos).label().to_vec()
    }),
    number!("cpcpu", "C%CPU", |p, context| text::percent(p.stat.ran_with_children(), context.age(p))),
];

/// The fields in a list of names separated by commas.
///
/// # Errors
/// What is wrong with the list.
pub(crate) fn by_names(list: &str) -> Result<Vec<&'static Field>, String> {
    let mut found: Vec<&Field> = Vec::new();
    for name in list.split(',') {
        let field = FIELDS
            .iter()
            .find(|field| field.name == name)
            .ok_or_else(|| format!("there is no field \"{name}\"; the fields are {}", names()))?;
        if found.iter().any(|other| other.name == name) {
            return Err(format!("field {name} is listed twice"));
        }
        found.push(field);
    }
    Ok(found)
}

fn names() -> String {
    FIELDS.iter().map(|field| field.name).collect::<Vec<_>>().join(",")
}

/// The letter of the state, then `s` for a session leader, `l` for several threads, `+` for the terminal's foreground
/// process group, `<` or `N` for a negative or positive nice value.
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

/// The name of a scheduling policy: sched(7).
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

fn account(names: &Map<u32, Vec<u8>>, id: u32) -> Vec<u8> {
    names.get(&id).map_or_else(|| id.to_string().into_bytes(), |name| text::line(name))
}

/// The command line; for a process without one, its name in parentheses.
fn args(process: &Process) -> Vec<u8> {
    match &process.args {
        None => HIDDEN.to_vec(),
        Some(words) if words.is_empty() => [b"(", text::line(&process.stat.comm).as_slice(), b")"].concat(),
        Some(words) => text::line(words),
    }
}

fn function(process: &Process, context: &Context) -> Vec<u8> {
    let stat = &process.stat;
    match (&context.symbols, &process.waits_in) {
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
        let names = |list| by_names(list).map(|f| f.iter().map(|f| f.header).collect::<Vec<_>>().join(" "));
        assert_eq!(names("pid,s,cpcpu").unwrap(), "PID STAT C%CPU");
        assert_eq!(names("pid,pid").unwrap_err(), "field pid is listed twice");
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
    #[test]
    fn the_fields_and_their_headers() {
        let line =
            |f: &Field| format!("{} {}{}\n", f.name, f.header, if f.is_number { " number" } else { "" });
        insta::assert_snapshot!(FIELDS.iter().map(line).collect::<String>());
    }

    /// All fields of one process: each number of its `stat` is another one.
    #[test]
    fn the_values_of_a_process() {
        let numbers: Vec<_> = (4..=52).map(|n| (n * 10_000).to_string()).collect();
        let line = format!("7 (a b) S {}\n", numbers.join(" "));
        let stat = wire::proc_stat::Stat::parse(line.as_bytes()).unwrap();
        let process = Process {
            stat,
            uid: 1,
            gid: 2,
            args: Some(b"prog\0arg\0".to_vec()),
            env: Some(b"A=1\0".to_vec()),
            waits_in: Some(b"do_wait".to_vec()),
        };
        let context = Context {
            now: 1_700_000_000_000_000_000,
            up: 2_000_000,
            memory: 1 << 30,
            page: 4096,
            users: Map::from_iter([(1, b"daemon".to_vec())]),
            groups: Map::new(),
            symbols: None,
        };
        let shown =
            |f: &Field| format!("{}={}\n", f.name, String::from_utf8_lossy(&(f.value)(&process, &context)));
        // The start depends on the time zone, the terminal on the machine.
        let fields = FIELDS.iter().filter(|f| !matches!(f.name, "start" | "tty"));
        insta::assert_snapshot!(fields.map(shown).collect::<String>());
    }

    #[test]
    fn the_names_of_scheduling_policies() {
        let names: Vec<_> = (0..9).map(|n| String::from_utf8_lossy(policy(n))).collect();
        assert_eq!(names.join(" "), "NORMAL FIFO RR BATCH UNKNOWN IDLE DEADLINE EXT UNKNOWN");
    }
}
