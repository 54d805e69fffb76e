//! How a daemon says that it is ready, and where its errors go.

use crate::finding::{Edit, Finding, Span};
use crate::image::{Definition, Image, Language, Script, Target};
use crate::lints::probes;
use crate::lints::program::{at, final_program};
use crate::shell::{base_name, span_of};
use crate::text::find;
use tool::path::join;
use wire::probes::Kind;

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

/// Programs of s6 that say so at the descriptor that their option `-d` names.
const SAYING: [&str; 7] =
    ["s6-log", "s6-svscan", "s6-ipcserver", "s6-ipcserverd", "s6-tcpserver", "s6-tcpserverd", "s6-fdholderd"];

/// The checks of this module.
pub(super) fn check(image: &Image<'_>, definition: &Definition, script: &Script, found: &mut Vec<Finding>) {
    readiness(image, definition, script, found);
    errors_to_logger(definition, script, found);
}

/// The words of a script that execlineb reads.
fn words(script: &Script) -> Vec<String> {
    let words = script.execline().unwrap_or_default();
    words.iter().map(|word| String::from_utf8_lossy(word.trim_ascii()).into_owned()).collect()
}

/// The program of s6 that writes to a descriptor when it is ready, as an option says, which none of the lines of `ready` is
/// about; and the descriptor.
fn says_itself(image: &Image<'_>, definition: &Definition, words: &[String]) -> Option<(String, u32)> {
    let mut words = words.iter();
    let program = words.find(|word| SAYING.contains(&base_name(word)))?;
    let mut number = words.skip_while(|word| !word.starts_with("-d"));
    let option = number.next()?.strip_prefix("-d")?;
    let number = if option.is_empty() { number.next()?.as_str() } else { option };
    let number = number.parse().ok()?;
    let lines = probes::asked(image, &definition.path);
    let is_known = lines.iter().any(|one| one.probe.kind == Kind::Fd(number));
    (!is_known).then(|| (base_name(program).to_owned(), number))
}

/// SO322: `run` says itself when the service is ready, and the file `ready` says so, too.
fn says_twice(image: &Image<'_>, definition: &Definition, script: &Script, found: &mut Vec<Finding>) {
    let shell = script.shell().into_iter().flat_map(|shell| &shell.commands).flat_map(|c| &c.words);
    let mut all = words(script);
    all.extend(shell.map(|word| word.text.clone()));
    let mut add = |program: &str, text: String, advice: String| {
        let at = find(&script.text, program.as_bytes()).unwrap_or(0);
        let span = span_of(&script.text, at..at + program.len());
        found.push(Finding::new(322, &script.path, text).at(span).advice(advice));
    };
    if all.iter().any(|word| base_name(word) == "s6-notifyoncheck") {
        let text = "s6-notifyoncheck has nobody to say it to: the file ready says when the service is ready";
        let advice = "remove it, and write exec and its check into ready; or remove ready";
        add("s6-notifyoncheck", text.to_owned(), advice.to_owned());
    } else if let Some((program, number)) = says_itself(image, definition, &all) {
        let text = format!("{program} says at descriptor {number} that it is ready, and nobody reads that");
        add(&program, text, format!("write fd {number} into ready, or remove the option"));
    }
}

/// SO307 to SO309, SO322.
fn readiness(image: &Image<'_>, definition: &Definition, script: &Script, found: &mut Vec<Finding>) {
    if image.target == Target::Rs && definition.has("ready") {
        return says_twice(image, definition, script, found);
    }
    let declared = definition.has("notification-fd");
    let execline = words(script);
    let shell_words = || script.shell().into_iter().flat_map(|shell| &shell.commands).flat_map(|c| &c.words);
    let checks = execline.iter().any(|word| base_name(word) == "s6-notifyoncheck")
        || shell_words().any(|word| base_name(&word.text) == "s6-notifyoncheck");
    if checks {
        let options = execline.iter().cloned().chain(shell_words().map(|word| word.text.clone()));
        checks_itself(image, definition, script, options.collect(), found);
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
    let advice = match image.target {
        Target::Rs => {
            "write what to ask into a file ready, such as listen 8080, and remove notification-fd".to_owned()
        }
        Target::S6Overlay => {
            format!("write exec s6-notifyoncheck -d {name} … with a data/check, or remove notification-fd")
        }
    };
    found.push(Finding::new(308, &script.path, text).at(at(script, daemon)).advice(advice));
}

/// SO307, SO309: s6-notifyoncheck is among these words of a script.
fn checks_itself(
    image: &Image<'_>,
    definition: &Definition,
    script: &Script,
    words: Vec<String>,
    found: &mut Vec<Finding>,
) {
    let start = find(&script.text, b"s6-notifyoncheck").unwrap_or(0);
    let span = span_of(&script.text, start..start + 16);
    let options: Vec<String> = words
        .into_iter()
        .skip_while(|word| base_name(word) != "s6-notifyoncheck")
        .skip(1)
        .take_while(|word| word.starts_with('-') || word.bytes().all(|b| b.is_ascii_digit()))
        .collect();
    let gives = |letter: char| options.iter().any(|word| word.starts_with('-') && word.contains(letter));
    if !definition.has("notification-fd") && !gives('3') {
        let text = "s6-notifyoncheck says by notification-fd that the daemon is ready, and there is none";
        let path = definition.path_of("notification-fd");
        let advice = match image.target {
            Target::Rs => "create notification-fd with 3 in it, or write the check into a file ready instead",
            Target::S6Overlay => "create notification-fd with 3 in it",
        };
        let finding = Finding::new(307, &script.path, text).at(span).advice(advice);
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
