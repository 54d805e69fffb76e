//! What the `run` of a daemon does.  Of a script that isn't understood nothing is said.

use crate::finding::{Edit, Finding, Span};
use crate::image::{Image, Script, Target};
use crate::lints::background;
use crate::lints::program::{at, final_program};
use crate::lints::{daemon_user, readiness};
use crate::shell::{Command, Ending, Shell, base_name};

/// Commands of the shell, and others that end soon: they aren't the daemon.
const NO_DAEMONS: [&str; 44] = [
    ".", ":", "[", "[[", "alias", "break", "cat", "cd", "chmod", "chown", "continue", "cp", "echo", "eval",
    "exit", "export", "false", "install", "kill", "ln", "local", "logger", "mkdir", "mv", "printf", "pwd",
    "read", "readonly", "return", "rm", "sed", "set", "shift", "source", "test", "touch", "trap", "true",
    "ulimit", "umask", "unset", "wait", "which", "type",
];

/// The checks of this module.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    for (_, script) in image.runs() {
        if let Some(shell) = script.shell() {
            kills_process_1(image, script, shell, found);
            ends(image, script, shell, found);
            daemon_user::check(image, script, shell, found);
        }
        if let Some(definition) = image.definition_of(script) {
            readiness::check(image, definition, script, found);
        }
    }
}

/// SO314.
fn kills_process_1(image: &Image<'_>, script: &Script, shell: &Shell, found: &mut Vec<Finding>) {
    for command in &shell.commands {
        let words = command.program();
        let kills = command.name() == "kill" && words.len() > 1;
        if kills && words.last().is_some_and(|word| word.literal && word.text == "1") {
            let text = "process 1 is the container's: its end isn't this script's to decide";
            let advice = match image.target {
                Target::Rs => {
                    "let the service fail, with on-failure: stop in its definition, or exec s6-overlay stop --container"
                }
                Target::S6Overlay => "let the service fail, and let its finish exec /run/s6/basedir/bin/halt",
            };
            let place = words.first().map_or(Span::line(1), |word| at(script, word));
            found.push(Finding::new(314, &script.path, text).at(place).advice(advice));
        }
    }
}

/// SO301 to SO305: how a shell script ends.
fn ends(image: &Image<'_>, script: &Script, shell: &Shell, found: &mut Vec<Finding>) {
    let Some(last) = shell.commands.last() else { return };
    let Some(first) = last.program().first() else { return };
    let place = at(script, first);
    let waits = shell.commands.iter().any(|command| matches!(command.name(), "wait" | "trap"));
    if last.depth == 0 && last.ending == Ending::Background && !waits && first.literal {
        let text = format!("{} goes to the background, and the script ends", base_name(&first.text));
        let advice = "remove the &, and begin the line with exec";
        let finding = Finding::new(303, &script.path, text).at(place).advice(advice);
        found.push(match in_front(script, shell, last) {
            Some(edits) => finding.safe_fix("let it take the shell's place", edits),
            None => finding,
        });
        return;
    }
    let before = shell.commands.iter().rev().nth(1);
    if last.depth == 0 && before.is_some_and(|command| command.ending == Ending::Pipe && command.depth == 0) {
        let head = shell.commands.iter().rev().skip(1).take_while(|c| c.ending == Ending::Pipe).last();
        if head.is_some_and(|command| NO_DAEMONS.contains(&command.name())) {
            // It says something to the daemon, which is the last one.
            return;
        }
        let text = "the daemon stands in a pipe: its signals and its exit code are lost";
        let advice = match image.target {
            Target::Rs => {
                "give the service a logger (producer-for), or prefix its lines with S6_LOG_PREFIX=1"
            }
            Target::S6Overlay => "give the service a logger (producer-for)",
        };
        let place = head.and_then(|c| c.program().first()).map_or(place, |word| at(script, word));
        found.push(Finding::new(302, &script.path, text).at(place).advice(advice));
        return;
    }
    let program = final_program(last);
    let Some(daemon) = program.first().filter(|word| word.literal) else { return };
    let name = base_name(&daemon.text);
    if name == "sleep" && program.get(1).is_some_and(|word| seconds(&word.text) > Some(FOR_EVER)) {
        let text = "the service does nothing, and counts as up";
        let advice = "let it exit 125 in finish, or leave it out of the bundle, with a stage 2 hook";
        found.push(Finding::new(304, &script.path, text).at(place).advice(advice));
        return;
    }
    if let Some(finding) = background::finding(image, script, program) {
        found.push(finding);
    }
    if last.depth > 0 || last.ending != Ending::Plain {
        return;
    }
    pause(script, shell, found);
    if !waits {
        in_front_of(image, script, shell, last, name, found);
    }
}

/// SO301.
fn in_front_of(
    image: &Image<'_>,
    script: &Script,
    shell: &Shell,
    last: &Command,
    name: &str,
    found: &mut Vec<Finding>,
) {
    let Some(first) = last.program().first() else { return };
    // What a script reads in may define functions; bashio does.
    let reads_in = shell.commands.iter().any(|command| matches!(command.name(), "." | "source"));
    let may_be_function = first.text.contains("::")
        || reads_in && !first.text.contains('/') && image.program(&first.text).is_none();
    if may_be_function {
        return;
    }
    let is_plain = first.literal
        && first.text != "exec"
        && !NO_DAEMONS.contains(&base_name(&first.text))
        && !first.text.starts_with("s6-")
        && !shell.functions.contains(&first.text);
    if is_plain {
        let text = format!("the shell stays in front of {name}: signals reach the shell");
        let finding =
            Finding::new(301, &script.path, text).at(at(script, first)).advice("begin the line with exec");
        let has_assignments = last.words.len() != last.program().len();
        let edit = Edit::Replace(script.path.clone(), first.start..first.start, b"exec ".to_vec());
        found.push(if has_assignments {
            finding
        } else {
            finding.safe_fix("begin the line with exec", vec![edit])
        });
    }
}

/// The last command without its `&`, in the place of the shell; only if it is alone in the background.
fn in_front(script: &Script, shell: &Shell, last: &Command) -> Option<Vec<Edit>> {
    let others = shell.commands.iter().filter(|command| command.ending == Ending::Background).count() > 1;
    let first = last.program().first().filter(|_| last.words.len() == last.program().len())?;
    let end = last.words.last()?.end;
    let rest = script.text.get(end..)?;
    let mark = rest.iter().position(|byte| *byte == b'&')?;
    if others || !rest.get(..mark)?.trim_ascii().is_empty() || shell.functions.contains(&first.text) {
        return None;
    }
    let path = &script.path;
    let exec = Edit::Replace(path.clone(), first.start..first.start, b"exec ".to_vec());
    Some(vec![exec, Edit::Replace(path.clone(), end..end + mark + 1, Vec::new())])
}

/// The seconds that `sleep` takes for a word; `None` if they aren't known.
fn seconds(word: &str) -> Option<u64> {
    if matches!(word, "infinity" | "inf") {
        return Some(u64::MAX);
    }
    let (digits, unit) = match word.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(digits) => (digits, word.get(digits.len()..)?),
        None => (word, "s"),
    };
    let factor = match unit {
        "m" => 60,
        "h" => 3600,
        "d" => DAY,
        _ => 1,
    };
    Some(digits.parse::<u64>().ok()?.saturating_mul(factor))
}

const DAY: u64 = 24 * 3600;
/// Nobody waits for the end of a pause of this many seconds: what is longer than a month isn't a period either.
const FOR_EVER: u64 = 31 * DAY;
/// A pause of so many seconds before a daemon is a wait for something.
const PAUSE_MAX: u64 = 600;

/// SO305: `sleep N` as a command of its own.
fn pause(script: &Script, shell: &Shell, found: &mut Vec<Finding>) {
    let is_pause = |command: &&Command| {
        let words = command.program();
        command.depth == 0
            && command.name() == "sleep"
            && words.len() == 2
            && words
                .get(1)
                .is_some_and(|word| word.literal && seconds(&word.text).is_none_or(|s| s <= PAUSE_MAX))
    };
    let count = shell.commands.len().saturating_sub(1);
    let Some(command) = shell.commands.iter().take(count).find(is_pause) else { return };
    let place = command.program().first().map_or(Span::line(1), |word| at(script, word));
    let advice = "depend on the service that is waited for, and let it say when it is ready";
    found.push(Finding::new(305, &script.path, "a fixed pause").at(place).advice(advice));
}
