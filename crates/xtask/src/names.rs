//! The names of all commands, by suite: `docs/tools.txt`.
//!
//! The file holds `#` comments, sections `[SUITE CATEGORY VERSION]` with one name a line, and for the names that the
//! program has of its own a section `[added]` and a last one, `[internal]`, for those that get no links.

use std::fs;

use crate::{Failure, workspace};

/// The file, from the top of the workspace.
pub const FILE: &str = "docs/tools.txt";

/// The overlay's own scripts in the reference: what its noarch tarball holds.
pub const OVERLAY: &str = "s6-overlay";

/// All names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The reference's suites, in the file's order.
    pub suites: Vec<Suite>,
    /// What the program has besides, for images.
    pub added: Vec<String>,
    /// What the program has besides, for itself.
    pub internal: Vec<String>,
}

/// A suite of the reference.
#[derive(Debug, PartialEq, Eq)]
pub struct Suite {
    /// Its name, such as `s6-rc`.
    pub name: String,
    /// Its category below /package, such as `admin`.
    pub category: String,
    /// The version that is the specification, such as `0.7.0.0`.
    pub version: String,
    /// Its commands in byte order.
    pub commands: Vec<String>,
}

impl Names {
    /// Reads the file.
    pub fn read() -> Result<Self, Failure> {
        let path = workspace::top().join(FILE);
        parse(&fs::read_to_string(&path).map_err(Failure::unable("read", &path))?)
            .map_err(|why| Failure(format!("{FILE}: {why}")))
    }

    /// Every command of the reference.
    pub fn commands(&self) -> impl Iterator<Item = &str> {
        self.suites.iter().flat_map(|suite| suite.commands.iter().map(String::as_str))
    }
}

fn parse(text: &str) -> Result<Names, String> {
    let mut names = Names::default();
    let mut own = None;
    for (number, line) in (1..).zip(text.lines()) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            match *header.split(' ').collect::<Vec<_>>() {
                [section @ ("added" | "internal")] => own = Some(section),
                [name, category, version] if own.is_none() => names.suites.push(Suite {
                    name: name.into(),
                    category: category.into(),
                    version: version.into(),
                    commands: Vec::new(),
                }),
                _ => return Err(format!("line {number}: not a section: {line}")),
            }
            continue;
        }
        let section = match own {
            Some("added") => &mut names.added,
            Some(_) => &mut names.internal,
            None => {
                let suite = names.suites.last_mut();
                &mut suite.ok_or(format!("line {number}: a name before the first section"))?.commands
            }
        };
        if section.last().is_some_and(|last| last.as_str() >= line) {
            return Err(format!("line {number}: {line} is out of order"));
        }
        section.push(line.into());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_names() {
        let names = parse("# x\n[a-b admin 1.2]\nc\nd\n\n[added]\ne\n[internal]\ninit\n").unwrap();
        assert_eq!(names.suites.len(), 1);
        assert_eq!(names.suites[0].version, "1.2");
        assert_eq!(names.commands().collect::<Vec<_>>(), ["c", "d"]);
        assert_eq!((names.added, names.internal), (vec!["e".to_owned()], vec!["init".to_owned()]));
    }

    #[test]
    fn errors_tell_the_line() {
        assert_eq!(parse("a\n").unwrap_err(), "line 1: a name before the first section");
        assert_eq!(parse("[a b c]\nx\nw\n").unwrap_err(), "line 3: w is out of order");
        assert_eq!(parse("[a b c]\nx\nx\n").unwrap_err(), "line 3: x is out of order");
        assert_eq!(parse("[a b]\n").unwrap_err(), "line 1: not a section: [a b]");
    }

    #[test]
    fn the_list_is_the_reference_s() {
        assert_eq!(Names::read().unwrap().commands().count(), 247);
    }
}
