//! A set of services with their prescriptions, which decide what happens to them at boot.

use crate::database::{Database, ESSENTIAL, RECOMMENDED};
use tool::sorted::Map;
use tool::{Fatal, diag::show};

/// What happens to a service at boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Prescription {
    /// Not in the database.
    Masked,
    /// In the database, and down.
    Usable,
    /// Started at boot.
    Active,
    /// Essential: always started.
    Always,
}

impl Prescription {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Masked => "masked",
            Self::Usable => "usable",
            Self::Active => "active",
            Self::Always => "always",
        }
    }

    /// The prescription that a word stands for.
    pub(crate) fn from_word(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"mask" | b"masked" | b"suppress" => Self::Masked,
            b"usable" | b"latent" | b"disable" | b"disabled" | b"deactivate" | b"inactive" | b"unmask"
            | b"unmasked" => Self::Usable,
            b"active" | b"activate" | b"enable" | b"enabled" | b"onboot" => Self::Active,
            b"always" | b"essential" | b"make-essential" => Self::Always,
            _ => return None,
        })
    }

    /// The prescription that the flags of a service ask for.
    fn default_for(flags: u32) -> Self {
        if flags & ESSENTIAL != 0 {
            Self::Always
        } else if flags & RECOMMENDED != 0 {
            Self::Active
        } else {
            Self::Usable
        }
    }
}

/// The services of a set and their prescriptions.
pub(crate) type Set = Map<Vec<u8>, Prescription>;

/// The text of a set.
pub(crate) fn print_set(set: &Set) -> Vec<u8> {
    set.iter().flat_map(|(name, p)| [name.as_slice(), b"/", p.name().as_bytes(), b"\n"].concat()).collect()
}

/// The set of a text; `None` if a line is malformed.
pub(crate) fn parse_set(text: &[u8]) -> Option<Set> {
    let mut set = Set::new();
    for line in text.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        let slash = line.iter().rposition(|b| *b == b'/')?;
        let (name, word) = line.split_at_checked(slash)?;
        set.set(name.to_vec(), Prescription::from_word(word.get(1..)?)?);
    }
    Some(set)
}

/// Checks the name of a set.
///
/// # Errors
/// Code 100.
pub(crate) fn check_set_name(name: &[u8]) -> Result<(), Fatal> {
    if name.is_empty() || name.starts_with(b".") || name.iter().any(|b| b"/\n:".contains(b)) {
        let text =
            format!("\"{}\" can't be the name of a set: no / : or newline, no dot at its start", show(name));
        return Err(Fatal::user(text));
    }
    Ok(())
}

/// A new set: every service has the prescription that its flags ask for.
pub(crate) fn default_set(database: &Database) -> Set {
    let services = database.services().iter().filter(|s| !s.is_internal());
    services.map(|s| (s.name.clone(), Prescription::default_for(s.flags))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_a_line_for_each_service() {
        let set =
            Set::from_iter([(b"a".to_vec(), Prescription::Active), (b"b c".to_vec(), Prescription::Masked)]);
        assert_eq!(print_set(&set), b"a/active\nb c/masked\n");
        assert_eq!(parse_set(b"a/active\nb c/masked\n"), Some(set));
        assert_eq!(parse_set(b"a\n"), None);
        assert_eq!(parse_set(b"a/nothing\n"), None);
    }

    #[test]
    fn a_set_name_is_a_visible_file_name_without_a_colon() {
        for bad in [&b""[..], b".x", b"a/b", b"a\nb", b"a:b"] {
            assert!(check_set_name(bad).is_err());
        }
        assert!(check_set_name(b"my set").is_ok());
    }
}
