//! The directory that s6-linux-init-maker creates, as a list of files: what a machine or a container boots from with
//! s6-linux-init.
//!
//! ```text
//! bin/        init, halt, poweroff, reboot, shutdown, telinit: for /sbin
//! env/        the environment of all processes
//! scripts/    rc.init, rc.shutdown, rc.shutdown.final, runlevel: copied from a skeleton
//! run-image/  the content of /run at boot: the scandir, the log directory, the results
//! ```

use crate::request::How;
use supervision::control::CATCH_ALL;
use tool::{path::join, quote};

/// The scandir of a booted system.
pub(crate) const SCANDIR: &str = "/run/service";

/// The service that reads shutdown requests.
pub(crate) const SHUTDOWND: &str = "s6-linux-init-shutdownd";

/// The service that changes runlevels.
pub(crate) const RUNLEVELD: &str = "s6-linux-init-runleveld";

/// The directory of a container's exit code.
const RESULTS: &str = "s6-linux-init-container-results";

/// The log directory of the catch-all logger.
const LOGS: &str = "uncaught-logs";

/// The scripts of a skeleton, besides `runlevel`.
const SCRIPTS: [&str; 3] = ["rc.init", "rc.shutdown", "rc.shutdown.final"];

/// The scripts that are copied from a skeleton; a container has no runlevels.
pub(crate) fn scripts(is_container: bool) -> impl Iterator<Item = &'static str> {
    SCRIPTS.into_iter().chain((!is_container).then_some("runlevel"))
}

/// How the system boots and stops.
#[derive(Debug, Clone)]
pub(crate) struct BootSettings {
    /// The arguments of s6-linux-init in `bin/init`.
    pub(crate) boot: Vec<Vec<u8>>,
    /// Hard limits for everything, the arguments of `s6-softlimit -H`.
    pub(crate) limits: Vec<Vec<u8>>,
    pub(crate) basedir: Vec<u8>,
    /// The user of the catch-all logger.
    pub(crate) log_user: Vec<u8>,
    /// Time stamps in the log: 0: none, 1: TAI64N, 2: ISO 8601, 3: both.
    pub(crate) stamps: u8,
    /// Whether the catch-all logger also writes to the console.
    pub(crate) also_console: bool,
    /// Whether there is no catch-all logger.
    pub(crate) without_logger: bool,
    pub(crate) early_getty: Option<Vec<u8>>,
    pub(crate) logout_hook: bool,
    pub(crate) is_container: bool,
    /// Whether a container syncs the disks at its end.
    pub(crate) sync: bool,
    /// Milliseconds between TERM and KILL at the end.
    pub(crate) grace: u32,
    /// Variables to set, and variables to remove (`None`).
    pub(crate) env: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// The type of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A directory with this mode; `for_logs`: owned by the logger's user.
    Dir { mode: u32, for_logs: bool },
    /// A file with mode 0644.
    File(Vec<u8>),
    /// A file with mode 0755.
    Script(Vec<u8>),
    /// A FIFO, mode 0600.
    Fifo,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its path in the image.
    pub(crate) path: Vec<u8>,
    pub(crate) kind: Kind,
}

/// A list under construction.
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

    /// A script that appends its own arguments to its last line.
    fn script_with_args(&mut self, path: &str, lines: &[u8]) {
        self.add(path, Kind::Script([b"#!/command/execlineb -S0\n", lines, b" $@\n"].concat()));
    }

    /// A service, with readiness notification if it has a notification descriptor.
    fn service(&mut self, name: &str, notification_fd: Option<u8>, run: &[u8]) {
        let dir = format!("run-image/service/{name}");
        self.dir(&dir);
        if let Some(fd) = notification_fd {
            self.add(&format!("{dir}/notification-fd"), Kind::File(format!("{fd}\n").into_bytes()));
        }
        self.script(&format!("{dir}/run"), run);
    }
}

/// Everything but the skeleton's scripts; a directory precedes its content.
pub(crate) fn items(settings: &BootSettings) -> Vec<Item> {
    let mut list = List::default();
    list.dir("bin");
    let mut init = Vec::new();
    if !settings.limits.is_empty() {
        init.extend([b"s6-softlimit -H ".to_vec(), settings.limits.join(&b' '), b"\n".to_vec()].concat());
    }
    let words: Vec<_> = settings.boot.iter().map(|word| quote(word)).collect();
    init.extend([b"s6-linux-init ".to_vec(), words.join(&b' '), b" --".to_vec()].concat());
    list.script_with_args("bin/init", &init);
    // A container syncs only on request.
    let quiet = if settings.is_container && !settings.sync { "n" } else { "" };
    for (name, letter) in [("halt", 'h'), ("poweroff", 'p'), ("reboot", 'r')] {
        list.script_with_args(
            &format!("bin/{name}"),
            format!("s6-linux-init-hpr -{quiet}{letter}").as_bytes(),
        );
    }
    list.script_with_args("bin/shutdown", b"s6-linux-init-shutdown");
    if !settings.is_container {
        list.script_with_args("bin/telinit", b"s6-linux-init-telinit");
    }
    list.dir("env");
    for (name, value) in &settings.env {
        // In an envdir, an empty file removes the variable; an empty line sets it to the empty value.
        let content = value.as_ref().map_or_else(Vec::new, |value| [value.as_slice(), b"\n"].concat());
        list.0.push(Item { path: join(b"env", name), kind: Kind::File(content) });
    }
    list.dir("scripts");
    list.dir("run-image");
    list.dir("run-image/service");
    signals(&mut list, settings);
    services(&mut list, settings);
    if settings.is_container {
        list.dir(&format!("run-image/{RESULTS}"));
        list.add(&format!("run-image/{RESULTS}/exitcode"), Kind::File(b"0\n".to_vec()));
    }
    list.0
}

/// The scripts of s6-svscan: for signals, for its end and for its crash.
fn signals(list: &mut List, settings: &BootSettings) {
    list.dir("run-image/service/.s6-svscan");
    let at = |name: &str| format!("run-image/service/.s6-svscan/{name}");
    let stop = |letter: char| {
        let with_users = if settings.is_container { "" } else { "-a " };
        format!("s6-linux-init-shutdown {with_users}-{letter} -- now").into_bytes()
    };
    for (name, letter) in [("SIGINT", 'r'), ("SIGUSR1", 'p'), ("SIGUSR2", 'h'), ("SIGPWR", 'p')] {
        list.script(&at(name), &stop(letter));
    }
    // Without these empty scripts, s6-svscan would handle the signals itself.
    for name in ["SIGQUIT", "SIGWINCH"] {
        list.script(&at(name), b"");
    }
    let (is_container, sync) = (settings.is_container, settings.sync);
    let end = End { basedir: &settings.basedir, is_container, sync }.script(Ending::Unrequested);
    if settings.is_container {
        list.script(&at("SIGTERM"), &stop('h'));
    } else {
        list.script(&at("SIGTERM"), b"");
    }
    list.script(&at("crash"), &end);
    list.script(&at("finish"), &end);
}

fn services(list: &mut List, settings: &BootSettings) {
    if !settings.without_logger {
        list.add(&format!("run-image/{LOGS}"), Kind::Dir { mode: 0o2750, for_logs: true });
        list.service(CATCH_ALL, Some(3), &logger(settings));
        list.add(&format!("run-image/service/{CATCH_ALL}/fifo"), Kind::Fifo);
    }
    let mut shutdownd = b"s6-linux-init-shutdownd -d 3 -c ".to_vec();
    shutdownd.extend(quote(&settings.basedir));
    shutdownd.extend(format!(" -g {}", settings.grace).into_bytes());
    for (is_given, flag) in
        [(settings.is_container, " -C"), (settings.without_logger, " -B"), (settings.sync, " -S")]
    {
        shutdownd.extend_from_slice(if is_given { flag.as_bytes() } else { b"" });
    }
    list.service(SHUTDOWND, Some(3), &shutdownd);
    list.add(&format!("run-image/service/{SHUTDOWND}/fifo"), Kind::Fifo);
    if !settings.is_container {
        let script = join(&join(&settings.basedir, b"scripts"), b"runlevel");
        let mut run =
            b"fdmove -c 2 1\nfdmove 1 3\ns6-ipcserver -1 -a 0700 -c 1 -- s\ns6-sudod -t 30000 -- ".to_vec();
        run.extend(quote(&script));
        list.service(RUNLEVELD, Some(3), &run);
    }
    if settings.logout_hook {
        // Each session keeps its connection, and all of them have uid 0.
        let run =
            b"fdmove -c 2 1\nfdmove 1 3\ns6-ipcserver -1 -a 0700 -c 1000 -C 1000 -- s\ns6-linux-init-logouthookd";
        list.service("s6-linux-init-logouthookd", Some(3), run);
    }
    if let Some(getty) = &settings.early_getty {
        list.service("s6-linux-init-early-getty", None, getty);
    }
}

fn logger(settings: &BootSettings) -> Vec<u8> {
    let mut script = Vec::new();
    // The logger's standard output, to which its `1` directive writes, is the console; in a container, or without that
    // directive, it is the logger's standard error.
    let output = if settings.also_console && !settings.is_container {
        "redirfd -w 1 /dev/console\n"
    } else {
        "fdmove -c 1 2\n"
    };
    script.extend_from_slice(output.as_bytes());
    script.extend_from_slice(b"redirfd -rnb 0 fifo\n");
    if settings.log_user != b"root" {
        script.extend([b"s6-setuidgid ", quote(&settings.log_user).as_slice(), b"\n"].concat());
    }
    script.extend_from_slice(b"exec -c\ns6-log -bp -d 3 --");
    for (is_given, directive) in
        [(settings.also_console, " 1"), (settings.stamps & 1 != 0, " t"), (settings.stamps & 2 != 0, " T")]
    {
        script.extend_from_slice(if is_given { directive.as_bytes() } else { b"" });
    }
    script.extend(format!(" /run/{LOGS}").into_bytes());
    script
}

/// How process 1 ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Without a request: s6-svscan ended or crashed.
    Unrequested,
    /// By a shutdown of this kind.
    Requested(How),
}

/// What the final script of process 1 depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End<'a> {
    pub(crate) basedir: &'a [u8],
    pub(crate) is_container: bool,
    /// Whether a container syncs the disks.
    pub(crate) sync: bool,
}

impl End<'_> {
    /// The lines of the script: it kills and reaps the remaining processes, and ends the machine or the container.
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
            // An unexpected end of process 1 would be a kernel panic.
            (false, Ending::Unrequested | Ending::Requested(How::Reboot)) => reboot('r'),
            (false, Ending::Requested(How::Halt)) => reboot('h'),
            (false, Ending::Requested(How::PowerOff)) => reboot('p'),
            (true, Ending::Unrequested) => "exit 111".to_owned(),
            (true, Ending::Requested(How::Halt)) => format!(
                "backtick -D 0 CODE {{ redirfd -r 0 /run/{RESULTS}/exitcode s6-cat }}\n\
                 importas -iu CODE CODE\nexit ${{CODE}}"
            ),
            // Without CAP_SYS_BOOT, process 1 exits with the code of a shell for the signal of reboot(2).
            (true, Ending::Requested(How::PowerOff)) => format!("foreground {{ {} }}\nexit 130", reboot('p')),
            (true, Ending::Requested(How::Reboot)) => format!("foreground {{ {} }}\nexit 129", reboot('r')),
        };
        script.extend(end.into_bytes());
        script
    }
}

/// An execline script: `#!/command/execlineb -P` and the lines.
pub(crate) fn execline_script(lines: &[u8]) -> Vec<u8> {
    [b"#!/command/execlineb -P\n", lines, b"\n"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(is_container: bool) -> BootSettings {
        BootSettings {
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
        let items = items(&settings(true));
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
        let machine = BootSettings {
            without_logger: true,
            early_getty: Some(b"/sbin/getty 38400 tty1".to_vec()),
            logout_hook: true,
            limits: vec![b"-o".to_vec(), b"2000".to_vec()],
            ..settings(false)
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

    /// All files of an image, with their content.
    fn listing(settings: &BootSettings) -> String {
        let mut text = String::new();
        for item in items(settings) {
            text.push_str(&tool::diag::shown(&item.path));
            match item.kind {
                Kind::Dir { mode, for_logs } => {
                    text.push_str(&format!("/ {mode:o}{}\n", if for_logs { " for logs" } else { "" }));
                }
                Kind::Fifo => text.push_str("|\n"),
                Kind::File(content) | Kind::Script(content) => {
                    let content = String::from_utf8(content).unwrap();
                    text.push_str(":\n");
                    content.lines().for_each(|line| text.push_str(&format!("    {line}\n")));
                }
            }
        }
        text
    }

    #[test]
    fn the_image_of_a_container() {
        insta::assert_snapshot!(listing(&settings(true)));
    }

    #[test]
    fn the_image_of_a_machine() {
        let machine =
            BootSettings { stamps: 3, also_console: true, log_user: b"log".to_vec(), ..settings(false) };
        insta::assert_snapshot!(listing(&machine));
    }

    #[test]
    fn how_process_1_ends() {
        let mut table = String::new();
        let endings = [How::Halt, How::PowerOff, How::Reboot].map(Ending::Requested);
        for (is_container, sync) in [(false, false), (true, false), (true, true)] {
            for how in [Ending::Unrequested].into_iter().chain(endings) {
                let script = End { basedir: b"/b", is_container, sync }.script(how);
                let script = String::from_utf8(script).unwrap().replace('\n', "\n    ");
                table.push_str(&format!("container {is_container}, sync {sync}, {how:?}:\n    {script}\n"));
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn parents_come_before_what_is_in_them() {
        for is_container in [false, true] {
            let items = items(&settings(is_container));
            for (at, item) in items.iter().enumerate() {
                let (parent, _) = tool::path::split(&item.path);
                let made = items.iter().take(at).any(|other| other.path == parent);
                assert!(parent == b"." || made, "{}", tool::diag::show(&item.path));
            }
        }
    }
}
