//! `s6-cut`: prints selected bytes or fields of lines.

use tool::{Call, Fatal, Input, Opt, Options, Out, Outcome, Role, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-cut",
    summary: "print selected parts of lines",
    operands: "[ file... ]",
    options: &[
        Opt::value('b', "list", "print these bytes: 1,3-5,7-"),
        Opt::value('c', "list", "print these characters, which are bytes"),
        Opt::value('f', "list", "print these fields"),
        Opt::value('d', "delim", "fields are separated by the first character of delim; default a tab"),
        Opt::flag('n', "no effect: characters are bytes"),
        Opt::flag('s', "skip lines without a delimiter"),
    ],
    role: Role::Stay,
    main,
};

/// The first and the last position, counted from 1.
type Range = (usize, usize);

/// Which parts of a line to print.
struct Selection {
    ranges: Vec<Range>,
    /// The delimiter of fields; `None` selects bytes.
    delimiter: Option<u8>,
    /// Whether to skip lines without a delimiter.
    only_delimited: bool,
}

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let selection = selection(&options)?;
    let files = if call.args.is_empty() { vec![b"-".to_vec()] } else { call.take_args() };
    let mut out = Out::new();
    for file in &files {
        let mut input = Input::file(file)?;
        while let Some(line) = input.next(&mut out)? {
            if let Some(parts) = selection.apply(line.text) {
                out.line(&parts)?;
            }
        }
    }
    out.finish()
}

fn selection(options: &Options) -> Result<Selection, Fatal> {
    let lists: Vec<_> = options.iter().filter(|(letter, _)| matches!(letter, 'b' | 'c' | 'f')).collect();
    let [(letter, list)] = lists.as_slice() else { return Err(Fatal::usage()) };
    let delimiter = match options.get('d') {
        // Like a C string, an empty delim begins with its terminating NUL.
        Some(text) => text.first().copied().unwrap_or(0),
        None => b'\t',
    };
    Ok(Selection {
        ranges: ranges(list).ok_or_else(Fatal::usage)?,
        delimiter: (*letter == 'f').then_some(delimiter),
        only_delimited: options.has('s'),
    })
}

/// The ranges of a list, sorted.
fn ranges(list: &[u8]) -> Option<Vec<Range>> {
    let place = |word: &[u8]| {
        let number = number::decimal::<u64>(word).filter(|n| *n > 0);
        number.map(|n| usize::try_from(n).unwrap_or(usize::MAX))
    };
    let range = |word: &[u8]| match word.iter().position(|b| *b == b'-') {
        None => place(word).map(|n| (n, n)),
        Some(at) => {
            let (first, last) = word.split_at(at);
            let last = last.get(1..).unwrap_or_default();
            let first = if first.is_empty() { 1 } else { place(first)? };
            let last = if last.is_empty() { usize::MAX } else { place(last)? };
            (first <= last).then_some((first, last))
        }
    };
    let list =
        list.strip_suffix(b",").or(list.strip_suffix(b" ")).or(list.strip_suffix(b"\t")).unwrap_or(list);
    let mut ranges: Vec<_> =
        list.split(|b| matches!(b, b',' | b' ' | b'\t')).map(range).collect::<Option<_>>()?;
    ranges.sort_unstable();
    Some(ranges)
}

impl Selection {
    fn apply(&self, line: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let Some(delimiter) = self.delimiter else {
            let mut done = 0;
            for (first, last) in &self.ranges {
                let from = (first - 1).max(done);
                let to = (*last).min(line.len());
                out.extend_from_slice(line.get(from..to).unwrap_or_default());
                done = done.max(to);
            }
            return Some(out);
        };
        if !line.contains(&delimiter) {
            return (!self.only_delimited).then(|| line.to_vec());
        }
        let mut any = false;
        for (number, field) in (1..).zip(line.split(|b| *b == delimiter)) {
            if self.ranges.iter().any(|(first, last)| (first..=last).contains(&&number)) {
                if any {
                    out.push(delimiter);
                }
                any = true;
                out.extend_from_slice(field);
            }
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_line(words: &[&str], line: &str) -> Result<Option<String>, u8> {
        let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
        let options = Options::take(TOOL.options, &mut args).map_err(|e| e.code())?;
        let selection = selection(&options).map_err(|e| e.code())?;
        Ok(selection.apply(line.as_bytes()).map(|l| String::from_utf8(l).unwrap()))
    }

    fn is(words: &[&str], line: &str, expected: &str) {
        assert_eq!(cut_line(words, line), Ok(Some(String::from(expected))), "{words:?}");
    }

    #[test]
    fn bytes() {
        is(&["-b", "2-4"], "abcdef", "bcd");
        is(&["-b", "3-"], "xy", "");
        is(&["-c", "6,1-2"], "abcdef", "abf");
        is(&["-b", "1-3,2-5,4"], "abcdef", "abcde");
        is(&["-b", "2,4,"], "abcdef", "bd");
        is(&["-b", "2,4 "], "abcdef", "bd");
        is(&["-b", "-"], "abcdef", "abcdef");
    }

    #[test]
    fn fields() {
        is(&["-f", "1,3"], "a\tb\tc", "a\tc");
        is(&["-f", "2"], "no tabs", "no tabs");
        is(&["-d:", "-f-2"], ":b:c", ":b");
        is(&["-d", "", "-f2"], "a\0b", "b");
        assert_eq!(cut_line(&["-s", "-f", "2"], "x"), Ok(None));
    }

    #[test]
    fn errors() {
        for bad in [
            &["-b", "x"][..],
            &["-b", "0"],
            &["-b", "4-2"],
            &["-b", ""],
            &["-b", ","],
            &["-b", "1,,2"],
            &["-b", "1", "-f", "1"],
            &[],
        ] {
            assert_eq!(cut_line(bad, "x"), Err(100), "{bad:?}");
        }
    }
}
