//! The names of what isn't finished yet.
//!
//! | name | for |
//! |---|---|
//! | `.NAME:new` | what becomes `NAME`, where only one process writes: the next attempt removes a left-over |
//! | `.NAME:new:HEX` | what becomes `NAME`, where others may do the same; `HEX` is 16 random digits |
//!
//! They begin with a dot, so that everything that lists services, variables, scripts or rules passes them over.  A long
//! `NAME` is cut, so that the whole never exceeds the file system's limit.

/// The most bytes of a name.
const NAME_MAX: usize = 255;
/// What marks a temporary name.
const MARK: &[u8] = b":new";
/// How many hexadecimal digits a unique name has.
const DIGITS: usize = 16;

/// The temporary name for what becomes `path`, where nobody else makes it at the same time: beside it, and always
/// the same.
#[must_use]
pub fn sole_name(path: &[u8]) -> Vec<u8> {
    hidden(path, MARK)
}

/// A temporary name for what becomes `path`: beside it, and nobody else's.
#[must_use]
pub fn unique_name(path: &[u8]) -> Vec<u8> {
    hidden(path, &[MARK, b":", &digits()].concat())
}

/// A name for one of several versions of `name`, which a link leads to: `NAME:PURPOSE:HEX`.  It is there to stay.
#[must_use]
pub fn version_name(name: &[u8], purpose: &str) -> Vec<u8> {
    [name, b":", purpose.as_bytes(), b":", &digits()].concat()
}

/// Whether `name`, without directories, is one of the two above: the left-over of a process that was killed, or what
/// another one is making.
#[must_use]
pub fn is_temporary(name: &[u8]) -> bool {
    let Some(rest) = name.strip_prefix(b".") else { return false };
    let is_unique = || {
        let (head, digits) = rest.split_at_checked(rest.len().checked_sub(DIGITS)?)?;
        let is_digit = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        Some(digits.iter().all(is_digit) && head.strip_suffix(b":")?.ends_with(MARK))
    };
    rest.ends_with(MARK) || is_unique() == Some(true)
}

/// Sixteen random hexadecimal digits.
fn digits() -> [u8; DIGITS] {
    let mut random = [0_u8; DIGITS / 2];
    sys::random::fill_distinct(&mut random);
    let mut digits = [0; DIGITS];
    for (place, value) in digits.iter_mut().zip(random.iter().flat_map(|byte| [byte >> 4, byte & 15])) {
        *place = if value < 10 { b'0' + value } else { b'a' - 10 + value };
    }
    digits
}

fn hidden(path: &[u8], end: &[u8]) -> Vec<u8> {
    let slash = path.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
    let (dir, name) = path.split_at_checked(slash).unwrap_or_default();
    let name = name.get(..NAME_MAX - 1 - end.len()).unwrap_or(name);
    [dir, b".", name, end].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_beside_what_they_become() {
        assert_eq!(sole_name(b"status"), b".status:new");
        assert_eq!(sole_name(b"a/b/status"), b"a/b/.status:new");
        let unique = unique_name(b"/run/x");
        assert_eq!((&unique[..12], unique.len()), (&b"/run/.x:new:"[..], 28));
        assert_ne!(unique, unique_name(b"/run/x"));
    }

    #[test]
    fn every_name_of_this_scheme_is_known_and_no_other() {
        for name in [&b"x"[..], b".x", b"a:new", &[b'n'; 255]] {
            assert!(is_temporary(&sole_name(name)) && is_temporary(&unique_name(name)), "{name:?}");
            assert!(!is_temporary(name), "{name:?}");
        }
        assert!(!is_temporary(&version_name(b"x", "db")), "it stays");
        for other in
            [&b""[..], b".", b"..", b".x:new:", b".x:new:0123456789abcdeg", b".x:0123456789abcdef", b"x:new"]
        {
            assert!(!is_temporary(other), "{other:?}");
        }
    }

    #[test]
    fn versions_have_names_of_their_own() {
        let name = version_name(b"live", "s6-rc-init");
        assert_eq!((&name[..16], name.len()), (&b"live:s6-rc-init:"[..], 32));
        assert_ne!(name, version_name(b"live", "s6-rc-init"));
    }

    #[test]
    fn no_name_is_too_long() {
        let long = [b'n'; NAME_MAX];
        assert_eq!((sole_name(&long).len(), unique_name(&long).len()), (NAME_MAX, NAME_MAX));
    }

    #[test]
    fn digits_are_hexadecimal() {
        assert!(digits().iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b)));
    }
}
