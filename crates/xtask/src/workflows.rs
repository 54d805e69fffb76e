//! What GitHub runs: `.github/workflows` calls `cargo xtask` for everything that can be done elsewhere, too.

use std::env;
use std::process::Command;

use crate::command::run;
use crate::failure::Failure;
use crate::workspace;

/// The linter of workflows.
const ACTIONLINT: &str = "actionlint";

/// Lints the workflows where the linter is installed.
pub fn check() -> Result<(), Failure> {
    let path = env::var_os("PATH").unwrap_or_default();
    if !env::split_paths(&path).any(|folder| folder.join(ACTIONLINT).exists()) {
        println!("{ACTIONLINT} isn't installed: only the tests of xtask check the workflows");
        return Ok(());
    }
    run(Command::new(ACTIONLINT).current_dir(workspace::top()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::*;

    /// What the workflows fill in.
    const FILLED_IN: &[(&str, &str)] = &[
        ("${{ matrix.tier }}", "check"),
        ("${{ matrix.arch }}", "x86_64"),
        ("${GITHUB_REF_NAME#v}", "1.2.3"),
    ];

    /// The words after `cargo xtask` in each line of the workflows and of the Containerfile that has it.
    fn commands() -> Vec<Vec<String>> {
        let top = workspace::top();
        let workflows = fs::read_dir(top.join(".github/workflows")).unwrap();
        let mut files: Vec<_> = workflows.map(|entry| entry.unwrap().path()).collect();
        files.push(top.join("Containerfile"));
        let mut commands = Vec::new();
        for file in files {
            let mut text = fs::read_to_string(&file).unwrap();
            for (from, to) in FILLED_IN {
                text = text.replace(from, to);
            }
            for (_, rest) in text.lines().filter_map(|line| line.split_once("cargo xtask ")) {
                let words = rest.split_whitespace().take_while(|word| !word.starts_with('>'));
                commands.push(words.map(|word| word.trim_matches('"').to_owned()).collect());
            }
        }
        commands
    }

    #[test]
    fn every_command_of_the_workflows_is_there() {
        let commands = commands();
        for words in &commands {
            let line: Vec<_> = ["xtask"].into_iter().chain(words.iter().map(String::as_str)).collect();
            if let Err(why) = crate::Cli::try_parse_from(&line) {
                panic!("{line:?}: {why}");
            }
        }
        assert!(commands.iter().any(|words| words[..] == ["ci", "check", "unit"]), "{commands:?}");
    }
}
