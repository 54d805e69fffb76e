//! The lists of exit codes of the loops: `-o` goes on only for these, `-x` stops at these.

use tool::{Fatal, Opt, Options};

/// The options of [`Codes::from_options`].
pub(crate) const OK_CODES: Opt =
    Opt::value('o', "okcodes", "exit codes, with commas, that let the loop go on; others end it");
pub(crate) const BREAK_CODES: Opt =
    Opt::value('x', "breakcodes", "exit codes, with commas, that end the loop");

/// Which exit codes end a loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Codes {
    /// These.
    Break(Vec<u8>),
    /// All but these.
    GoOn(Vec<u8>),
}

impl Codes {
    /// The last of the two options; `None` if neither is given.
    pub(crate) fn from_options(options: &Options) -> Result<Option<Self>, Fatal> {
        let Some(letter) = options.last_of("ox") else { return Ok(None) };
        let list = parse(options.get(letter).unwrap_or_default()).ok_or_else(Fatal::usage)?;
        Ok(Some(if letter == 'o' { Self::GoOn(list) } else { Self::Break(list) }))
    }

    /// Whether this code ends the loop.
    pub(crate) fn ends(&self, code: u8) -> bool {
        match self {
            Self::Break(list) => list.contains(&code),
            Self::GoOn(list) => !list.contains(&code),
        }
    }
}

fn parse(list: &[u8]) -> Option<Vec<u8>> {
    let numbers = wire::number::list(list, wire::number::decimal::<u16>)?;
    // A code above 255 is a number, but no program exits with it.
    Some(numbers.into_iter().filter_map(|n| u8::try_from(n).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        assert_eq!(parse(b"0,2,256"), Some(vec![0, 2]));
        assert_eq!(parse(b"0 1:3,"), Some(vec![0, 1, 3]));
        for wrong in ["", "x", ",1"] {
            assert_eq!(parse(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(parse(b"1,-2"), None);
        assert!(Codes::Break(vec![3]).ends(3));
        assert!(!Codes::Break(vec![3]).ends(4));
        assert!(Codes::GoOn(vec![3]).ends(4));
    }
}
