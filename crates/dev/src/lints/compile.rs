//! What the compiler says of the definitions.

use crate::compiled;
use crate::finding::{Edit, Finding, Span};
use crate::image::Image;
use crate::text::find;
use crate::tree::Tree;
use s6_rc::diagnostic::{Code, Severity};
use s6_rc::instances::plain;
use std::collections::BTreeSet;
use tool::path::{join, split};

/// A longer file is cut.
const FILE_MAX: usize = 1 << 16;
/// What the compiler finds for itself, and finds out about this machine, not about the image.
const LEFT_TO_OTHERS: [Code; 4] = [Code::INTERPRETER, Code::COMMAND, Code::CARRIAGE_RETURN, Code::UNREACHED];

/// Everything that the compiler says of an image.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    let compiled = match image.compiled() {
        Ok(compiled) => compiled,
        Err(e) => {
            found.push(Finding::new(117, b"", format!("the definitions can't be read: {e}")));
            return;
        }
    };
    let legacy = image.legacy.iter().flat_map(|service| {
        let log = join(&service.path, b"log");
        let of_log = image.tree.is_directory(&log).then(|| compiled::look_at(image.tree, &log, true));
        let own = compiled::look_at(image.tree, &service.path, false);
        [own, of_log.flatten()].into_iter().flatten().flat_map(|checked| checked.diagnostics)
    });
    let legacy: Vec<_> = legacy.collect();
    let all = compiled.diagnostics.iter().chain(&legacy);
    for diagnostic in all.filter(|d| !LEFT_TO_OTHERS.contains(&d.code)) {
        // What isn't here may be in the image below.
        let elsewhere = [Code::UNDEFINED, Code::WANTED, Code::TYPE, Code::BUNDLE, Code::STRAY, Code::PROGRAM];
        if !image.is_whole
            && elsewhere.contains(&diagnostic.code)
            && !["is not a type", "contain each other"].iter().any(|text| diagnostic.text.contains(text))
        {
            continue;
        }
        let Some(mut finding) = with_env(image, compiled::finding(diagnostic)) else { continue };
        if let Some(word) = word_at(image.tree, &finding)
            && let Some(span) = &mut finding.span
        {
            span.end = span.column + word;
        }
        found.push(fixed(image, as_bad(image, finding)));
    }
}

/// What is left of a finding where the image's own variables are known: one of them may say how many instances there are.
fn with_env(image: &Image<'_>, finding: Finding) -> Option<Finding> {
    let variable = finding.text.split_once("the variable ").and_then(|(_, rest)| rest.split(' ').next());
    let value = variable.filter(|_| finding.code == Code::INSTANCES_UNSET);
    let Some((variable, value)) = value.and_then(|name| Some((name, image.config.variable(name)?))) else {
        return Some(finding);
    };
    if value.trim().is_empty() {
        return Some(finding);
    }
    let mistake = plain(value.as_bytes(), || 1).err()?;
    let text = format!("ENV {variable} doesn't say how many: {}", mistake.text);
    let severity = Severity::Error;
    Some(Finding { code: Code::INSTANCES, text, advice: Some(mistake.advice), severity, ..finding })
}

/// What compiles and can't work is an error here, where nobody waits for a start.
fn as_bad(image: &Image<'_>, mut finding: Finding) -> Finding {
    let text = image.tree.read(&finding.path, FILE_MAX).unwrap_or_default();
    let is_error = match finding.code {
        Code::NOT_EXECUTABLE => true,
        // What a shell would do with these, no program does with its arguments; but some print them.
        Code::SHELL_SYNTAX => {
            let words = execline::parse(&text).unwrap_or_default();
            let prints = words.iter().any(|word| matches!(word.as_slice(), b"echo" | b"s6-echo" | b"printf"));
            !prints && words.iter().any(|word| matches!(word.as_slice(), b"&&" | b"||"))
        }
        _ => false,
    };
    if is_error {
        finding.severity = Severity::Error;
    }
    finding
}

/// The same with what fixes it.
fn fixed(image: &Image<'_>, finding: Finding) -> Finding {
    match finding.code {
        Code::MISSPELT => renamed(finding),
        Code::UNDEFINED => meant_service(image, finding),
        Code::TYPE => with_type(image, finding),
        Code::NOT_EXECUTABLE => with_interpreter(image, finding),
        Code::SHELL_SYNTAX | Code::COMMENT => own_script(image, finding),
        Code::UNUSED_RUN => run_in_up(image, finding),
        Code::NUMBER => in_milliseconds(image, finding),
        Code::PIPELINE => both_ends(image, finding),
        Code::PROBES => probe(image, finding),
        _ => finding,
    }
}

fn renamed(finding: Finding) -> Finding {
    let Some(meant) = meant(finding.advice.as_deref()).map(str::to_owned) else { return finding };
    let to = join(split(&finding.path).0, meant.as_bytes());
    let edit = Edit::Rename(finding.path.clone(), to);
    finding.unsafe_fix(format!("rename it to {meant}"), vec![edit])
}

/// SO201: the name that was probably meant, in a list or as an entry.
fn meant_service(image: &Image<'_>, finding: Finding) -> Finding {
    let Some(meant) = meant(finding.advice.as_deref()).map(str::to_owned) else { return finding };
    if finding.span.is_none() {
        return renamed(finding);
    }
    let wrong = finding.text.rsplit(' ').next().unwrap_or_default().to_owned();
    let text = image.tree.read(&finding.path, FILE_MAX).unwrap_or_default();
    let Some(at) = find(&text, wrong.as_bytes()).filter(|_| !wrong.is_empty()) else { return finding };
    let edit = Edit::Replace(finding.path.clone(), at..at + wrong.len(), meant.clone().into_bytes());
    finding.unsafe_fix(format!("write {meant}"), vec![edit])
}

/// SO101: the type that the other files are those of.
fn with_type(image: &Image<'_>, finding: Finding) -> Finding {
    let is_file = finding.path.ends_with(b"/type");
    let directory = if is_file { split(&finding.path).0.to_vec() } else { finding.path.clone() };
    let has = |name: &str| image.tree.lstat(&join(&directory, name.as_bytes())).is_some();
    let kinds = [("run", "longrun"), ("up", "oneshot"), ("contents.d", "bundle"), ("contents", "bundle")];
    let fitting: BTreeSet<&str> = kinds.iter().filter(|(file, _)| has(file)).map(|(_, kind)| *kind).collect();
    // A oneshot may have a script that is called run.
    let Some(kind) = fitting.first().filter(|_| fitting.len() == 1) else { return finding };
    let path = join(&directory, b"type");
    let text = format!("{kind}\n").into_bytes();
    let edit = match image.tree.read(&path, FILE_MAX) {
        Some(old) => Edit::Replace(path, 0..old.len(), text),
        None => Edit::Create(path, 0o644, text),
    };
    finding.unsafe_fix(format!("write {kind} into type"), vec![edit])
}

/// SO104, of a text: a file without one may be anything.
fn with_interpreter(image: &Image<'_>, finding: Finding) -> Finding {
    let text = image.tree.read(&finding.path, FILE_MAX).unwrap_or_default();
    let is_text =
        std::str::from_utf8(&text).is_ok_and(|text| !text.contains('\0') && !text.trim().is_empty());
    // A first line that isn't quite at the beginning.
    let has_one = find(&text, b"#!").is_some();
    if !is_text || has_one {
        return finding;
    }
    let edit = Edit::Replace(finding.path.clone(), 0..0, b"#!/bin/sh\n".to_vec());
    finding.safe_fix("begin it with #!/bin/sh", vec![edit])
}

/// SO105, SO106: what is a shell's becomes a script of its own.
fn own_script(image: &Image<'_>, finding: Finding) -> Finding {
    let (directory, file) = split(&finding.path);
    let Some(text) = image.tree.read(&finding.path, FILE_MAX) else { return finding };
    let words = execline::parse(&text).unwrap_or_default();
    // In blocks it is execline's, after all.
    if words.iter().any(|word| word.starts_with(b" ")) || !matches!(file, b"up" | b"down") {
        return finding;
    }
    let name = [split(directory).1, if file == b"down" { b"-down" } else { &b""[..] }].concat();
    let script = join(SCRIPTS, &name);
    let takes_variables = words.first().is_some_and(|word| word.ends_with(b"with-contenv"));
    let mut content = text.clone();
    if !text.starts_with(b"#!") {
        let at = find(&text, b"with-contenv")
            .filter(|_| takes_variables)
            .map_or(0, |at| at + b"with-contenv".len());
        let head = if takes_variables { &b"#!/command/with-contenv sh\n"[..] } else { b"#!/bin/sh -e\n" };
        content = [head, text.get(at..).unwrap_or_default().trim_ascii_start()].concat();
    } else if takes_variables {
        return finding;
    }
    let shown = String::from_utf8_lossy(&script).into_owned();
    let edits = vec![
        Edit::Replace(finding.path.clone(), 0..text.len(), format!("{shown}\n").into_bytes()),
        Edit::Create(script, 0o755, content),
    ];
    finding.safe_fix(format!("move it to {shown}"), edits)
}

/// Where scripts of oneshots usually are.
const SCRIPTS: &[u8] = b"/etc/s6-overlay/scripts";

/// SO107: the path of `run` in an `up` that does nothing.
fn run_in_up(image: &Image<'_>, finding: Finding) -> Finding {
    let (directory, _) = split(&finding.path);
    let up = join(directory, b"up");
    let line = format!("{}\n", String::from_utf8_lossy(&finding.path)).into_bytes();
    let mut edits = match image.tree.read(&up, FILE_MAX) {
        None => vec![Edit::Create(up, 0o644, line)],
        Some(text) if execline::parse(&text).is_ok_and(|words| words.is_empty()) => {
            vec![Edit::Replace(up, 0..text.len(), line)]
        }
        Some(_) => return finding,
    };
    let mode = image.tree.stat(&finding.path).map_or(0, |meta| meta.mode);
    if mode & 0o111 == 0 {
        edits.push(Edit::Mode(finding.path.clone(), mode | 0o111));
    }
    finding.unsafe_fix("write its path into up", edits)
}

/// SO114: `30s`, where milliseconds are wanted.
fn in_milliseconds(image: &Image<'_>, finding: Finding) -> Finding {
    if !split(&finding.path).1.starts_with(b"timeout-") {
        return finding;
    }
    let Some(text) = image.tree.read(&finding.path, FILE_MAX) else { return finding };
    let Some(ms) = wire::number::milliseconds(&text).filter(|ms| u32::try_from(*ms).is_ok()) else {
        return finding;
    };
    let edit = Edit::Replace(finding.path.clone(), 0..text.len(), format!("{ms}\n").into_bytes());
    finding.advice(format!("write {ms}, in milliseconds")).safe_fix(format!("write {ms}"), vec![edit])
}

/// SO321: the word that was meant, or a file that another one makes useless.
fn probe(image: &Image<'_>, finding: Finding) -> Finding {
    if split(&finding.path).1 == b"notification-fd" {
        let edit = Edit::Remove(finding.path.clone());
        return finding.unsafe_fix("remove it", vec![edit]);
    }
    let meant = meant(finding.advice.as_deref()).map(str::to_owned);
    let Some((meant, text)) = meant.zip(image.tree.read(&finding.path, FILE_MAX)) else { return finding };
    let wrong = finding.text.split('"').nth(1).unwrap_or_default().as_bytes();
    let Some(start) = finding.span.and_then(|span| place_of(&text, span)) else { return finding };
    let end = start + wrong.len();
    if text.get(start..end) != Some(wrong) {
        return finding;
    }
    let edit = Edit::Replace(finding.path.clone(), start..end, meant.clone().into_bytes());
    finding.unsafe_fix(format!("write {meant}"), vec![edit])
}

/// Where a place is in a text.
fn place_of(text: &[u8], span: Span) -> Option<usize> {
    let before = usize::try_from(span.line).ok()?.checked_sub(1)?;
    let lines = text.split_inclusive(|byte| *byte == b'\n').take(before);
    Some(lines.map(<[u8]>::len).sum::<usize>() + usize::try_from(span.column).ok()?.checked_sub(1)?)
}

/// SO208: the other end of a pipeline says that it is one, too.
fn both_ends(image: &Image<'_>, finding: Finding) -> Finding {
    let (directory, file) = split(&finding.path);
    let here = split(directory).1.to_vec();
    let other_file = match file {
        b"producer-for" => "consumer-for",
        b"consumer-for" => "producer-for",
        _ => return finding,
    };
    let Some(other) = finding.text.split_once(" does not say that it is a ").map(|(name, _)| name.to_owned())
    else {
        return finding;
    };
    let Some(other) = image.definitions.iter().find(|definition| definition.name == other.as_bytes()) else {
        return finding;
    };
    let path = other.path_of(other_file);
    let line = [here.as_slice(), b"\n"].concat();
    let edit = match image.tree.read(&path, FILE_MAX) {
        None => Edit::Create(path, 0o644, line),
        // A consumer may have several producers, but a producer has one consumer.
        Some(text) if other_file == "consumer-for" => {
            let before = if text.is_empty() || text.ends_with(b"\n") { &b""[..] } else { b"\n" };
            Edit::Replace(path, text.len()..text.len(), [before, &line].concat())
        }
        Some(_) => return finding,
    };
    let shown = String::from_utf8_lossy(&other.name).into_owned();
    finding.unsafe_fix(format!("write it into {other_file} of {shown}"), vec![edit])
}

/// The name in `did you mean NAME?`.
fn meant(advice: Option<&str>) -> Option<&str> {
    advice?.strip_prefix("did you mean ")?.strip_suffix('?')
}

/// The length of the word that a finding points to.
fn word_at(tree: &Tree, finding: &Finding) -> Option<u32> {
    let span = finding.span.filter(|span| span.column > 0)?;
    let text = tree.read(&finding.path, FILE_MAX)?;
    let line = text.split(|byte| *byte == b'\n').nth(usize::try_from(span.line).ok()?.checked_sub(1)?)?;
    let word = line.get(usize::try_from(span.column).ok()?.checked_sub(1)?..)?;
    let length = word.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
    u32::try_from(length.max(1)).ok()
}
