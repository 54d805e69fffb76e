//! `cargo xtask test`: installs what the tests need, and runs them all.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, ExitCode};

use crate::failure::{Failure, Outcome};
use crate::{command, debian, musl, workspace};

/// After how many seconds tests are killed: some hang, then.
const LIMIT: &str = "1500";
/// How many lines of what failed are shown once more.
const SHOWN: usize = 200;

/// The options of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Args {
    /// For cargo test, instead of --workspace: `-p CRATE`, `-p tests --test container -- FILTER`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    debian::install(&[musl::packages(), debian::TLS, debian::CONTAINERS, debian::ENGINES].concat())?;
    let all = ["--workspace".to_owned()];
    let ran = run_tests(if args.words.is_empty() { &all } else { &args.words })?;
    if ran.passed {
        return Ok(ExitCode::SUCCESS);
    }
    print!("{}", shown_again(&ran.failures));
    Ok(ExitCode::FAILURE)
}

/// How tests ended.
pub struct Ran {
    /// Whether all passed.
    pub passed: bool,
    /// What they said about those that failed.
    pub failures: Vec<String>,
}

/// Runs `cargo test` with these words, and passes its output on.  Where tests hang it is killed, and the output shows which.
pub fn run_tests(words: &[String]) -> Result<Ran, Failure> {
    let mut cargo = Command::new("timeout");
    cargo.args(["-k", "10", LIMIT]).arg(command::cargo().get_program());
    cargo.current_dir(workspace::top());
    cargo.args(["test", "--quiet", "--no-fail-fast"]).args(words);
    let unable = |why| Failure(format!("unable to run cargo test: {why}"));
    let (reader, writer) = io::pipe().map_err(unable)?;
    let mut child =
        cargo.stdout(writer.try_clone().map_err(unable)?).stderr(writer).spawn().map_err(unable)?;
    // The command has the writing end, and the output would never end.
    drop(cargo);
    let mut lines = Vec::new();
    let mut output = BufReader::new(reader);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).map_err(unable)? > 0 {
        io::stdout().write_all(&line).map_err(unable)?;
        lines.push(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned());
        line.clear();
    }
    let status = child.wait().map_err(unable)?;
    if status.code() == Some(124) {
        println!("-- killed after {LIMIT} s");
    }
    Ok(Ran { passed: status.success(), failures: failures(&lines) })
}

/// The lines about what failed, for the end of the output, where a reader looks first.
pub fn shown_again(failures: &[String]) -> String {
    let from = failures.len().saturating_sub(SHOWN);
    let lines: String = failures.iter().skip(from).map(|line| format!("{line}\n")).collect();
    format!("-- what failed:\n{lines}")
}

/// From each test program's list of failures to its result.
fn failures(lines: &[String]) -> Vec<String> {
    let mut is_shown = false;
    let mut failures = Vec::new();
    for line in lines {
        is_shown |= line == "failures:";
        if is_shown {
            failures.push(line.clone());
        }
        is_shown &= !line.starts_with("test result:");
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn failures_are_gathered() {
        let log = "running 2 tests\n.F\nfailures:\n\n---- a ----\nwhy\n\nfailures:\n    a\n\ntest result: FAILED\n\nrunning 1 test\n\
                   .\ntest result: ok\nfailures:\n    b\ntest result: FAILED";
        let expected = "failures:\n\n---- a ----\nwhy\n\nfailures:\n    a\n\ntest result: FAILED\nfailures:\n    b\ntest result: FAILED";
        assert_eq!(failures(&lines(log)), lines(expected));
        assert!(failures(&lines("running 1 test\n.\ntest result: ok")).is_empty());
    }

    #[test]
    fn the_last_of_many_are_shown() {
        let many: Vec<String> = (0..SHOWN + 5).map(|n| n.to_string()).collect();
        let shown = shown_again(&many);
        assert!(shown.starts_with("-- what failed:\n5\n6\n") && shown.ends_with("204\n"), "{shown}");
    }
}
