//! The code at the start of a syslog message: `<N>`, N = 8 × facility + priority (RFC 3164).

/// Names by number, as the C library's syslog.h has them; `?` for those without one.
const FACILITIES: [&str; 25] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "?", "?", "?", "?", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
    "mark",
];

const PRIORITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];

/// Splits a message into the words for its code, such as `daemon.err: `, and the text; no words if there is no code.
pub fn split(message: &[u8]) -> (String, &[u8]) {
    coded(message).unwrap_or((String::new(), message))
}

fn coded(message: &[u8]) -> Option<(String, &[u8])> {
    let rest = message.strip_prefix(b"<")?;
    let end = rest.iter().position(|b| *b == b'>')?;
    let (digits, text) = rest.split_at_checked(end)?;
    let code: u32 = wire::number::decimal(digits)?;
    // The facility has seven bits; higher ones are ignored.
    let facility = FACILITIES.get((code >> 3 & 0x7f) as usize).filter(|name| **name != "?");
    let priority = PRIORITIES.get((code & 7) as usize)?;
    Some((format!("{}.{priority}: ", facility.unwrap_or(&"unknown")), text.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_names() {
        let words = |m: &str| {
            let (words, text) = split(m.as_bytes());
            format!("{words}{}", String::from_utf8_lossy(text))
        };
        assert_eq!(words("<0>x"), "kern.emerg: x");
        assert_eq!(words("<191>x"), "local7.debug: x");
        assert_eq!(words("<85>"), "authpriv.notice: ");
        assert_eq!(words("<192>x"), "mark.emerg: x");
        for (code, name) in [(100, "unknown.warn"), (200, "unknown.emerg"), (1023, "unknown.debug")] {
            assert_eq!(words(&format!("<{code}>x")), format!("{name}: x"));
        }
        assert_eq!(words("<4294967295><13>x"), "unknown.debug: <13>x");
        assert_eq!(words("<007>x"), "kern.debug: x");
        for plain in
            ["", "<", "x", "<x>y", "<13", "<>", " <13>a", "<-1>a", "<+1>a", "< 1>a", "<1 >a", "<4294967296>a"]
        {
            assert_eq!(words(plain), plain);
        }
    }
}
