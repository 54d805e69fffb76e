//! `check.toml`: what is right in a repository, so that nobody is told of it.
//!
//! ```toml
//! [allow]
//! "SO702" = ["etc/services.d/**"]
//! ```
//!
//! A glob is relative to the image's root; `*` doesn't match a slash, and `**` matches any number of directories.

use crate::registry;
use globset::{GlobBuilder, GlobMatcher};
use s6_rc::diagnostic::Code;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What the file is called.
pub const NAME: &str = "check.toml";

/// What is allowed where.
#[derive(Debug)]
pub struct Rule {
    /// Which code.
    pub code: Code,
    /// Where the glob stands in the file, in bytes.
    pub place: Range<usize>,
    glob: GlobMatcher,
}

/// What the file says.
#[derive(Debug, Default)]
pub struct Settings {
    /// What is allowed.
    pub rules: Vec<Rule>,
}

/// What is wrong in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where, in bytes.
    pub place: Range<usize>,
    /// What, and what to write.
    pub text: String,
}

/// What an entry looks like.
const ENTRY: &str = "write \"SO702\" = [\"etc/services.d/**\"]";

impl Rule {
    /// Whether it is about this path of the image.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.glob.is_match(path.trim_start_matches('/'))
    }
}

impl Settings {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// The first mistake.
    pub fn read(text: &str) -> Result<Self, Mistake> {
        let table = DeTable::parse(text).map_err(|e| Mistake {
            place: e.span().unwrap_or(0..0),
            text: format!("{}: write a table in TOML, such as [allow]", e.message().replace('\n', ", ")),
        })?;
        let mut rules = Vec::new();
        for (key, value) in table.get_ref() {
            let name = key.get_ref().as_ref();
            let Some(allowed) = value.get_ref().as_table().filter(|_| name == "allow") else {
                let text = format!("there is no setting {name}: write a table [allow]");
                return Err(Mistake { place: key.span(), text });
            };
            for (code, globs) in allowed {
                entry(code.get_ref().as_ref(), &code.span(), globs, &mut rules)?;
            }
        }
        // In the order of the file.
        rules.sort_by_key(|rule| rule.place.start);
        Ok(Self { rules })
    }
}

/// Reads `"SO702" = ["GLOB"]`.
fn entry(
    code: &str,
    place: &Range<usize>,
    globs: &Spanned<DeValue<'_>>,
    rules: &mut Vec<Rule>,
) -> Result<(), Mistake> {
    let Some(known) = registry::named(code).map(|lint| lint.code) else {
        let text = format!("there is no lint {code}: {ENTRY}; s6-overlay-dev explain lists all codes");
        return Err(Mistake { place: place.clone(), text });
    };
    let list = globs.get_ref().as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| Mistake {
        place: globs.span(),
        text: format!("a list of globs has to be here: {ENTRY}"),
    })?;
    for item in list.iter() {
        let wrong = |text: String| Mistake { place: item.span(), text };
        let text = item.get_ref().as_str().ok_or_else(|| wrong(format!("a glob is a text: {ENTRY}")))?;
        let glob = GlobBuilder::new(text.trim_start_matches('/')).literal_separator(true).build();
        let glob = glob.map_err(|e| wrong(format!("no glob: {}: {ENTRY}", e.kind())))?.compile_matcher();
        rules.push(Rule { code: known, place: item.span(), glob });
    }
    Ok(())
}

/// The file that belongs to a path: in the directory itself, or at the root of the repository that it is in.
#[must_use]
pub fn find(path: &Path) -> Option<PathBuf> {
    let here = path.join(NAME);
    if here.is_file() {
        return Some(here);
    }
    let full = std::fs::canonicalize(path).ok()?;
    let root = full.ancestors().find(|above| above.join(".git").exists())?;
    Some(root.join(NAME)).filter(|there| there.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_found_where_they_are() {
        let mut shown = Vec::new();
        for text in [
            "[allow]\n\"SO999\" = [\"a\"]\n",
            "[allow]\n\"SO301\" = \"a\"\n",
            "[allow]\n\"SO301\" = []\n",
            "[allow]\n\"SO301\" = [\"a\", 1]\n",
            "[allow]\n\"SO301\" = [\"a[\"]\n",
            "[deny]\n",
            "allow = 1\n",
            "[allow\n",
        ] {
            let mistake = Settings::read(text).unwrap_err();
            let at = crate::shell::span_of(text.as_bytes(), mistake.place);
            shown.push(format!("{}:{}: {}", at.line, at.column, mistake.text));
        }
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn a_glob_is_of_a_path_below_the_root() {
        let settings = Settings::read("[allow]\n\"SO301\" = [\"etc/*/run\", \"/opt/**\"]\n").unwrap();
        let matches = |path: &str| settings.rules.iter().any(|rule| rule.matches(path));
        for (path, expected) in [
            ("/etc/a/run", true),
            ("/etc/a/b/run", false),
            ("/opt/a/b", true),
            ("/opt2/a", false),
            ("", false),
        ] {
            assert_eq!(matches(path), expected, "{path}");
        }
    }

    #[test]
    fn the_file_is_there_or_at_the_repository_s_root() {
        let dir = tempfile::tempdir().unwrap();
        let rootfs = dir.path().join("docker/rootfs");
        std::fs::create_dir_all(&rootfs).unwrap();
        std::fs::write(dir.path().join(NAME), "").unwrap();
        assert_eq!(find(&rootfs), None, "no repository");
        std::fs::create_dir(dir.path().join(".git")).unwrap();
        let found = find(&rootfs).unwrap();
        assert_eq!(
            std::fs::canonicalize(found).unwrap(),
            std::fs::canonicalize(dir.path().join(NAME)).unwrap()
        );
        std::fs::write(rootfs.join(NAME), "").unwrap();
        assert_eq!(find(&rootfs), Some(rootfs.join(NAME)));
    }
}
