//! The lints: code, severity, title, what happens at run time, and the page that explains it.

use s6_rc::diagnostic::{Code, Severity};

/// A kind of finding.
#[derive(Debug)]
pub struct Lint {
    /// Its code, which never changes its meaning.
    pub code: Code,
    /// How bad it is, unless a finding says otherwise.
    pub severity: Severity,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// What happens at run time.
    pub effect: &'static str,
    /// What the C overlay does, if that is something else.
    pub effect_c: Option<&'static str>,
    /// The page, in Markdown.
    pub page: &'static str,
}

macro_rules! lints {
    ($($code:literal $severity:ident $title:literal $effect:literal $(/ $effect_c:literal)?;)*) => {
        /// All lints, by code.
        #[expect(clippy::zero_prefixed_literal, reason = "a code has three digits")]
        pub const LINTS: &[Lint] = &[$(Lint {
            code: Code($code),
            severity: Severity::$severity,
            title: $title,
            effect: $effect,
            effect_c: lints!(@ $($effect_c)?),
            page: include_str!(concat!("../explain/SO", stringify!($code), ".md")),
        }),*];
    };
    (@) => { None };
    (@ $text:literal) => { Some($text) };
}

include!("lints.in");

/// The lint of a code.
#[must_use]
pub fn find(code: Code) -> Option<&'static Lint> {
    LINTS.iter().find(|lint| lint.code == code)
}

/// The usual severity of a code.
#[must_use]
pub fn severity(code: Code) -> Severity {
    find(code).map_or(Severity::Warning, |lint| lint.severity)
}

/// What a severity is called.
#[must_use]
pub fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// The code that a text names: `SO105`, `so105` or `105`.
#[must_use]
pub fn code(text: &str) -> Option<Code> {
    let digits = text.strip_prefix("SO").or_else(|| text.strip_prefix("so")).unwrap_or(text);
    digits.parse().ok().filter(|_| digits.len() == 3).map(Code)
}

/// The lint that a text names, as [`code`] reads it.
#[must_use]
pub fn named(text: &str) -> Option<&'static Lint> {
    find(code(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_pages_have_their_titles() {
        assert!(LINTS.is_sorted_by_key(|lint| lint.code));
        for lint in LINTS {
            let title = format!("# {}: {}\n", lint.code, lint.title);
            assert!(lint.page.starts_with(&title), "{title}");
            for heading in ["\n## Why\n", "\n## Fails\n", "\n## Works\n"] {
                assert!(lint.page.contains(heading), "{}: {heading}", lint.code);
            }
        }
    }

    #[test]
    fn what_the_compiler_finds_is_explained() {
        assert!(Code::ALL.is_sorted());
        for code in Code::ALL {
            assert!(find(*code).is_some(), "{code}");
        }
    }

    /// The texts of the program that name a code.
    #[test]
    fn what_a_start_says_is_explained() {
        let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut folders: Vec<_> =
            ["s6-rc/src", "overlay/src", "commands/src"].map(|name| crates.join(name)).into();
        let mut count = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                for named in text.split("[SO").skip(1).filter_map(|rest| rest.get(..3)) {
                    if let Some(code) = code(named) {
                        assert!(find(code).is_some(), "{}: {code}", path.display());
                        count += 1;
                    }
                }
            }
        }
        assert!(count > 2);
    }

    #[test]
    fn a_code_is_written_in_three_ways() {
        assert_eq!(["SO105", "so105", "105"].map(code), [Some(Code(105)); 3]);
        assert_eq!(["SO1", "x", "SO1050", ""].map(code), [None; 4]);
    }
}
