//! The directory that s6-linux-init-maker makes, as a list of files: the first programs of a machine or a container
//! that boots with s6-linux-init.
//!
//! ```text
//! bin/        init, halt, poweroff, reboot, shutdown, telinit: for /sbin
//! env/        the environment of everything
//! scripts/    rc.init, rc.shutdown, rc.shutdown.final, runlevel: copied from a skeleton
//! run-image/  what /run is filled with at boot: the scan directory, the log directory, the results
//! ```

use crate::request::How;
use tool::{path::join, quote};

/// Where the scan directory of a booted system is.
pub(crate) const SCANDIR: &str = "/run/service";

/// The service that hears shutdown requests.
pub(crate) const SHUTDOWND: &str = "s6-linux-init-shutdownd";

/// The service that changes runlevels.
pub(crate) const RUNLEVELD: &str = "s6-linux-init-runleveld";

/// The service that logs what nobody else does.
pub(crate) const LOGGER: &str = "s6-svscan-log";

/// Where a container's exit code is.
const RESULTS: &str = "s6-linux-init-container-results";

/// Where the catch-all logger logs to.
const LOGS: &str = "uncaught-logs";

/// The scripts that a skeleton holds, beside `runlevel`.
const SCRIPTS: [&str; 3] = ["rc.init", "rc.shutdown", "rc.shutdown.final"];

/// The scripts that are copied from a skeleton; a container has no runlevels.
pub(crate) fn scripts(is_container: bool) -> impl Iterator<Item = &'static str> {
    SCRIPTS.into_iter().chain((!is_container).then_some("runlevel"))
}

/// How the system is to boot and to stop.
#[derive(Debug, Clone)]
pub(crate) struct Choices {
    /// The arguments of s6-linux-init in `bin/init`.
    pub(crate) boot: Vec<Vec<u8>>,
    /// Hard limits for everything, the arguments of `s6-softlimit -H`.
    pub(crate) limits: Vec<Vec<u8>>,
    pub(crate) basedir: Vec<u8>,
    /// Of the catch-all logger.
    pub(crate) log_user: Vec<u8>,
    /// 1: TAI64N, 2: ISO 8601, 3: both.
    pub(crate) stamps: u8,
    /// What is logged goes to the console, too.
    pub(crate) also_console: bool,
    /// No catch-all logger.
    pub(crate) without_logger: bool,
    pub(crate) early_getty: Option<Vec<u8>>,
    pub(crate) logout_hook: bool,
    pub(crate) is_container: bool,
    /// A container's disks are synced at its end.
    pub(crate) sync: bool,
    /// Milliseconds between TERM and KILL at the end.
    pub(crate) grace: u32,
    /// Variables with values, and variables that are to be absent.
    pub(crate) env: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// What an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A directory with this mode; `for_logs`: it belongs to the logger's user.
    Dir { mode: u32, for_logs: bool },
    /// A file that is read.
    File(Vec<u8>),
    /// A file that is executed.
    Script(Vec<u8>),
    /// A FIFO, mode 0600.
    Fifo,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its path in the directory.
    pub(crate) path: Vec<u8>,
    pub(crate) kind: Kind,
}

/// A list in the making.
#[derive(Default)]
struct List(Vec<Item>);

impl List {
    fn add(&mut self, path: &str, kind: Kind) {
        self.0.push(Item { path: path.as_bytes().to_vec(), kind });
    }

    fn dir(&mut self, path: &str) {
        self.add(path, Kind::Dir { mode: 0o755, for_logs: false });
    }

    fn script(&mut self, path: &str, lines: &[u8]) {
        self.add(path, Kind::Script(execline_script(lines)));
    }

    /// A script that hands its own arguments on to the last word.
    fn script_with_args(&mut self, path: &str, lines: &[u8]) {
        self.add(path, Kind::Script([b"#!/command/execlineb -S0\n", lines, b" $@\n"].concat()));
    }

    /// A service that tells when it is ready.
    fn service(&mut self, name: &str, notification_fd: Option<u8>, run: &[u8]) {
        let dir = format!("run-image/service/{name}");
        self.dir(&dir);
        if let Some(fd) = notification_fd {
            self.add(&format!("{dir}/notification-fd"), Kind::File(format!("{fd}\n").into_bytes()));
        }
        self.script(&format!("{dir}/run"), run);
    }
}

/// Everything but the skeleton's scripts, directories before what is in them.
pub(crate) fn items(choices: &Choices) -> Vec<Item> {
    let mut list = List::default();
    list.dir("bin");
    let mut init = Vec::new();
    if !choices.limits.is_empty() {
        init.extend([b"s6-softlimit -H ".to_vec(), choices.limits.join(&b' '), b"\n".to_vec()].concat());
    }
    let words: Vec<_> = choices.boot.iter().map(|word| quote(word)).collect();
    init.extend([b"s6-linux-init ".to_vec(), words.join(&b' '), b" --".to_vec()].concat());
    list.script_with_args("bin/init", &init);
    // A container syncs only if it is asked to.
    let quiet = if choices.is_container && !choices.sync { "n" } else { "" };
    for (name, letter) in [("halt", 'h'), ("poweroff", 'p'), ("reboot", 'r')] {
        list.script_with_args(
            &format!("bin/{name}"),
            format!("s6-linux-init-hpr -{quiet}{letter}").as_bytes(),
        );
    }
    list.script_with_args("bin/shutdown", b"s6-linux-init-shutdown");
    if !choices.is_container {
        list.script_with_args("bin/telinit", b"s6-linux-init-telinit");
    }
    list.dir("env");
    for (name, value) in &choices.env {
        // An empty file of an envdir removes the variable, an empty line sets it to nothing.
        let content = value.as_ref().map_or_else(Vec::new, |value| [value.as_slice(), b"\n"].concat());
        list.0.push(Item { path: join(b"env", name), kind: Kind::File(content) });
    }
    list.dir("scripts");
    list.dir("run-image");
    list.dir("run-image/service");
    signals(&mut list, choices);
    services(&mut list, choices);
    if choices.is_container {
        list.dir(&format!("run-image/{RESULTS}"));
        list.add(&format!("run-image/{RESULTS}/exitcode"), Kind::File(b"0\n".to_vec()));
    }
    list.0
}

/// What s6-svscan does with signals, when it ends and when it faults.
fn signals(list: &mut List, choices: &Choices) {
    list.dir("run-image/service/.s6-svscan");
    let at = |name: &str| format!("run-image/service/.s6-svscan/{name}");
    let stop = |letter: char| {
        let with_users = if choices.is_container { "" } else { "-a " };
        format!("s6-linux-init-shutdown {with_users}-{letter} -- now").into_bytes()
    };
    for (name, letter) in [("SIGINT", 'r'), ("SIGUSR1", 'p'), ("SIGUSR2", 'h'), ("SIGPWR", 'p')] {
        list.script(&at(name), &stop(letter));
    }
    // On a machine these signals mean nothing, but s6-svscan would take them for its own.
    for name in ["SIGQUIT", "SIGWINCH"] {
        list.script(&at(name), b"");
    }
    let (is_container, sync) = (choices.is_container, choices.sync);
    let end = End { basedir: &choices.basedir, is_container, sync }.script(Ending::Unasked);
    if choices.is_container {
        list.script(&at("SIGTERM"), &stop('h'));
    } else {
        list.script(&at("SIGTERM"), b"");
    }
    list.script(&at("crash"), &end);
    list.script(&at("finish"), &end);
}

fn services(list: &mut List, choices: &Choices) {
    if !choices.without_logger {
        list.add(&format!("run-image/{LOGS}"), Kind::Dir { mode: 0o2750, for_logs: true });
        list.service(LOGGER, Some(3), &logger(choices));
        list.add(&format!("run-image/service/{LOGGER}/fifo"), Kind::Fifo);
    }
    let mut shutdownd = b"s6-linux-init-shutdownd -d 3 -c ".to_vec();
    shutdownd.extend(quote(&choices.basedir));
    shutdownd.extend(format!(" -g {}", choices.grace).into_bytes());
    for (is_given, flag) in
        [(choices.is_container, " -C"), (choices.without_logger, " -B"), (choices.sync, " -S")]
    {
        shutdownd.extend_from_slice(if is_given { flag.as_bytes() } else { b"" });
    }
    list.service(SHUTDOWND, Some(3), &shutdownd);
    list.add(&format!("run-image/service/{SHUTDOWND}/fifo"), Kind::Fifo);
    if !choices.is_container {
        let script = join(&join(&choices.basedir, b"scripts"), b"runlevel");
        let mut run =
            b"fdmove -c 2 1\nfdmove 1 3\ns6-ipcserver -1 -a 0700 -c 1 -- s\ns6-sudod -t 30000 -- ".to_vec();
        run.extend(quote(&script));
        list.service(RUNLEVELD, Some(3), &run);
    }
    if choices.logout_hook {
        // Each session keeps its connection, and all of them are root's.
        let run =
            b"fdmove -c 2 1\nfdmove 1 3\ns6-ipcserver -1 -a 0700 -c 1000 -C 1000 -- s\ns6-linux-init-logouthookd";
        list.service("s6-linux-init-logouthookd", Some(3), run);
    }
    if let Some(getty) = &choices.early_getty {
        list.service("s6-linux-init-early-getty", None, getty);
    }
}

fn logger(choices: &Choices) -> Vec<u8> {
    let mut script = Vec::new();
    // The logger's own output is the console, where its `1` directive writes to; in a container, and without that
    // directive, it is what its errors go to.
    let output = if choices.also_console && !choices.is_container {
        "redirfd -w 1 /dev/console\n"
    } else {
        "fdmove -c 1 2\n"
    };
    script.extend_from_slice(output.as_bytes());
    script.extend_from_slice(b"redirfd -rnb 0 fifo\n");
    if choices.log_user != b"root" {
        script.extend([b"s6-setuidgid ", quote(&choices.log_user).as_slice(), b"\n"].concat());
    }
    script.extend_from_slice(b"exec -c\ns6-log -bp -d 3 --");
    for (is_given, directive) in
        [(choices.also_console, " 1"), (choices.stamps & 1 != 0, " t"), (choices.stamps & 2 != 0, " T")]
    {
        script.extend_from_slice(if is_given { directive.as_bytes() } else { b"" });
    }
    script.extend(format!(" /run/{LOGS}").into_bytes());
    script
}

/// How process 1 ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nobody asked s6-svscan to end.
    Unasked,
    /// A shutdown, of this kind.
    Asked(How),
}

/// What the script that s6-svscan becomes depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End<'a> {
    pub(crate) basedir: &'a [u8],
    pub(crate) is_container: bool,
    /// A container's disks are synced.
    pub(crate) sync: bool,
}

impl End<'_> {
    /// The lines of the script: it kills what is left, reaps it, and ends the machine or the container.
    pub(crate) fn script(&self, how: Ending) -> Vec<u8> {
        let mut script = b"cd /\nforeground { s6-linux-init-nuke }\nwait { }\n".to_vec();
        if self.is_container && self.sync {
            script.extend_from_slice(b"foreground { s6-sync }\n");
        }
        if !self.is_container {
            let last = join(&join(self.basedir, b"scripts"), b"rc.shutdown.final");
            script.extend([b"foreground { ", quote(&last).as_slice(), b" }\n"].concat());
            script.extend_from_slice(b"foreground { s6-linux-init-umountall }\n");
        }
        let reboot = |letter| format!("s6-linux-init-hpr -fnd{letter}");
        let end = match (self.is_container, how) {
            // An unexpected end of process 1 would be a kernel's panic.
            (false, Ending::Unasked | Ending::Asked(How::Reboot)) => reboot('r'),
            (false, Ending::Asked(How::Halt)) => reboot('h'),
            (false, Ending::Asked(How::PowerOff)) => reboot('p'),
            (true, Ending::Unasked) => "exit 111".to_owned(),
            (true, Ending::Asked(How::Halt)) => format!(
                "backtick -D 0 CODE {{ redirfd -r 0 /run/{RESULTS}/exitcode s6-cat }}\n\
                 importas -iu CODE CODE\nexit ${{CODE}}"
            ),
            // Without the right to end the pid namespace: the code that a shell gives for the signal that would have.
            (true, Ending::Asked(How::PowerOff)) => format!("foreground {{ {} }}\nexit 130", reboot('p')),
            (true, Ending::Asked(How::Reboot)) => format!("foreground {{ {} }}\nexit 129", reboot('r')),
        };
        script.extend(end.into_bytes());
        script
    }
}

/// `#!/command/execlineb -P` and lines.
pub(crate) fn execline_script(lines: &[u8]) -> Vec<u8> {
    [b"#!/command/execlineb -P\n", lines, b"\n"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(is_container: bool) -> Choices {
        Choices {
            boot: vec![b"-c".to_vec(), b"/b d".to_vec()],
            limits: Vec::new(),
            basedir: b"/b d".to_vec(),
            log_user: b"root".to_vec(),
            stamps: 1,
            also_console: false,
            without_logger: false,
            early_getty: None,
            logout_hook: false,
            is_container,
            sync: false,
            grace: 3000,
            env: vec![(b"A".to_vec(), Some(b"x".to_vec())), (b"B".to_vec(), None)],
        }
    }

    fn content(items: &[Item], path: &str) -> Option<String> {
        items.iter().find(|item| item.path == path.as_bytes()).map(|item| match &item.kind {
            Kind::File(text) | Kind::Script(text) => String::from_utf8(text.clone()).unwrap(),
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn a_containers_image() {
        let items = items(&choices(true));
        let get = |path: &str| content(&items, path);
        assert_eq!(
            get("bin/init").unwrap(),
            "#!/command/execlineb -S0\ns6-linux-init \"-c\" \"/b d\" -- $@\n"
        );
        assert_eq!((get("env/A").unwrap().as_str(), get("env/B").unwrap().as_str()), ("x\n", ""));
        assert!(get("bin/telinit").is_none() && get("run-image/service/s6-linux-init-runleveld").is_none());
        let term = get("run-image/service/.s6-svscan/SIGTERM").unwrap();
        assert!(term.ends_with("s6-linux-init-shutdown -h -- now\n"), "{term}");
        let log = get("run-image/service/s6-svscan-log/run").unwrap();
        assert!(log.ends_with("s6-log -bp -d 3 -- t /run/uncaught-logs\n"), "{log}");
        assert_eq!(get("run-image/s6-linux-init-container-results/exitcode").unwrap(), "0\n");
    }

    #[test]
    fn a_machines_image() {
        let machine = Choices {
            without_logger: true,
            early_getty: Some(b"/sbin/getty 38400 tty1".to_vec()),
            logout_hook: true,
            limits: vec![b"-o".to_vec(), b"2000".to_vec()],
            ..choices(false)
        };
        let items = items(&machine);
        let get = |path: &str| content(&items, path);
        assert!(get("bin/init").unwrap().contains("s6-softlimit -H -o 2000\n"));
        assert!(get("run-image/uncaught-logs").is_none() && get("run-image/service/s6-svscan-log").is_none());
        assert!(
            get("run-image/service/s6-linux-init-early-getty/run").unwrap().contains("/sbin/getty 38400")
        );
        assert!(get("run-image/service/s6-linux-init-logouthookd/run").unwrap().contains(" -C 1000 "));
        let runleveld = get("run-image/service/s6-linux-init-runleveld/run").unwrap();
        assert!(runleveld.ends_with("-- \"/b d/scripts/runlevel\"\n"), "{runleveld}");
        assert!(get("run-image/service/.s6-svscan/crash").unwrap().ends_with("s6-linux-init-hpr -fndr\n"));
    }

    #[test]
    fn parents_come_before_what_is_in_them() {
        for is_container in [false, true] {
            let items = items(&choices(is_container));
            for (at, item) in items.iter().enumerate() {
                let (parent, _) = tool::path::split(&item.path);
                let made = items.iter().take(at).any(|other| other.path == parent);
                assert!(parent == b"." || made, "{}", tool::diag::show(&item.path));
            }
        }
    }
}
