//! Diagnostics in the reference's form: one line on standard error, written with one call.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::cell::Cell;
use std::time::Duration;

/// What a pipe takes at once as soon as it takes anything: PIPE_BUF, see pipe(7).
const CHUNK: usize = 4096;

/// What makes of a diagnostic, which comes without a newline, the bytes that are written.
pub type Form = fn(&str) -> Vec<u8>;

thread_local! {
    static FORM: Cell<Option<Form>> = const { Cell::new(None) };
    static READER_LIMIT: Cell<Option<Duration>> = const { Cell::new(None) };
    static DROPPED: Cell<u32> = const { Cell::new(0) };
}

/// How long this process waits for a reader of a diagnostic; `None`, as in any program: without limit.  After that,
/// diagnostics are dropped until there is a reader again, which gets their number.
pub fn set_reader_limit(limit: Option<Duration>) {
    READER_LIMIT.set(limit);
}

/// From now on, this tool's diagnostics have this form; `None` is the plain one.  What the process goes on to, and what
/// children become, begins with the plain one.
pub fn set_form(form: Option<Form>) {
    FORM.set(form);
}

/// Bytes for a message: UTF-8 as it is, control characters and damage escaped.
#[must_use]
pub fn show(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
        }
        for b in chunk.invalid() {
            out.extend(std::ascii::escape_default(*b).map(char::from));
        }
    }
    out
}

/// Writes a line to standard error; a failure can't be reported.
pub fn line(text: &str) {
    let dropped = DROPPED.get();
    if !is_read() {
        return DROPPED.set(dropped.saturating_add(1));
    }
    if dropped > 0 {
        DROPPED.set(0);
        write(&format!("{dropped} messages are missing here: nobody read them"));
    }
    write(text);
}

fn write(text: &str) {
    let buf = match FORM.get() {
        Some(form) => form(text),
        None => [text.as_bytes(), b"\n"].concat(),
    };
    let mut rest = buf.as_slice();
    while !rest.is_empty() && is_read() {
        // Without a limit all is written at once.
        let length = if READER_LIMIT.get().is_some() { CHUNK } else { rest.len() };
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
    let Some(limit) = READER_LIMIT.get() else { return true };
    let limit = if DROPPED.get() > 0 { Duration::ZERO } else { limit };
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
pub fn fatal(name: &str, text: &str) {
    line(&format!("{name}: fatal: {text}"));
}

/// `NAME: warning: TEXT`.
pub fn warn(name: &str, text: &str) {
    line(&format!("{name}: warning: {text}"));
}

/// `NAME: info: TEXT`.
pub fn info(name: &str, text: &str) {
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
    let shown: String = show(&text).chars().take(SHOWN_LIMIT).collect();
    format!("{pid} ({shown}{})", if shown.chars().count() == SHOWN_LIMIT { "…" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_the_threads_until_it_is_taken_back() {
        set_form(Some(|text| text.to_uppercase().into_bytes()));
        assert_eq!(FORM.get().map(|form| form("a")), Some(b"A".to_vec()));
        set_form(None);
        assert!(FORM.get().is_none());
    }

    #[test]
    fn hostile_bytes_stay_on_one_line() {
        assert_eq!(show(b"a\nb\x1b[2J\xff\xc3\xbc"), "a\\nb\\u{1b}[2J\\xff\u{fc}");
    }

    #[test]
    fn a_process_is_named() {
        let own = process(std::process::id());
        assert!(own.starts_with(&format!("{} (", std::process::id())), "{own}");
        assert_eq!(process(u32::MAX), u32::MAX.to_string());
    }
}
