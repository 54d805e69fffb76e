//! `cargo xtask release VERSION`: whether all that names a version names this one, before the tag is made.
//!
//! A tag can't be taken back once others have it, so each place that disagrees is named.

use std::fs;
use std::process::ExitCode;

use crate::command::{capture, cargo};
use crate::failure::{Failure, Outcome};
use crate::{licences, workspace};

/// The options of `cargo xtask release`.
#[derive(clap::Args)]
pub struct Args {
    /// As in 1.2.3
    #[arg(value_parser = version)]
    version: String,
    /// Write what CHANGELOG.md says of it, for the release's page, and compare nothing
    #[arg(long)]
    notes: bool,
}

/// A version of three numbers.
fn version(word: &str) -> Result<String, String> {
    let numbers: Vec<_> = word.split('.').collect();
    let is_number = |number: &&str| number.parse::<u32>().is_ok_and(|value| value.to_string() == **number);
    match numbers.len() == 3 && numbers.iter().all(is_number) {
        true => Ok(word.to_owned()),
        false => Err("three numbers, such as 1.2.3".into()),
    }
}

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    let version = args.version;
    let changes = read("CHANGELOG.md")?;
    if args.notes {
        let section = section(&changes, &version)
            .ok_or_else(|| Failure(format!("CHANGELOG.md has no section for {version}")))?;
        println!("{}", section.text.trim());
        return Ok(ExitCode::SUCCESS);
    }
    let mut complaints = Vec::new();
    complaints.extend(manifest(&read("Cargo.toml")?, &version));
    complaints.extend(lock());
    complaints.extend(changelog(&changes, &version));
    complaints.extend(licences::check().err().map(|why| why.0));
    for page in ["README.md", "docs/tools/extra/s6-overlay-version.md", "docs/tools/s6-overlay.md"] {
        complaints.extend(shown(page, &read(page)?, &version));
    }
    complaints.extend(derived("pyproject.toml", &read("pyproject.toml")?, "dynamic = [\"version\"]"));
    complaints.extend(derived(
        "action.yml",
        &read("action.yml")?,
        "releases/download/${{ github.action_ref }}",
    ));
    for complaint in &complaints {
        println!("{complaint}");
    }
    if !complaints.is_empty() {
        return Err(Failure(format!("{version} isn't ready: {} places disagree", complaints.len())));
    }
    println!(
        "all places say {version}; with all of it in main, make the tag:\n  git tag --sign v{version} && git push origin v{version}"
    );
    Ok(ExitCode::SUCCESS)
}

fn read(path: &str) -> Result<String, Failure> {
    let path = workspace::top().join(path);
    fs::read_to_string(&path).map_err(Failure::unable("read", &path))
}

/// The workspace's version, which all crates and packages have.
fn manifest(text: &str, version: &str) -> Option<String> {
    let found = text.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    (found != Some(version)).then(|| format!("Cargo.toml: version = {:?}", found.unwrap_or_default()))
}

/// The lock file has the versions of our own crates, too.
fn lock() -> Option<String> {
    let mut cargo = cargo();
    capture(cargo.args(["metadata", "--locked", "--format-version=1", "--no-deps"]))
        .err()
        .map(|_| "Cargo.lock: not that of Cargo.toml: cargo update --workspace --offline writes it".into())
}

/// A section of the changelog.
struct Section<'a> {
    /// What follows the version in its heading.
    date: &'a str,
    text: &'a str,
}

/// The section of a version, or of `Unreleased`.
fn section<'a>(changes: &'a str, version: &str) -> Option<Section<'a>> {
    let heading = format!("## [{version}]");
    let start = changes.find(&format!("\n{heading}"))? + 1 + heading.len();
    let rest = changes.get(start..)?;
    let (date, rest) = rest.split_once('\n')?;
    let end = rest.find("\n## ").map_or(rest.len(), |end| end + 1);
    Some(Section { date: date.strip_prefix(" - ").unwrap_or_default(), text: rest.get(..end)? })
}

/// The version has a section with a date, and nothing waits for a later one.
fn changelog(changes: &str, version: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    match section(changes, version) {
        None => complaints.push(format!("CHANGELOG.md: no heading \"## [{version}] - DATE\"")),
        Some(section) if !is_date(section.date) => {
            complaints.push(format!("CHANGELOG.md: {version} has no date, as in 2026-01-31"));
        }
        Some(section) if !section.text.contains("\n- ") => {
            complaints.push(format!("CHANGELOG.md: nothing is said of {version}"));
        }
        Some(_) => {}
    }
    if section(changes, "Unreleased").is_some_and(|section| !section.text.trim().is_empty()) {
        complaints.push(format!("CHANGELOG.md: what is unreleased belongs to {version}"));
    }
    complaints
}

/// Whether it is a day as ISO 8601 writes it.
fn is_date(word: &str) -> bool {
    let parts: Vec<_> = word.split('-').collect();
    let is_number =
        |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    matches!(parts[..], [year, month, day] if is_number(year, 4) && is_number(month, 2) && is_number(day, 2))
}

/// A page shows the program's answer.
fn shown(page: &str, text: &str, version: &str) -> Vec<String> {
    let lines = (1..)
        .zip(text.lines())
        .filter_map(|(number, line)| Some((number, line.split_once("s6-overlay-rs ")?.1)));
    let found = lines.filter(|(_, rest)| rest.starts_with(|first: char| first.is_ascii_digit()));
    let others = found.filter(|(_, rest)| rest.split(' ').next() != Some(version));
    others.map(|(number, _)| format!("{page}:{number}: shows another version")).collect()
}

/// What has no version of its own says where it takes it from.
fn derived(file: &str, text: &str, by: &str) -> Option<String> {
    (!text.contains(by)).then(|| format!("{file}: no longer takes the version by {by}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGES: &str =
        "# Changes\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-31\n\n- One.\n\n## [1.2.2]\n\nNothing.\n";

    #[test]
    fn versions_are_three_numbers() {
        assert_eq!(version("1.20.3"), Ok("1.20.3".into()));
        for word in ["1.2", "v1.2.3", "1.2.03", "1.2.3-rc1", "", "1..2"] {
            assert!(version(word).is_err(), "{word}");
        }
    }

    #[test]
    fn the_changelog_has_a_section_with_a_date_and_nothing_waits() {
        let none: [&str; 0] = [];
        assert_eq!(changelog(CHANGES, "1.2.3"), none);
        assert_eq!(changelog(CHANGES, "1.2.4"), ["CHANGELOG.md: no heading \"## [1.2.4] - DATE\""]);
        assert_eq!(changelog(CHANGES, "1.2.2"), ["CHANGELOG.md: 1.2.2 has no date, as in 2026-01-31"]);
        let empty = CHANGES.replace("- One.", "");
        assert_eq!(changelog(&empty, "1.2.3"), ["CHANGELOG.md: nothing is said of 1.2.3"]);
        let waiting = CHANGES.replace("[Unreleased]\n", "[Unreleased]\n\n- Two.\n");
        assert_eq!(changelog(&waiting, "1.2.3"), ["CHANGELOG.md: what is unreleased belongs to 1.2.3"]);
        assert_eq!(section(CHANGES, "1.2.3").unwrap().text.trim(), "- One.");
    }

    #[test]
    fn each_place_is_compared() {
        assert_eq!(manifest("[x]\nversion = \"1.2.3\"\n", "1.2.3"), None);
        assert_eq!(
            manifest("version = \"1.2.2\"\n", "1.2.3"),
            Some("Cargo.toml: version = \"1.2.2\"".into())
        );
        let none: [&str; 0] = [];
        assert_eq!(shown("p", "s6-overlay-rs is\n# s6-overlay-rs 1.2.3 (x)\n", "1.2.3"), none);
        assert_eq!(shown("p", "\n# s6-overlay-rs 1.2.2 (x)\n", "1.2.3"), ["p:2: shows another version"]);
        assert!(derived("f", "a", "b").is_some() && derived("f", "abc", "b").is_none());
    }

    #[test]
    fn what_packages_take_their_version_from_is_the_manifest() {
        assert_eq!(manifest(&read("Cargo.toml").unwrap(), env!("CARGO_PKG_VERSION")), None);
    }
}
