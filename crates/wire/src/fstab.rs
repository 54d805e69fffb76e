//! Lines of /etc/fstab and /proc/mounts, fstab(5).

/// The first four fields of a line, with octal escapes decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The line's number, from 1.
    pub line: usize,
    /// The device, or what stands for one.
    pub device: Vec<u8>,
    /// The mount point.
    pub dir: Vec<u8>,
    /// The file system's type.
    pub kind: Vec<u8>,
    /// Mount options, separated by commas.
    pub options: Vec<u8>,
}

/// The entries of a file; lines with fewer than four fields are no entries.
#[must_use]
pub fn entries(text: &[u8]) -> Vec<Entry> {
    (1..).zip(text.split(|b| *b == b'\n')).filter_map(|(number, line)| entry(number, line)).collect()
}

fn entry(number: usize, line: &[u8]) -> Option<Entry> {
    let mut fields = line.split(u8::is_ascii_whitespace).filter(|f| !f.is_empty());
    let device = fields.next().filter(|f| !f.starts_with(b"#"))?;
    let mut next = || fields.next().map(decoded);
    Some(Entry { line: number, device: decoded(device), dir: next()?, kind: next()?, options: next()? })
}

/// `\040` is a space, `\134` a backslash, and so on.
fn decoded(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut at = 0;
    while let Some(byte) = field.get(at) {
        let digits = field.get(at + 1..at + 4).filter(|_| *byte == b'\\');
        match digits.and_then(octal) {
            Some(escaped) => {
                out.push(escaped);
                at += 4;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}

fn octal(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0_u8, |value, digit| {
        let digit = digit.checked_sub(b'0').filter(|d| *d < 8)?;
        value.checked_mul(8)?.checked_add(digit)
    })
}

impl Entry {
    /// Whether an option is among the options.
    #[must_use]
    pub fn has(&self, option: &[u8]) -> bool {
        self.options.split(|b| *b == b',').any(|o| o == option)
    }

    /// Whether it is swap space.
    #[must_use]
    pub fn is_swap(&self) -> bool {
        self.kind == b"swap"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let found = entries(
            b"# c\n\n/dev/a /a\\040b ext4 rw,noauto 0 1\nshort line\n\tnone  none\tswap sw\n x\\ y\\9 z w\n",
        );
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].dir, b"/a b");
        assert_eq!(found.iter().map(|entry| entry.line).collect::<Vec<_>>(), [3, 5, 6]);
        assert!(found[0].has(b"noauto") && !found[0].has(b"auto"));
        assert!(found[1].is_swap() && !found[0].is_swap());
        assert_eq!(found[2].dir, b"y\\9");
    }

    #[test]
    fn escapes_are_three_octal_digits_of_a_byte() {
        for (field, expected) in [
            (r"a\040b", &b"a b"[..]),
            (r"\134\011", b"\\\t"),
            (r"\377", b"\xff"),
            (r"\400", br"\400"),
            (r"\08\04", br"\08\04"),
            (r"\0400", b" 0"),
        ] {
            assert_eq!(decoded(field.as_bytes()), expected, "{field}");
        }
    }
}
