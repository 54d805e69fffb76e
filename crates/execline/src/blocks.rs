//! The blocks of a running command, checked as EXECLINE_STRICT demands.

use crate::block;
use tool::{Call, Env, Fatal, diag};

/// The value of EXECLINE_STRICT: 1 warns about unquoted words in blocks, 2 and above refuse them.  `None` if it isn't
/// set or isn't a number.
pub(crate) fn strictness(env: &Env) -> Option<u32> {
    wire::number::decimal(env.get(b"EXECLINE_STRICT")?)
}

/// Takes the blocks of one call and counts them for its messages.
pub(crate) struct Blocks {
    name: &'static str,
    strict: u32,
    count: usize,
}

impl Blocks {
    pub(crate) fn new(call: &Call) -> Self {
        Self::of(call.tool.name, &call.env)
    }

    /// For a directive of multisubstitute, which has no call of its own.
    pub(crate) fn of(name: &'static str, env: &Env) -> Self {
        Self { name, strict: strictness(env).unwrap_or(0), count: 0 }
    }

    /// Takes the block at the front of `args`; `what` names the block in an error.
    pub(crate) fn take(&mut self, args: &mut Vec<Vec<u8>>, what: &str) -> Result<Vec<Vec<u8>>, Fatal> {
        self.take_or(args, || {
            let of = if what.is_empty() { String::new() } else { format!("{what} ") };
            Fatal::user(format_args!("unterminated {of}block"))
        })
    }

    /// Takes the block at the front of `args`; `missing` is the error if no block ends there.
    pub(crate) fn take_or(
        &mut self,
        args: &mut Vec<Vec<u8>>,
        missing: impl FnOnce() -> Fatal,
    ) -> Result<Vec<Vec<u8>>, Fatal> {
        self.count += 1;
        let block = block::take(args).ok_or_else(missing)?;
        self.check(&block)?;
        Ok(block.words)
    }

    /// As [`Blocks::take`], for a block that must have words.
    pub(crate) fn take_filled(&mut self, args: &mut Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Fatal> {
        let words = self.take(args, "")?;
        if words.is_empty() { Err(Fatal::user("empty block")) } else { Ok(words) }
    }

    fn check(&self, block: &block::Block) -> Result<(), Fatal> {
        if self.strict == 0 {
            return Ok(());
        }
        for at in &block.unquoted {
            let word = block.words.get(*at).map(|w| diag::show(w)).unwrap_or_default();
            let text = format!("unquoted argument {word} at block {} position {at}", self.count);
            if self.strict > 1 {
                return Err(Fatal::user(text));
            }
            diag::warn(self.name, &text);
        }
        Ok(())
    }
}

/// Explains the failure to run a name that begins with a space: most likely it is the first word of a block.
pub(crate) fn hint_at_block(fatal: Fatal, name: &[u8]) -> Fatal {
    if name.first() == Some(&b' ') && fatal.code() == 111 {
        return Fatal::new(
            111,
            format_args!(
                "{} (its name begins with a space: a program is expected here, not a block)",
                fatal.message()
            ),
        );
    }
    fatal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(strict: &str, words: &[&str]) -> Result<usize, u8> {
        let mut env = Env::new();
        env.set(b"EXECLINE_STRICT", strict.as_bytes());
        let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
        Blocks::of("if", &env).take_filled(&mut args).map(|b| b.len()).map_err(|e| e.code())
    }

    #[test]
    fn unquoted_words_are_refused_on_request() {
        assert_eq!(take("0", &["a", " b", ""]), Ok(2));
        assert_eq!(take("2", &["a", " b", ""]), Err(100));
        assert_eq!(take("2", &[" a", " b", ""]), Ok(2));
        assert_eq!(take("x", &["a", ""]), Ok(1));
    }

    #[test]
    fn a_block_has_words_and_an_end() {
        assert_eq!(take("0", &[""]), Err(100));
        assert_eq!(take("0", &[" a"]), Err(100));
    }
}
