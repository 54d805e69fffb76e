//! The file `reload` of a longrun, or of a directory of services.d: how its daemon is made to read its configuration again.
//!
//! Either `signal NAME`, or a command line as in a oneshot's `up`.

use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::script;
use sys::signal::{self, Signal};
use tool::diag::show;

/// The name of the file.
pub const FILE: &str = "reload";

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reload {
    /// This signal is sent to the process of `run`.
    Signal(Signal),
    /// This command line is run.
    Command(Vec<Vec<u8>>),
}

/// Reads the text of the file `path`.  `None` for a program, which has the name by chance, and for an empty file; what is suspicious is added to the
/// findings.
///
/// # Errors
/// What is wrong, where, and what to write instead.
pub fn parse(path: &[u8], text: &[u8], findings: &mut Vec<Diagnostic>) -> Result<Option<Reload>, Diagnostic> {
    let error =
        |what: String, advice: &str| Diagnostic::error(Code::RELOAD, path.to_vec(), what).advice(advice);
    if script::is_program(text) {
        let finding =
            Diagnostic::new(Code::RELOAD, Severity::Warning, path.to_vec(), "not read: it is a program");
        findings.push(finding.advice("give it another name, and write its path into reload"));
        return Ok(None);
    }
    let (argv, suspicions) = script::parse(path, text)?;
    let at = |diagnostic: Diagnostic, word: &[u8]| {
        let (line, column) = script::place_of(text, word);
        diagnostic.line(line).column(column)
    };
    let example = "write signal and its name, as in: signal SIGHUP";
    match argv.as_slice() {
        [] => {
            let finding = Diagnostic::new(
                Code::RELOAD,
                Severity::Warning,
                path.to_vec(),
                "not read: there is nothing in it",
            );
            let advice =
                "write signal SIGHUP, or the command line that makes the daemon read its configuration";
            findings.push(finding.advice(advice));
            Ok(None)
        }
        [first] if first == b"signal" => Err(at(error("the signal is missing".to_owned(), example), first)),
        [first, name] if first == b"signal" => match signal::parse(name) {
            Some(number) => Ok(Some(Reload::Signal(number))),
            None => Err(at(error(format!("\"{}\" is not a signal", show(name)), example), name)),
        },
        [first, _, more, ..] if first == b"signal" => {
            Err(at(error(format!("\"{}\" is one word too many", show(more)), example), more))
        }
        _ => {
            findings.extend(suspicions);
            Ok(Some(Reload::Command(argv)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_a_signal_or_a_command() {
        let of = |text: &str| {
            let mut findings = Vec::new();
            let parsed = parse(b"s/web/reload", text.as_bytes(), &mut findings);
            let findings: String = findings.iter().map(|finding| format!(" [{finding}]")).collect();
            match parsed {
                Ok(Some(Reload::Signal(number))) => format!("signal {number}{findings}"),
                Ok(Some(Reload::Command(argv))) => format!("run {}{findings}", show(&argv.join(&b' '))),
                Ok(None) => format!("nothing{findings}"),
                Err(error) => format!("error: {error}{findings}"),
            }
        };
        let texts = [
            "signal SIGHUP\n",
            "# a comment\nsignal usr1",
            "nginx -s reload\n",
            "#!/bin/execlineb -P\nnginx -s reload\n",
            "/no/such/program\n",
            "#!/bin/sh\nkill -HUP 7\n",
            "",
            "signal",
            "signal SIGHUPP\n",
            "\n  signal HUP now\n",
            "nginx \"\n",
        ];
        let lines: Vec<_> = texts.iter().map(|text| format!("{text:?}: {}", of(text))).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
