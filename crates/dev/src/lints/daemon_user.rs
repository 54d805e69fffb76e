//! Which user a `run` makes the daemon.

use crate::finding::{Edit, Finding};
use crate::image::{Image, Script};
use crate::lints::program::at;
use crate::shell::{Shell, Word, base_name};
use crate::text::has;

/// SO316, SO318.
pub(super) fn check(image: &Image<'_>, script: &Script, shell: &Shell, found: &mut Vec<Finding>) {
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
        [&b"useradd"[..], b"adduser", b"/etc/passwd", b"usermod"].iter().any(|word| has(&script.text, word))
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
