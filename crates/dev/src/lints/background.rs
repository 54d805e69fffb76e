//! Daemons that go to the background by themselves.

use crate::finding::{Edit, Finding};
use crate::image::{Image, Script};
use crate::lints::program::at;
use crate::shell::{Word, base_name};
use crate::text::has;
use crate::tree::Tree;
use tool::path::join;

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

/// SO303, of daemons that are known.
pub(super) fn finding(image: &Image<'_>, script: &Script, program: &[Word]) -> Option<Finding> {
    let (first, arguments) = program.split_first()?;
    let name = base_name(&first.text);
    // What a variable says isn't known.
    if arguments.iter().any(|word| !word.literal) {
        return None;
    }
    let holds = |words: &[&str]| {
        arguments
            .iter()
            .any(|a| words.iter().any(|word| a.text == *word || a.text.contains(word) && word.contains(' ')))
    };
    let text = format!("{name} goes to the background");
    let advice = "give it the option that keeps it in the foreground";
    let finding = Finding::new(303, &script.path, text).at(at(script, first)).advice(advice);
    if let Some((_, words)) = DAEMONIZING.iter().find(|(daemon, _)| *daemon == name) {
        let goes = holds(words) && !holds(&["--nofork"]) && !holds(&["no"]);
        return goes.then(|| without(script, name, arguments, words, finding));
    }
    let Background { words, file, .. } = BACKGROUND.iter().find(|known| known.names.contains(&name))?;
    let says_so = |(path, text): (&str, &str)| {
        // A script may write it into the file.
        file_says(image.tree, path.as_bytes(), text.as_bytes(), 0)
            || image.scripts().any(|script| has(&script.text, text.as_bytes()))
    };
    let shows_version = holds(&["-v", "-V", "-t", "--version", "--help"]);
    if holds(words) || shows_version || file.is_some_and(says_so) {
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

/// Whether a file of settings, or one that it includes at its top level, may have a text in it: what isn't here may.
fn file_says(tree: &Tree, path: &[u8], text: &[u8], depth: u32) -> bool {
    let Some(found) = tree.read(path, 1 << 16).filter(|_| depth < 3) else { return true };
    if has(&found, text) {
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
