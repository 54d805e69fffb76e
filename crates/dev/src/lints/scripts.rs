//! What goes for every file that is executed: who reads it, who may, and programs of former versions.

use crate::finding::{Edit, Finding, Span};
use crate::image::{Image, Language, Script};
use crate::shell::{base_name, span_of};
use crate::text::{find, has, rfind};
use crate::tree::Tree;
use files::Kind;
use s6_rc::diagnostic::Severity;

/// Programs that version 2 had in other places.
const MOVED: [&str; 2] = ["with-contenv", "execlineb"];
/// Where version 2 had them.
const OLD_PLACES: [&str; 2] = ["/usr/bin/", "/bin/"];

/// Paths and programs of version 2, and what to write instead.
const VERSION_2: [(&str, &str); 5] = [
    ("/var/run/s6/services", "/run/service"),
    ("/run/s6/services", "/run/service"),
    ("/var/run/s6/etc", "/etc"),
    ("s6-test", "eltest"),
    ("justc-envdir", "s6-envdir"),
];

/// As much of a script's first line is read by the kernel.
const FIRST_LINE_MAX: usize = 255;

/// The checks of this module.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    for script in image.scripts() {
        interpreter(image, script, found);
        if !image.is_version_2() {
            version_2(script, found);
        }
    }
    for script in image.runs().chain(image.finishes()).map(|(_, script)| script) {
        if script.language == Language::None
            && !image.definitions.iter().any(|d| script.path.starts_with(&d.path))
        {
            // Of a definition, the compiler has said it.
            let text = "neither a script with a #! line nor a program";
            let advice = "begin it with #!/bin/sh or another interpreter, on the very first line";
            found.push(Finding::new(104, &script.path, text).at(Span::line(1)).advice(advice));
        }
    }
    for definition in image.definitions.iter().filter(|definition| definition.is_oneshot()) {
        for file in ["up", "down"] {
            command(image, &definition.path_of(file), found);
        }
    }
}

/// SO109, SO110, SO111.
fn interpreter(image: &Image<'_>, script: &Script, found: &mut Vec<Finding>) {
    let Some(program) = script.interpreter.first() else { return };
    let start = find(&script.text, program.as_bytes()).unwrap_or(2);
    let span = span_of(&script.text, start..start + program.len());
    for name in MOVED {
        let is_old = OLD_PLACES.iter().any(|place| *program == format!("{place}{name}"));
        let is_there = image.is_whole && image.tree.is_file(program.as_bytes());
        // The image below may have them, if it has the overlay; or the Dockerfile adds them.
        let may_be = match &image.config {
            config if !config.is_known => false,
            config => !config.steps.install_overlay || config.steps.install_symlinks,
        };
        if is_old && !is_there && !image.is_version_2() && (image.is_whole || !may_be) {
            let new = format!("/command/{name}");
            let text = format!("{program} is there only with the tarballs of symlinks");
            let edit =
                Edit::Replace(script.path.clone(), start..start + program.len(), new.clone().into_bytes());
            let mut finding = Finding::new(111, &script.path, text).at(span).advice(format!("write {new}"));
            if !image.is_whole && !image.config.is_known {
                // The image below may have them.
                finding.severity = Severity::Note;
            }
            found.push(finding.safe_fix(format!("write {new}"), vec![edit]));
            return;
        }
    }
    first_line(script, program, span, found);
    let missing = if program.starts_with('/') && !is_executable(image.tree, program.as_bytes()) {
        Some((program.as_str(), span))
    } else {
        behind(image, script)
    };
    if let Some((name, span)) = missing.filter(|_| image.is_whole) {
        let text = format!("{name} isn't in the image, or isn't executable");
        let advice = "install it, or begin the script with another one";
        found.push(Finding::new(109, &script.path, text).at(span).advice(advice));
    }
}

/// The interpreter that env or with-contenv looks for, if it isn't in the image.
fn behind<'s>(image: &Image<'_>, script: &'s Script) -> Option<(&'s str, Span)> {
    let (first, rest) = script.interpreter.split_first()?;
    if !matches!(base_name(first), "env" | "with-contenv") {
        return None;
    }
    let name = rest.iter().find(|word| *word != "-S" && !word.contains('='))?;
    // Others may be where an unknown PATH leads.
    let is_usual = ["sh", "bash", "ash", "dash", "bashio"].contains(&name.as_str());
    if name.starts_with('-') || image.program(name).is_some() || !is_usual && !image.config.is_complete {
        return None;
    }
    let line = script.text.split(|byte| *byte == b'\n').next()?;
    let at = rfind(line, name.as_bytes())?;
    Some((name, span_of(&script.text, at..at + name.len())))
}

/// SO110.
fn first_line(script: &Script, program: &str, span: Span, found: &mut Vec<Finding>) {
    let rest = script.interpreter.get(1..).unwrap_or_default();
    let all = rest.join(" ");
    let (text, advice) = match base_name(program) {
        "env" if rest.len() > 1 && !all.starts_with('-') => (
            format!("env looks for a program \"{all}\": a first line has one argument"),
            format!("write {program} -S {all}, or the interpreter's path"),
        ),
        "sh" | "bash" | "ash" | "dash" | "ksh" | "execlineb" if rest.len() > 1 && all.starts_with('-') => (
            format!("{} gets \"{all}\" as one option, which it doesn't know", base_name(program)),
            "write one word: short options can stand together, and a script can set others".to_owned(),
        ),
        _ => {
            let line = script.text.iter().take_while(|byte| **byte != b'\n').count();
            if line > FIRST_LINE_MAX {
                let text = format!("the first line has {line} bytes, and the kernel reads {FIRST_LINE_MAX}");
                let finding = Finding::new(110, &script.path, text).at(span);
                found.push(finding.advice("write a shorter one, and the rest into the script"));
            }
            return;
        }
    };
    let mut finding = Finding::new(110, &script.path, text).at(Span::line(1)).advice(advice);
    finding.severity = Severity::Error;
    found.push(finding);
}

fn is_executable(tree: &Tree, path: &[u8]) -> bool {
    tree.stat(path).is_some_and(|meta| meta.kind == Kind::File && meta.mode & 0o111 != 0)
}

/// SO112: the program that `up` or `down` names.
fn command(image: &Image<'_>, path: &[u8], found: &mut Vec<Finding>) {
    let Some(text) = image.tree.read(path, 1 << 16) else { return };
    let Ok(words) = execline::parse(&text) else { return };
    let mut words = words.iter().map(|word| word.as_slice());
    let Some(program) = words.find(|word| !word.ends_with(b"with-contenv")) else { return };
    if !program.starts_with(b"/") {
        return;
    }
    let at = find(&text, program).unwrap_or(0);
    named(image, path, span_of(&text, at..at + program.len()), program, found);
}

/// SO112: a program that is named in a file.
pub(super) fn named(image: &Image<'_>, path: &[u8], span: Span, program: &[u8], found: &mut Vec<Finding>) {
    let shown = String::from_utf8_lossy(program).into_owned();
    match image.tree.stat(program) {
        None if image.is_whole || program.starts_with(b"/etc/s6-overlay/") => {
            // A oneshot before may make it, but hardly there.
            let finding = Finding::new(112, path, format!("there is no {shown}")).at(span);
            found.push(finding.advice("create it, or name a program that exists"));
        }
        Some(meta) if meta.kind == Kind::File && meta.mode & 0o111 == 0 => {
            let Some(severity) = image.bad_mode() else { return };
            let mode = meta.mode | 0o111;
            let mut finding = Finding::new(112, path, format!("{shown} isn't executable")).at(span);
            finding.severity = severity;
            let finding = finding.advice(format!("chmod {mode:o} {shown}"));
            found.push(match image.tree.is_uppermost(program) {
                true => finding
                    .safe_fix(format!("chmod {mode:o} {shown}"), vec![Edit::Mode(program.to_vec(), mode)]),
                false => finding,
            });
        }
        _ => {}
    }
}

/// SO704.
fn version_2(script: &Script, found: &mut Vec<Finding>) {
    if !matches!(script.language, Language::Shell | Language::Execline) {
        return;
    }
    for (old, new) in VERSION_2 {
        let Some(at) = find_word(&script.text, old.as_bytes()) else { continue };
        let edit = Edit::Replace(script.path.clone(), at..at + old.len(), new.as_bytes().to_vec());
        let finding = Finding::new(704, &script.path, format!("{old} is of version 2"))
            .at(span_of(&script.text, at..at + old.len()))
            .advice(format!("write {new}"));
        // The others take other options, or are something else.
        let is_same = !matches!(old, "justc-envdir" | "/var/run/s6/etc");
        let what = format!("write {new}");
        found.push(match is_same {
            true => finding.safe_fix(what, vec![edit]),
            false => finding.unsafe_fix(what, vec![edit]),
        });
    }
}

/// Where a word stands for itself, not in a comment.
fn find_word(text: &[u8], word: &[u8]) -> Option<usize> {
    let is_part = |byte: Option<&u8>| {
        byte.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let mut from = 0;
    while let Some(at) = find(text.get(from..)?, word) {
        let at = from + at;
        let line = text.get(..at)?.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let before_it = text.get(line..at)?.trim_ascii_start();
        // What is looked for in another text is no path of this script's.
        let is_comment =
            before_it.starts_with(b"#") || [&b"sed "[..], b"grep "].iter().any(|word| has(before_it, word));
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        let before = before.filter(|byte| **byte != b'/' || !word.starts_with(b"s6-"));
        if !is_comment && !is_part(before) && !is_part(text.get(at + word.len())) {
            return Some(at);
        }
        from = at + word.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::find_word;

    #[test]
    fn a_word_is_found_where_it_is_one() {
        for (text, found) in [
            ("exec s6-test -f x", true),
            ("/bin/s6-test x", true),
            ("# s6-test", false),
            ("s6-test-2 x", false),
            ("as6-test", false),
            ("x\n  # s6-test\n s6-test", true),
            ("find . -exec sed -i 's|s6-test|eltest|' {} +", false),
        ] {
            assert_eq!(find_word(text.as_bytes(), b"s6-test").is_some(), found, "{text}");
        }
    }
}
