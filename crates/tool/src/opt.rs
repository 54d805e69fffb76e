//! Options: defined once, parsed in the reference's dialect.
//!
//! The dialect: POSIX getopt that stops at the first operand or after `--`; `-abc` clusters; a value is the
//! rest of the word or the next word; `--name`, `--name=value` and `--name value` for options that have a
//! long name.  A lone `-` is an operand.

use crate::Fatal;

/// One option of a tool.
#[derive(Debug, Clone, Copy)]
pub struct Opt {
    /// The letter; options that have only a long name use a letter that cannot be typed, below U+0020.
    pub short: char,
    /// The long name without `--`, if there is one.
    pub long: Option<&'static str>,
    /// The name of the value in usage and documentation; `None` for a flag.
    pub value: Option<&'static str>,
    /// What the option does, as a phrase.
    pub help: &'static str,
}

impl Opt {
    /// A flag.
    #[must_use]
    pub const fn flag(short: char, help: &'static str) -> Self {
        Self { short, long: None, value: None, help }
    }

    /// An option with a value.
    #[must_use]
    pub const fn value(short: char, value: &'static str, help: &'static str) -> Self {
        Self { short, long: None, value: Some(value), help }
    }

    /// The same with a long name.
    #[must_use]
    pub const fn long(mut self, name: &'static str) -> Self {
        self.long = Some(name);
        self
    }
}

/// The options of one call, in the order in which they were given.
#[derive(Debug, Default)]
pub struct Options {
    given: Vec<(char, Vec<u8>)>,
}

impl Options {
    /// Removes the options from the front of `args` (`argv[0]` not included), which keeps the operands.
    ///
    /// # Errors
    /// An unknown option or a missing value is a usage error.
    pub fn take(defined: &[Opt], args: &mut Vec<Vec<u8>>) -> Result<Self, Fatal> {
        let mut given = Vec::new();
        let mut used = 0;
        while let Some(word) = args.get(used) {
            let Some(rest) = word.strip_prefix(b"-").filter(|r| !r.is_empty()) else { break };
            used += 1;
            if rest == b"-" {
                break;
            }
            if let Some(long) = rest.strip_prefix(b"-") {
                let (name, attached) = match long.iter().position(|b| *b == b'=') {
                    Some(at) => (long.get(..at).unwrap_or_default(), long.get(at + 1..)),
                    None => (long, None),
                };
                let opt = defined
                    .iter()
                    .find(|o| o.long.is_some_and(|l| l.as_bytes() == name))
                    .ok_or_else(Fatal::usage)?;
                let value = match (opt.value, attached) {
                    (None, None) => Vec::new(),
                    (None, Some(_)) => return Err(Fatal::usage()),
                    (Some(_), Some(v)) => v.to_vec(),
                    (Some(_), None) => {
                        used += 1;
                        args.get(used - 1).cloned().ok_or_else(Fatal::usage)?
                    }
                };
                given.push((opt.short, value));
                continue;
            }
            let mut letters = rest;
            while let Some((letter, tail)) = letters.split_first() {
                let opt = defined
                    .iter()
                    .find(|o| o.short == char::from(*letter) && *letter >= b' ')
                    .ok_or_else(Fatal::usage)?;
                letters = tail;
                let mut value = Vec::new();
                if opt.value.is_some() {
                    if tail.is_empty() {
                        used += 1;
                        value = args.get(used - 1).cloned().ok_or_else(Fatal::usage)?;
                    } else {
                        value = tail.to_vec();
                        letters = &[];
                    }
                }
                given.push((opt.short, value));
            }
        }
        args.drain(..used);
        Ok(Self { given })
    }

    /// Letters and values in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = (char, &[u8])> {
        self.given.iter().map(|(c, v)| (*c, v.as_slice()))
    }

    /// Whether this option was given.
    #[must_use]
    pub fn has(&self, letter: char) -> bool {
        self.given.iter().any(|(c, _)| *c == letter)
    }

    /// The value of this option's last occurrence.
    #[must_use]
    pub fn get(&self, letter: char) -> Option<&[u8]> {
        self.given.iter().rev().find(|(c, _)| *c == letter).map(|(_, v)| v.as_slice())
    }

    /// Of several options that exclude each other, the one that was given last.
    #[must_use]
    pub fn last_of(&self, letters: &str) -> Option<char> {
        self.given.iter().rev().map(|(c, _)| *c).find(|c| letters.contains(*c))
    }

    /// The value of this option as a decimal number.
    ///
    /// # Errors
    /// Anything else than a decimal number that fits is a usage error.
    pub fn number<T: std::str::FromStr>(&self, letter: char) -> Result<Option<T>, Fatal> {
        self.get(letter).map(|v| wire::number::decimal(v).ok_or_else(Fatal::usage)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFINED: &[Opt] = &[
        Opt::flag('a', "all").long("all"),
        Opt::flag('b', "both"),
        Opt::value('t', "ms", "time").long("timeout"),
    ];

    fn parse(words: &[&str]) -> Result<(String, Vec<Vec<u8>>), Fatal> {
        let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
        let options = Options::take(DEFINED, &mut args)?;
        let text = options.iter().map(|(c, v)| format!("{c}{}", crate::diag::show(v))).collect::<Vec<_>>();
        Ok((text.join(" "), args))
    }

    #[test]
    fn clusters_and_values() {
        assert_eq!(parse(&["-abt5", "-t", "6", "x", "-a"]).unwrap().0, "a b t5 t6");
        assert_eq!(parse(&["-abt5", "-t", "6", "x", "-a"]).unwrap().1.len(), 2);
    }

    #[test]
    fn long_names() {
        assert_eq!(parse(&["--all", "--timeout=7", "--timeout", "8"]).unwrap().0, "a t7 t8");
        assert!(parse(&["--all=1"]).is_err());
        assert!(parse(&["--none"]).is_err());
    }

    #[test]
    fn where_options_end() {
        assert_eq!(parse(&["--", "-a"]).unwrap().1, [b"-a".to_vec()]);
        assert_eq!(parse(&["-", "-a"]).unwrap().1.len(), 2);
        assert_eq!(parse(&["-a", "", "-b"]).unwrap().1.len(), 2);
    }

    #[test]
    fn the_last_occurrence_counts() {
        let take = |words: &[&str]| {
            Options::take(DEFINED, &mut words.iter().map(|w| w.as_bytes().to_vec()).collect()).unwrap()
        };
        let options = take(&["-t", "1", "-a", "-t2", "-b"]);
        assert_eq!(options.get('t'), Some(&b"2"[..]));
        assert_eq!(options.number::<u32>('t').unwrap(), Some(2));
        assert_eq!(
            (options.last_of("ab"), options.last_of("at"), options.last_of("x")),
            (Some('b'), Some('t'), None)
        );
        assert!(options.has('a') && !options.has('x'));
        assert_eq!(take(&[]).number::<u32>('t').unwrap(), None);
        for bad in ["", "x", "-1", "+1", " 1", "4294967296"] {
            let fatal = take(&["-t", bad]).number::<u32>('t').unwrap_err();
            assert_eq!(fatal.code(), 100, "{bad}");
        }
    }

    #[test]
    fn errors_are_usage_errors() {
        assert_eq!(parse(&["-z"]).unwrap_err().code(), 100);
        assert_eq!(parse(&["-t"]).unwrap_err().code(), 100);
    }
}
