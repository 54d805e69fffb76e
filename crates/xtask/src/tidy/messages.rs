//! No message of a shipped program is written with `{:?}`: the release is compiled without what that needs, and prints nothing
//! in its place.  The TLS program isn't: its libraries' messages need it.

use super::complaint::Complaint;
use super::file_access::is_shipped;
use super::source::Source;

/// Complains about each such message outside tests.
pub fn check(sources: &[Source]) -> Vec<Complaint> {
    let tests: Vec<String> = sources.iter().flat_map(test_files).collect();
    let is_looked_at =
        |path: &String| is_shipped(path) && !path.starts_with("crates/s6-tls/") && !tests.contains(path);
    let shipped = sources.iter().filter(|s| is_looked_at(&s.path));
    let lines = shipped.flat_map(|s| (1..).zip(s.without_tests().lines()).map(move |line| (s, line)));
    lines
        .filter(|(_, (_, line))| asks_for_debug(line))
        .map(|(s, (number, _))| {
            Complaint::new(
                &s.path,
                number,
                "the release prints nothing for {:?}: take Display, in \\\"{}\\\" for a quote",
            )
        })
        .collect()
}

/// The files of the modules that a file has for its tests alone, by the module's name or its `#[path]`.
fn test_files(source: &Source) -> Vec<String> {
    let path = source.path.trim_end_matches(".rs");
    let beside = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let own = if path.ends_with("/lib") { beside } else { path };
    let file = |rest: &str| {
        if let Some(named) = rest.strip_prefix("#[path = \"") {
            return Some(format!("{beside}/{}", named.split_once('"')?.0));
        }
        let name = rest.strip_prefix("mod ")?.lines().next()?.strip_suffix(';')?;
        Some(format!("{own}/{name}.rs"))
    };
    source.text.split("#[cfg(test)]\n").skip(1).filter_map(file).collect()
}

/// Whether a line has a placeholder such as `{:?}` or `{name:#?}` in its code.
fn asks_for_debug(line: &str) -> bool {
    let code = line.trim_start();
    !code.starts_with("//")
        && code
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}'))
            .any(|(inner, _)| inner.split_once(':').is_some_and(|(_, how)| matches!(how, "?" | "#?")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(files: &[(&str, &str)]) -> Vec<(String, usize)> {
        let source = |(path, text): &(&str, &str)| Source { path: (*path).into(), text: (*text).into() };
        let sources: Vec<Source> = files.iter().map(source).collect();
        check(&sources).into_iter().map(|complaint| (complaint.path, complaint.line)).collect()
    }

    #[test]
    fn placeholders_of_messages_are_found_and_tests_are_not() {
        let text = "//! A.\nfn f() {\n    print(\"{e:?} {:#?}\");\n    // {:?}\n    let x = T { a: b?, };\n}\n\n#[cfg(test)]\nmod tests {\n    \"{:?}\"\n}\n";
        assert_eq!(complaints(&[("crates/ipc/src/a.rs", text)]), [("crates/ipc/src/a.rs".into(), 3)]);
        assert_eq!(complaints(&[("crates/xtask/src/a.rs", text)]), []);
        let parent = ("crates/ipc/src/a.rs", "//! A.\n#[cfg(test)]\nmod table;\nmod shipped;\n");
        let debug = "fn f() { \"{:?}\" }\n";
        let child = |name| (name, debug);
        let found =
            complaints(&[parent, child("crates/ipc/src/a/table.rs"), child("crates/ipc/src/a/shipped.rs")]);
        assert_eq!(found, [("crates/ipc/src/a/shipped.rs".into(), 1)]);
    }
}
