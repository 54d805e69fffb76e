//! Path patterns as a shell expands them: `*`, `?`, `[a-z]`, `[!x]` and `\` before a literal character.
//!
//! A pattern without a match stays as it is; a leading dot must be matched by a dot.

/// Whether the whole name matches the pattern.
#[must_use]
pub fn is_match(pattern: &[u8], name: &[u8]) -> bool {
    if name.starts_with(b".") && !pattern.starts_with(b".") && !pattern.starts_with(b"\\.") {
        return false;
    }
    let (mut p, mut n) = (pattern, name);
    // Where to go on after the last star has taken one byte more.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let Some(rest) = p.strip_prefix(b"*") {
            (p, retry) = (rest, Some((rest, n)));
            continue;
        }
        if let Some((byte, after)) = n.split_first() {
            if let Some(rest) = step(p, *byte) {
                (p, n) = (rest, after);
                continue;
            }
        } else if p.is_empty() {
            return true;
        }
        match retry.take() {
            Some((rest, from)) if !from.is_empty() => {
                let from = from.get(1..).unwrap_or_default();
                (p, n, retry) = (rest, from, Some((rest, from)));
            }
            _ => return false,
        }
    }
}

/// What is left of the pattern after its first element matched the byte.
fn step(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let (first, rest) = pattern.split_first()?;
    match first {
        b'?' => Some(rest),
        b'[' => match bracket(rest) {
            Some((set, rest)) => is_in(set, byte).then_some(rest),
            None => (byte == b'[').then_some(rest),
        },
        b'\\' => {
            let (literal, rest) = rest.split_first()?;
            (*literal == byte).then_some(rest)
        }
        literal => (*literal == byte).then_some(rest),
    }
}

/// A bracket expression's inside and what follows it.
fn bracket(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = usize::from(matches!(text.first(), Some(b'!' | b'^')));
    let close = text.iter().skip(start + 1).position(|b| *b == b']')? + start + 1;
    Some((text.get(..close)?, text.get(close + 1..)?))
}

fn is_in(set: &[u8], byte: u8) -> bool {
    let (negated, mut set) = match set.split_first() {
        Some((b'!' | b'^', rest)) => (true, rest),
        _ => (false, set),
    };
    let mut found = false;
    while let Some((low, rest)) = set.split_first() {
        if let [b'-', high, after @ ..] = rest {
            found |= (*low..=*high).contains(&byte);
            set = after;
        } else {
            found |= *low == byte;
            set = rest;
        }
    }
    found != negated
}

fn is_pattern(text: &[u8]) -> bool {
    text.iter().any(|b| b"*?[\\".contains(b))
}

/// The paths that match, in byte order; `list` gives the names in a folder.
pub fn expand(pattern: &[u8], list: &mut dyn FnMut(&[u8]) -> Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    if !is_pattern(pattern) {
        return vec![pattern.to_vec()];
    }
    let mut found: Vec<Vec<u8>> = vec![Vec::new()];
    for (i, part) in pattern.split(|b| *b == b'/').enumerate() {
        let mut next = Vec::new();
        for base in found {
            let prefix = if i == 0 { base.clone() } else { [&base, &b"/"[..]].concat() };
            if is_pattern(part) {
                let folder: &[u8] = if prefix.is_empty() { b"." } else { &prefix };
                let mut names = list(folder);
                names.retain(|n| is_match(part, n));
                names.sort_unstable();
                next.extend(names.into_iter().map(|n| [prefix.clone(), n].concat()));
            } else {
                next.push([&prefix, part].concat());
            }
        }
        found = next;
    }
    if found.is_empty() { vec![pattern.to_vec()] } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (pattern, name) in [
            ("*", "a"),
            ("*.d", "x.d"),
            ("a*b*c", "aXbYbZc"),
            ("?[a-c]x", "zbx"),
            ("[!a]", "b"),
            ("\\*", "*"),
            (".*", ".h"),
            ("[", "["),
            ("[]]", "]"),
            ("", ""),
        ] {
            assert!(is_match(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
        for (pattern, name) in [("*", ".h"), ("a", "b"), ("a*b", "aXc"), ("[!a]", "a"), ("?", ""), ("", "x")]
        {
            assert!(!is_match(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_take_linear_retries() {
        let pattern = b"*a*a*a*a*a*a*a*a*a*a*b".to_vec();
        assert!(!is_match(&pattern, &vec![b'a'; 5000]));
    }

    #[test]
    fn folders_expand_level_by_level() {
        let mut list = |folder: &[u8]| -> Vec<Vec<u8>> {
            let names: &[&str] = match folder {
                b"/" => &["var", "srv"],
                b"/srv/" => &["b", "a", ".h"],
                _ => &[],
            };
            names.iter().map(|n| n.as_bytes().to_vec()).collect()
        };
        assert_eq!(expand(b"/srv/*", &mut list), [&b"/srv/a"[..], b"/srv/b"]);
        assert_eq!(expand(b"/s*/a", &mut list), [b"/srv/a"]);
        assert_eq!(expand(b"/none/*", &mut list), [b"/none/*"]);
        assert_eq!(expand(b"/plain", &mut list), [b"/plain"]);
    }
}
