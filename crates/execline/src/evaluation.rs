//! The value of an expression of eltest, as the exit code of a program.

use crate::test_expression::{BadWord, Expression, parse};
use posix_regex::Regex;
use rustix::fs::{Access, FileType, Stat};
use std::os::fd::BorrowedFd;
use sys::fs::{access, lstat, stat};
use tool::{Call, Env, Fatal, Next, Outcome, diag};

/// Evaluates the expression that the operands are: 0 if it holds, 1 if not.
pub(crate) fn main(call: &mut Call) -> Outcome {
    if call.args.is_empty() {
        return Ok(Next::Exit(1));
    }
    let expression = parse(&call.args)
        .map_err(|BadWord(at)| Fatal::user(format_args!("parse error at argument {}", at + 1)))?;
    Ok(Next::Exit(u8::from(!is_true(&expression, &call.env)?)))
}

fn is_true(expression: &Expression<'_>, env: &Env) -> Result<bool, Fatal> {
    Ok(match expression {
        Expression::Or(all) => {
            for one in all {
                if is_true(one, env)? {
                    return Ok(true);
                }
            }
            false
        }
        Expression::And(all) => {
            for one in all {
                if !is_true(one, env)? {
                    return Ok(false);
                }
            }
            true
        }
        Expression::Not(inner) => !is_true(inner, env)?,
        Expression::Word(word) => !word.is_empty(),
        Expression::Unary(name, word) => unary(name, word, env)?,
        Expression::Binary(name, left, right) => binary(name, left, right)?,
    })
}

fn unary(name: &str, word: &[u8], env: &Env) -> Result<bool, Fatal> {
    let found = || stat(word).ok();
    let is = |kind: FileType| found().is_some_and(|s| FileType::from_raw_mode(s.st_mode) == kind);
    let has_bit = |bit: u32| found().is_some_and(|s| s.st_mode & bit != 0);
    let may = |what: Access| access(word, what).is_ok();
    Ok(match name {
        "-n" => !word.is_empty(),
        "-z" => word.is_empty(),
        "-v" => env.get(word).is_some(),
        "-e" => may(Access::EXISTS),
        "-r" => may(Access::READ_OK),
        "-w" => may(Access::WRITE_OK),
        "-x" => may(Access::EXEC_OK),
        "-b" => is(FileType::BlockDevice),
        "-c" => is(FileType::CharacterDevice),
        "-d" => is(FileType::Directory),
        "-f" => is(FileType::RegularFile),
        "-p" => is(FileType::Fifo),
        "-S" => is(FileType::Socket),
        "-h" | "-L" => lstat(word).is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Symlink),
        "-u" => has_bit(0o4000),
        "-g" => has_bit(0o2000),
        "-k" => has_bit(0o1000),
        "-s" => found().is_some_and(|s| s.st_size > 0),
        "-N" => found().is_some_and(|s| (s.st_mtime, s.st_mtime_nsec) > (s.st_atime, s.st_atime_nsec)),
        "-O" | "-U" => found().is_some_and(|s| s.st_uid == rustix::process::geteuid().as_raw()),
        "-G" => found().is_some_and(|s| s.st_gid == rustix::process::getegid().as_raw()),
        _ => {
            let fd = wire::number::decimal::<i32>(word).filter(|n| *n >= 0);
            let fd = fd.ok_or_else(|| Fatal::user("-t requires an integer argument"))?;
            let is_terminal = |fd: BorrowedFd<'_>| Ok(rustix::termios::isatty(fd));
            sys::fd::with(fd, is_terminal).unwrap_or(false)
        }
    })
}

/// Whether `a` was modified after `b`.
fn is_newer(a: &Stat, b: &Stat) -> bool {
    (a.st_mtime, a.st_mtime_nsec) > (b.st_mtime, b.st_mtime_nsec)
}

fn binary(name: &str, left: &[u8], right: &[u8]) -> Result<bool, Fatal> {
    let files = || (stat(left).ok(), stat(right).ok());
    Ok(match name {
        "=" => left == right,
        "!=" => left != right,
        "<" => left < right,
        "<=" => left <= right,
        ">" => left > right,
        ">=" => left >= right,
        "-nt" => match files() {
            (Some(l), Some(r)) => is_newer(&l, &r),
            (l, _) => l.is_some(),
        },
        "-ot" => match files() {
            (Some(l), Some(r)) => is_newer(&r, &l),
            (l, _) => l.is_none(),
        },
        "-ef" => match files() {
            (Some(l), Some(r)) => (l.st_dev, l.st_ino) == (r.st_dev, r.st_ino),
            _ => false,
        },
        "=~" => {
            let mut regex = Regex::extended(right).map_err(|reason| {
                let pattern = diag::show(right);
                Fatal::user(format_args!("unable to compile {pattern} into a regular expression: {reason}"))
            })?;
            regex.is_match(left)
        }
        _ => {
            let numbers = integer(left).zip(integer(right));
            let (l, r) =
                numbers.ok_or_else(|| Fatal::user(format_args!("{name} requires integer arguments")))?;
            match name {
                "-eq" => l == r,
                "-ne" => l != r,
                "-gt" => l > r,
                "-ge" => l >= r,
                "-lt" => l < r,
                _ => l <= r,
            }
        }
    })
}

/// A decimal number with or without a sign.
fn integer(word: &[u8]) -> Option<i64> {
    match word.strip_prefix(b"+") {
        Some(digits) if digits.first().is_some_and(u8::is_ascii_digit) => wire::number::decimal(digits),
        Some(_) => None,
        None => wire::number::decimal(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_expression::{BINARY, UNARY};
    use std::os::unix::fs::PermissionsExt;

    fn value(words: &[&str]) -> Result<bool, u8> {
        let words: Vec<_> = words.iter().map(|w| w.as_bytes().to_vec()).collect();
        is_true(&parse(&words).map_err(|_| 0)?, &Env::new()).map_err(|f| f.code())
    }

    #[test]
    fn numbers_are_whole_words() {
        assert_eq!(value(&["+3", "-eq", "03"]), Ok(true));
        assert_eq!(value(&["-5", "-lt", "3"]), Ok(true));
        for bad in ["x", "", "1x", "+", "+-1", "--1"] {
            assert_eq!(value(&[bad, "-eq", "1"]), Err(100), "{bad}");
        }
    }

    #[test]
    fn evaluation_stops_at_the_first_deciding_operand() {
        assert_eq!(value(&["", "-a", "x", "-eq", "1"]), Ok(false));
        assert_eq!(value(&["a", "-o", "x", "-eq", "1"]), Ok(true));
        assert_eq!(value(&["a", "-a", "x", "-eq", "1"]), Err(100));
    }

    /// What each operator makes of some operands: `1` true, `0` false, `E` an error.
    #[test]
    fn every_operator_has_its_meaning() {
        let show = |result: Result<bool, u8>| result.map_or('E', |value| if value { '1' } else { '0' });
        let mut table = String::new();
        let files = ["", "/", "/proc/self/exe", "/proc/self/cwd", "/dev/null", "/no/such", "0"];
        for name in UNARY {
            let row: Vec<_> =
                files.iter().map(|file| format!("{file:?}:{}", show(value(&[name, file])))).collect();
            // Whether the tests run on a terminal, with a variable of that name or as root isn't the operators'.
            if !["-t", "-w", "-O", "-U", "-G", "-N"].contains(name) {
                table.push_str(&format!("{name} {}\n", row.join(" ")));
            }
        }
        for name in BINARY {
            let pairs = [
                ("1", "1"),
                ("1", "2"),
                ("2", "1"),
                ("10", "9"),
                ("a", "b"),
                ("/", "/."),
                ("/", "/no/such"),
                ("/no/such", "/"),
            ];
            let row = pairs.map(|(a, b)| format!("{a}{name}{b}:{}", show(value(&[a, name, b]))));
            table.push_str(&format!("{}\n", row.join(" ")));
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn a_regular_expression_is_extended() {
        assert_eq!(value(&["abc", "=~", "^(a|x).c$"]), Ok(true));
        assert_eq!(value(&["a", "=~", "\\("]), Err(100));
    }

    #[test]
    fn owner_mode_bits_and_terminal_are_tested() {
        let own = std::env::temp_dir().join(format!("eltest-{}", std::process::id()));
        std::fs::write(&own, "x").unwrap();
        for name in ["-O", "-U", "-G", "-w", "-s", "-f"] {
            assert_eq!(value(&[name, own.to_str().unwrap()]), Ok(true), "{name}");
        }
        for (mode, expected) in [(0o4644, "-u"), (0o2644, "-g"), (0o1644, "-k")] {
            std::fs::set_permissions(&own, std::fs::Permissions::from_mode(mode)).unwrap();
            for name in ["-u", "-g", "-k"] {
                assert_eq!(value(&[name, own.to_str().unwrap()]), Ok(name == expected), "{name} {mode:o}");
            }
        }
        std::fs::remove_file(&own).unwrap();
        assert_eq!(value(&["-t", "1000"]), Ok(false));
        assert_eq!(value(&["-t", "x"]), Err(100));
        assert_eq!(value(&["-t", "-1"]), Err(100));
    }
}
