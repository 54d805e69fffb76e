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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_bytes_stay_on_one_line() {
        assert_eq!(show(b"a\nb\x1b[2J\xff\xc3\xbc"), "a\\nb\\u{1b}[2J\\xff\u{fc}");
    }
}
