//! What holds for every Rust file: it states what it is, it is short, it has no loose ends, and it has no
//! unsafe code unless that is its job.

use super::complaint::Complaint;
use super::lexer::{code_only, has_word};
use super::source::Source;

/// The limit of lines for a file without a reason.
const LINES_LIMIT: usize = 800;
/// What a longer file's head states its reason with.
const REASON: &str = "//! Long because ";
/// Where unsafe code may be.
const UNSAFE: &[&str] =
    &["crates/sys/", "crates/multicall/", "crates/dev/src/main.rs", "crates/s6-tls/src/main.rs"];
/// Marks of unfinished work, in two parts so that they aren't found here.
const LOOSE_ENDS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// What the path of another tool's file begins with.
const OTHER_TOOL: &str = "crate::tools::";

/// proptest's setting for what is kept of a failure, in two parts as well.
const PERSISTENCE: &str = concat!("failure_", "persistence");

/// Complains about each file that breaks one of these rules.
pub fn check(sources: &[Source]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for Source { path, text } in sources.iter().filter(|s| s.path.ends_with(".rs")) {
        let mut complain = |line, what: String| complaints.push(Complaint::new(path, line, what));
        if !text.starts_with("//! ") {
            complain(1, "open with `//!`: what this module is and the contract that it keeps".into());
        }
        if path.ends_with("/mod.rs") && path.starts_with("crates/") {
            complain(0, "name the file after its module: `foo.rs` beside `foo/`".into());
        }
        let lines = text.lines().count();
        let mut head = text.lines().take_while(|line| line.starts_with("//!"));
        if lines > LINES_LIMIT && !head.any(|line| line.starts_with(REASON)) {
            complain(0, format!("{lines} lines: split it, or state the reason at its head, `{REASON}…`"));
        }
        for (number, line) in (1..).zip(text.lines()) {
            for word in LOOSE_ENDS.iter().filter(|word| has_word(line, word)) {
                complain(number, format!("{word}: do it, or leave it to an issue"));
            }
        }
        for (number, _) in (1..).zip(text.lines()).filter(|(_, line)| has_word(line, PERSISTENCE)) {
            complain(number, "properties keep no seeds: .cargo/config.toml says so for all of them".into());
        }
        for (number, line) in (1..).zip(code_only(text).lines()) {
            let line = line.trim_start();
            if line.starts_with("pub") && line.contains(" use ") && has_word(line, "as") {
                complain(number, "a second name for the same thing: give it one name".into());
            }
            if path.contains("/src/tools/") && line.contains(OTHER_TOOL) {
                complain(number, "what two tools need belongs into a module beside `tools`".into());
            }
        }
        if !UNSAFE.iter().any(|allowed| path.starts_with(allowed)) {
            for (number, line) in (1..).zip(code_only(text).lines()) {
                if has_word(line, "unsafe") || has_word(line, "unsafe_code") {
                    complain(number, "unsafe code belongs in crates/sys".into());
                }
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> Vec<(usize, String)> {
        check(&[Source { path: path.into(), text: text.into() }])
            .into_iter()
            .map(|c| (c.line, c.what))
            .collect()
    }

    #[test]
    fn a_module_says_what_it_is() {
        assert!(complaints("crates/a/src/b.rs", "//! B.\nfn f() {}\n").is_empty());
        assert_eq!(complaints("crates/a/src/b.rs", "fn f() {}\n")[0].0, 1);
    }

    #[test]
    fn a_file_is_named_after_its_module() {
        assert_eq!(complaints("crates/a/src/b/mod.rs", "//! B.\n").len(), 1);
        assert!(complaints("crates/a/src/b.rs", "//! B.\n").is_empty());
    }

    #[test]
    fn long_files_have_a_reason() {
        let long = "fn f() {}\n".repeat(LINES_LIMIT);
        assert!(complaints("x.rs", &format!("//! B.\n{long}"))[0].1.starts_with("801 lines"));
        assert!(
            complaints("x.rs", &format!("//! B.\n//!\n//! Long because it is a table.\n{long}")).is_empty()
        );
    }

    #[test]
    fn loose_ends_are_found() {
        let mark = LOOSE_ENDS[0];
        assert_eq!(complaints("x.rs", &format!("//! B.\n// {mark}: more\n"))[0].0, 2);
        assert!(complaints("x.rs", &format!("//! B.\n// {mark}S\n")).is_empty());
    }

    #[test]
    fn properties_keep_no_seeds() {
        let text = format!("//! B.\nlet c = Config {{ {PERSISTENCE}: None, cases: 9 }};\n");
        assert_eq!(complaints("crates/a/src/b.rs", &text)[0].0, 2);
        let all = std::fs::read_to_string(crate::workspace::top().join(".cargo/config.toml")).unwrap();
        assert!(all.contains("\nPROPTEST_DISABLE_FAILURE_PERSISTENCE = \"1\"\n"));
    }

    #[test]
    fn a_thing_has_one_name() {
        let text = "//! B.\npub(crate) use a::b as c;\nuse d::e as f;\npub use g::h;\n";
        assert_eq!(
            complaints("crates/a/src/b.rs", text).iter().map(|(line, _)| *line).collect::<Vec<_>>(),
            [2]
        );
    }

    #[test]
    fn a_tool_takes_nothing_from_another_one() {
        let text = "//! B.\nuse crate::tools::a::b;\n";
        assert_eq!(complaints("crates/a/src/tools/c.rs", text)[0].0, 2);
        assert!(complaints("crates/a/src/tools.rs", text).is_empty());
    }

    #[test]
    fn unsafe_code_has_one_home() {
        let text = "//! B.\n// unsafe\n#![allow(unsafe_code)]\n";
        assert_eq!(complaints("crates/s6/src/lib.rs", text)[0].0, 3);
        assert!(complaints("crates/sys/src/lib.rs", text).is_empty());
    }
}
