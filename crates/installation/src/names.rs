//! The names of all commands, by suite: `docs/tools.txt`.
//!
//! The file holds `#` comments, sections `[SUITE CATEGORY VERSION]` with one name a line, and for the names that the
//! program has of its own the sections `[added]`, `[tls]` for those of the TLS program, and `[internal]` for those that
//! get no links.

/// The file, from the top of the workspace.
pub const FILE: &str = "docs/tools.txt";

/// The overlay's own scripts in the reference: what its noarch tarball holds.
pub const OVERLAY: &str = "s6-overlay";

/// All names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Names<'a> {
    /// The reference's suites, in the file's order.
    pub suites: Vec<Suite<'a>>,
    /// What the program has besides, for images.
    pub added: Vec<&'a str>,
    /// What the TLS program has, which is installed apart.
    pub tls: Vec<&'a str>,
    /// What the program has besides, for itself.
    pub internal: Vec<&'a str>,
}

/// A suite of the reference.
#[derive(Debug, PartialEq, Eq)]
pub struct Suite<'a> {
    /// Its name, such as `s6-rc`.
    pub name: &'a str,
    /// Its category below /package, such as `admin`.
    pub category: &'a str,
    /// The version that is the specification, such as `0.7.0.0`.
    pub version: &'a str,
    /// Its commands in byte order.
    pub commands: Vec<&'a str>,
}

impl<'a> Names<'a> {
    /// What the file holds.
    ///
    /// # Errors
    /// The line that is wrong, and why.
    pub fn all() -> Result<Names<'static>, String> {
        Names::parse(include_str!("../../../docs/tools.txt"))
    }

    /// Every command of the reference.
    pub fn commands(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.suites.iter().flat_map(|suite| suite.commands.iter().copied())
    }

    fn parse(text: &'a str) -> Result<Self, String> {
        let mut names = Names::default();
        let mut own = None;
        for (number, line) in (1..).zip(text.lines()) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: &str| Err(format!("{FILE}: line {number}: {what}: {line}"));
            if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                let mut words = header.split(' ');
                match (words.next(), words.next(), words.next(), words.next()) {
                    (Some(section @ ("added" | "tls" | "internal")), None, ..) => own = Some(section),
                    (Some(name), Some(category), Some(version), None) if own.is_none() => {
                        names.suites.push(Suite { name, category, version, commands: Vec::new() });
                    }
                    _ => return wrong("not a section"),
                }
                continue;
            }
            let section = match (own, names.suites.last_mut()) {
                (Some("added"), _) => &mut names.added,
                (Some("tls"), _) => &mut names.tls,
                (Some(_), _) => &mut names.internal,
                (None, Some(suite)) => &mut suite.commands,
                (None, None) => return wrong("a name before the first section"),
            };
            if section.last().is_some_and(|last| *last >= line) {
                return wrong("out of order");
            }
            section.push(line);
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_names() {
        let names =
            Names::parse("# x\n[a-b admin 1.2]\nc\nd\n\n[added]\ne\n[tls]\nf\n[internal]\ninit\n").unwrap();
        assert_eq!(names.suites.len(), 1);
        assert_eq!(names.suites[0].version, "1.2");
        assert_eq!(names.commands().collect::<Vec<_>>(), ["c", "d"]);
        assert_eq!((names.added, names.tls, names.internal), (vec!["e"], vec!["f"], vec!["init"]));
    }

    #[test]
    fn errors_tell_the_line() {
        let why = |text| Names::parse(text).unwrap_err();
        assert_eq!(why("a\n"), "docs/tools.txt: line 1: a name before the first section: a");
        assert_eq!(why("[a b c]\nx\nw\n"), "docs/tools.txt: line 3: out of order: w");
        assert_eq!(why("[a b c]\nx\nx\n"), "docs/tools.txt: line 3: out of order: x");
        assert_eq!(why("[a b]\n"), "docs/tools.txt: line 1: not a section: [a b]");
    }

    #[test]
    fn the_list_is_the_reference_s() {
        assert_eq!(Names::all().unwrap().commands().count(), 247);
    }
}
