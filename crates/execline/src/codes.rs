//! The exit codes that end a loop: `-o` lists those that continue it, `-x` those that end it.

use tool::{Fatal, Opt, Options};

/// The options of [`Codes::from_options`].
pub(crate) const OK_CODES: Opt =
    Opt::value('o', "okcodes", "exit codes, separated by commas, that continue the loop; others end it");
pub(crate) const BREAK_CODES: Opt =
    Opt::value('x', "breakcodes", "exit codes, separated by commas, that end the loop");

/// Which exit codes end a loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Codes {
    /// The listed ones.
    Break(Vec<u8>),
    /// All but the listed ones.
    Continue(Vec<u8>),
}

impl Codes {
    /// From the option given last; `None` if neither is given.
    pub(crate) fn from_options(options: &Options) -> Result<Option<Self>, Fatal> {
        let Some(letter) = options.last_of("ox") else { return Ok(None) };
        let list = parse(options.get(letter).unwrap_or_default()).ok_or_else(Fatal::usage)?;
        Ok(Some(if letter == 'o' { Self::Continue(list) } else { Self::Break(list) }))
    }

    /// Whether `code` ends the loop.
    pub(crate) fn ends(&self, code: u8) -> bool {
        match self {
            Self::Break(list) => list.contains(&code),
            Self::Continue(list) => !list.contains(&code),
        }
    }
}

fn parse(list: &[u8]) -> Option<Vec<u8>> {
    let numbers = wire::number::list(list, wire::number::decimal::<u16>)?;
    // Codes above 255 are accepted, but no program exits with one.
    Some(numbers.into_iter().filter_map(|n| u8::try_from(n).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_the_codes_that_end_or_continue_a_loop() {
        assert_eq!(parse(b"0,2,256"), Some(vec![0, 2]));
        assert_eq!(parse(b"0 1:3,"), Some(vec![0, 1, 3]));
        for wrong in ["", "x", ",1"] {
            assert_eq!(parse(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(parse(b"1,-2"), None);
        assert!(Codes::Break(vec![3]).ends(3));
        assert!(!Codes::Break(vec![3]).ends(4));
        assert!(Codes::Continue(vec![3]).ends(4));
    }
}
