//! Running other programs: a failure names the command line.

use std::env;
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::workspace;

/// Runs `command` with this process's standard output and error; a nonzero end is a failure.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|e| Failure(format!("unable to run {}: {e}", line(command))))?;
    if status.success() { Ok(()) } else { Err(Failure(format!("{}: {status}", line(command)))) }
}

/// Runs `command` and gives what it wrote to standard output, without white space at its ends.
pub fn capture(command: &mut Command) -> Result<String, Failure> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| Failure(format!("unable to run {}: {e}", line(command))))?;
    if !output.status.success() {
        return Err(Failure(format!("{}: {}", line(command), output.status)));
    }
    let text = String::from_utf8(output.stdout)
        .map_err(|_| Failure(format!("{}: the output is not UTF-8", line(command))))?;
    Ok(text.trim().to_owned())
}

/// The cargo that runs this program, at the top of the workspace.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace::top());
    cargo
}

/// `cargo test` of one file of `tests`, up to the arguments for the test program.
pub fn test(name: &str) -> Command {
    let mut cargo = cargo();
    cargo.args(["test", "--package=tests", "--test", name, "--"]);
    cargo
}

/// The command line for people.
fn line(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_trimmed_and_failures_name_the_command() {
        assert_eq!(capture(Command::new("echo").arg("a b")).unwrap(), "a b");
        let why = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert!(why.0.starts_with("sh -c exit 3: exit status: 3"), "{why}");
        assert!(run(&mut Command::new("/nonexistent")).is_err());
    }
}
