//! What the `run` of a daemon does.  Of a script that isn't understood nothing is said.

use crate::finding::{Edit, Finding, Span};
use crate::image::{Definition, Image, Language, Script};
use crate::shell::{Command, Ending, Shell, Word, base_name, span_of};
use crate::tree::Tree;
use tool::path::join;

/// Commands of the shell, and others that end soon: they aren't the daemon.
const NO_DAEMONS: [&str; 44] = [
    ".", ":", "[", "[[", "alias", "break", "cat", "cd", "chmod", "chown", "continue", "cp", "echo", "eval",
    "exit", "export", "false", "install", "kill", "ln", "local", "logger", "mkdir", "mv", "printf", "pwd",
    "read", "readonly", "return", "rm", "sed", "set", "shift", "source", "test", "touch", "trap", "true",
    "ulimit", "umask", "unset", "wait", "which", "type",
];

/// A program in front of another one.
struct Front {
    name: &'static str,
    /// The letters of its options that a word of their own follows.
    with_value: &'static str,
    /// How many words follow its options.
    operands: usize,
}

const fn front(name: &'static str, with_value: &'static str, operands: usize) -> Front {
    Front { name, with_value, operands }
}

/// Programs that become another one, or start it.
const IN_FRONT: [Front; 20] = [
    front("exec", "a", 0),
    front("env", "uCS", 0),
    front("nice", "n", 0),
    front("ionice", "cn", 0),
    front("nohup", "", 0),
    front("setsid", "", 0),
    front("stdbuf", "ioe", 0),
    front("command", "", 0),
    front("with-contenv", "", 0),
    front("s6-setuidgid", "", 1),
    front("s6-softlimit", "acdflmoprst", 0),
    front("s6-notifyoncheck", "3sTtwnc", 0),
    front("s6-env", "i", 0),
    front("s6-envdir", "", 1),
    front("s6-applyuidgid", "ugG", 0),
    front("su-exec", "", 1),
    front("gosu", "", 1),
    front("setpriv", "", 0),
    front("chpst", "uUbe/nlLmdopfcrt", 0),
    front("fdmove", "", 2),
];

/// A daemon that goes to the background unless a word or a file says that it doesn't.
struct Background {
    /// What it is called.
    names: &'static [&'static str],
    /// The words that keep it in the foreground.
    words: &'static [&'static str],
    /// A file with a text in it that does so, too.
    file: Option<(&'static str, &'static str)>,
}

const BACKGROUND: [Background; 7] = [
    Background {
        names: &["nginx"],
        words: &["daemon off"],
        file: Some(("/etc/nginx/nginx.conf", "daemon off")),
    },
    Background { names: &["crond"], words: &["-f", "-n", "-d", "-foreground"], file: None },
    Background { names: &["cron"], words: &["-f", "-n"], file: None },
    Background { names: &["sshd"], words: &["-D", "-d", "-De", "-eD"], file: None },
    Background {
        names: &["php-fpm", "php-fpm7", "php-fpm8", "php-fpm81", "php-fpm82", "php-fpm83", "php-fpm84"],
        words: &["-F", "--nodaemonize", "-FR", "-RF"],
        file: None,
    },
    Background {
        names: &["httpd", "apache2"],
        words: &["-DFOREGROUND", "FOREGROUND", "-X", "-DNO_DETACH"],
        file: None,
    },
    Background { names: &["rsyslogd"], words: &["-n"], file: None },
];

/// Daemons that go to the background if a word says so.
const DAEMONIZING: [(&str, &[&str]); 4] = [
    ("avahi-daemon", &["-D", "--daemonize"]),
    ("dbus-daemon", &["--fork", "--system"]),
    ("memcached", &["-d"]),
    ("redis-server", &["--daemonize"]),
];

/// Daemons that never write to a descriptor to say that they are ready.
const SILENT: [&str; 12] = [
    "nginx",
    "crond",
    "cron",
    "sshd",
    "php-fpm",
    "httpd",
    "apache2",
    "redis-server",
    "memcached",
    "sleep",
    "rsyslogd",
    "node",
];

/// The checks of this module.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    for (name, script) in image.runs() {
        let definition =
            image.definitions.iter().find(|d| d.name == name && script.path.starts_with(&d.path));
        if let Some(shell) = script.shell() {
            kills_process_1(script, shell, found);
            ends(image, script, shell, found);
            users(image, script, shell, found);
        }
        if let Some(definition) = definition {
            readiness(image, definition, script, found);
            errors_to_logger(definition, script, found);
        }
    }
}

fn at(script: &Script, word: &Word) -> Span {
    span_of(&script.text, word.start..word.end)
}

/// The words from the program that a command ends up as.
pub(super) fn final_program(command: &Command) -> &[Word] {
    let mut words = command.program();
    while let Some((first, rest)) = words.split_first() {
        let Some(front) = IN_FRONT.iter().find(|front| front.name == base_name(&first.text)) else { break };
        let mut at = 0;
        while let Some(word) =
            rest.get(at).filter(|word| word.text.starts_with('-') || word.text.contains('='))
        {
            // The value of the last letter is the next word, unless it is in the same one.
            let value = word.text.strip_prefix('-').is_some_and(|letters| {
                letters.find(|letter| front.with_value.contains(letter)) == letters.len().checked_sub(1)
                    && !letters.is_empty()
            });
            at += 1 + usize::from(value);
        }
        let Some(next) = rest.get(at + front.operands..) else { return &[] };
        words = next;
    }
    words
}

/// SO314.
fn kills_process_1(script: &Script, shell: &Shell, found: &mut Vec<Finding>) {
    for command in &shell.commands {
        let words = command.program();
        let kills = command.name() == "kill" && words.len() > 1;
        if kills && words.last().is_some_and(|word| word.literal && word.text == "1") {
            let text = "process 1 is the container's: its end isn't this script's to decide";
            let advice = "let the service fail, with on-failure: stop in its definition, or exec s6-overlay stop --container";
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
        let advice = "give the service a logger (producer-for), or prefix its lines with S6_LOG_PREFIX=1";
        let place = head.and_then(|c| c.program().first()).map_or(place, |word| at(script, word));
        found.push(Finding::new(302, &script.path, text).at(place).advice(advice));
        return;
    }
    let program = final_program(last);
    let Some(daemon) = program.first().filter(|word| word.literal) else { return };
    let name = base_name(&daemon.text);
    if name == "sleep" && program.get(1).is_some_and(|word| seconds(&word.text) > Some(FOR_EVER)) {
        let text = "the service does nothing, and counts as up";
        let advice = "let it exit 125 in finish, or leave it out of the bundle: with only-if, a stage 2 hook, or S6_DISABLE";
        found.push(Finding::new(304, &script.path, text).at(place).advice(advice));
        return;
    }
    if let Some(finding) = background(image, script, program) {
        found.push(finding);
    }
    if last.depth > 0 || last.ending != Ending::Plain {
        return;
    }
    pause(script, shell, found);
    if !waits {
        in_front_of(script, shell, last, name, found);
    }
}

/// SO301.
fn in_front_of(script: &Script, shell: &Shell, last: &Command, name: &str, found: &mut Vec<Finding>) {
    let Some(first) = last.program().first() else { return };
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

/// SO303, of daemons that are known.
fn background(image: &Image<'_>, script: &Script, program: &[Word]) -> Option<Finding> {
    let (first, arguments) = program.split_first()?;
    let name = base_name(&first.text);
    // What a variable says isn't known.
    if arguments.iter().any(|word| !word.literal) {
        return None;
    }
    let has = |words: &[&str]| {
        arguments
            .iter()
            .any(|a| words.iter().any(|word| a.text == *word || a.text.contains(word) && word.contains(' ')))
    };
    let text = format!("{name} goes to the background");
    let advice = "give it the option that keeps it in the foreground";
    let finding = Finding::new(303, &script.path, text).at(at(script, first)).advice(advice);
    if let Some((_, words)) = DAEMONIZING.iter().find(|(daemon, _)| *daemon == name) {
        let goes = has(words) && !has(&["--nofork"]) && !has(&["no"]);
        return goes.then(|| without(script, name, arguments, words, finding));
    }
    let Background { words, file, .. } = BACKGROUND.iter().find(|known| known.names.contains(&name))?;
    let says_so = |(path, text): (&str, &str)| {
        // A script may write it into the file.
        file_says(image.tree, path.as_bytes(), text.as_bytes(), 0)
            || image.scripts().any(|script| has_text(&script.text, text.as_bytes()))
    };
    let shows_version = has(&["-v", "-V", "-t", "--version", "--help"]);
    if has(words) || shows_version || file.is_some_and(says_so) {
        return None;
    }
    let option = if name == "nginx" { "-g 'daemon off;'" } else { *words.first()? };
    let edit = Edit::Replace(script.path.clone(), first.end..first.end, format!(" {option}").into_bytes());
    let what = format!("write {name} {option}");
    // There is more than one crond.
    let is_sure = name != "crond" || image.tree.stat(b"/bin/busybox").is_some();
    Some(if is_sure { finding.safe_fix(what, vec![edit]) } else { finding.unsafe_fix(what, vec![edit]) })
}

/// The same without the option that sends a daemon to the background.
fn without(script: &Script, name: &str, arguments: &[Word], words: &[&str], finding: Finding) -> Finding {
    let Some(at) = arguments.iter().position(|word| words.contains(&word.text.as_str())) else {
        return finding;
    };
    let Some(word) = arguments.get(at) else { return finding };
    let edit = |range, new: &str| vec![Edit::Replace(script.path.clone(), range, new.as_bytes().to_vec())];
    match word.text.as_str() {
        "--system" => finding.safe_fix("write --nofork", edit(word.end..word.end, " --nofork")),
        // A value of its own follows.
        "--daemonize" if name == "redis-server" => match arguments.get(at + 1) {
            Some(value) => finding.safe_fix("write --daemonize no", edit(value.start..value.end, "no")),
            None => finding,
        },
        option => {
            let before = script.text.get(..word.start).unwrap_or_default();
            let blanks = before.iter().rev().take_while(|byte| **byte == b' ').count();
            finding.safe_fix(format!("remove {option}"), edit(word.start - blanks..word.end, ""))
        }
    }
}

fn has_text(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|found| found == part)
}

/// Whether a file of settings, or one that it includes at its top level, may have a text in it: what isn't here may.
fn file_says(tree: &Tree, path: &[u8], text: &[u8], depth: u32) -> bool {
    let Some(found) = tree.read(path, 1 << 16).filter(|_| depth < 3) else { return true };
    if has_text(&found, text) {
        return true;
    }
    let mut braces = 0_i32;
    found.split(|byte| *byte == b'\n').any(|line| {
        let line = line.split(|byte| *byte == b'#').next().unwrap_or_default().trim_ascii();
        let is_top = braces == 0;
        braces += line.iter().map(|byte| i32::from(*byte == b'{') - i32::from(*byte == b'}')).sum::<i32>();
        let Some(included) = line.strip_prefix(b"include ").filter(|_| is_top) else { return false };
        let included = included.strip_suffix(b";").unwrap_or(included).trim_ascii();
        let included = match included.starts_with(b"/") {
            true => included.to_vec(),
            false => join(tool::path::split(path).0, included),
        };
        let (folder, name) = tool::path::split(&included);
        if !name.contains(&b'*') {
            return file_says(tree, &included, text, depth + 1);
        }
        !tree.is_directory(folder)
            || tree.names(folder).iter().any(|name| file_says(tree, &join(folder, name), text, depth + 1))
    })
}

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

/// SO316, SO318.
fn users(image: &Image<'_>, script: &Script, shell: &Shell, found: &mut Vec<Finding>) {
    for command in &shell.commands {
        let words: Vec<&Word> = command.program().iter().filter(|word| word.text != "exec").collect();
        let Some(first) = words.first() else { continue };
        if matches!(base_name(&first.text), "su" | "sudo") {
            let text = format!(
                "{} stays in front of the daemon, or gives it a session of its own",
                base_name(&first.text)
            );
            let advice = "write s6-setuidgid USER PROGRAM";
            let finding = Finding::new(316, &script.path, text).at(at(script, first)).advice(advice);
            found.push(match as_user(script, &words) {
                Some((what, edit)) => finding.unsafe_fix(what, vec![edit]),
                None => finding,
            });
        }
    }
    if !image.is_whole {
        return;
    }
    let Some(passwd) = image.tree.read(b"/etc/passwd", 1 << 20) else { return };
    let makes_users = image.scripts().any(|script| {
        [&b"useradd"[..], b"adduser", b"/etc/passwd", b"usermod"]
            .iter()
            .any(|word| script.text.windows(word.len()).any(|part| part == *word))
    });
    for command in shell.commands.iter().filter(|_| !makes_users) {
        let words = command.program();
        let Some(before) = words.iter().position(|word| base_name(&word.text) == "s6-setuidgid") else {
            continue;
        };
        let Some(user) = words.get(before + 1).filter(|word| word.literal && !word.text.starts_with('-'))
        else {
            continue;
        };
        let name = user.text.split(':').next().unwrap_or_default();
        let is_number = name.bytes().all(|b| b.is_ascii_digit());
        let known = passwd
            .split(|byte| *byte == b'\n')
            .any(|line| line.split(|b| *b == b':').next() == Some(name.as_bytes()));
        if !is_number && !known {
            let text = format!("{name} isn't in the image's /etc/passwd");
            let advice = "add the user in the Dockerfile, or write another one";
            found.push(Finding::new(318, &script.path, text).at(at(script, user)).advice(advice));
        }
    }
}

/// `s6-setuidgid USER` in the place of `sudo -u USER` or `su USER -c "PROGRAM"`.
fn as_user(script: &Script, words: &[&Word]) -> Option<(String, Edit)> {
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let replace = |end: usize, user: &str, program: &str| {
        let new = format!("s6-setuidgid {user} {program}");
        let what = format!("write {}", new.trim_end());
        let start = words.first().map_or(end, |word| word.start);
        Some((what, Edit::Replace(script.path.clone(), start..end, new.into_bytes())))
    };
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b" /._=:,@%+-".contains(&b));
    let command = |text: &str| text.strip_prefix("exec ").unwrap_or(text).to_owned();
    match texts.as_slice() {
        [sudo, "-u", user, rest @ ..] if base_name(sudo) == "sudo" && plain(user) => {
            let skipped = rest.iter().take_while(|word| matches!(**word, "-E" | "-H" | "--" | "-n")).count();
            let next = words
                .get(3 + skipped)
                .filter(|word| !word.text.starts_with('-') && !word.text.contains('='))?;
            replace(next.start, user, "")
        }
        [su, user, "-c", line] | [su, "-c", line, user]
            if base_name(su) == "su" && plain(user) && plain(line) =>
        {
            replace(words.last()?.end, user, &command(line))
        }
        [su, "-s", _, user, "-c", line] | [su, "-s", _, "-c", line, user]
            if base_name(su) == "su" && plain(user) && plain(line) && !user.starts_with('-') =>
        {
            replace(words.last()?.end, user, &command(line))
        }
        _ => None,
    }
}

/// The words of a script that execlineb reads.
fn words(script: &Script) -> Vec<String> {
    let words = script.execline().unwrap_or_default();
    words.iter().map(|word| String::from_utf8_lossy(word.trim_ascii()).into_owned()).collect()
}

/// SO307 to SO309.
fn readiness(image: &Image<'_>, definition: &Definition, script: &Script, found: &mut Vec<Finding>) {
    let declared = definition.has("notification-fd");
    let execline = words(script);
    let shell_words = || script.shell().into_iter().flat_map(|shell| &shell.commands).flat_map(|c| &c.words);
    let checks = execline.iter().any(|word| base_name(word) == "s6-notifyoncheck")
        || shell_words().any(|word| base_name(&word.text) == "s6-notifyoncheck");
    if checks {
        let start = script.text.windows(16).position(|word| word == b"s6-notifyoncheck").unwrap_or(0);
        let span = span_of(&script.text, start..start + 16);
        let options: Vec<String> = execline
            .iter()
            .cloned()
            .chain(shell_words().map(|word| word.text.clone()))
            .skip_while(|word| base_name(word) != "s6-notifyoncheck")
            .skip(1)
            .take_while(|word| word.starts_with('-') || word.bytes().all(|b| b.is_ascii_digit()))
            .collect();
        let gives = |letter: char| options.iter().any(|word| word.starts_with('-') && word.contains(letter));
        if !declared && !gives('3') {
            let text = "s6-notifyoncheck says by notification-fd that the daemon is ready, and there is none";
            let path = definition.path_of("notification-fd");
            let finding =
                Finding::new(307, &script.path, text).at(span).advice("create notification-fd with 3 in it");
            found.push(
                finding.safe_fix("create notification-fd", vec![Edit::Create(path, 0o644, b"3\n".to_vec())]),
            );
        }
        let has_check = image.tree.is_file(&join(&definition.path, b"data/check"));
        if !gives('c') && !has_check {
            let text = "there is neither data/check in the definition nor an option -c";
            let advice = "write an executable data/check that exits with 0 when the daemon is ready";
            found.push(Finding::new(309, &script.path, text).at(span).advice(advice));
        }
        return;
    }
    if !declared {
        return;
    }
    let Some(last) = script.shell().and_then(|shell| shell.commands.last()) else { return };
    let program = final_program(last);
    let Some(daemon) = program.first().filter(|word| word.literal && SILENT.contains(&base_name(&word.text)))
    else {
        return;
    };
    let text = String::from_utf8_lossy(&script.text);
    let speaks = [">&", "notify", "ready", "fdmove", "/dev/fd/"].iter().any(|word| text.contains(word));
    if speaks || program.iter().any(|word| !word.literal) {
        return;
    }
    let name = base_name(&daemon.text);
    let text = format!("there is a notification-fd, and {name} never writes to it");
    let advice =
        format!("write exec s6-notifyoncheck -d {name} … with a data/check, or remove notification-fd");
    found.push(Finding::new(308, &script.path, text).at(at(script, daemon)).advice(advice));
}

/// SO317.
fn errors_to_logger(definition: &Definition, script: &Script, found: &mut Vec<Finding>) {
    if !definition.has("producer-for") {
        return;
    }
    let line = script.text.iter().position(|byte| *byte == b'\n').map(|end| end + 1);
    let mut lacks = |inserted: &str| {
        let text = "its standard error doesn't go to the logger";
        let finding = Finding::new(317, &script.path, text).at(Span::line(1));
        let finding = finding.advice(format!("write {inserted} in front"));
        found.push(match line {
            Some(at) => {
                let edit = Edit::Replace(script.path.clone(), at..at, format!("{inserted}\n").into_bytes());
                finding.safe_fix(format!("insert {inserted}"), vec![edit])
            }
            None => finding,
        });
    };
    match script.language {
        Language::Shell => {
            let Some(shell) = script.shell() else { return };
            let redirects = shell.commands.iter().flat_map(|command| &command.redirections);
            let mut errors =
                redirects.filter(|(operator, _)| operator.starts_with('2') || operator.starts_with('&'));
            let moves =
                shell.commands.iter().flat_map(|c| &c.words).any(|word| word.text.ends_with("fdmove"));
            if errors.next().is_none() && !moves {
                lacks("exec 2>&1");
            }
        }
        Language::Execline => {
            let words = words(script);
            if !words.is_empty()
                && !words.iter().any(|word| word.ends_with("fdmove") || word.ends_with("redirfd"))
            {
                lacks("fdmove -c 2 1");
            }
        }
        Language::Other | Language::Binary | Language::None => {}
    }
}
