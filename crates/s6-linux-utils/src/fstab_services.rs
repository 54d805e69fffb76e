//! The services that fstab2s6rc writes, as values: they mount the entries of an fstab.

use crate::mounting::{UserWords, file_system_options};
use tool::{diag::show, quote};
use wire::fstab::Entry;

/// Which services to make.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ServiceSettings {
    /// Skip entries with the option noauto.
    pub(crate) without_noauto: bool,
    /// Use util-linux's commands, which understand UUID= and LABEL=.
    pub(crate) with_uuid: bool,
    /// Make recommended services, which can be stopped, instead of essential ones.
    pub(crate) not_essential: bool,
}

/// A oneshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) name: Vec<u8>,
    pub(crate) is_swap: bool,
    pub(crate) up: Vec<u8>,
    /// `None` for a service that is never stopped.
    pub(crate) down: Option<Vec<u8>>,
    /// `flag-essential` or `flag-recommended`; `None` for an entry that isn't mounted at boot.
    pub(crate) flag: Option<&'static str>,
    pub(crate) dependencies: Vec<Vec<u8>>,
}

/// How a device is named.
enum Device<'a> {
    Path(&'a [u8]),
    Uuid(&'a [u8]),
    Label(&'a [u8]),
}

impl Device<'_> {
    fn of(entry: &Entry, settings: ServiceSettings) -> Device<'_> {
        let named = |prefix: &[u8]| entry.device.strip_prefix(prefix).filter(|_| settings.with_uuid);
        match (named(b"UUID="), named(b"LABEL=")) {
            (Some(uuid), _) => Device::Uuid(uuid),
            (_, Some(label)) => Device::Label(label),
            _ => Device::Path(&entry.device),
        }
    }

    /// The words that name the device: `-U uuid --`, `-- path`.
    fn words(&self) -> Vec<u8> {
        match self {
            Self::Path(path) => [b" -- ", quote(path).as_slice()].concat(),
            Self::Uuid(uuid) => [b" -U ", quote(uuid).as_slice(), b" --"].concat(),
            Self::Label(label) => [b" -L ", quote(label).as_slice(), b" --"].concat(),
        }
    }
}

/// The services for the entries of an fstab.
///
/// # Errors
/// A bad line: its number and what is wrong.
pub(crate) fn services(
    entries: &[Entry],
    settings: ServiceSettings,
) -> Result<Vec<Service>, (usize, String)> {
    let wanted = |entry: &&Entry| {
        (entry.is_swap() || place(&entry.dir) != b"/") && !(settings.without_noauto && entry.has(b"noauto"))
    };
    let entries: Vec<&Entry> = entries.iter().filter(wanted).collect();
    let mut found: Vec<Service> = Vec::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        let made = service(entry, entries.get(..at).unwrap_or_default(), &entries, settings)?;
        if found.iter().any(|other| other.name == made.name) {
            let what = if entry.is_swap() { &entry.device } else { &entry.dir };
            return Err((entry.line, format!("{} is listed twice", show(what))));
        }
        found.push(made);
    }
    Ok(found)
}

fn service(
    entry: &Entry,
    before: &[&Entry],
    all: &[&Entry],
    settings: ServiceSettings,
) -> Result<Service, (usize, String)> {
    let dir = place(&entry.dir);
    if !entry.is_swap() && !dir.starts_with(b"/") {
        return Err((entry.line, format!("the mount point {} has to be absolute", show(&entry.dir))));
    }
    let is_manual = entry.has(b"noauto");
    let named = service_name(entry);
    if named.contains(&b'\n') {
        return Err((entry.line, "a service's name can't contain a newline".to_owned()));
    }
    // A file system depends on the one that contains its mount point, and on an earlier one that contains its device or
    // the directory that it binds; swap space depends on the one that contains its file.
    let above = if entry.is_swap() { None } else { nearest(all, dir, false) };
    let listed = if entry.is_swap() { all } else { before };
    let under = nearest(listed, &entry.device, true).filter(|mount| place(&mount.dir) != dir);
    let mut dependencies: Vec<_> = above.iter().chain(&under).map(|mount| service_name(mount)).collect();
    dependencies.dedup();
    Ok(Service {
        name: named,
        is_swap: entry.is_swap(),
        up: up(entry, settings),
        down: (is_manual || settings.not_essential).then(|| down(entry, settings)),
        flag: (!is_manual).then_some(if settings.not_essential {
            "flag-recommended"
        } else {
            "flag-essential"
        }),
        dependencies,
    })
}

/// A path without trailing slashes.
fn place(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|b| *b != b'/').map_or(1, |at| at + 1);
    path.get(..end).unwrap_or(path)
}

/// The service's name: `mount-var:log` for /var/log, `swap-dev:sda2` for /dev/sda2.
fn service_name(entry: &Entry) -> Vec<u8> {
    let (kind, path): (&[u8], _) =
        if entry.is_swap() { (b"swap-", entry.device.as_slice()) } else { (b"mount-", place(&entry.dir)) };
    let path = path.strip_prefix(b"/").unwrap_or(path);
    [kind, &path.iter().map(|b| if *b == b'/' { b':' } else { *b }).collect::<Vec<_>>()].concat()
}

/// The file system that contains a path; with `or_is`, its mount point may be the path itself.
fn nearest<'a>(entries: &[&'a Entry], path: &[u8], or_is: bool) -> Option<&'a Entry> {
    let holds = |mount: &Entry| match path.strip_prefix(place(&mount.dir)) {
        Some(rest) => (or_is && rest.is_empty()) || rest.starts_with(b"/"),
        None => false,
    };
    let mounts = entries.iter().copied().filter(|mount| !mount.is_swap() && holds(mount));
    mounts.max_by_key(|mount| place(&mount.dir).len())
}

/// The script that mounts a file system or turns on swap space.
fn up(entry: &Entry, settings: ServiceSettings) -> Vec<u8> {
    let user_words = match (entry.is_swap(), settings.with_uuid) {
        (true, _) => UserWords::Dropped,
        (false, true) => UserWords::Kept,
        (false, false) => UserWords::Implied,
    };
    let mut options = match file_system_options(&entry.options, user_words) {
        none if none.is_empty() => Vec::new(),
        list => [b" -o ", quote(&list).as_slice()].concat(),
    };
    let command: &[u8] = match (entry.is_swap(), settings.with_uuid) {
        (false, false) => b"s6-mount",
        (false, true) => b"mount",
        // s6-swapon has no such options.
        (true, false) => {
            options.clear();
            b"s6-swapon"
        }
        (true, true) => b"swapon",
    };
    let mut script = command.to_vec();
    if !entry.is_swap() && entry.kind != b"none" {
        script.extend([b" -t ", quote(&entry.kind).as_slice()].concat());
    }
    script.extend(options);
    script.extend(Device::of(entry, settings).words());
    if !entry.is_swap() {
        script.extend([b" ", quote(&entry.dir).as_slice()].concat());
    }
    if entry.has(b"nofail") { ignoring_failure(&script) } else { [script.as_slice(), b"\n"].concat() }
}

/// The script that unmounts or turns off.  It never fails: a service that can't be stopped would delay a shutdown.
fn down(entry: &Entry, settings: ServiceSettings) -> Vec<u8> {
    let mount_point = [b" -- ", quote(&entry.dir).as_slice()].concat();
    ignoring_failure(&match (entry.is_swap(), settings.with_uuid) {
        (false, false) => [b"s6-umount", mount_point.as_slice()].concat(),
        (false, true) => [b"umount -l", mount_point.as_slice()].concat(),
        (true, false) => [b"s6-swapoff -- ", quote(&entry.device).as_slice()].concat(),
        (true, true) => [b"swapoff", Device::of(entry, settings).words().as_slice()].concat(),
    })
}

/// A script that ignores the failure of a command.
fn ignoring_failure(command: &[u8]) -> Vec<u8> {
    [b"foreground { ", command, b" }\nexit 0\n"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::fstab;

    fn made(table: &str, settings: ServiceSettings) -> Vec<Service> {
        services(&fstab::entries(table.as_bytes()), settings).unwrap()
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    fn dependencies(table: &str) -> String {
        let line = |s: &Service| {
            let names: Vec<_> = s.dependencies.iter().map(|d| text(d)).collect();
            format!("{}: {}\n", text(&s.name), names.join(" "))
        };
        made(table, ServiceSettings::default()).iter().map(line).collect()
    }

    #[test]
    fn scripts() {
        let table = "/dev/a /a\\040b ext4 rw,x-systemd.automount,noatime 0 1\nnone /t none defaults,nofail\n\
            UUID=1 /u ext4 noauto\nLABEL=s none swap pri=1\n";
        let plain = made(table, ServiceSettings::default());
        let ups: Vec<_> = plain.iter().map(|s| text(&s.up)).collect();
        assert_eq!(ups[0], "s6-mount -t \"ext4\" -o \"rw,noatime\" -- \"/dev/a\" \"/a b\"\n");
        assert_eq!(ups[1], "foreground { s6-mount -- \"none\" \"/t\" }\nexit 0\n");
        assert_eq!(ups[3], "s6-swapon -- \"LABEL=s\"\n");
        assert_eq!(plain[0].flag, Some("flag-essential"));
        assert_eq!((plain[2].flag, plain[2].down.is_some(), plain[0].down.is_some()), (None, true, false));
        let uuid = made(
            table,
            ServiceSettings { with_uuid: true, not_essential: true, ..ServiceSettings::default() },
        );
        assert_eq!(text(&uuid[2].up), "mount -t \"ext4\" -U \"1\" -- \"/u\"\n");
        assert_eq!(text(&uuid[3].up), "swapon -o \"pri=1\" -L \"s\" --\n");
        let down = uuid[0].down.as_deref().map(text);
        assert_eq!(down.as_deref(), Some("foreground { umount -l -- \"/a b\" }\nexit 0\n"));
    }

    #[test]
    fn words_that_let_users_mount_stay_for_mount_only() {
        let up = |settings| {
            let table = "/dev/a /a ext4 rw,user,exec,nofail\n/dev/s none swap sw,user\n";
            made(table, settings).iter().map(|s| text(&s.up)).collect::<String>()
        };
        assert_eq!(
            up(ServiceSettings::default()),
            "foreground { s6-mount -t \"ext4\" -o \"rw,noexec,nosuid,nodev,exec\" -- \"/dev/a\" \"/a\" }\nexit 0\n\
             s6-swapon -- \"/dev/s\"\n"
        );
        assert_eq!(
            up(ServiceSettings { with_uuid: true, ..ServiceSettings::default() }),
            "foreground { mount -t \"ext4\" -o \"rw,user,exec\" -- \"/dev/a\" \"/a\" }\nexit 0\n\
             swapon -o \"sw\" -- \"/dev/s\"\n"
        );
    }

    #[test]
    fn a_file_system_depends_on_those_that_contain_it() {
        let table = "a /var/log/x tmpfs rw\nb /var/ tmpfs rw\nc /variant tmpfs rw\nd /var/log tmpfs rw\n\
            /var/log/y /y none bind\n/y/f none swap sw\n/z /late none bind\ne /z tmpfs rw\n";
        assert_eq!(
            dependencies(table),
            "mount-var:log:x: mount-var:log\nmount-var: \nmount-variant: \nmount-var:log: mount-var\n\
             mount-y: mount-var:log\nswap-y:f: mount-y\nmount-late: \nmount-z: \n"
        );
    }

    #[test]
    fn wrong_lines() {
        let wrong = |table: &str| {
            services(&fstab::entries(table.as_bytes()), ServiceSettings::default()).unwrap_err()
        };
        assert_eq!(wrong("a /x t rw\nb /x/ t rw\n"), (2, "/x/ is listed twice".to_owned()));
        assert_eq!(wrong("\na x t rw\n").0, 2);
        assert_eq!(wrong("a /x\\012y t rw\n").0, 1);
        assert!(made("a / t rw\n/dev/x // t rw\n", ServiceSettings::default()).is_empty());
    }
}
