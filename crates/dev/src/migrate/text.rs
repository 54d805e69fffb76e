//! Pure: the rules for scripts, which change lines so that they work with version 3.
//!
//! A line is changed only if the change is certainly right; otherwise there is a remark for a human.

/// A line that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Its number, from 1.
    pub(crate) line: usize,
    /// The present line, without its end.
    pub(crate) before: Vec<u8>,
    /// The new line.
    pub(crate) after: Vec<u8>,
    /// The reasons, one for each rule that changed it.
    pub(crate) why: Vec<&'static str>,
}

/// Something that a human has to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    /// The number of the line, from 1.
    pub(crate) line: usize,
    /// The text for the human.
    pub(crate) what: &'static str,
}

/// The changes of a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The new text.
    pub(crate) content: Vec<u8>,
    /// The lines that change, apart from carriage returns.
    pub(crate) changes: Vec<Change>,
    /// How many lines lose a carriage return at their end.
    pub(crate) carriage_returns: usize,
    /// What is left to a human.
    pub(crate) remarks: Vec<Remark>,
}

/// What is known about a text besides its bytes.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a> {
    /// Whether it is written in execline: an `up` or `down` file, or a script for execlineb.
    pub(crate) execline: bool,
    /// Whether lines have to end in a newline alone.
    pub(crate) unix_ends: bool,
    /// Whether a name is that of a command that only we provide.
    pub(crate) is_ours: &'a dyn Fn(&[u8]) -> bool,
}

/// The folders of version 2's links to commands.
const FORMER_FOLDERS: &[&[u8]] = &[b"/usr/bin/", b"/bin/"];
/// The paths of version 2's scandir.
const FORMER_SCANDIRS: &[&[u8]] = &[b"/var/run/s6/services", b"/run/s6/services"];
const SCANDIR: &[u8] = b"/run/service";
const HALT: &[u8] = b"/run/s6/basedir/bin/halt";

const WHY_PATH: &str = "commands are in /command";
const WHY_TEST: &str = "s6-test is called eltest";
const WHY_SCANDIR: &str = "services are supervised in /run/service";
const WHY_HALT: &str = "what ends a container is halt";
const WHY_IMPORT: &str = "import is gone, importas takes the name twice";

/// Plans the changes of a text; `None` for binary data.
#[must_use]
pub(crate) fn plan(content: &[u8], text: Text<'_>) -> Option<Plan> {
    if content.contains(&0) {
        return None;
    }
    let lines: Vec<&[u8]> = content.split_inclusive(|b| *b == b'\n').collect();
    let ends_in_cr = |line: &[u8]| line.ends_with(b"\r\n") || line.ends_with(b"\r");
    let with_cr = lines.iter().filter(|line| ends_in_cr(line)).count();
    let is_script = content.starts_with(b"#!");
    let strips = with_cr > 0 && (text.unix_ends || is_script && lines.first().is_some_and(|l| ends_in_cr(l)));
    let mut plan = Plan { carriage_returns: if strips { with_cr } else { 0 }, ..Plan::default() };
    for (number, whole) in (1..).zip(lines) {
        let line = whole.strip_suffix(b"\n").unwrap_or(whole);
        let end = whole.get(line.len()..).unwrap_or_default();
        let (line, cr) = match line.strip_suffix(b"\r") {
            Some(rest) => (rest, if strips { &b""[..] } else { &b"\r"[..] }),
            None => (line, &b""[..]),
        };
        let (after, why) = fix_line(line, text);
        plan.remarks.extend(remarks(&after, text).into_iter().map(|what| Remark { line: number, what }));
        plan.content.extend([&after[..], cr, end].concat());
        if !why.is_empty() {
            plan.changes.push(Change { line: number, before: line.to_vec(), after, why });
        }
    }
    Some(plan)
}

fn fix_line(line: &[u8], text: Text<'_>) -> (Vec<u8>, Vec<&'static str>) {
    let mut line = line.to_vec();
    let mut why = Vec::new();
    let mut apply = |reason: &'static str, rule: &dyn Fn(&[u8]) -> Option<Vec<u8>>| {
        if let Some(after) = rule(&line) {
            line = after;
            why.push(reason);
        }
    };
    apply(WHY_PATH, &|line| move_paths(line, text.is_ours));
    apply(WHY_TEST, &|line| replace(line, b"s6-test", b"eltest", is_in_name, is_in_name));
    apply(WHY_HALT, &halt);
    for former in FORMER_SCANDIRS {
        apply(WHY_SCANDIR, &|line| replace(line, former, SCANDIR, is_in_path, is_in_name));
    }
    if text.execline {
        apply(WHY_IMPORT, &import);
    }
    (line, why)
}

fn is_in_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')
}

fn is_in_path(b: u8) -> bool {
    is_in_name(b) || b == b'/' || b == b'}'
}

/// Replaces all occurrences of `what` that don't follow a byte of `not_before` or precede one of `not_after`; `None` if there
/// are none.
fn replace(
    line: &[u8],
    what: &[u8],
    with: &[u8],
    not_before: fn(u8) -> bool,
    not_after: fn(u8) -> bool,
) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = line;
    let mut changed = false;
    while let Some(first) = rest.first() {
        let after = rest.strip_prefix(what).filter(|after| {
            !out.last().is_some_and(|b| not_before(*b)) && !after.first().is_some_and(|b| not_after(*b))
        });
        match after {
            Some(after) => {
                out.extend(with);
                rest = after;
                changed = true;
            }
            None => {
                out.push(*first);
                rest = rest.get(1..).unwrap_or_default();
            }
        }
    }
    changed.then_some(out)
}

/// Replaces version 2's paths of our commands by those in /command.
fn move_paths(line: &[u8], is_ours: &dyn Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let mut out: Vec<u8> = Vec::new();
    let mut rest = line;
    let mut changed = false;
    while let Some(first) = rest.first() {
        let free = !out.last().is_some_and(|b| is_in_path(*b));
        let after = FORMER_FOLDERS.iter().find_map(|folder| rest.strip_prefix(*folder)).filter(|_| free);
        let name = after.map(|after| after.split(|b| !is_in_path(*b)).next().unwrap_or_default());
        match (after, name) {
            (Some(after), Some(name)) if is_ours(name) => {
                out.extend([b"/command/", name].concat());
                rest = after.get(name.len()..).unwrap_or_default();
                changed = true;
            }
            _ => {
                out.push(*first);
                rest = rest.get(1..).unwrap_or_default();
            }
        }
    }
    changed.then_some(out)
}

/// The words of a line, split at blanks: the offset and the bytes of each.
fn words(line: &[u8]) -> Vec<(usize, &[u8])> {
    let mut found = Vec::new();
    let mut at = 0usize;
    for word in line.split(|b| b.is_ascii_whitespace()) {
        if !word.is_empty() {
            found.push((at, word));
        }
        at = at.saturating_add(word.len()).saturating_add(1);
    }
    found
}

/// A word without quotes around it and without what ends a command after it.
fn bare(word: &[u8]) -> &[u8] {
    let word = word.strip_prefix(b"\"").or_else(|| word.strip_prefix(b"'")).unwrap_or(word);
    let end = word.iter().position(|b| matches!(b, b'"' | b'\'' | b';' | b'&' | b'|' | b')' | b'`'));
    let word = word.get(..end.unwrap_or(word.len())).unwrap_or_default();
    word.strip_suffix(b"/").unwrap_or(word)
}

fn is_scandir(word: &[u8]) -> bool {
    bare(word) == SCANDIR || FORMER_SCANDIRS.contains(&bare(word))
}

/// The length of what precedes a path in a word, such as `"$(`.
fn path_offset(word: &[u8]) -> usize {
    word.iter().rposition(|b| !is_in_path(*b)).map_or(0, |at| at.saturating_add(1))
}

/// The name of the command in a word.
fn command(word: &[u8]) -> &[u8] {
    let path = word.get(path_offset(word)..).unwrap_or_default();
    path.rsplit(|b| *b == b'/').next().unwrap_or_default()
}

/// `s6-svscanctl -t SCANDIR` becomes `halt`.
fn halt(line: &[u8]) -> Option<Vec<u8>> {
    let words = words(line);
    let found = words.windows(3).find(|w| {
        matches!(w, [(_, name), (_, b"-t"), (_, dir)] if command(name) == b"s6-svscanctl" && is_scandir(dir))
    })?;
    let [(start, name), _, (dir_at, dir)] = found else { return None };
    let quote = usize::from(matches!(dir.first(), Some(b'"' | b'\'')));
    let mut length = bare(dir).len().saturating_add(quote.saturating_mul(2));
    length =
        length.saturating_add(usize::from(dir.get(quote.saturating_add(bare(dir).len())) == Some(&b'/')));
    let head = line.get(..start.saturating_add(path_offset(name)))?;
    let tail = line.get(dir_at.saturating_add(length)..)?;
    Some([head, HALT, tail].concat())
}

/// `import OPTIONS NAME` at the start of a command becomes `importas OPTIONS NAME NAME`.
fn import(line: &[u8]) -> Option<Vec<u8>> {
    let words = words(line);
    let mut at = words.iter().position(|(_, word)| *word == b"import")?;
    let starts = at.checked_sub(1).and_then(|i| words.get(i)).is_none_or(|(_, w)| matches!(*w, b"{" | b"}"));
    let (start, _) = words.get(at).filter(|_| starts)?;
    loop {
        at = at.saturating_add(1);
        let (_, word) = words.get(at)?;
        let Some(letters) = word.strip_prefix(b"-") else { break };
        // The value is the rest of the word or the next word.
        if matches!(letters.last(), Some(b'D' | b'd')) {
            at = at.saturating_add(1);
        }
    }
    let (name_at, name) = words.get(at)?;
    let is_name = name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let name_end = name_at.saturating_add(name.len());
    let options = line.get(start.saturating_add(b"import".len())..name_end)?;
    let quotes = options.iter().filter(|b| **b == b'"').count();
    if !is_name || quotes % 2 != 0 {
        return None;
    }
    Some([line.get(..*start)?, b"importas", options, b" ", name, line.get(name_end..)?].concat())
}

/// The remarks about a line after its changes.
fn remarks(line: &[u8], text: Text<'_>) -> Vec<&'static str> {
    let mut found = Vec::new();
    if line.trim_ascii_start().starts_with(b"#") && !line.starts_with(b"#!") {
        return found;
    }
    for (what, why) in PLACES {
        if contains(line, what, is_in_name, is_in_name) {
            found.push(*why);
        }
    }
    for (name, why) in VARIABLES {
        if sets(line, name) {
            found.push(*why);
        }
    }
    let has = |word: &[u8]| words(line).iter().any(|(_, w)| command(w) == word);
    if has(b"s6-svscanctl") && words(line).iter().any(|(_, w)| is_scandir(w)) {
        found.push("commands the overlay's own supervision tree: to end the container, call /run/s6/basedir/bin/halt");
    }
    if text.execline {
        if has(b"import") {
            found.push("import is gone: importas VARIABLE NAME");
        }
        let delimited =
            words(line).iter().any(|(_, w)| w.starts_with(b"-") && w.contains(&b'd') || *w == b"-0");
        if (has(b"forstdin") || has(b"forbacktickx")) && !delimited {
            found.push("splits at newlines only, no longer at blanks (-d \" \\t\\n\" for that)");
        }
    }
    found
}

fn contains(line: &[u8], what: &[u8], not_before: fn(u8) -> bool, not_after: fn(u8) -> bool) -> bool {
    replace(line, what, what, not_before, not_after).is_some()
}

/// Whether a line sets a variable: in a shell, in a Dockerfile, or in the container's environment.
fn sets(line: &[u8], name: &[u8]) -> bool {
    let assigns = [name, b"="].concat();
    let file = [b"container_environment/", name].concat();
    let docker = words(line).windows(2).any(|w| matches!(w, [(_, b"ENV"), (_, second)] if *second == name));
    docker || contains(line, &assigns, is_in_name, |_| false) || contains(line, &file, |_| false, is_in_name)
}

/// Places and programs that version 3 doesn't have.
const PLACES: &[(&[u8], &str)] = &[
    (
        b"/etc/s6",
        "/etc/s6 is version 2's inside, nothing reads it: use S6_STAGE2_HOOK, or services in /etc/s6-overlay",
    ),
    (
        b"/var/run/s6/env-stage2",
        "/var/run/s6/env-stage2 isn't there: the container's environment is /run/s6/container_environment",
    ),
    (
        b"/var/run/s6/env-stage3",
        "/var/run/s6/env-stage3 isn't there: the container's environment is /run/s6/container_environment",
    ),
    (b"justc-envdir", "justc-envdir is gone: s6-envdir -Lf"),
    (b"with-contenv-legacy", "with-contenv-legacy is gone: with-contenv keeps whole values"),
    (b"s6-overlay-preinit", "s6-overlay-preinit is gone: /init prepares /run by itself"),
    (
        b"/etc/s6-overlay/config/global_path",
        "/etc/s6-overlay/config/global_path isn't read: set PATH in the Dockerfile",
    ),
];

/// Variables with another meaning or without effect in version 3.
const VARIABLES: &[(&[u8], &str)] = &[
    (
        b"S6_CMD_WAIT_FOR_SERVICES_MAXTIME",
        "S6_CMD_WAIT_FOR_SERVICES_MAXTIME limits the whole start, cont-init.d included; unset or 0 is no limit",
    ),
    (
        b"S6_SERVICES_READYTIME",
        "S6_SERVICES_READYTIME has no effect: there is no race that it would have to bridge",
    ),
    (
        b"S6_RUNTIME_PROFILE",
        "S6_RUNTIME_PROFILE replaces /etc/s6-overlay, too: the profile needs s6-overlay/s6-rc.d and s6-overlay/user-bundles.d",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn is_ours(name: &[u8]) -> bool {
        [&b"with-contenv"[..], b"execlineb", b"s6-svc", b"s6-test", b"s6-svscanctl", b"if"].contains(&name)
    }

    fn fixed(content: &str, execline: bool) -> Plan {
        plan(content.as_bytes(), Text { execline, unix_ends: true, is_ours: &is_ours }).unwrap()
    }

    fn line(content: &str) -> String {
        let plan = fixed(content, false);
        assert_eq!(plan.changes.len(), usize::from(plan.content != content.as_bytes()));
        String::from_utf8(plan.content).unwrap()
    }

    #[test]
    fn paths_of_our_commands_move_to_command() {
        for (before, after) in [
            ("#!/usr/bin/with-contenv bash", "#!/command/with-contenv bash"),
            ("#! /bin/execlineb -P", "#! /command/execlineb -P"),
            ("/bin/s6-svc -u x; \"/usr/bin/s6-svc\" -d x", "/command/s6-svc -u x; \"/command/s6-svc\" -d x"),
            ("[ -x /usr/bin/s6-svc ] && A=/bin/s6-svc", "[ -x /command/s6-svc ] && A=/command/s6-svc"),
            ("/usr/bin/s6-test 1 = 1", "/command/eltest 1 = 1"),
        ] {
            assert_eq!(line(before), after);
        }
        for kept in [
            "#!/bin/sh",
            "#!/usr/bin/env execlineb",
            "/usr/local/bin/s6-svc",
            "/opt/usr/bin/s6-svc",
            "/bin/s6-svc.sh /bin/s6-svc/x /bin/s6-svcx",
            "/usr/bin/ifconfig",
            "${prefix}/bin/s6-svc",
        ] {
            assert_eq!(line(kept), kept);
        }
    }

    #[test]
    fn the_scandir_moves_and_halt_ends_the_container() {
        for (before, after) in [
            ("s6-svc -r /var/run/s6/services/app", "s6-svc -r /run/service/app"),
            ("cd \"/run/s6/services\"", "cd \"/run/service\""),
            ("exec s6-svscanctl -t /var/run/s6/services", "exec /run/s6/basedir/bin/halt"),
            ("/bin/s6-svscanctl -t \"/var/run/s6/services/\" || true", "/run/s6/basedir/bin/halt || true"),
            ("x=$(s6-svscanctl -t /run/service); y", "x=$(/run/s6/basedir/bin/halt); y"),
            (
                "foreground { s6-svscanctl -t /var/run/s6/services }",
                "foreground { /run/s6/basedir/bin/halt }",
            ),
        ] {
            assert_eq!(line(before), after);
        }
        for kept in ["/var/run/s6/services-old", "/opt/run/s6/services", "s6-svscanctl -t /srv/own"] {
            assert_eq!(line(kept), kept);
        }
        let other = fixed("s6-svscanctl -an /var/run/s6/services\n", false);
        assert_eq!(
            (other.content.as_slice(), other.remarks.len()),
            (&b"s6-svscanctl -an /run/service\n"[..], 1)
        );
    }

    #[test]
    fn import_becomes_importas_in_execline_only() {
        for (before, after) in [
            ("import FOO", "importas FOO FOO"),
            ("  import -i FOO", "  importas -i FOO FOO"),
            ("if { import -D \"\" FOO s6-test x }", "if { importas -D \"\" FOO FOO eltest x }"),
            ("import -sCd: PATH prog", "importas -sCd: PATH PATH prog"),
        ] {
            assert_eq!(String::from_utf8(fixed(before, true).content).unwrap(), after);
        }
        for kept in ["s6-echo import FOO", "import -D \"a b\" FOO", "import"] {
            let plan = fixed(kept, true);
            assert_eq!((plan.content.as_slice(), plan.remarks.len()), (kept.as_bytes(), 1), "{kept}");
        }
        assert_eq!(line("import os"), "import os");
    }

    #[test]
    fn carriage_returns_are_removed_where_they_break_lines() {
        let text = |unix_ends| Text { execline: false, unix_ends, is_ours: &is_ours };
        let script = plan(b"#!/bin/sh\r\necho\r\n", text(false)).unwrap();
        assert_eq!((script.content.as_slice(), script.carriage_returns), (&b"#!/bin/sh\necho\n"[..], 2));
        let data = plan(b"a\r\nb\r\n", text(false)).unwrap();
        assert_eq!((data.content.as_slice(), data.carriage_returns), (&b"a\r\nb\r\n"[..], 0));
        assert_eq!(plan(b"longrun\r\n", text(true)).unwrap().content, b"longrun\n");
        assert_eq!(plan(b"longrun\r", text(true)).unwrap().content, b"longrun");
        let kept = plan(b"#!/bin/sh\n/bin/s6-svc x\r\n", text(false)).unwrap();
        assert_eq!(kept.content, b"#!/bin/sh\n/command/s6-svc x\r\n");
    }

    #[test]
    fn what_a_human_has_to_decide_is_a_remark() {
        for (text, remarks) in [
            ("cp x /etc/s6/init/init-stage2", 1),
            ("cp x /etc/s6-overlay/s6-rc.d", 0),
            ("# S6_SERVICES_READYTIME=3", 0),
            ("export S6_SERVICES_READYTIME=3", 1),
            ("ENV S6_CMD_WAIT_FOR_SERVICES_MAXTIME 3000", 1),
            ("echo 5 > /var/run/s6/container_environment/S6_CMD_WAIT_FOR_SERVICES_MAXTIME", 1),
            ("echo $S6_CMD_WAIT_FOR_SERVICES_MAXTIME", 0),
            ("forbacktickx i { ls } prog", 1),
            ("forbacktickx -d \"\\n\" i { ls } prog", 0),
        ] {
            assert_eq!(fixed(text, true).remarks.len(), remarks, "{text}");
        }
    }

    #[test]
    fn fixing_twice_changes_nothing_and_binary_data_is_kept() {
        let all =
            "#!/bin/execlineb\r\nimport A\r\nif { s6-test 1 } /bin/s6-svscanctl -t /var/run/s6/services\r\n";
        let once = fixed(all, true);
        let again = plan(&once.content, Text { execline: true, unix_ends: true, is_ours: &is_ours }).unwrap();
        assert_eq!((again.changes.len(), again.carriage_returns), (0, 0));
        assert_eq!(again.content, once.content);
        assert!(
            plan(b"#!/bin/execlineb\n\0", Text { execline: true, unix_ends: true, is_ours: &is_ours })
                .is_none()
        );
    }
}
