//! The files of definitions: their modes, line ends, and values that compile and aren't what is meant.

use crate::finding::{Edit, Finding};
use crate::image::{Definition, Image, Target};
use crate::shell::span_of;
use crate::text::find;
use files::Kind;
use s6_rc::diagnostic::Severity;
use s6_rc::{instances, probes, restart_policy};
use tool::path::join;

/// Files that the C overlay doesn't know, beside those about restarts and about readiness and liveness.
const OURS: [&str; 4] = ["kill-mode", "only-if", "reload", "wants.d"];

/// Files with a time in milliseconds.
const TIMES: [&str; 10] = [
    "timeout-up",
    "timeout-down",
    "timeout-kill",
    "timeout-finish",
    "restart-delay",
    "restart-delay-max",
    "restart-reset",
    "ready-check-timeout",
    "live-period",
    "live-timeout",
];

/// The checks of this module.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    for definition in &image.definitions {
        times(image, definition, found);
        carriage_returns(image, &definition.path, &definition.entries, found);
        not_executable(image, &definition.path_of("data/check"), found);
        if image.target == Target::S6Overlay {
            ours(&definition.path, &definition.entries, definition.is_longrun(), found);
            several(image, &definition.path, found);
        }
    }
    for service in &image.legacy {
        let entries = image.tree.names(&service.path);
        carriage_returns(image, &service.path, &entries, found);
        if image.target == Target::S6Overlay {
            ours(&service.path, &entries, true, found);
        }
        for file in ["run", "finish"] {
            not_executable(image, &join(&service.path, file.as_bytes()), found);
        }
    }
    for script in image.scripts() {
        if script.meta.mode & 0o002 != 0 {
            let mode = script.meta.mode & !0o022;
            let text = format!("everybody may write to it: its mode is {:04o}", script.meta.mode);
            found.push(Finding::new(605, &script.path, text).chmod(mode));
        }
    }
}

/// SO103: what is executed where it is has to be executable.
fn not_executable(image: &Image<'_>, path: &[u8], found: &mut Vec<Finding>) {
    let Some(severity) = image.bad_mode() else { return };
    let Some(meta) = image.tree.stat(path).filter(|meta| meta.kind == Kind::File && meta.mode & 0o111 == 0)
    else {
        return;
    };
    let text = format!("it isn't executable: its mode is {:04o}", meta.mode);
    let mut finding = Finding::new(103, path, text).chmod(meta.mode | 0o111);
    finding.severity = severity;
    found.push(finding);
}

/// SO108.
fn carriage_returns(image: &Image<'_>, directory: &[u8], entries: &[Vec<u8>], found: &mut Vec<Finding>) {
    // What is a directory has no text.
    for file in
        s6_rc::definition_reader::entries().filter(|file| entries.iter().any(|e| e == file.as_bytes()))
    {
        let path = join(directory, file.as_bytes());
        let Some(text) = image.tree.read(&path, 1 << 16).filter(|text| !text.starts_with(b"\x7fELF")) else {
            continue;
        };
        let Some(at) = find(&text, b"\r\n") else { continue };
        let mut finding = Finding::new(108, &path, "lines end in carriage returns")
            .at(span_of(&text, at..at + 1))
            .advice("save the file with Unix line ends");
        if image.target == Target::S6Overlay {
            finding.severity = Severity::Error;
        }
        let lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let fixed = lines.collect::<Vec<_>>().join(&b'\n');
        let edit = Edit::Replace(path.clone(), 0..text.len(), fixed);
        found.push(finding.safe_fix("remove them", vec![edit]));
    }
}

/// SO115: a number that looks like seconds.
fn times(image: &Image<'_>, definition: &Definition, found: &mut Vec<Finding>) {
    for file in TIMES.iter().filter(|file| definition.has(file)) {
        let path = definition.path_of(file);
        let text = image.tree.read(&path, 64).unwrap_or_default();
        let digits = text.trim_ascii_end();
        let Some(value) = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok())
        else {
            continue;
        };
        // A short pause before another start is nothing strange.
        let most = if file.starts_with("timeout-") { 300 } else { 60 };
        if value == 0 || value > most {
            continue;
        }
        let seconds = u64::from(value) * 1000;
        let edit = Edit::Replace(path.clone(), 0..digits.len(), seconds.to_string().into_bytes());
        let finding = Finding::new(115, &path, format!("{value} is {value} milliseconds"))
            .at(span_of(&text, 0..digits.len()))
            .advice(format!("write {seconds} for {value} seconds"));
        found.push(finding.unsafe_fix(format!("write {seconds}"), vec![edit]));
    }
}

/// SO790 for what the C overlay would make something else of.
fn several(image: &Image<'_>, directory: &[u8], found: &mut Vec<Finding>) {
    let path = join(directory, instances::FILE.as_bytes());
    if directory.ends_with(b"@") && image.tree.kind(&path) == Some(Kind::File) {
        let text = "the C overlay ignores this file: it makes one service of that name, and no bundle";
        found.push(Finding { severity: Severity::Error, ..Finding::new(790, &path, text) });
    }
}

/// SO790.
fn ours(directory: &[u8], entries: &[Vec<u8>], is_longrun: bool, found: &mut Vec<Finding>) {
    let files = restart_policy::FILES.into_iter().chain(probes::FILES).chain(OURS);
    for file in files.filter(|file| entries.iter().any(|entry| entry == file.as_bytes())) {
        // A oneshot's `reload` is the reference's.
        if file == "reload" && !is_longrun {
            continue;
        }
        let text = "the C overlay doesn't know this file, and ignores it";
        found.push(Finding::new(790, &join(directory, file.as_bytes()), text));
    }
}
