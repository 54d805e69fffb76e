//! Options: defined once, parsed in the reference's dialect.
//!
//! The dialect: POSIX getopt that stops at the first operand or after `--`; `-abc` clusters; a value is the
//! rest of the word or the next word; `--name`, `--name=value` and `--name value` for options that have a
//! long name.  A lone `-` is an operand.

use crate::{Fatal, diag, did_you_mean};

/// One option of a tool.
#[derive(Debug, Clone, Copy)]
pub struct Opt {
    /// The letter; options that have only a long name use a letter that cannot be typed, below U+0020.
    pub short: char,
    /// The long name without `--`, if there is one.
    pub long: Option<&'static str>,
    /// The name of the value in usage and documentation; `None` for a flag.  One in brackets may be left out, and is only
    /// taken from the same word, after `=`; such an option has a long name only.
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

    /// Removes the options from `args` wherever they stand among the operands, as commands for people take them; all that
    /// follows a `--` is operands.
    ///
    /// # Errors
    /// What is wrong, with the option that was probably meant: code 100.
    pub fn take_anywhere(defined: &[Opt], args: &mut Vec<Vec<u8>>) -> Result<Self, Fatal> {
        let mut given = Vec::new();
        let mut operands = Vec::new();
        let mut words = std::mem::take(args).into_iter();
        while let Some(word) = words.next() {
            if word == b"--" {
                operands.extend(words.by_ref());
            } else if !word.starts_with(b"-") || word == b"-" {
                operands.push(word);
            } else {
                take_word(defined, &word, &mut words, &mut given)?;
            }
        }
        *args = operands;
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

/// How an option is written: `-a`, `-t ms`, `-a, --all`, `--root dir`.
#[must_use]
pub fn option_form(option: &Opt) -> String {
    let mut form = if option.short < ' ' { String::new() } else { format!("-{}", option.short) };
    if let Some(long) = option.long {
        form.push_str(if form.is_empty() { "--" } else { ", --" });
        form.push_str(long);
    }
    match option.value {
        Some(value) if value.starts_with('[') => form.push_str(&with_equals(value)),
        Some(value) => form.extend([" ", value]),
        None => {}
    }
    form
}

/// The value of a long option with the sign before it: `=dir`, `[=fields]`.
pub(crate) fn with_equals(value: &str) -> String {
    match value.strip_prefix('[') {
        Some(rest) => format!("[={rest}"),
        None => format!("={value}"),
    }
}

/// Takes what one word has: a long option, or letters.
fn take_word(
    defined: &[Opt],
    word: &[u8],
    words: &mut std::vec::IntoIter<Vec<u8>>,
    given: &mut Vec<(char, Vec<u8>)>,
) -> Result<(), Fatal> {
    let long = word.strip_prefix(b"--");
    let mut rest = word.get(1..).unwrap_or_default();
    while let Some((letter, tail)) = rest.split_first() {
        let (name, attached) = match long {
            Some(long) => match long.iter().position(|b| *b == b'=') {
                Some(at) => (long.get(..at).unwrap_or_default(), long.get(at + 1..)),
                None => (long, None),
            },
            None => (std::slice::from_ref(letter), Some(tail).filter(|tail| !tail.is_empty())),
        };
        let is_it = |option: &&Opt| match long {
            Some(_) => option.long.is_some_and(|long| long.as_bytes() == name),
            None => option.short == char::from(*letter) && *letter >= b' ',
        };
        let Some(option) = defined.iter().find(is_it) else {
            let known = defined.iter().filter_map(|option| option.long);
            let meant = if long.is_some() { did_you_mean(name, known, "--") } else { String::new() };
            let dashes = if long.is_some() { "--" } else { "-" };
            return Err(Fatal::user(format_args!("there is no option {dashes}{}{meant}", diag::show(name))));
        };
        let wrong = |what: &str| Err(Fatal::user(format_args!("{}{what}", option_form(option))));
        let mut value = Vec::new();
        match (option.value, attached) {
            (None, None) => {}
            (None, Some(_)) if long.is_some() => return wrong(": takes no value"),
            (None, Some(_)) => {}
            (Some(name), _) if name.starts_with('[') => value = attached.unwrap_or_default().to_vec(),
            (Some(_), Some(attached)) => value = attached.to_vec(),
            (Some(_), None) => match words.next() {
                Some(word) => value = word,
                None => return wrong(": the value is missing"),
            },
        }
        given.push((option.short, value));
        rest = if long.is_some() || option.value.is_some() { &[] } else { tail };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFINED: &[Opt] = &[
        Opt::flag('a', "all").long("all"),
        Opt::flag('b', "both"),
        Opt::value('t', "ms", "time").long("timeout"),
        Opt::value('\x01', "[fields]", "as JSON").long("json"),
    ];

    fn anywhere(words: &str) -> String {
        let mut args = words.split(' ').map(|w| w.as_bytes().to_vec()).collect();
        match Options::take_anywhere(DEFINED, &mut args) {
            Err(why) => format!("{}: {}", why.code(), why.message()),
            Ok(options) => {
                let given = options.iter().map(|(c, v)| format!("{}{}", c.escape_default(), diag::show(v)));
                let operands = args.iter().map(|word| diag::shown(word));
                [given.collect::<Vec<_>>().join(" "), operands.collect::<Vec<_>>().join(" ")].join(" | ")
            }
        }
    }

    #[test]
    fn options_of_commands_for_people_stand_anywhere() {
        for (words, expected) in [
            ("web -a", "a | web"),
            ("-ba web --json -t5 db --timeout 6", "b a \\u{1} t5 t6 | web db"),
            ("--json=a,b x", "\\u{1}a,b | x"),
            ("--json x", "\\u{1} | x"),
            ("-bt5 - -- -a --", "b t5 | - -a --"),
            ("--jsn", "100: there is no option --jsn: did you mean --json?"),
            ("--nothing=x", "100: there is no option --nothing"),
            ("-ax", "100: there is no option -x"),
            ("-\x01", "100: there is no option -\\u{1}"),
            ("-t", "100: -t, --timeout ms: the value is missing"),
            ("--all=1", "100: -a, --all: takes no value"),
        ] {
            assert_eq!(anywhere(words), expected, "{words}");
        }
    }

    fn parse(words: &[&str]) -> Result<(String, Vec<Vec<u8>>), Fatal> {
        let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
        let options = Options::take(DEFINED, &mut args)?;
        let text = options.iter().map(|(c, v)| format!("{c}{}", diag::show(v))).collect::<Vec<_>>();
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
