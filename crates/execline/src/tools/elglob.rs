//! `elglob`: substitutes the names that match a shell pattern for a key.

use crate::binding::Bindings;
use posix_regex::glob::{Globbing, glob};
use tool::{Call, Env, Fatal, Opt, Options, Outcome, Role, Tool, diag};
use wire::netstring;

pub static TOOL: Tool = Tool {
    name: "elglob",
    summary: "substitute the file names that match a pattern for a key",
    operands: "key pattern prog...",
    options: &[
        Opt::flag('v', "warn of directories that can't be read"),
        Opt::flag('w', "fail if a directory can't be read"),
        Opt::flag('s', "sort the names"),
        Opt::flag('m', "mark directories with a slash at the end"),
        Opt::flag('e', "a backslash in the pattern is an ordinary character"),
        Opt::flag('0', "no match gives no word, rather than the pattern itself"),
        Opt::flag('n', "no delimiter after the last name; with -d"),
        Opt::value(
            'd',
            "delim",
            "one word, names ended by the first character of delim, or as netstrings if it is empty",
        ),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let mut bindings = Bindings::new(111);
    bind(&mut call.args, &call.env, &mut bindings)?;
    bindings.go_on(call)
}

/// The command as a directive: takes its words off `args`.
pub(super) fn bind(args: &mut Vec<Vec<u8>>, _: &Env, bindings: &mut Bindings) -> Result<(), Fatal> {
    let options = Options::take(TOOL.options, args)?;
    if args.len() < 2 {
        return Err(Fatal::usage());
    }
    let (key, pattern) = (args.remove(0), args.remove(0));
    let has = |letter| options.has(letter);
    let how = Globbing { sorted: has('s'), mark: has('m'), no_escape: has('e'), strict: has('w') };
    let found = glob(&pattern, how);
    if has('v') {
        for (directory, e) in &found.unreadable {
            diag::warn(
                TOOL.name,
                &format!("unable to read {}: {}", diag::show(directory), sys::strerror(*e)),
            );
        }
    }
    if found.aborted {
        return Err(Fatal::new(111, format!("unable to expand {}", diag::show(&pattern))));
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

/// All names in one word.
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
