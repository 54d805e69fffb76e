//! Recorded cases: a script or a boot, with the exit code and the standard output that the reference gave for it.
//!
//! A file holds the cases of one area, each of this form:
//! ```text
//! @@ case NAME [timeout=SECONDS] [env=K=V ...]
//! the script, run by /bin/sh under a minimal pid 1, cwd=/tmp/w (empty, on tmpfs), standard input /dev/null
//! @@ expect CODE
//! the exact standard output
//! ```
//! or, for a whole container,
//! ```text
//! @@ boot NAME [timeout=SECONDS] [env=K=V ...] [user=UID:GID] [ro] [runmode=0755] [cmd=WORDS]
//! a script that prepares the root file system before the boot (its output is not checked)
//! @@ expect CODE
//! the exact standard output of `/init WORDS`; CODE is the container's exit code (128 + n: killed by n)
//! ```
//! `cmd=` takes the rest of the line.  Options and WORDS are split as a shell splits words.  Standard error is not
//! compared.  Scripts print nothing that changes from run to run.
//!
//! What stands before a file's first case precedes the script of each of them.

use std::time::Duration;

/// The time limit of a case that sets none.
const LIMIT: Duration = Duration::from_secs(20);

/// A recorded case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What it is called, `AREA::NAME`.
    pub name: String,
    /// What runs.
    pub kind: Kind,
    /// The script, or the preparation of a boot.
    pub script: String,
    /// Variables for the script, or for the boot, as `K=V`.
    pub env: Vec<String>,
    /// How long it may take.
    pub limit: Duration,
    /// The recorded exit code.
    pub code: u8,
    /// The recorded standard output.
    pub output: String,
}

/// What a case runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Its script.
    Script,
    /// `/init` as pid 1.
    Boot(Boot),
}

/// How a container is booted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// The user and group to start as.
    pub user: Option<(u32, u32)>,
    /// Whether the root is read-only.
    pub read_only: bool,
    /// The mode of `/run` in octal digits.
    pub run_mode: String,
    /// The arguments of `/init`.
    pub command: Vec<String>,
}

/// The cases of a file; an error names the line.
pub fn parse(area: &str, text: &str) -> Result<Vec<Case>, String> {
    let mut cases: Vec<Case> = Vec::new();
    let mut prelude = String::new();
    let mut in_output = false;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let at = |why: &str| format!("{area}.cases:{}: {why}", number + 1);
        let bare = line.trim_end_matches('\n');
        let words = bare.strip_prefix("@@ ").and_then(|head| head.split_once(' '));
        match (words, cases.last_mut()) {
            (Some(("expect", code)), Some(case)) => {
                case.code = code.trim().parse().map_err(|_| at("the exit code is no number"))?;
                in_output = true;
            }
            (Some((kind @ ("case" | "boot"), rest)), _) => {
                let case = head(area, kind == "boot", rest).ok_or_else(|| at("not the head of a case"))?;
                cases.push(Case { script: prelude.clone(), ..case });
                in_output = false;
            }
            (_, Some(case)) if in_output => case.output.push_str(line),
            (_, Some(case)) => case.script.push_str(line),
            (Some(("expect", _)), None) => return Err(at("no case that this belongs to")),
            (_, None) => prelude.push_str(line),
        }
    }
    Ok(cases)
}

fn head(area: &str, boot: bool, rest: &str) -> Option<Case> {
    let (options, command) = match rest.split_once(" cmd=") {
        Some((options, command)) => (options, shlex::split(command)?),
        None => (rest, Vec::new()),
    };
    let mut words = shlex::split(options)?.into_iter();
    let name = format!("{area}::{}", words.next()?);
    let mut limit = LIMIT;
    let mut env = Vec::new();
    let mut how = Boot { user: None, read_only: false, run_mode: "0755".into(), command };
    for word in words {
        match word.split_once('=') {
            Some(("timeout", seconds)) => limit = Duration::from_secs(seconds.parse().ok()?),
            Some(("env", variable)) => env.push(variable.to_owned()),
            Some(("user", ids)) if boot => {
                let (uid, gid) = ids.split_once(':')?;
                how.user = Some((uid.parse().ok()?, gid.parse().ok()?));
            }
            Some(("runmode", mode)) if boot => how.run_mode = mode.to_owned(),
            None if boot && word == "ro" => how.read_only = true,
            _ => return None,
        }
    }
    let kind = if boot { Kind::Boot(how) } else { Kind::Script };
    Some(Case { name, kind, script: String::new(), env, limit, code: 0, output: String::new() })
}

/// Output as the cases hold it: UTF-8, other bytes as `\xHH`.
#[must_use]
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_parse() {
        let text = "@@ case one timeout=30\necho hi\n@@ expect 0\nhi\n\
                    @@ boot two env=A=1 'env=B=x y' user=5:7 ro runmode=0777 cmd=sh -c 'exit 3' ''\n@@ expect 3\n";
        let cases = parse("area", text).unwrap();
        assert_eq!(cases.len(), 2);
        assert_eq!((cases[0].name.as_str(), cases[0].limit), ("area::one", Duration::from_secs(30)));
        assert_eq!((cases[0].script.as_str(), cases[0].output.as_str()), ("echo hi\n", "hi\n"));
        let Kind::Boot(boot) = &cases[1].kind else { panic!("{:?}", cases[1]) };
        assert_eq!(cases[1].env, ["A=1", "B=x y"]);
        assert_eq!(boot.command, ["sh", "-c", "exit 3", ""]);
        assert_eq!((boot.user, boot.read_only, boot.run_mode.as_str()), (Some((5, 7)), true, "0777"));
        assert_eq!(cases[1].code, 3);
    }

    #[test]
    fn a_prelude_precedes_each_script() {
        let cases =
            parse("a", "f() { :; }\n@@ case b\nf\n@@ expect 0\nf() is no prelude\n@@ case c\n").unwrap();
        assert_eq!((cases[0].script.as_str(), cases[1].script.as_str()), ("f() { :; }\nf\n", "f() { :; }\n"));
    }

    #[test]
    fn mistakes_are_named_by_line() {
        assert_eq!(parse("a", "@@ expect 0\n").unwrap_err(), "a.cases:1: no case that this belongs to");
        assert_eq!(parse("a", "@@ case n tiemout=3\n").unwrap_err(), "a.cases:1: not the head of a case");
        assert_eq!(
            parse("a", "@@ case n\n\n@@ expect x\n").unwrap_err(),
            "a.cases:3: the exit code is no number"
        );
    }

    #[test]
    fn odd_bytes_are_spelled() {
        assert_eq!(printable(b"a\xff\xc3\xa9"), "a\\xff\u{e9}");
    }
}
