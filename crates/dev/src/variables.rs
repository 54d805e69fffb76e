//! The variables that a shell script reads.

use std::ops::Range;

/// Where a variable is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Its name.
    pub name: String,
    /// Where it stands, from the dollar sign on.
    pub place: Range<usize>,
    /// Whether it says what happens without it, as `${X:-y}` and `${X:?}` do.
    pub has_default: bool,
}

/// The variables that a script reads; `None` if it has a here-document, in which quotes mean nothing.
#[must_use]
pub fn read(text: &[u8]) -> Option<Vec<Use>> {
    let mut all = Vec::new();
    let (mut at, mut in_double) = (0, false);
    let byte = |at: usize| text.get(at).copied().unwrap_or(0);
    while at < text.len() {
        match byte(at) {
            b'\\' => at += 2,
            b'"' => {
                in_double = !in_double;
                at += 1;
            }
            b'\'' if !in_double => {
                let rest = text.get(at + 1..)?;
                at += rest.iter().position(|byte| *byte == b'\'')? + 2;
            }
            b'#' if !in_double && (at == 0 || matches!(byte(at - 1), b' ' | b'\t' | b'\n' | b';')) => {
                at += text.get(at..)?.iter().take_while(|byte| **byte != b'\n').count();
            }
            b'<' if !in_double && byte(at + 1) == b'<' && byte(at + 2) == b'<' => at += 3,
            b'<' if !in_double && byte(at + 1) == b'<' => return None,
            b'$' => {
                let in_braces = byte(at + 1) == b'{';
                let start = at + 1 + usize::from(in_braces);
                let name: Vec<u8> = text
                    .get(start..)?
                    .iter()
                    .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
                    .copied()
                    .collect();
                let end = start + name.len();
                if name.first().is_some_and(|first| !first.is_ascii_digit()) {
                    let has_default = in_braces && matches!(byte(end), b':' | b'-' | b'+' | b'?' | b'=');
                    let name = String::from_utf8_lossy(&name).into_owned();
                    all.push(Use {
                        name,
                        place: at..end + usize::from(in_braces && byte(end) == b'}'),
                        has_default,
                    });
                }
                // What follows in braces may have others.
                at = end.max(at + 1);
            }
            _ => at += 1,
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_reads() {
        let shown = |text: &str| {
            let all = read(text.as_bytes())?;
            let one = |u: &Use| format!("{}{}", &text[u.place.clone()], if u.has_default { "?" } else { "" });
            Some(all.iter().map(one).collect::<Vec<_>>().join(" "))
        };
        for (text, expected) in [
            ("a $A \"${B}\" ${C:-$D}", Some("$A ${B} ${C? $D")),
            ("# $A\nx#$B \\$C", Some("$B")),
            ("awk '$A' \"it's $B\"", Some("$B")),
            ("$1 $? ${#X} $$ $", Some("")),
            ("cat <<E\n$A\nE\n", None),
            ("cat <<< $A", Some("$A")),
            ("open 'quote", None),
        ] {
            assert_eq!(shown(text).as_deref(), expected, "{text}");
        }
    }
}
