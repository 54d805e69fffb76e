//! The scripts of services: command lines in the language of execline (`up`, `down`, `reload`) and programs
//! (`run`, `finish`), with warnings about what goes wrong only when they run.

use crate::diagnostic::{Diagnostic, Severity};
use rustix::fs::Access;
use tool::diag::show;

/// Words that a shell would act upon, and that here are arguments like any other.
const SHELL_WORDS: [&[u8]; 10] = [b"&&", b"||", b";", b"|", b">", b">>", b"<", b"2>&1", b"&", b";;"];

fn interpreter(text: &[u8]) -> Option<&[u8]> {
    let line = text.strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?;
    Some(line.trim_ascii())
}

/// The line of the first word that is `word`, 0 if it isn't found where it is looked for.
fn line_of(text: &[u8], word: &[u8]) -> u32 {
    let mut lines = (1..).zip(text.split(|b| *b == b'\n'));
    lines.find(|(_, l)| l.split(u8::is_ascii_whitespace).any(|w| w == word)).map_or(0, |(n, _)| n)
}

/// The command line of an `up`, `down` or `reload` file, with warnings.
///
/// # Errors
/// The syntax error.
pub(crate) fn parse(path: &[u8], text: &[u8]) -> Result<(Vec<Vec<u8>>, Vec<Diagnostic>), Diagnostic> {
    let argv = execline::parse(text).map_err(|e| {
        Diagnostic::error(path.to_vec(), e.fault.to_string()).line(e.at.line).column(e.at.column)
    })?;
    let mut findings = Vec::new();
    let mut warn = |text: String, line: u32, advice: &str| {
        findings.push(
            Diagnostic::new(Severity::Warning, path.to_vec(), text)
                .line(line)
                .column(u32::from(line != 0))
                .advice(advice),
        );
    };
    let first = argv.first().map_or(&[][..], Vec::as_slice);
    if let Some(shebang) = interpreter(text) {
        let program = shebang.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        if !program.ends_with(b"/execlineb") && !argv.is_empty() && !first.starts_with(b"/") {
            warn(
                format!("the first line is only a comment here: {} does not run this file", show(shebang)),
                1,
                "the file is one command line in execline's language; put a script elsewhere and write its path here",
            );
        }
    }
    if let Some(word) = argv.iter().find(|w| SHELL_WORDS.contains(&w.as_slice())) {
        warn(
            format!("{} is an argument here: no shell reads this file", show(word)),
            line_of(text, word),
            "put the commands into a script and write its path here, or use execline's if and foreground",
        );
    }
    if first.starts_with(b"/")
        && rustix::fs::access(first, Access::EXISTS).is_ok()
        && rustix::fs::access(first, Access::EXEC_OK).is_err()
    {
        let what = format!("{} can't be executed: starting the service will fail", show(first));
        warn(what, line_of(text, first), "chmod +x it");
    }
    let line = crate::text::first_cr_line(text);
    if line != 0 {
        warn(
            "lines end in carriage returns".into(),
            line,
            "they count as blanks; save it with Unix line ends",
        );
    }
    Ok((argv, findings))
}

/// Checks a `run` or `finish`, and gives back what to write into the service directory: its contents, without the
/// carriage returns if its first line ends in one.
pub(crate) fn check_executable(path: &[u8], data: Vec<u8>, findings: &mut Vec<Diagnostic>) -> Vec<u8> {
    let mut warn = |text: &str, advice: &str| {
        let finding = Diagnostic::new(Severity::Warning, path.to_vec(), text).line(1);
        findings.push(finding.advice(advice));
    };
    if data.starts_with(b"#!") {
        if data.split(|b| *b == b'\n').next().is_some_and(|l| l.ends_with(b"\r")) {
            warn("lines end in carriage returns", "they are left out; save it with Unix line ends");
            let mut lines = data.split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l));
            let mut clean = lines.next().unwrap_or_default().to_vec();
            for line in lines {
                clean.push(b'\n');
                clean.extend_from_slice(line);
            }
            return clean;
        }
        if interpreter(&data).is_some_and(|i| !i.starts_with(b"/")) {
            warn("the first line names no absolute path", "begin it with #! and the interpreter's full path");
        }
    } else if !data.starts_with(b"\x7fELF") {
        warn(
            "neither a script with a #! line nor a program: the service can't start",
            "begin it with #!/bin/sh or another interpreter, on the very first line",
        );
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(text: &str) -> Vec<String> {
        parse(b"up", text.as_bytes()).unwrap().1.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn shell_habits_are_pointed_at() {
        assert!(warnings("#!/bin/sh\necho a\n")[0].starts_with("up:1:1: the first line is only a comment"));
        assert!(warnings("echo a\n  echo b && echo c")[0].starts_with("up:2:1: && is an argument"));
        assert!(warnings("echo a\r\n")[0].starts_with("up:1:1: lines end in carriage"));
    }

    #[test]
    fn sound_scripts_are_left_in_peace() {
        for text in [
            "",
            "# nothing\n",
            "#!/bin/sh\n",
            "#!/command/execlineb -P\necho a",
            "sh -c \"a && b\"",
            "#!/bin/sh\n/no/such",
        ] {
            assert!(warnings(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn syntax_errors_know_their_place() {
        let error = parse(b"up", b"true\n if { x").unwrap_err();
        assert_eq!((error.line, error.column), (Some(2), Some(5)));
    }

    #[test]
    fn programs_are_checked() {
        let mut found = Vec::new();
        assert_eq!(check_executable(b"run", b"#!/bin/sh\r\nx\r\n".to_vec(), &mut found), b"#!/bin/sh\nx\n");
        assert_eq!(check_executable(b"run", b"\x7fELF\r\n".to_vec(), &mut found), b"\x7fELF\r\n");
        assert_eq!(found.len(), 1);
        check_executable(b"run", b"exec sleep 1\n".to_vec(), &mut found);
        assert_eq!(found.len(), 2);
    }
}
