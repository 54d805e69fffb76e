//! What the container makes in /run, and who may do what with it: the table of docs/reliability.md, for every umask and user.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use sandbox::Streams;
use tests::image;
use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("permissions::are_those_of_the_table", are_those_of_the_table),
    ("permissions::another_user_can_write_to_nothing", another_user_can_write_to_nothing),
];

/// The umasks that a container engine or S6_UMASK may set.
const UMASKS: [u32; 4] = [0o022, 0o077, 0o000, 0o027];
/// Root, a user of the image, and one that the image doesn't know.
const USERS: [u32; 3] = [0, 2, 4242];

/// What the cell of a mode says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Exactly(u32),
    WithoutUmask(u32),
    AsInTheImage,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    path: String,
    kind: String,
    mode: Mode,
}

/// The places that `DIR` stands for.
const DIRECTORIES: [&str; 4] = [
    "/run/s6-rc:s6-rc-init:HEX/servicedirs/NAME",
    "/run/s6/legacy-services/NAME",
    "/run/s6/legacy-services/NAME/log",
    "/run/service/NAME",
];

/// The rows of the table, with each place that `DIR` stands for.
fn table() -> Result<Vec<Row>, String> {
    let page = image::workspace().join("docs/reliability.md");
    let page = fs::read_to_string(&page).map_err(|why| format!("{}: {why}", page.display()))?;
    let mut rows = Vec::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let ["", path, kind, mode, ""] = cells.as_slice() else { continue };
        if !path.starts_with("/run") && !path.starts_with("DIR") {
            continue;
        }
        let octal =
            |text: &str| u32::from_str_radix(text, 8).map_err(|_| format!("{path}: {text} is no mode"));
        let mode = match mode.strip_suffix(" without the umask") {
            Some(mode) => Mode::WithoutUmask(octal(mode)?),
            None if *mode == "as in the image" => Mode::AsInTheImage,
            None => Mode::Exactly(octal(mode)?),
        };
        let row = |path: String| Row { path, kind: (*kind).to_owned(), mode };
        match path.strip_prefix("DIR") {
            Some(rest) => rows.extend(DIRECTORIES.iter().map(|place| row(format!("{place}{rest}")))),
            None => rows.push(row((*path).to_owned())),
        }
    }
    Ok(rows)
}

impl Row {
    /// Whether the path is one of this row's: NAME is any word, HEX a number, … the rest of a path.
    fn has(&self, path: &str) -> bool {
        let (mut words, mut pattern) = (path.split('/'), self.path.split('/'));
        loop {
            match (words.next(), pattern.next()) {
                // What is made there has rows of its own.
                (Some(word), Some("…")) => return !["supervise", "event"].contains(&word),
                (Some(word), Some("NAME")) if !word.is_empty() && !word.starts_with('.') => {}
                (Some(word), Some(pattern)) => match pattern.strip_suffix("HEX") {
                    Some(start) => {
                        let rest = word.strip_prefix(start);
                        if !rest.is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit())) {
                            return false;
                        }
                    }
                    None if word == pattern => {}
                    None => return false,
                },
                (None, None) => return true,
                _ => return false,
            }
        }
    }

    fn is_of(&self, kind: &str) -> bool {
        self.kind == kind || self.mode == Mode::AsInTheImage && ["file", "directory"].contains(&kind)
    }

    fn allows(&self, mode: u32, umask: u32) -> bool {
        match self.mode {
            Mode::Exactly(wanted) => mode == wanted,
            Mode::WithoutUmask(wanted) => mode == wanted & !umask,
            // The definitions of this test give no more than that.
            Mode::AsInTheImage => mode & 0o7022 == 0,
        }
    }
}

/// One of everything that is supervised.
fn services() -> std::io::Result<Services> {
    let s = Services::new()?;
    s.oneshot("once", &["base"], "true", "true")?;
    s.longrun("ready", &["once"], "#!/bin/sh\necho something\necho >&3\nexec sleep 100000 3>&-\n")?
        .define("ready", "notification-fd", "3\n")?
        .script(&format!("{DEFINITIONS}/ready/finish"), "#!/bin/sh\ntrue\n")?
        .define("ready", "data/file", "text\n")?;
    s.longrun("producer", &["base"], "#!/bin/sh\nexec sleep 100000\n")?.define(
        "producer",
        "producer-for",
        "logger\n",
    )?;
    s.longrun("logger", &["base"], "#!/bin/sh\nexec s6-log -d 3 n2 /tmp/logged\n")?
        .define("logger", "consumer-for", "producer\n")?
        .define("logger", "pipeline-name", "logged\n")?
        .define("logger", "notification-fd", "3\n")?;
    s.script("/etc/services.d/legacy/run", "#!/bin/sh\nexec sleep 100000\n")?;
    s.script("/etc/services.d/legacy/log/run", "#!/bin/sh\nexec cat\n")?;
    s.script("/etc/cont-init.d/script", "#!/bin/sh\ntrue\n")?;
    s.script(
        "/etc/test/command",
        "#!/bin/sh\ncd /run/service\ns6-svwait -U ready logger && s6-svwait -u legacy legacy/log\n\
         until [ ! -e /run/s6-overlay/log ] || [ -e /run/s6-overlay/log/ready ]; do usleep 1000; done; echo 'all is up'\n\
         exec sleep 100000\n",
    )?;
    Ok(s)
}

fn are_those_of_the_table(images: &Images) -> Outcome {
    let (table, services) = (table()?, services()?);
    let mut unused: Vec<Row> = table.clone();
    let mut wrong = BTreeSet::new();
    for (layout, logging, keep) in [("0", "1", ""), ("1", "1", ""), ("0", "0", "64k")] {
        for uid in USERS {
            for umask in UMASKS {
                let script = format!("umask {umask:03o}; exec /init /etc/test/command");
                let sandbox = images
                    .small(&services, &[])
                    .command(["sh", "-c", &script])
                    .env("S6_SUPERVISE_PROCESSES", layout)
                    .env("S6_LOGGING", logging)
                    .env("S6_LOG_KEEP", keep)
                    .env("S6_HTTP", if layout == "0" { "unix:/run/http.sock" } else { "" })
                    .env("S6_UMASK", format!("{umask:03o}"))
                    .user(uid, uid);
                let mut t = Transcript::start(&sandbox)?;
                t.wait_for("all is up")?;
                let root = format!("/proc/{}/root", t.container().pid());
                for (path, kind, mode, owner) in found(Path::new(&root), "/run") {
                    let row = table.iter().find(|row| row.has(&path) && row.is_of(kind));
                    unused.retain(|unused| Some(unused) != row);
                    if !row.is_some_and(|row| row.allows(mode, umask)) || owner != (uid, uid) {
                        wrong.insert(format!(
                            "{path} | {kind} | {mode:04o}, owner {owner:?}, umask {umask:03o}"
                        ));
                    }
                }
                t.container().stop()?;
                t.finish()?;
            }
        }
    }
    // Not each of the places of service directories has each kind of content.
    unused.retain(|row| !row.path.ends_with('…'));
    let mut text = String::new();
    for line in &wrong {
        let _ = writeln!(text, "not as in the table: {line}");
    }
    for row in &unused {
        let _ = writeln!(text, "in the table, but not found: {row:?}");
    }
    if text.is_empty() { Ok(()) } else { Err(text.into()) }
}

/// All that is below a path: path, kind, mode and owner.
fn found(root: &Path, path: &str) -> Vec<(String, &'static str, u32, (u32, u32))> {
    let mut all = Vec::new();
    let entries = fs::read_dir(root.join(path.trim_start_matches('/')));
    for entry in entries.into_iter().flatten().flatten() {
        let path = format!("{path}/{}", entry.file_name().display());
        // What disappears meanwhile isn't there.
        let Ok(found_here) = entry.metadata() else { continue };
        let kind = found_here.file_type();
        let kind = match kind {
            _ if kind.is_dir() => "directory",
            _ if kind.is_fifo() => "FIFO",
            _ if kind.is_socket() => "socket",
            _ if kind.is_symlink() => "link",
            _ => "file",
        };
        if kind == "directory" {
            all.extend(found(root, &path));
        }
        all.push((path, kind, found_here.mode() & 0o7777, (found_here.uid(), found_here.gid())));
    }
    all
}

/// What the user tries with each file, directory, FIFO and socket of /run.
const ATTEMPTS: &str = "\
#!/bin/sh
find /run /service 2>/dev/null | while read path; do
  [ -L \"$path\" ] && continue
  [ -w \"$path\" ] && echo \"can write to $path\"
  [ -d \"$path\" ] && : 2>/dev/null >\"$path/mine\" && echo \"made a file in $path\"
  [ -d \"$path\" ] && mv \"$path\" \"$path.moved\" 2>/dev/null && echo \"moved $path\"
done
for command in 's6-svc -d /run/service/ready' 's6-svscanctl -t /run/service' 's6-rc -d change ready' '/run/s6/basedir/bin/halt'; do
  $command 2>/dev/null && echo \"could run $command\"
done
/command/s6-overlay-suexec ' touch' ' /run/mine' '' true 2>/dev/null && echo 'the helper ran'
[ -e /run/mine ] && echo 'the helper made a file'
echo 'tried all'
";

fn another_user_can_write_to_nothing(images: &Images) -> Outcome {
    let services = services()?;
    services.script("/etc/test/attempts", ATTEMPTS)?;
    for layout in ["0", "1"] {
        let sandbox = images.small(&services, &["/etc/test/command"]);
        let sandbox =
            sandbox.env("S6_SUPERVISE_PROCESSES", layout).env("S6_LOGGING", "1").env("S6_UMASK", "000");
        let mut t = Transcript::start(&sandbox)?;
        t.wait_for("all is up")?;
        let attempts =
            t.container().exec(["/etc/test/attempts"]).env("PATH", "/command:/bin").user(4242, 4242);
        let output = attempts.streams(Streams::Together).start()?.output(Duration::from_secs(90))?;
        same(String::from_utf8_lossy(&output.stdout).into_owned(), "tried all\n".to_owned(), &t.text())?;
        let status = t.container().exec(["/command/s6-svstat", "-o", "up,ready", "/run/service/ready"]);
        let status = status.streams(Streams::Together).start()?.output(Duration::from_secs(90))?;
        same(String::from_utf8_lossy(&status.stdout).into_owned(), "true true\n".to_owned(), &t.text())?;
        t.container().stop()?;
        t.finish()?;
    }
    Ok(())
}
