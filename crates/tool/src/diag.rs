//! Diagnostics in the reference's form: one line on standard error, written with one call.

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

/// Writes a line to standard error; there is nobody to tell if that fails.
pub fn line(text: &str) {
    let mut buf = Vec::with_capacity(text.len() + 1);
    buf.extend_from_slice(text.as_bytes());
    buf.push(b'\n');
    let mut rest = buf.as_slice();
    while !rest.is_empty() {
        match rustix::io::write(rustix::stdio::stderr(), rest) {
            Ok(0) => return,
            Ok(n) => rest = rest.get(n..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
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

/// A process for a message: its number, and its command line or, without one, its name, as /proc knows them.
#[must_use]
pub fn process(pid: u32) -> String {
    const MOST: usize = 60;
    let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let words = read("cmdline");
    let words: Vec<&[u8]> = words.split(|b| *b == 0).filter(|w| !w.is_empty()).collect();
    let text = if words.is_empty() { read("comm").trim_ascii_end().to_vec() } else { words.join(&b' ') };
    if text.is_empty() {
        return format!("{pid}");
    }
    let shown: String = show(&text).chars().take(MOST).collect();
    format!("{pid} ({shown}{})", if shown.chars().count() == MOST { "…" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

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
