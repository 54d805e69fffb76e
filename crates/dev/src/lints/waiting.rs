//! Scripts that wait: for another service, or in a `finish` that has only so much time.

use crate::finding::{Finding, Span};
use crate::image::{Image, Script, Target};
use crate::shell::{Command, base_name, span_of};
use tool::path::{join, split};

/// Programs that ask whether something is there.
const ASKING: [&str; 10] = [
    "nc",
    "ncat",
    "curl",
    "wget",
    "pg_isready",
    "mysqladmin",
    "mariadb-admin",
    "redis-cli",
    "valkey-cli",
    "mongosh",
];
/// Of these, those that ask this machine unless told otherwise.
const ASKING_HERE: [&str; 5] = ["pg_isready", "mysqladmin", "mariadb-admin", "redis-cli", "valkey-cli"];
/// What says that another machine is asked.
const ELSEWHERE: [&str; 5] = ["$", "-h", "--host", "-u redis", "://"];
/// What says that this one is.
const HERE: [&str; 5] = ["localhost", "127.0.0.1", "[::1]", " ::1", ".sock"];

/// How long `finish` may take, in milliseconds, if nothing is said.
const FINISH: u64 = 5000;

/// The checks of this module.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    for script in image.scripts() {
        polls(image, script, found);
    }
    for (_, script) in image.finishes() {
        finish(image, script, found);
    }
}

/// SO306: a loop that asks another service of this container until it answers.
fn polls(image: &Image<'_>, script: &Script, found: &mut Vec<Finding>) {
    if script.shell().is_none() {
        return;
    }
    let mut at = 0;
    for line in script.text.split_inclusive(|byte| *byte == b'\n') {
        let start = at;
        at += line.len();
        let Ok(line) = std::str::from_utf8(line) else { continue };
        let Some(program) = asked(line) else { continue };
        let from = start + line.find(program).unwrap_or(0);
        let text = format!("a loop asks with {program} until another service answers");
        let finding =
            Finding::new(306, &script.path, text).at(span_of(&script.text, from..from + program.len()));
        found.push(finding.advice(match image.target {
            Target::Rs => "depend on that service, and write into its file ready when it is ready, such as listen 5432",
            Target::S6Overlay => {
                "depend on that service, and let it say when it is ready: by notification-fd, or with s6-notifyoncheck"
            }
        }));
        return;
    }
}

/// The program of a line that begins a loop, if it asks something on this machine.
fn asked(line: &str) -> Option<&str> {
    let (word, rest) = line.trim_start().split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    let rest = match word {
        "until" => rest,
        "while" => rest.strip_prefix('!')?.trim_start(),
        _ => return None,
    };
    let program = rest.split(|c: char| c.is_whitespace() || c == ';').next()?;
    let name = base_name(program);
    let here = HERE.iter().any(|word| rest.contains(word));
    let by_itself = ASKING_HERE.contains(&name) && !ELSEWHERE.iter().any(|word| rest.contains(word));
    (ASKING.contains(&name) && (here || by_itself)).then_some(program)
}

/// How long `finish` may take: `None` for no limit.
fn limit(image: &Image<'_>, script: &Script) -> Option<u64> {
    let path = join(split(&script.path).0, b"timeout-finish");
    match image.tree.read(&path, 64) {
        None => Some(FINISH),
        Some(text) => wire::number::decimal::<u64>(text.trim_ascii()).filter(|limit| *limit > 0),
    }
}

/// SO116, SO313.
fn finish(image: &Image<'_>, script: &Script, found: &mut Vec<Finding>) {
    let Some(shell) = script.shell() else { return };
    let Some(limit) = limit(image, script) else {
        let path = join(split(&script.path).0, b"timeout-finish");
        let waits = shell.commands.iter().find(|command| may_wait(command));
        if let Some(command) = waits {
            let text = format!("finish may take as long as it likes, and {} may take long", command.name());
            let finding = Finding::new(116, &path, text).at(Span::line(1));
            found.push(finding.advice("write the most that it may take, in milliseconds, such as 10000"));
        }
        return;
    };
    let slow = shell
        .commands
        .iter()
        .find_map(|command| Some((command, takes(command)?)).filter(|(_, ms)| *ms >= limit));
    if let Some((command, takes)) = slow {
        let text = format!("finish is killed after {limit} ms, and {} may take {takes}", command.name());
        let place = command
            .program()
            .first()
            .map_or(Span::line(1), |word| span_of(&script.text, word.start..word.end));
        let advice = format!(
            "write a longer time into timeout-finish, such as {}, or let it take less",
            takes + FINISH
        );
        found.push(Finding::new(313, &script.path, text).at(place).advice(advice));
    }
}

/// Whether a command waits for something outside.
fn may_wait(command: &Command) -> bool {
    let words = command.program();
    let has = |option: &str| words.iter().any(|word| word.text.starts_with(option));
    match command.name() {
        "curl" => !has("-m") && !has("--max-time"),
        "wget" => !has("-T") && !has("--timeout"),
        "ssh" | "rsync" | "scp" | "s6-svwait" | "nc" => true,
        "sleep" => takes(command).is_none_or(|ms| ms >= FINISH),
        _ => false,
    }
}

/// How many milliseconds a command says that it takes, or may take.
fn takes(command: &Command) -> Option<u64> {
    let words = command.program();
    let after = |short: &str, long: &str| {
        let at = words.iter().position(|word| word.text == short || word.text == long)?;
        words.get(at + 1)
    };
    let word = match command.name() {
        "sleep" if words.len() == 2 => words.get(1),
        "curl" => after("-m", "--max-time"),
        "wget" => after("-T", "--timeout"),
        _ => None,
    };
    let word = word.filter(|word| word.literal)?;
    match word.text.parse::<u64>() {
        Ok(seconds) => seconds.checked_mul(1000),
        Err(_) => wire::number::milliseconds(word.text.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::asked;

    #[test]
    fn loops_that_ask_this_machine() {
        for (line, expected) in [
            ("until nc -z localhost 80; do", Some("nc")),
            ("  while ! /usr/bin/curl -fs http://127.0.0.1:80/; do sleep 1; done", Some("/usr/bin/curl")),
            ("until pg_isready; do", Some("pg_isready")),
            ("until pg_isready -h db; do", None),
            ("until pg_isready -h localhost; do", Some("pg_isready")),
            ("until nc -z \"$DB_HOST\" 5432; do", None),
            ("until [ -f /run/x ]; do", None),
            ("while curl localhost; do", None),
            ("while read -r line; do", None),
        ] {
            assert_eq!(asked(line), expected, "{line}");
        }
    }
}
