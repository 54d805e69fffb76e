//! The directive `elglob`, alone or in multisubstitute.

use crate::binding::Bindings;
use posix_regex::glob::{Globbing, glob};
use tool::{Env, Fatal, Opt, Options, diag};
use wire::netstring;

/// Its options.
pub(crate) const OPTIONS: &[Opt] = &[
    Opt::flag('v', "warn about directories that can't be read"),
    Opt::flag('w', "fail if a directory can't be read"),
    Opt::flag('s', "sort the names"),
    Opt::flag('m', "append a slash to directories"),
    Opt::flag('e', "a backslash in the pattern is an ordinary character"),
    Opt::flag('0', "without a match, substitute no word rather than the pattern"),
    Opt::flag('n', "with -d: no delimiter after the last name"),
    Opt::value(
        'd',
        "delim",
        "substitute one word: names ended by the first character of delim, or netstrings if it is empty",
    ),
];

/// Takes the directive's words from the front of `args`, and binds.
pub(crate) fn bind(args: &mut Vec<Vec<u8>>, _: &Env, bindings: &mut Bindings) -> Result<(), Fatal> {
    let options = Options::take(OPTIONS, args)?;
    if args.len() < 2 {
        return Err(Fatal::usage());
    }
    let (key, pattern) = (args.remove(0), args.remove(0));
    let has = |letter| options.has(letter);
    let rules = Globbing { sorted: has('s'), mark: has('m'), no_escape: has('e'), strict: has('w') };
    let found = glob(&pattern, rules);
    if has('v') {
        for (directory, e) in &found.unreadable {
            diag::warn(
                "elglob",
                format_args!("unable to read {}: {}", diag::show(directory), sys::strerror(*e)),
            );
        }
    }
    if found.aborted {
        return Err(Fatal::new(111, format_args!("unable to expand {}", diag::show(&pattern))));
    }
    let mut names = found.names;
    if names.is_empty() && !has('0') {
        names.push(pattern);
    }
    let values = match options.get('d') {
        None => names,
        Some(delimiters) => vec![join(&names, delimiters.first().copied(), !has('n'))],
    };
    bindings.bind(&key, values)
}

/// Joins all names into one word.
fn join(names: &[Vec<u8>], delimiter: Option<u8>, after_last: bool) -> Vec<u8> {
    let mut word = Vec::new();
    for name in names {
        match delimiter {
            None => netstring::encode(name, &mut word),
            Some(delimiter) => {
                word.extend_from_slice(name);
                word.push(delimiter);
            }
        }
    }
    if delimiter.is_some() && !after_last {
        word.pop();
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_one_word() {
        let names = [b"a".to_vec(), b"bc".to_vec()];
        assert_eq!(join(&names, Some(b':'), true), b"a:bc:");
        assert_eq!(join(&names, Some(b':'), false), b"a:bc");
        assert_eq!(join(&names, None, false), b"1:a,2:bc,");
        assert_eq!(join(&[], Some(b':'), false), b"");
    }
}
