//! Diagnostics in the reference's form: one line on standard error, written with one call.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a pipe takes at once as soon as it takes anything: PIPE_BUF, see pipe(7).
const CHUNK: usize = 4096;

/// What makes of a diagnostic, which comes without a newline, the bytes that are written.
pub type Form = fn(&str) -> Vec<u8>;

// Of the process, not of a thread: the C library has a place for few thread-local data only, and asks the kernel for
// memory at the start of a program that has more.
static FORM: Mutex<Option<Form>> = Mutex::new(None);
static READER_LIMIT: Mutex<Option<Duration>> = Mutex::new(None);
static DROPPED: AtomicU32 = AtomicU32::new(0);

/// How long this process waits for a reader of a diagnostic; `None`, as in any program: without limit.  After that,
/// diagnostics are dropped until there is a reader again, which gets their number.
pub fn set_reader_limit(limit: Option<Duration>) {
    set(&READER_LIMIT, limit);
}

/// From now on, this tool's diagnostics have this form; `None` is the plain one.  What the process goes on to, and what
/// children become, begins with the plain one.
pub fn set_form(form: Option<Form>) {
    set(&FORM, form);
}

fn get<T: Copy>(of: &Mutex<T>) -> T {
    *of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn set<T>(of: &Mutex<T>, value: T) {
    *of.lock().unwrap_or_else(PoisonError::into_inner) = value;
}

/// Bytes in a message: UTF-8 as it is, control characters and damage escaped.
#[derive(Clone, Copy, Default)]
pub struct Shown<'a>(&'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c.is_control() {
                    fmt::Display::fmt(&c.escape_default(), f)?;
                } else {
                    f.write_char(c)?;
                }
            }
            for b in chunk.invalid() {
                fmt::Display::fmt(&std::ascii::escape_default(*b), f)?;
            }
        }
        Ok(())
    }
}

/// As the text would be with `{:?}`.
impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&shown(self.0), f)
    }
}

/// How bytes are shown in a message.
#[must_use]
pub fn show(bytes: &[u8]) -> Shown<'_> {
    Shown(bytes)
}

/// The same as a text of its own.
#[must_use]
#[inline(never)]
pub fn shown(bytes: &[u8]) -> String {
    show(bytes).to_string()
}

/// Writes a line to standard error; a failure can't be reported.
pub fn line(text: &str) {
    let dropped = DROPPED.load(Ordering::Relaxed);
    if !is_read() {
        return DROPPED.store(dropped.saturating_add(1), Ordering::Relaxed);
    }
    if dropped > 0 {
        DROPPED.store(0, Ordering::Relaxed);
        write(&format!("{dropped} messages are missing here: nobody read them"));
        if !is_read() {
            return;
        }
    }
    write(text);
}

/// Writes a line to standard error, which takes something now.
fn write(text: &str) {
    let buf = match get(&FORM) {
        Some(form) => form(text),
        None => [text.as_bytes(), b"\n"].concat(),
    };
    let mut rest = buf.as_slice();
    let mut is_first = true;
    while !rest.is_empty() && (std::mem::take(&mut is_first) || is_read()) {
        // Without a limit all is written at once.
        let length = if get(&READER_LIMIT).is_some() { CHUNK } else { rest.len() };
        match rustix::io::write(rustix::stdio::stderr(), rest.get(..length).unwrap_or(rest)) {
            Ok(0) => return,
            Ok(n) => rest = rest.get(n..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Whether standard error takes something, as far as this process cares.
fn is_read() -> bool {
    let Some(limit) = get(&READER_LIMIT) else { return true };
    let limit = if DROPPED.load(Ordering::Relaxed) > 0 { Duration::ZERO } else { limit };
    let limit = Timespec::try_from(limit).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 });
    loop {
        match poll(&mut [PollFd::new(&rustix::stdio::stderr(), PollFlags::OUT)], Some(&limit)) {
            Ok(0) => return false,
            Err(Errno::INTR) => {}
            Ok(_) | Err(_) => return true,
        }
    }
}

/// `NAME: fatal: TEXT`; the caller ends the process.
pub fn fatal(name: &str, text: impl fmt::Display) {
    line(&format!("{name}: fatal: {text}"));
}

/// `NAME: warning: TEXT`.
pub fn warn(name: &str, text: impl fmt::Display) {
    line(&format!("{name}: warning: {text}"));
}

/// `NAME: info: TEXT`.
pub fn info(name: &str, text: impl fmt::Display) {
    line(&format!("{name}: info: {text}"));
}

/// The description of a process in a message: its number, and from /proc its command line or, without one, its name.
#[must_use]
pub fn process(pid: u32) -> String {
    const SHOWN_LIMIT: usize = 60;
    let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let words = read("cmdline");
    let words: Vec<&[u8]> = words.split(|b| *b == 0).filter(|w| !w.is_empty()).collect();
    let text = if words.is_empty() { read("comm").trim_ascii_end().to_vec() } else { words.join(&b' ') };
    if text.is_empty() {
        return format!("{pid}");
    }
    let shown: String = shown(&text).chars().take(SHOWN_LIMIT).collect();
    format!("{pid} ({shown}{})", if shown.chars().count() == SHOWN_LIMIT { "…" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_stays_until_it_is_taken_back() {
        set_form(Some(|text| text.to_uppercase().into_bytes()));
        assert_eq!(get(&FORM).map(|form| form("a")), Some(b"A".to_vec()));
        set_form(None);
        assert!(get(&FORM).is_none());
    }

    #[test]
    fn hostile_bytes_stay_on_one_line() {
        assert_eq!(shown(b"a\nb\x1b[2J\xff\xc3\xbc"), "a\\nb\\u{1b}[2J\\xff\u{fc}");
    }

    #[test]
    fn a_process_is_named() {
        let own = process(std::process::id());
        assert!(own.starts_with(&format!("{} (", std::process::id())), "{own}");
        assert_eq!(process(u32::MAX), u32::MAX.to_string());
    }
}
