//! The files of a definition that say when its daemon is ready, and how to find out whether it still does its work.
//!
//! | module | what it is |
//! |---|---|
//! | [`line`](mod@line) | pure: a line of `ready` or `live` |
//! | [`address`] | pure: where to connect to, and what to ask there |
//!
//! All of it becomes one record, [`wire::probes`], in the service directory, beside the image's `run` under another name and a
//! `run` that hands the record over before it becomes the image's.  Without the files there is none of this.

mod address;
mod line;

use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::directory::Directory;
use crate::folder::{Folder, READABLE};
use crate::restart_policy::value::{self, Value};
use crate::restart_policy::word::{Mistake, Word};
use crate::source_definition::{Data, ServiceFile};
use crate::word_files::{Reader, Topic};
use files::{Permissions, create, remove_tree, rename_new};
use rustix::fs::CWD;
use rustix::io::Errno;
use tool::Fatal;
use tool::diag::show;
use tool::path::join;
use tool::script::INTERPRETER;
use wire::number::decimal;
use wire::probes::{
    FILE, Kind, LIVE_PERIOD, LIVE_THRESHOLD, LIVE_TIMEOUT, Live, OnUnhealthy, PROBES_MAX, Probe, Probes,
    READY_CHECK_TIMEOUT, READY_PERIOD, READY_PERIOD_OF_PROGRAMS, Ready, SIZE_MAX, encode,
};

pub use line::{Line, Place};

/// The files.
pub const FILES: [&str; 8] = [
    "ready",
    "ready-period",
    "ready-check-timeout",
    "live",
    "live-period",
    "live-timeout",
    "live-threshold",
    "on-unhealthy",
];

/// The image's `run` in the service directory of a service with probes.
pub(crate) const USERS_RUN: &str = "run.user";

/// The tool that becomes the image's `run`.
const TOOL: &str = "s6-overlay-attended";

/// The daemon's descriptor for readiness where the definition names none, and another one if that is the lock's.
const DESCRIPTORS: [u32; 2] = [3, 4];

static TOPIC: Topic = Topic {
    files: &FILES,
    code: Code::PROBES,
    about: "readiness or liveness",
    needless: "has no daemon to ask",
};

/// What a file of lines holds.
#[derive(Debug, Default)]
struct Lines {
    probes: Vec<Probe>,
    watchdog: Option<u32>,
}

impl Lines {
    /// Adds one.
    ///
    /// # Errors
    /// It is one too many.
    fn add(&mut self, line: Line) -> Result<(), String> {
        match line {
            Line::Watchdog(_) if self.watchdog.is_some() => {
                return Err("the watchdog has its time already".into());
            }
            Line::Watchdog(time) => self.watchdog = Some(time),
            Line::Probe(Probe { kind: Kind::Fd(_), .. })
                if self.probes.iter().any(|probe| matches!(probe.kind, Kind::Fd(_))) =>
            {
                return Err("the daemon writes to one descriptor only".into());
            }
            Line::Probe(_) if self.probes.len() == PROBES_MAX => {
                return Err(format!("more than {PROBES_MAX} lines"));
            }
            Line::Probe(probe) => self.probes.push(probe),
        }
        Ok(())
    }
}

/// What the files of a longrun's definition ask for; `None` if there are none of them, or one has a mistake.  Mistakes are added
/// to the findings.
///
/// # Errors
/// A file can't be read: code 111.
pub(crate) fn read<D: Directory>(
    folder: &Folder<D>,
    findings: &mut Vec<Diagnostic>,
) -> Result<Option<Probes>, Fatal> {
    let mut reader = Reader { topic: &TOPIC, folder, findings };
    if !reader.has_any() {
        return Ok(None);
    }
    let errors = errors_in(reader.findings);
    let ready = lines(&mut reader, Place::Ready)?;
    let live = lines(&mut reader, Place::Live)?;
    let mut number = |file: &str, parse| reader.value(file, parse);
    let numbers = [
        number("ready-period", time)?,
        number("ready-check-timeout", time)?,
        number("live-period", time)?,
        number("live-timeout", time)?,
        number("live-threshold", threshold)?,
    ];
    let [period, timeout, live_period, live_timeout, threshold] =
        numbers.map(|given| given.map(|given| given.value));
    let on_unhealthy = reader.value("on-unhealthy", on_unhealthy)?;
    let is_about_ready = period.is_some() || timeout.is_some();
    let is_about_live =
        [live_period, live_timeout, threshold].iter().any(Option::is_some) || on_unhealthy.is_some();
    for (place, is_asked) in [(Place::Ready, is_about_ready), (Place::Live, is_about_live)] {
        if is_asked && !folder.has(place.file().as_bytes()) {
            alone(&mut reader, place.file());
        }
    }
    if errors_in(reader.findings) > errors {
        return Ok(None);
    }
    let ready = ready.map(|Lines { probes, .. }| Ready {
        period: period.unwrap_or_else(|| pause(&probes)),
        timeout: timeout.unwrap_or(READY_CHECK_TIMEOUT),
        probes,
    });
    let live = live.map(|Lines { probes, watchdog }| Live {
        period: live_period.unwrap_or(LIVE_PERIOD),
        timeout: live_timeout.unwrap_or(LIVE_TIMEOUT),
        threshold: threshold.unwrap_or(LIVE_THRESHOLD),
        watchdog,
        on_unhealthy: on_unhealthy.map(|given| given.value).unwrap_or_default(),
        probes,
    });
    Ok((ready.is_some() || live.is_some()).then_some(Probes { ready, live }))
}

/// The first pause between two tries where none is given.
fn pause(probes: &[Probe]) -> u32 {
    let has_program = probes.iter().any(|probe| matches!(probe.kind, Kind::Exec(_)));
    if has_program { READY_PERIOD_OF_PROGRAMS } else { READY_PERIOD }
}

/// How many of the findings are errors.
fn errors_in(findings: &[Diagnostic]) -> usize {
    findings.iter().filter(|finding| finding.severity == Severity::Error).count()
}

/// Reports the files that say how `place`, which isn't there, is meant.
fn alone<D: Directory>(reader: &mut Reader<'_, D>, place: &str) {
    for file in FILES {
        let is_about = file.starts_with(place) || place == "live" && file == "on-unhealthy";
        if is_about && reader.folder.has(file.as_bytes()) {
            let text = format!("has no effect without a file {place}");
            reader.add(file, Mistake::whole(text, format!("remove it, or write a file {place}")));
        }
    }
}

/// What a file of lines holds; `None` if there is none, or no line is right.
fn lines<D: Directory>(reader: &mut Reader<'_, D>, place: Place) -> Result<Option<Lines>, Fatal> {
    let file = place.file();
    let Some(text) = reader.text(file)? else { return Ok(None) };
    let mut found = Lines::default();
    let mut is_empty = true;
    for (number, content) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let added = match line::parse(number, content, place) {
            Ok(None) => continue,
            Ok(Some(line)) => found.add(line).map_err(|text| Mistake {
                line: number,
                column: 1,
                text,
                advice: "remove it".into(),
            }),
            Err(mistake) => Err(mistake),
        };
        is_empty = false;
        if let Err(mistake) = added {
            reader.add(file, mistake);
        }
    }
    if is_empty {
        reader.add(file, Mistake::whole("there is nothing in it", "write a line such as listen 8080"));
    }
    Ok((!is_empty).then_some(found))
}

/// What a line of a file asks, for programs that write or check such files; `None` for an empty one and a comment.
///
/// # Errors
/// What is wrong with it, and what to write instead.
pub fn look_at(content: &[u8], place: Place) -> Result<Option<Line>, String> {
    line::parse(1, content, place).map_err(|mistake| format!("{} ({})", mistake.text, mistake.advice))
}

/// `ready-period`, `ready-check-timeout`, `live-period` and `live-timeout`.
fn time(words: &[Word<'_>]) -> Value<u32> {
    not_zero(words, value::time(words)?)
}

/// `live-threshold`.
fn threshold(words: &[Word<'_>]) -> Value<u32> {
    let wanted = "how many checks in a row must fail, such as 3";
    let word = value::single(words, wanted)?;
    let number = decimal(word.text).ok_or_else(|| {
        Mistake::at(
            &word,
            format!("\"{}\" is not a number of checks", show(word.text)),
            format!("write {wanted}"),
        )
    });
    not_zero(words, number?)
}

fn not_zero(words: &[Word<'_>], number: u32) -> Value<u32> {
    match words.first() {
        Some(word) if number == 0 => Err(Mistake::at(word, "0 is too little", "write 1 or more")),
        _ => Ok(number),
    }
}

/// `on-unhealthy`.
fn on_unhealthy(words: &[Word<'_>]) -> Value<OnUnhealthy> {
    let [first, signal] = words else {
        let word = value::single(words, "restart, nothing, stop, or signal and its name")?;
        let signal = OnUnhealthy::Signal(0);
        return match value::chosen(
            &word,
            &[
                ("restart", OnUnhealthy::Restart),
                ("nothing", OnUnhealthy::Nothing),
                ("stop", OnUnhealthy::Stop),
                ("signal", signal),
            ],
        )? {
            found if found == signal => {
                Err(Mistake::at(&word, "which signal?", "write such as signal SIGABRT"))
            }
            found => Ok(found),
        };
    };
    if first.text != b"signal" {
        let text = format!("\"{}\" is one word too many", show(signal.text));
        return Err(Mistake::at(signal, text, "write restart, nothing, stop, or signal and its name"));
    }
    value::signal(signal).map(OnUnhealthy::Signal)
}

/// What goes into a service directory.
#[derive(Debug)]
pub(crate) struct Settled {
    /// The record.
    pub(crate) record: Vec<u8>,
    /// The number for `notification-fd`, at which the supervisor hears of readiness, if it does.
    pub(crate) notification: Option<u32>,
}

/// What these probes become, by the numbers in `notification-fd` and `lock-fd`.
///
/// # Errors
/// The name of the file that contradicts the others, and what is wrong with it.
pub(crate) fn settle(
    probes: &Probes,
    notification: Option<u32>,
    lock: Option<u32>,
) -> Result<Settled, (&'static str, Mistake)> {
    let notification = match &probes.ready {
        Some(ready) => Some(descriptor(ready, notification, lock)?),
        None => notification,
    };
    match encode(probes) {
        Some(record) => Ok(Settled { record, notification }),
        None => {
            let text = format!("all lines take more than {SIZE_MAX} bytes");
            let advice = "put long commands into scripts, and write their paths behind exec";
            Err(("", Mistake::whole(text, advice)))
        }
    }
}

/// The descriptor for readiness of a service that is ready by its probes.
fn descriptor(
    ready: &Ready,
    notification: Option<u32>,
    lock: Option<u32>,
) -> Result<u32, (&'static str, Mistake)> {
    let has = |number: u32| ready.probes.iter().any(|probe| probe.kind == Kind::Fd(number));
    match (notification, lock) {
        (_, Some(number)) if has(number) => {
            let text = format!("{number} is the number of lock-fd");
            Err(("ready", Mistake::whole(text, "change one of them")))
        }
        (Some(number), _) if has(number) => Ok(number),
        (Some(number), _) => {
            let advice = format!("remove it, or write fd {number} into ready if the daemon writes to that");
            Err(("notification-fd", Mistake::whole("ready says when the service is ready", advice)))
        }
        (None, _) => Ok(DESCRIPTORS.into_iter().find(|number| Some(*number) != lock).unwrap_or_default()),
    }
}

/// The `run` of a service with probes.
fn run() -> Vec<u8> {
    format!("#!{INTERPRETER} {TOOL}\n").into()
}

/// Adds the record to the files of a service directory, and `run` in place of the image's.
pub(crate) fn add_files(record: Vec<u8>, files: &mut Vec<ServiceFile>) {
    if let Some(run) = files.iter_mut().find(|file| file.name == "run") {
        run.name = USERS_RUN;
    }
    files.push(ServiceFile { name: "run", mode: 0o755, data: Data::Kept(run()) });
    files.push(ServiceFile { name: FILE, mode: 0o644, data: Data::Kept(record) });
}

/// What the files of a service directory that isn't s6-rc's become, if they ask for something.  Mistakes are added to the findings.
///
/// # Errors
/// As of [`read`].
pub(crate) fn of_directory<D: Directory>(
    folder: &Folder<D>,
    findings: &mut Vec<Diagnostic>,
) -> Result<Option<Settled>, Fatal> {
    let Some(probes) = read(folder, findings)? else { return Ok(None) };
    let path = |file: &str| match file {
        "" => folder.path.clone(),
        file => folder.path_of(file.as_bytes()),
    };
    let mut numbers = [None; 2];
    for (number, file) in numbers.iter_mut().zip(["notification-fd", "lock-fd"]) {
        *number = folder.text(file.as_bytes())?.and_then(|text| decimal(text.trim_ascii()));
    }
    let [notification, lock] = numbers;
    let taken = [USERS_RUN, FILE].into_iter().find(|file| folder.has(file.as_bytes()));
    let mistake = match settle(&probes, notification, lock) {
        _ if !folder.has(b"run") => {
            ("", Mistake::whole("there is no run", "write the program that is the service"))
        }
        Ok(settled) => match taken {
            None => return Ok(Some(settled)),
            Some(file) => {
                (file, Mistake::whole("the overlay writes a file of this name", "give it another one"))
            }
        },
        Err(mistake) => mistake,
    };
    findings.push(mistake.1.diagnostic(Code::PROBES, path(mistake.0)));
    Ok(None)
}

impl Settled {
    /// Writes the files into a copy of a service directory, whose `run` gets another name.
    ///
    /// # Errors
    /// As renameat2(2), open(2) and write(2).
    pub(crate) fn write(&self, copy: &[u8]) -> Result<(), Errno> {
        let at = |file: &str| join(copy, file.as_bytes());
        rename_new(CWD, &at("run"), &at(USERS_RUN))?;
        create(CWD, &at("run"), &run(), Permissions::LessUmask(0o755))?;
        create(CWD, &at(FILE), &self.record, READABLE)?;
        let Some(number) = self.notification else { return Ok(()) };
        remove_tree(CWD, &at("notification-fd"))?;
        create(CWD, &at("notification-fd"), format!("{number}\n").as_bytes(), READABLE)
    }
}

/// Reports the files in the definition of a service that isn't a longrun.
///
/// # Errors
/// As of [`read`].
pub(crate) fn reject<D: Directory>(
    folder: &Folder<D>,
    of: &str,
    findings: &mut Vec<Diagnostic>,
) -> Result<(), Fatal> {
    Reader { topic: &TOPIC, folder, findings }.reject(of)
}

#[cfg(test)]
mod tests;
