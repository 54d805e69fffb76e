//! The scripts of services: command lines in the language of execline (`up`, `down`, `reload`) and programs
//! (`run`, `finish`), with warnings about what goes wrong only when they run.

use crate::diagnostic::{Code, Diagnostic, Severity};
use rustix::fs::{Access, CWD};
use rustix::io::Errno;
use tool::diag::{show, shown};
use tool::exec_failure;

/// Words that are syntax to a shell, and plain arguments here.
const SHELL_WORDS: [&[u8]; 10] = [b"&&", b"||", b";", b"|", b">", b">>", b"<", b"2>&1", b"&", b";;"];

/// Commands that replace `$NAME` in what follows them.
const SUBSTITUTING: [&[u8]; 12] = [
    b"backtick",
    b"define",
    b"dollarat",
    b"elgetopt",
    b"elgetpositionals",
    b"elglob",
    b"forbacktickx",
    b"forstdin",
    b"forx",
    b"importas",
    b"multidefine",
    b"multisubstitute",
];

/// Commands that do so only with their option `-E`.
const SUBSTITUTING_WITH_E: [&[u8]; 4] = [b"getcwd", b"getpid", b"redirfd", b"withstdinas"];

/// Words that begin a command of a shell and are no programs, or other ones here.
const SHELL_COMMANDS: [&[u8]; 20] = [
    b".",
    b":",
    b"alias",
    b"case",
    b"declare",
    b"eval",
    b"export",
    b"for",
    b"if",
    b"local",
    b"readonly",
    b"return",
    b"set",
    b"shopt",
    b"source",
    b"trap",
    b"typeset",
    b"unset",
    b"until",
    b"while",
];

/// Commands that run the rest of their line, so that their next line may be part of it, in a shell's script as well.
const ENTERING: [&[u8]; 3] = [b"cd", b"exec", b"umask"];

/// How much of a script is read to find its interpreter, in bytes.
const FIRST_LINE_LIMIT: usize = 256;

fn interpreter(text: &[u8]) -> Option<&[u8]> {
    let line = text.strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?;
    line.trim_ascii().split(u8::is_ascii_whitespace).next()
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

/// The line and column of the first word that is `word`; zeros if it isn't found where it is looked for.
pub(crate) fn place_of(text: &[u8], word: &[u8]) -> (u32, u32) {
    for (number, line) in (1..).zip(text.split(|b| *b == b'\n')) {
        let mut at = 0;
        for found in line.split(u8::is_ascii_whitespace) {
            if found == word {
                return (number, u32::try_from(at + 1).unwrap_or(0));
            }
            at += found.len() + 1;
        }
    }
    (0, 0)
}

/// Whether a word is `$NAME` or `${NAME}`.
fn is_variable(word: &[u8]) -> bool {
    let Some(name) = word.strip_prefix(b"$") else { return false };
    let name = name.strip_prefix(b"{").map_or(Some(name), |n| n.strip_suffix(b"}")).unwrap_or_default();
    name.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
        && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

/// Whether one of the words is a command that replaces `$NAME` in what follows it.
fn substitutes(words: &[&[u8]]) -> bool {
    words.iter().enumerate().any(|(at, word)| {
        let command = base_name(word);
        let mut options = words.iter().skip(at + 1).take_while(|w| w.starts_with(b"-"));
        SUBSTITUTING.contains(&command)
            || SUBSTITUTING_WITH_E.contains(&command) && options.any(|w| w.contains(&b'E'))
    })
}

/// Why a program that is named by its path can't be executed, and what to do.
fn program_trouble(program: &[u8]) -> Option<(String, String)> {
    let shown = shown(program);
    match sys::fs::access(program, Access::EXEC_OK) {
        Ok(()) => {
            let text = files::read_file(CWD, program, FIRST_LINE_LIMIT).ok()?;
            let (what, advice) = interpreter_trouble(&text)?;
            Some((format!("{shown} can't be executed: {what}"), advice))
        }
        Err(Errno::NOENT | Errno::NOTDIR) => {
            Some((format!("there is no {shown}"), "create it, or name a program that exists".into()))
        }
        Err(_) => {
            let advice = exec_failure::how_to_allow(CWD, program, &shown);
            Some((format!("{shown} has no execute permission"), advice))
        }
    }
}

/// Whether a file whose first line names another interpreter works all the same as the one command line that it is:
/// `shell_word` and `variable` are what only a shell would understand in it.
fn works_as_command_line(text: &[u8], argv: &[Vec<u8>], program: &[u8], is_shells: bool) -> bool {
    let lines = text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    let count = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#")).count();
    // The words of a block begin with a blank.
    let has_blocks = argv.iter().any(|w| w.starts_with(b" "));
    let is_program = has_blocks || !(SHELL_COMMANDS.contains(&program) || program.contains(&b'='));
    !is_shells && is_program && (count == 1 || has_blocks || ENTERING.contains(&base_name(program)))
}

/// Why the interpreter that the first line of a script names can't run it, and what to do.
fn interpreter_trouble(text: &[u8]) -> Option<(String, String)> {
    let program = interpreter(text)?;
    let shown = show(program);
    if !program.starts_with(b"/") {
        let advice = "begin it with #! and the interpreter's full path".into();
        return Some(("the interpreter in the first line is not an absolute path".into(), advice));
    }
    match sys::fs::access(program, Access::EXEC_OK) {
        Err(Errno::NOENT | Errno::NOTDIR) => {
            let advice = match exec_failure::own_interpreter(program) {
                Some(ours) => format!("begin it with #!{}", show(&ours)),
                None => "install it, or begin the script with another one".into(),
            };
            Some((format!("its interpreter {shown} is not there"), advice))
        }
        Err(Errno::ACCESS) => {
            Some((format!("its interpreter {shown} has no execute permission"), format!("chmod +x {shown}")))
        }
        _ => None,
    }
}

/// Whether a text is a script for another interpreter than execlineb, or a binary.
pub(crate) fn is_program(text: &[u8]) -> bool {
    let is_foreign = |program: &[u8]| base_name(program) != b"execlineb";
    text.starts_with(b"\x7fELF") || interpreter(text).is_some_and(is_foreign)
}

/// The command line without a check.
fn command_line(path: &[u8], text: &[u8]) -> Result<Vec<Vec<u8>>, Diagnostic> {
    if !text.is_empty() && exec_failure::is_damaged(text) {
        let error = Diagnostic::error(Code::NOT_EXECUTABLE, path.to_vec(), "nothing but null characters");
        return Err(error.advice(exec_failure::DAMAGED));
    }
    execline::parse(text).map_err(|e| {
        Diagnostic::error(Code::SYNTAX, path.to_vec(), e.fault.to_string())
            .line(e.at.line)
            .column(e.at.column)
    })
}

/// The command line of an `up`, `down` or `reload` file, with warnings.
///
/// # Errors
/// The syntax error.
pub(crate) fn parse(path: &[u8], text: &[u8]) -> Result<(Vec<Vec<u8>>, Vec<Diagnostic>), Diagnostic> {
    let argv = command_line(path, text)?;
    let mut findings = Vec::new();
    let mut warn = |code, text: String, (line, column): (u32, u32), advice: &str| {
        let finding = Diagnostic::new(code, Severity::Warning, path.to_vec(), text);
        findings.push(finding.line(line).column(column).advice(advice));
    };
    // The words of a block begin with a blank.
    let words = || argv.iter().map(|w| w.trim_ascii_start());
    let program = words().find(|w| base_name(w) != b"with-contenv").unwrap_or_default();
    let shell_word = words().find(|w| SHELL_WORDS.contains(w) || (w.len() > 1 && w.ends_with(b";")));
    let variable = words().find(|w| is_variable(w)).filter(|_| !substitutes(&words().collect::<Vec<_>>()));
    // One warning about shell syntax is enough.
    if let Some(interpreter) = interpreter(text)
        && base_name(interpreter) != b"execlineb"
        && !program.is_empty()
        && !program.starts_with(b"/")
        && !works_as_command_line(text, &argv, program, shell_word.or(variable).is_some())
    {
        let what = format!(
            "the first line is only a comment: {} does not read this file, all of it is one command line for {}",
            show(interpreter),
            show(program)
        );
        let advice = "put the script into a file of its own, chmod +x it, and write only its path here";
        warn(Code::COMMENT, what, (1, 1), advice);
    } else if let Some(word) = shell_word {
        let place = place_of(text, word);
        let (word, program) = (show(word), show(program));
        warn(
            Code::SHELL_SYNTAX,
            format!("{word} is an argument here, passed to {program}: no shell reads this file"),
            place,
            "put the commands into a script and write its path here, or use execline's if and foreground",
        );
    } else if let Some(word) = variable {
        warn(
            Code::SHELL_SYNTAX,
            format!("{} stays as it is: no shell reads this file", show(word)),
            place_of(text, word),
            "put importas NAME NAME before the command, or the commands into a script and its path here",
        );
    }
    if program.starts_with(b"/")
        && let Some((what, advice)) = program_trouble(program)
    {
        let what = format!("{what}: running this file will fail");
        warn(Code::COMMAND, what, place_of(text, program), &advice);
    }
    let line = crate::text::first_cr_line(text);
    if line != 0 {
        warn(
            Code::CARRIAGE_RETURN,
            "lines end in carriage returns".into(),
            (line, 0),
            "they count as blanks; save the file with Unix line ends",
        );
    }
    Ok((argv, findings))
}

/// The interpreters that can be executed: most scripts name the same few.
#[derive(Debug, Default)]
pub(crate) struct Interpreters(Vec<Vec<u8>>);

impl Interpreters {
    /// Why the interpreter that the first line of a script names can't run it, and what to do.
    fn trouble(&mut self, text: &[u8]) -> Option<(String, String)> {
        let program = interpreter(text)?;
        if self.0.iter().any(|sound| sound == program) {
            return None;
        }
        let trouble = interpreter_trouble(text);
        if trouble.is_none() {
            self.0.push(program.to_vec());
        }
        trouble
    }

    /// Checks a `run` or `finish`, and returns what to write into the service directory: its contents, without the
    /// carriage returns if its first line ends in one.
    pub(crate) fn check_executable(
        &mut self,
        path: &dyn Fn() -> Vec<u8>,
        data: Vec<u8>,
        findings: &mut Vec<Diagnostic>,
    ) -> Vec<u8> {
        let mut warn = |code, text: &str, advice: &str| {
            let finding = Diagnostic::new(code, Severity::Warning, path(), text).line(1);
            findings.push(finding.advice(advice));
        };
        let mut data = data;
        if data.starts_with(b"#!") {
            if data.split(|b| *b == b'\n').next().is_some_and(|l| l.ends_with(b"\r")) {
                warn(
                    Code::CARRIAGE_RETURN,
                    "lines end in carriage returns",
                    "they are ignored; save the file with Unix line ends",
                );
                let lines = data.split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l));
                data = lines.collect::<Vec<_>>().join(&b'\n');
            }
            if let Some((what, advice)) = self.trouble(&data) {
                warn(Code::INTERPRETER, &format!("{what}: it can't be executed"), &advice);
            }
        } else if exec_failure::is_damaged(&data) {
            let what = if data.is_empty() { "an empty file" } else { "nothing but null characters" };
            warn(Code::NOT_EXECUTABLE, &format!("{what}: it can't be executed"), exec_failure::DAMAGED);
        } else if !data.starts_with(b"\x7fELF") {
            warn(
                Code::NOT_EXECUTABLE,
                "neither a script with a #! line nor a program: it can't be executed",
                "begin it with #!/bin/sh or another interpreter, on the very first line",
            );
        }
        data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(text: &str) -> Vec<String> {
        parse(b"up", text.as_bytes()).unwrap().1.iter().map(ToString::to_string).collect()
    }

    fn one_warning(text: &str) -> String {
        let mut found = warnings(text);
        assert_eq!(found.len(), 1, "{found:?}");
        found.pop().unwrap()
    }

    #[test]
    fn shell_syntax_is_reported() {
        for shell in [
            "#!/bin/sh\necho a\necho b\n",
            "#!/bin/sh\nset -e\n",
            "#!/bin/bash\nA=b exec c\n",
            "#!/bin/sh\nmkdir a && cd a\n",
            "#!/bin/sh\necho $HOME\n",
            "#!/usr/bin/with-contenv bash\nif [ -f a ]\nthen\ncat a\nfi\n",
        ] {
            assert!(one_warning(shell).starts_with("up:1:1: the first line is only a comment"), "{shell}");
        }
        assert!(one_warning("echo a\n  echo b && echo c").starts_with("up:2:10: && is an argument"));
        assert!(one_warning("if { echo b | cat } echo").starts_with("up:1:13: | is an argument"));
        assert!(one_warning("echo a; echo b").starts_with("up:1:6: a; is an argument"));
        assert!(one_warning("with-contenv\necho ${HOME}").starts_with("up:2:6: ${HOME} stays as it is"));
        assert!(one_warning("echo a\r\n").starts_with("up:1: lines end in carriage"));
    }

    #[test]
    fn without_e_some_commands_substitute_nothing() {
        for command in ["getpid P", "getpid -e P", "getcwd P", "withstdinas -n P", "redirfd -w -f P /E"] {
            let text = format!("{command} echo $P");
            assert!(one_warning(&text).contains("$P stays as it is"), "{text}");
        }
    }

    #[test]
    fn programs_that_cannot_be_executed_are_reported() {
        assert!(one_warning("with-contenv\n/no/such\n").starts_with("up:2:1: there is no /no/such"));
        assert!(one_warning("/proc/version x").ends_with("(chmod +x /proc/version) [SO112]"));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, "#!/no/such/shell -e\n").unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let said = one_warning(path.to_str().unwrap());
        assert!(said.contains("its interpreter /no/such/shell is not there"), "{said}");
    }

    #[test]
    fn sound_scripts_cause_no_warning() {
        for text in [
            "",
            "# nothing\n",
            "#!/bin/sh\n",
            "#!/command/execlineb -P\necho a",
            "sh -c \"a && b $c\"",
            "#!/bin/sh\n/proc/self/exe",
            "#!/bin/sh\n# why\nexec /proc/self/exe",
            "#!/bin/sh\necho a\n",
            "#!/bin/bash\nexec sh -c \"\n a\n b\n\"",
            "#!/usr/bin/with-contenv bash\nwith-contenv\nforeground { echo a }\necho b",
            "importas -i A A echo $A",
            "if { importas A A echo ${A} } true",
            "getpid -E P echo $P",
            "getcwd -E D echo $D",
            "redirfd -w -fE F /dev/null echo $F",
            "pipeline { s6-echo x } withstdinas -n -E X echo ${X}",
            "backtick -E X { s6-echo x } echo $X",
        ] {
            assert!(warnings(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let error = parse(b"up", b"true\n if { x").unwrap_err();
        assert_eq!((error.line, error.column), (Some(2), Some(5)));
    }

    #[test]
    fn programs_are_checked() {
        let mut found = Vec::new();
        let mut interpreters = Interpreters::default();
        let run = || b"run".to_vec();
        assert_eq!(
            interpreters.check_executable(&run, b"#!/bin/sh\r\nx\r\n".to_vec(), &mut found),
            b"#!/bin/sh\nx\n"
        );
        assert_eq!(interpreters.check_executable(&run, b"\x7fELF\r\n".to_vec(), &mut found), b"\x7fELF\r\n");
        assert_eq!(found.len(), 1);
        for text in ["exec sleep 1\n", "#!/no/such/shell\n", "#!sh\n"] {
            interpreters.check_executable(&run, text.into(), &mut found);
        }
        assert_eq!(found.len(), 4);
        for (text, what) in [("", "run:1: an empty file"), ("\0\0", "run:1: nothing but null characters")] {
            interpreters.check_executable(&run, text.into(), &mut found);
            let said = found.pop().unwrap().to_string();
            assert!(
                said.starts_with(what) && said.ends_with("remove it and pull it again) [SO104]"),
                "{said}"
            );
        }
        assert!(parse(b"up", b"\0\0").unwrap_err().to_string().contains("pull it again"));
    }
}
