//! The value of one file.

use super::word::{Mistake, Word};
use std::ops::RangeInclusive;
use sys::signal;
use tool::diag::show;
use wire::number::{decimal, milliseconds};
use wire::restart_policy::{
    Consequence, DELAY_MAX, Ends, FACTORS, JITTER_MAX, LIMIT_IN_WINDOW_MAX, Limit, Restart, SIZE_MAX,
    WINDOW_MAX,
};

/// What a file gives, or what is wrong in it.
pub(crate) type Value<T> = Result<T, Mistake>;

/// Bytes that quote or substitute in a shell, and would be handed on as they are here.
const SHELL_BYTES: &[u8] = b"\"'\\`$";

/// The kinds of consequences.
const CONSEQUENCES: [(&str, Kind); 4] = [
    ("nothing", Kind::Nothing),
    ("stop", Kind::Stop),
    ("stop-dependents", Kind::StopDependents),
    ("run", Kind::Run),
];

const RESTARTS: [(&str, Restart); 3] =
    [("always", Restart::Always), ("on-failure", Restart::OnFailure), ("never", Restart::Never)];

#[derive(Debug, Clone, Copy)]
enum Kind {
    Nothing,
    Stop,
    StopDependents,
    Run,
}

/// The one word of a file.
pub(crate) fn single<'a>(words: &[Word<'a>], wanted: &str) -> Value<Word<'a>> {
    match words {
        [word] => Ok(*word),
        [] => Err(Mistake::whole("there is nothing in it", format!("write {wanted}"))),
        [_, more, ..] => Err(Mistake::at(
            more,
            format!("\"{}\" is one word too many", show(more.text)),
            format!("write {wanted}, and nothing else"),
        )),
    }
}

/// One of these words.
pub(crate) fn chosen<T: Copy>(word: &Word<'_>, choices: &[(&str, T)]) -> Value<T> {
    if let Some((_, value)) = choices.iter().find(|(name, _)| name.as_bytes() == word.text) {
        return Ok(*value);
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    let advice = match (nearest(word.text, &names), names.split_last()) {
        (Some(name), _) => format!("did you mean {name}?"),
        (None, Some((last, others))) => format!("write {} or {last}", others.join(", ")),
        (None, None) => String::new(),
    };
    Err(Mistake::at(word, format!("unknown word \"{}\"", show(word.text)), advice))
}

/// The name that was probably meant: one that differs in at most a third of its bytes.
pub(super) fn nearest<'n>(word: &[u8], names: &[&'n str]) -> Option<&'n str> {
    let near = names.iter().filter(|name| name.len().abs_diff(word.len()) <= name.len() / 3);
    tool::nearest(word, near.copied())
        .filter(|(differences, name)| differences * 3 <= name.len())
        .map(|(_, name)| name)
}

/// `restart`.
pub(super) fn restart(words: &[Word<'_>]) -> Value<Restart> {
    chosen(&single(words, "always, on-failure or never")?, &RESTARTS)
}

/// `restart-delay`, `restart-delay-max`, `restart-reset`.
pub(crate) fn time(words: &[Word<'_>]) -> Value<u32> {
    let word = single(words, "a number of milliseconds")?;
    decimal(word.text).filter(|ms| *ms <= DELAY_MAX).ok_or_else(|| {
        let advice = match milliseconds(word.text).filter(|ms| *ms <= DELAY_MAX.into()) {
            Some(ms) => format!("write {ms}"),
            None => format!("decimal digits only, from 0 to {DELAY_MAX}"),
        };
        Mistake::at(&word, format!("\"{}\" is not a number of milliseconds", show(word.text)), advice)
    })
}

/// `restart-factor`, in hundredths.
pub(super) fn factor(words: &[Word<'_>]) -> Value<u16> {
    let wanted = "a number from 1 to 10 with at most two decimals, such as 1.5";
    let word = single(words, wanted)?;
    hundredths(word.text).filter(|factor| FACTORS.contains(factor)).ok_or_else(|| {
        Mistake::at(&word, format!("\"{}\" is not a factor", show(word.text)), format!("write {wanted}"))
    })
}

/// A number with at most two decimals, in hundredths.
fn hundredths(text: &[u8]) -> Option<u16> {
    let mut parts = text.splitn(2, |b| *b == b'.');
    let whole: u16 = decimal(parts.next()?)?;
    let decimals = match parts.next() {
        None => 0,
        Some(digits @ [_]) => decimal::<u16>(digits)?.checked_mul(10)?,
        Some(digits @ [_, _]) => decimal(digits)?,
        Some(_) => return None,
    };
    whole.checked_mul(100)?.checked_add(decimals)
}

/// `restart-jitter`.
pub(super) fn jitter(words: &[Word<'_>]) -> Value<u8> {
    let wanted = format!("a number of percent from 0 to {JITTER_MAX}, without a sign");
    let word = single(words, &wanted)?;
    decimal(word.text).filter(|percent| *percent <= JITTER_MAX).ok_or_else(|| {
        let text = format!("\"{}\" is not a number of percent", show(word.text));
        Mistake::at(&word, text, format!("write {wanted}"))
    })
}

/// `restart-limit`; `None` for 0, which is no limit.
pub(super) fn limit(words: &[Word<'_>]) -> Value<Option<Limit>> {
    let word = single(words, "a number of failures, or failures/seconds, such as 5/60")?;
    let mut parts = word.text.splitn(2, |b| *b == b'/');
    let (count, window) = (parts.next().unwrap_or_default(), parts.next());
    let Some(count) = decimal::<u16>(count) else {
        return Err(Mistake::at(
            &word,
            format!("\"{}\" is not a limit of failures", show(word.text)),
            "write a number of failures in a row, such as 5, or failures/seconds, such as 5/60",
        ));
    };
    let Some(window) = window else {
        return Ok((count > 0).then_some(Limit { count, window: None }));
    };
    let Some(seconds) = decimal::<u32>(window).filter(|seconds| (1..=WINDOW_MAX).contains(seconds)) else {
        let advice = match milliseconds(window).map(|ms| ms / 1000) {
            Some(seconds) if seconds > 0 && seconds <= WINDOW_MAX.into() => {
                format!("write {count}/{seconds}")
            }
            _ => format!("write a number from 1 to {WINDOW_MAX}"),
        };
        let text = format!("\"{}\" is not a number of seconds", show(window));
        return Err(Mistake::at(&word, text, advice));
    };
    if !(1..=LIMIT_IN_WINDOW_MAX).contains(&count) {
        return Err(Mistake::at(
            &word,
            format!("{count} failures within a time can't be counted"),
            format!("write a number from 1 to {LIMIT_IN_WINDOW_MAX}, or leave the seconds out"),
        ));
    }
    Ok(Some(Limit { count, window: Some(seconds) }))
}

/// `success-exit` and `restart-never-on`.
pub(super) fn ends(words: &[Word<'_>]) -> Value<Ends> {
    let mut ends = Ends::default();
    match words {
        [] => {
            let advice = "write exit codes and names of signals, such as 0 143 SIGTERM, or none";
            return Err(Mistake::whole("there is nothing in it", advice));
        }
        [Word { text: b"none", .. }] => return Ok(ends),
        _ => {}
    }
    for word in words {
        if let Some(codes) = codes(word.text) {
            codes.for_each(|code| ends.insert_code(code));
        } else if let Some(signal) = signal_named(word.text) {
            ends.insert_signal(signal);
        } else {
            return Err(not_an_end(word));
        }
    }
    Ok(ends)
}

/// A code, or a range of codes.
fn codes(text: &[u8]) -> Option<RangeInclusive<u8>> {
    let mut parts = text.splitn(2, |b| *b == b'-');
    let first = decimal(parts.next()?)?;
    let last = parts.next().map_or(Some(first), decimal)?;
    (first <= last).then_some(first..=last)
}

/// The number of the signal that a word names.
pub(crate) fn signal(word: &Word<'_>) -> Value<u8> {
    signal_named(word.text).ok_or_else(|| {
        let advice = match near_signal(word.text) {
            Some(name) => format!("did you mean SIG{name}?"),
            None => "write its name, such as SIGABRT".into(),
        };
        Mistake::at(word, format!("\"{}\" is no signal", show(word.text)), advice)
    })
}

/// The number of a signal that is given by its name.
fn signal_named(text: &[u8]) -> Option<u8> {
    let starts_as_name = text.first().is_some_and(u8::is_ascii_alphabetic);
    if starts_as_name { u8::try_from(signal::parse(text)?).ok() } else { None }
}

fn not_an_end(word: &Word<'_>) -> Mistake {
    let shown = show(word.text);
    if word.text.iter().all(u8::is_ascii_digit) {
        let advice = "codes are 0 to 255, and a signal is written by its name, such as SIGKILL";
        return Mistake::at(word, format!("{shown} is not an exit code"), advice);
    }
    let advice = match near_signal(word.text) {
        Some(name) => format!("did you mean SIG{name}?"),
        None => {
            "write codes (78), ranges of codes (1-255) and names of signals (SIGTERM), with blanks between"
                .into()
        }
    };
    Mistake::at(word, format!("\"{shown}\" is neither an exit code nor a signal"), advice)
}

/// The signal that was probably meant.  Names of signals are short, and two letters are easily interchanged.
fn near_signal(word: &[u8]) -> Option<&'static str> {
    let bare = word.strip_prefix(b"SIG").unwrap_or(word);
    tool::nearest(bare, signal::NAMES.iter().map(|(name, _)| *name))
        .filter(|(differences, name)| *differences <= 2 && *differences < name.len() / 2 + 1)
        .map(|(_, name)| name)
}

/// `on-failure` and `on-success`.
pub(super) fn consequence(words: &[Word<'_>]) -> Value<Consequence> {
    let Some((first, rest)) = words.split_first() else {
        let advice = "write nothing, stop, stop CODE, stop-dependents, or run PATH ARGUMENTS";
        return Err(Mistake::whole("there is nothing in it", advice));
    };
    match chosen(first, &CONSEQUENCES)? {
        Kind::Nothing => alone(first, rest).map(|()| Consequence::Nothing),
        Kind::StopDependents => alone(first, rest).map(|()| Consequence::StopDependents),
        Kind::Stop if rest.is_empty() => Ok(Consequence::Stop(None)),
        Kind::Stop => {
            let code = single(rest, "an exit code")?;
            decimal(code.text).map(|code| Consequence::Stop(Some(code))).ok_or_else(|| {
                let advice = "write a number from 0 to 255, or only stop for the daemon's own code";
                Mistake::at(&code, format!("\"{}\" is not an exit code", show(code.text)), advice)
            })
        }
        Kind::Run => program(first, rest),
    }
}

fn alone(first: &Word<'_>, rest: &[Word<'_>]) -> Value<()> {
    let Some(more) = rest.first() else { return Ok(()) };
    let text = format!("\"{}\" is one word too many", show(more.text));
    Err(Mistake::at(more, text, format!("write {}, and nothing else", show(first.text))))
}

/// Checks that no word of a command line is a shell's.
pub(crate) fn no_shell(argv: &[Word<'_>]) -> Value<()> {
    let Some(word) = argv.iter().find(|word| word.text.iter().any(|b| SHELL_BYTES.contains(b))) else {
        return Ok(());
    };
    let text = format!("{} would be handed on as it is: no shell reads this", show(word.text));
    Err(Mistake::at(word, text, "put the command into a script, and write its path"))
}

fn program(run: &Word<'_>, argv: &[Word<'_>]) -> Value<Consequence> {
    let Some(path) = argv.first() else {
        return Err(Mistake::at(run, "run what?", "write the path of a program behind it"));
    };
    if !path.text.starts_with(b"/") {
        let text = format!("\"{}\" is not a whole path", show(path.text));
        return Err(Mistake::at(path, text, "write it from / on"));
    }
    no_shell(argv)?;
    let argv: Vec<Vec<u8>> = argv.iter().map(|word| word.text.to_vec()).collect();
    if argv.iter().map(|word| word.len() + 1).sum::<usize>() > SIZE_MAX / 4 || argv.concat().contains(&0) {
        let text = format!("the command line is longer than {} bytes, or has a NUL", SIZE_MAX / 4);
        return Err(Mistake::at(path, text, "put the command into a script, and write its path"));
    }
    Ok(Consequence::Run(argv))
}
