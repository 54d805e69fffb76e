//! Loggers, and daemons that keep logs of their own.

use crate::finding::{Edit, Finding};
use crate::image::{Definition, Image, Language, Script};
use crate::lints::program::final_program;
use crate::shell::{base_name, span_of};
use crate::text::{has, rfind};
use files::Kind;
use std::ops::Range;
use tool::path::split;

/// The options of s6-log that a word of their own follows.
const WITH_VALUE: [&str; 3] = ["-d", "-l", "-t"];
/// Programs that become another user, with the options that a word of their own follows.
const SETTING_USER: [(&str, &[&str]); 2] = [("s6-setuidgid", &[]), ("s6-applyuidgid", &["-u", "-g", "-G"])];

/// A word of a script that execlineb or a shell reads.
#[derive(Debug)]
struct Word {
    text: String,
    /// Where it stands, as far as that is known.
    place: Option<Range<usize>>,
    /// Whether nothing in it is replaced.
    literal: bool,
}

/// The checks of this module.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    for definition in &image.definitions {
        let Some(script) = definition.run.as_ref().filter(|_| definition.is_longrun()) else { continue };
        let words = words(script);
        log_script(script, &words, found);
        if image.is_whole && definition.has("consumer-for") {
            directory(image, definition, script, &words, found);
        }
    }
    for (_, script) in image.runs() {
        own_log(image, script, found);
    }
}

/// The words of the last command of a script.
fn words(script: &Script) -> Vec<Word> {
    match script.language {
        Language::Execline => {
            let all = script.execline().unwrap_or_default();
            let one = |word: &Vec<u8>| {
                let text = String::from_utf8_lossy(word.trim_ascii()).into_owned();
                let literal = !text.contains('$');
                let at = rfind(&script.text, text.as_bytes());
                Word { place: at.map(|at| at..at + text.len()), text, literal }
            };
            all.iter().map(one).collect()
        }
        Language::Shell => {
            let Some(last) = script.shell().and_then(|shell| shell.commands.last()) else {
                return Vec::new();
            };
            let one = |word: &crate::shell::Word| Word {
                text: word.text.clone(),
                place: Some(word.start..word.end),
                literal: word.literal,
            };
            last.words.iter().map(one).collect()
        }
        Language::Other | Language::Binary | Language::None => Vec::new(),
    }
}

/// The words behind a program and its options.
fn operands<'w>(words: &'w [Word], program: &str, with_value: &[&str]) -> Option<&'w [Word]> {
    let mut at = words.iter().position(|word| base_name(&word.text) == program)? + 1;
    while let Some(word) = words.get(at).filter(|word| word.text.starts_with('-') && word.text.len() > 1) {
        at += 1 + usize::from(with_value.contains(&word.text.as_str()));
        if word.text == "--" {
            break;
        }
    }
    words.get(at..)
}

/// SO502, of s6-log.
fn log_script(script: &Script, words: &[Word], found: &mut Vec<Finding>) {
    let Some(directives) = operands(words, "s6-log", &WITH_VALUE).filter(|words| !words.is_empty()) else {
        return;
    };
    if directives.iter().any(|word| !word.literal) {
        return;
    }
    let bytes: Vec<Vec<u8>> = directives.iter().map(|word| word.text.clone().into_bytes()).collect();
    if let Err(why) = logger::check_script(&bytes) {
        let wrong = directives.iter().find(|word| why.contains(&word.text)).or(directives.first());
        let finding =
            Finding::new(502, &script.path, why).advice("write directives of s6-log, and a directory last");
        found.push(match wrong.and_then(|word| word.place.clone()) {
            Some(place) => finding.at(span_of(&script.text, place)),
            None => finding,
        });
    }
}

/// SO501: the logger's user can't write to its directory, and nothing changes that before it starts.
fn directory(
    image: &Image<'_>,
    definition: &Definition,
    script: &Script,
    words: &[Word],
    found: &mut Vec<Finding>,
) {
    let of_image = operands(words, "logutil-service", &["-f"]);
    let (Some(word), user) = (match of_image {
        Some(rest) => (rest.first(), Some("nobody")),
        None => (operands(words, "s6-log", &WITH_VALUE).and_then(|rest| rest.last()), user(words)),
    }) else {
        return;
    };
    let (Some(user), true) = (user, word.literal && word.text.starts_with('/')) else { return };
    let Some(uid) = image.user_id(user).filter(|uid| *uid != 0) else { return };
    let path = word.text.trim_end_matches('/');
    if image.config.user.is_some() || is_prepared(image, path) {
        return;
    }
    let (place, meta, what) =
        match (image.tree.stat(path.as_bytes()), image.tree.stat(split(path.as_bytes()).0)) {
            (Some(meta), _) => (path.as_bytes(), meta, ""),
            (None, Some(meta)) => (split(path.as_bytes()).0, meta, "make it in "),
            (None, None) => return,
        };
    let may = meta.kind == Kind::Directory && (meta.uid == uid || meta.mode & 0o022 != 0);
    if may || meta.kind != Kind::Directory {
        return;
    }
    let shown = String::from_utf8_lossy(place).into_owned();
    let text = format!(
        "{user} can't write to {path}: {what}{shown}, which belongs to {} and has the mode {:04o}",
        meta.uid, meta.mode
    );
    let advice = format!("make {path} in the Dockerfile or in a oneshot, and give it to {user}");
    let finding = Finding::new(501, &script.path, text).advice(advice);
    let finding = match &word.place {
        Some(place) => finding.at(span_of(&script.text, place.clone())),
        None => finding,
    };
    let name = String::from_utf8_lossy(&definition.name).into_owned();
    let oneshot = |file: &str| format!("/etc/s6-overlay/s6-rc.d/{name}-dir/{file}").into_bytes();
    let up = format!("if {{ mkdir -p {path} }} chown {user} {path}\n").into_bytes();
    found.push(finding.unsafe_fix(
        format!("a oneshot {name}-dir that makes it"),
        vec![
            Edit::Create(oneshot("type"), 0o644, b"oneshot\n".to_vec()),
            Edit::Create(oneshot("up"), 0o644, up),
            Edit::Create(definition.path_of(&format!("dependencies.d/{name}-dir")), 0o644, Vec::new()),
        ],
    ));
}

/// The user that a command line says.
fn user(words: &[Word]) -> Option<&str> {
    let (program, with_value) = SETTING_USER
        .iter()
        .find(|(program, _)| words.iter().any(|word| base_name(&word.text) == *program))?;
    let user = operands(words, program, with_value)?.first().filter(|word| word.literal)?;
    (*program == "s6-setuidgid").then(|| user.text.split(':').next().unwrap_or_default())
}

/// Whether something may make a directory, or give it to somebody, before services start.
fn is_prepared(image: &Image<'_>, path: &str) -> bool {
    let mut above = vec![path];
    let mut rest = path;
    while let Some((parent, _)) = rest.rsplit_once('/').filter(|(parent, _)| !parent.is_empty()) {
        above.push(parent);
        rest = parent;
    }
    // Of the directories above, only a change of all that is below counts, but a variable may stand for any.
    let mentions = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        let changes = ["chown", "chmod", "install", "mkdir", "lsiown"].iter().any(|word| text.contains(word));
        text.contains(path) || changes && (text.contains('$') || above.iter().any(|path| text.contains(path)))
    };
    let ups = image.definitions.iter().filter(|definition| definition.is_oneshot());
    image.scripts().any(|script| script.language != Language::Shell && script.language != Language::Execline)
        || image.stages.iter().chain(&image.tasks).any(|script| mentions(&script.text))
        || image.runs().any(|(_, script)| mentions(&script.text) && has(&script.text, b"chown"))
        || ups.filter_map(|d| image.tree.read(&d.path_of("up"), 1 << 16)).any(|text| mentions(&text))
        || image.tree.names(b"/etc/fix-attrs.d").iter().any(|name| {
            let path = tool::path::join(b"/etc/fix-attrs.d", name);
            image.tree.read(&path, 1 << 16).is_some_and(|text| mentions(&text))
        })
        || image.config.variable("S6_STAGE2_HOOK").is_some()
}

/// A daemon, its file of settings, and what says there where its log is.
const KEEPING: [(&str, &str, &[&str]); 4] = [
    ("nginx", "/etc/nginx/nginx.conf", &["access_log", "error_log"]),
    ("redis-server", "/etc/redis.conf", &["logfile"]),
    ("redis-server", "/etc/redis/redis.conf", &["logfile"]),
    ("httpd", "/etc/apache2/httpd.conf", &["ErrorLog", "CustomLog"]),
];

/// SO503: a daemon that writes to a file below /var/log that nothing rotates.
fn own_log(image: &Image<'_>, script: &Script, found: &mut Vec<Finding>) {
    let Some(last) = script.shell().and_then(|shell| shell.commands.last()) else { return };
    let Some(daemon) = final_program(last).first().filter(|word| word.literal) else { return };
    for (name, settings, words) in KEEPING {
        if base_name(&daemon.text) != name {
            continue;
        }
        let Some(text) = image.tree.read(settings.as_bytes(), 1 << 20) else { continue };
        let mut at = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let start = at;
            at += line.len();
            let line = String::from_utf8_lossy(line);
            let mut fields = line.split_whitespace();
            if !fields.next().is_some_and(|first| words.contains(&first)) {
                continue;
            }
            let Some(file) = fields.next().map(|file| file.trim_matches(['"', ';', '\''])) else { continue };
            // A link may lead to standard output.
            let is_link = image.tree.lstat(file.as_bytes()).is_some_and(|meta| meta.kind == Kind::Link);
            let folder = split(file.as_bytes()).0;
            let is_elsewhere = image.tree.lstat(folder).is_some_and(|meta| meta.kind == Kind::Link);
            if !file.starts_with("/var/log/") || is_link || is_elsewhere || rotates(image, folder) {
                continue;
            }
            let from = start + line.find(file).unwrap_or(0);
            let text_ = format!("{name} writes to {file}, which nothing rotates");
            let finding =
                Finding::new(503, settings.as_bytes(), text_).at(span_of(&text, from..from + file.len()));
            let advice = "write /dev/stdout or /dev/stderr there, and give the service a logger if it should have files";
            found.push(finding.advice(advice));
            return;
        }
    }
}

/// Whether logrotate is told of a directory.
fn rotates(image: &Image<'_>, folder: &[u8]) -> bool {
    image.tree.names(b"/etc/logrotate.d").iter().any(|name| {
        let path = tool::path::join(b"/etc/logrotate.d", name);
        let text = image.tree.read(&path, 1 << 16).unwrap_or_default();
        has(&text, folder)
    })
}
