//! The C library's patterns: POSIX regular expressions and fnmatch(3).
//!
//! Only tests use them, as the standard that `posix-regex` is compared with; none of this is in the program.

use std::ffi::{CStr, CString, c_int};
use std::mem::MaybeUninit;

/// How a regular expression is read and matched.
#[derive(Debug, Clone, Copy, Default)]
pub struct Syntax {
    /// Extended rather than basic regular expressions.
    pub extended: bool,
    /// Case makes no difference.
    pub ignore_case: bool,
}

/// A compiled regular expression.
pub struct Regex {
    compiled: libc::regex_t,
}

/// Why a pattern is refused, in the C library's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPattern(pub String);

fn text(code: c_int, compiled: &libc::regex_t) -> String {
    let mut buf = [0_u8; 256];
    // SAFETY: the buffer has the length that is passed; the result is NUL-terminated.
    unsafe { libc::regerror(code, compiled, buf.as_mut_ptr().cast(), buf.len()) };
    CStr::from_bytes_until_nul(&buf).map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
}

impl Regex {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// The pattern is malformed or has a NUL byte.
    pub fn new(pattern: &[u8], syntax: Syntax) -> Result<Self, BadPattern> {
        let pattern = CString::new(pattern).map_err(|_| BadPattern("null character".into()))?;
        let mut flags = 0;
        if syntax.extended {
            flags |= libc::REG_EXTENDED;
        }
        if syntax.ignore_case {
            flags |= libc::REG_ICASE;
        }
        let mut compiled = MaybeUninit::<libc::regex_t>::zeroed();
        // SAFETY: regcomp fills the structure; the pattern is NUL-terminated.
        let code = unsafe { libc::regcomp(compiled.as_mut_ptr(), pattern.as_ptr(), flags) };
        // SAFETY: all zeroes are a valid value of this plain structure, whatever regcomp wrote.
        let compiled = unsafe { compiled.assume_init() };
        if code == 0 { Ok(Self { compiled }) } else { Err(BadPattern(text(code, &compiled))) }
    }

    /// Whether some part of `subject` matches; fills `groups` with the whole match and the groups' places.
    /// A subject with a NUL byte doesn't match.
    #[must_use]
    pub fn matches(&self, subject: &[u8], groups: &mut [Option<(usize, usize)>]) -> bool {
        let Ok(subject) = CString::new(subject) else { return false };
        let mut found: Vec<libc::regmatch_t> = groups
            .iter()
            .map(|_| {
                // SAFETY: two integers, for which zero is valid.
                unsafe { MaybeUninit::zeroed().assume_init() }
            })
            .collect();
        // SAFETY: the expression is compiled, the subject NUL-terminated, and `found` has the length that is passed.
        let code =
            unsafe { libc::regexec(&self.compiled, subject.as_ptr(), found.len(), found.as_mut_ptr(), 0) };
        if code != 0 {
            return false;
        }
        for (group, place) in groups.iter_mut().zip(found) {
            *group = usize::try_from(place.rm_so).ok().zip(usize::try_from(place.rm_eo).ok());
        }
        true
    }
}

impl Drop for Regex {
    fn drop(&mut self) {
        // SAFETY: compiled once, freed once.
        unsafe { libc::regfree(&mut self.compiled) };
    }
}

/// How a shell pattern matches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shell {
    /// A backslash is an ordinary character.
    pub no_escape: bool,
    /// Only a slash in the pattern matches a slash.
    pub path: bool,
    /// Only a period in the pattern matches a leading period.
    pub period: bool,
}

/// fnmatch(3); strings with a NUL byte don't match.
#[must_use]
pub fn fnmatch(pattern: &[u8], subject: &[u8], how: Shell) -> bool {
    let (Ok(pattern), Ok(subject)) = (CString::new(pattern), CString::new(subject)) else { return false };
    let mut flags = 0;
    for (on, flag) in
        [(how.no_escape, libc::FNM_NOESCAPE), (how.path, libc::FNM_PATHNAME), (how.period, libc::FNM_PERIOD)]
    {
        if on {
            flags |= flag;
        }
    }
    // SAFETY: both strings are NUL-terminated.
    unsafe { libc::fnmatch(pattern.as_ptr(), subject.as_ptr(), flags) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENDED: Syntax = Syntax { extended: true, ignore_case: false };

    #[test]
    fn expressions_match_and_capture() {
        let re = Regex::new(b"v([0-9]+)(x)?\\.(.)", EXTENDED).unwrap();
        let mut groups = [None; 4];
        assert!(re.matches(b"av12.z", &mut groups));
        assert_eq!(groups, [Some((1, 6)), Some((2, 4)), None, Some((5, 6))]);
        assert!(!re.matches(b"v.", &mut []));
        assert!(Regex::new(b"A", Syntax { ignore_case: true, ..EXTENDED }).unwrap().matches(b"a", &mut []));
    }

    #[test]
    fn malformed_expressions_are_refused() {
        assert!(!Regex::new(b"(", EXTENDED).err().unwrap().0.is_empty());
        assert!(Regex::new(b"(", Syntax::default()).is_ok());
        assert!(Regex::new(b"a\0b", EXTENDED).is_err());
    }

    #[test]
    fn shell_patterns() {
        let how = Shell::default();
        assert!(fnmatch(b"*.c", b"a/.c", how));
        assert!(!fnmatch(b"*.c", b"a/b.c", Shell { path: true, ..how }));
        assert!(!fnmatch(b"*.c", b".c", Shell { period: true, ..how }));
        assert!(fnmatch(b"q\\*", b"q*", how));
        assert!(fnmatch(b"q\\*", b"q\\x", Shell { no_escape: true, ..how }));
    }
}
