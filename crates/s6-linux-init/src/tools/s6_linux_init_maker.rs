//! `s6-linux-init-maker`: creates the directory that a system boots from.

use crate::image::{self, BootSettings, Kind};
use crate::init_options::{DEVTMPFS, LEAVE_RUN, PATH, REMOUNT_RUN, RUNLEVEL, UMASK};
use files::Unfinished;
use rustix::fs::{CWD, FileType, Gid, Mode, Uid};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use tool::file::{make_dir, write};
use tool::path::join;
use tool::{Call, Fatal, Next, Opt, Options, OrUnable, Outcome, Role, Tool, diag};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-linux-init-maker",
    summary: "create the directory that a system boots from",
    operands: "dir",
    options: &[
        Opt::value('V', "verbosity", "0: s6-linux-init prints no warnings; default 1"),
        Opt::value('c', "basedir", "the path of dir at boot; default /etc/s6-linux-init/current"),
        Opt::value('u', "user", "run the catch-all logger as this user; default root"),
        Opt::value('G', "getty", "the command line of an early getty"),
        Opt::flag('1', "copy the catch-all log to the console"),
        Opt::flag('L', "clean up utmp when users log out"),
        PATH,
        UMASK,
        Opt::value(
            't',
            "stamps",
            "time stamps in the catch-all log: 0: none, 1: TAI64N (default), 2: ISO 8601, 3: both",
        ),
        DEVTMPFS,
        Opt::value('s', "dir", "store init's environment in this directory"),
        Opt::value('e', "VAR[=VALUE]", "set VAR for all processes, or remove it; can be repeated"),
        Opt::value('q', "milliseconds", "time between SIGTERM and SIGKILL at the end; default 3000"),
        RUNLEVEL,
        REMOUNT_RUN,
        LEAVE_RUN,
        Opt::value(
            'f',
            "skeldir",
            "the skeleton of the scripts; default /package/admin/s6-linux-init-1.2.0.2/etc/skel",
        ),
        Opt::value('R', "limits", "hard limits for all processes, such as o2000,c0,d="),
        Opt::flag('C', "boot a container"),
        Opt::flag('B', "without the catch-all logger"),
        Opt::flag('S', "with -C: sync the disks at the end"),
        Opt::value('W', "fd", "wait until the other end of this descriptor is closed; default 0: don't wait"),
    ],
    role: Role::Stay,
    main,
};

const DEFAULT_BASEDIR: &[u8] = b"/etc/s6-linux-init/current";
const DEFAULT_SKELETON: &[u8] = b"/package/admin/s6-linux-init-1.2.0.2/etc/skel";

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let settings = settings(&options)?;
    let log_owner = owner(&settings.log_user)?;
    let skeleton = options.get('f').unwrap_or(DEFAULT_SKELETON);
    let dir = call.shift()?;
    if sys::fs::lstat(&dir).is_ok() {
        return Err(Errno::EXIST).or_unable_to("mkdir", &dir);
    }
    let made = Unfinished::make(CWD, &dir).or_unable_to("mkdir", &dir)?;
    for item in image::items(&settings) {
        make(&join(made.path(), &item.path), &item.kind, log_owner)?;
    }
    copy_scripts(skeleton, &join(made.path(), b"scripts"), settings.is_container)?;
    made.finish(0o755).or_unable_to("mkdir", &dir)?;
    Ok(Next::SUCCESS)
}

fn settings(options: &Options) -> Result<BootSettings, Fatal> {
    let basedir = absolute(options, 'c')?.unwrap_or(DEFAULT_BASEDIR).to_vec();
    let verbosity = options.number::<u32>('V')?.unwrap_or(1);
    let umask = match options.get('m') {
        None => 0o022,
        Some(word) => number::octal(word)
            .filter(|mask| *mask <= 0o777)
            .ok_or_else(|| Fatal::user(format_args!("{} is no umask", diag::show(word))))?,
    };
    let stamps = options.number::<u8>('t')?.unwrap_or(1);
    if stamps > 3 {
        return Err(Fatal::user("-t takes 0, 1, 2 or 3"));
    }
    if options.has('n') && options.has('N') {
        return Err(Fatal::user("-n and -N exclude each other"));
    }
    let mut boot = [b"-v".to_vec(), verbosity.to_string().into_bytes(), b"-m".to_vec()].to_vec();
    boot.push(format!("{umask:03o}").into_bytes());
    let mut value = |letter: char, value: &[u8]| {
        boot.extend([format!("-{letter}").into_bytes(), value.to_vec()]);
    };
    value('c', &basedir);
    value('p', options.get('p').unwrap_or(tool::DEFAULT_PATH));
    for (letter, word) in [('s', absolute(options, 's')?), ('d', absolute(options, 'd')?)] {
        if let Some(word) = word {
            value(letter, word);
        }
    }
    if let Some(runlevel) = options.get('D') {
        value('D', runlevel);
    }
    if let Some(fd) = options.number::<u32>('W')?.filter(|fd| *fd != 0) {
        value('W', fd.to_string().as_bytes());
    }
    boot.extend("nNCB".chars().filter(|l| options.has(*l)).map(|l| format!("-{l}").into_bytes()));
    Ok(BootSettings {
        boot,
        limits: limits(options.get('R').unwrap_or_default())?,
        basedir,
        log_user: options.get('u').unwrap_or(b"root").to_vec(),
        stamps,
        also_console: options.has('1'),
        without_logger: options.has('B'),
        early_getty: options.get('G').map(<[u8]>::to_vec),
        logout_hook: options.has('L'),
        is_container: options.has('C'),
        sync: options.has('S'),
        grace: options.number('q')?.unwrap_or(3000),
        env: options.iter().filter(|(l, _)| *l == 'e').map(|(_, v)| variable(v)).collect::<Result<_, _>>()?,
    })
}

fn absolute(options: &Options, letter: char) -> Result<Option<&[u8]>, Fatal> {
    match options.get(letter) {
        Some(path) if !path.starts_with(b"/") => {
            Err(Fatal::user(format_args!("-{letter}: {} must be an absolute path", diag::show(path))))
        }
        path => Ok(path),
    }
}

/// Parses `VAR=VALUE`, or `VAR` for a variable to remove.
fn variable(word: &[u8]) -> Result<(Vec<u8>, Option<Vec<u8>>), Fatal> {
    let at = word.iter().position(|b| *b == b'=');
    let name = word.get(..at.unwrap_or(word.len())).unwrap_or_default();
    if name.is_empty() || name.starts_with(b".") || name.contains(&b'/') {
        return Err(Fatal::user(format_args!("-e: {} can't be a variable's name", diag::show(name))));
    }
    let value = at.map(|at| word.get(at + 1..).unwrap_or_default().to_vec());
    if value.as_ref().is_some_and(|value| value.contains(&b'\n')) {
        return Err(Fatal::user(format_args!(
            "-e: the value of {} can't contain a newline",
            diag::show(name)
        )));
    }
    Ok((name.to_vec(), value))
}

/// Converts `o2000,c0,d=` to options of s6-softlimit.
fn limits(list: &[u8]) -> Result<Vec<Vec<u8>>, Fatal> {
    let mut found = Vec::new();
    for word in list.split(|b| *b == b',').filter(|word| !word.is_empty()) {
        let wrong =
            || Fatal::user(format_args!("-R: {} isn't a limit such as o2000 or d=", diag::show(word)));
        let (letter, value) = word.split_first().ok_or_else(wrong)?;
        let is_value = value == b"=" || number::decimal::<u64>(value).is_some();
        if !b"acdflmoPprst".contains(letter) || !is_value {
            return Err(wrong());
        }
        found.extend([vec![b'-', *letter], value.to_vec()]);
    }
    Ok(found)
}

/// The ids of the logger's user; `None` for root, whose files need no change of owner.
fn owner(user: &[u8]) -> Result<Option<(u32, u32)>, Fatal> {
    if user == b"root" {
        return Ok(None);
    }
    let found = sys::account::user(user).or_unable(|| "read /etc/passwd")?;
    let account = found
        .ok_or_else(|| Fatal::user(format_args!("there is no user {} in /etc/passwd", diag::show(user))))?;
    Ok(Some((account.uid, account.gid)))
}

fn make(path: &[u8], kind: &Kind, log_owner: Option<(u32, u32)>) -> Result<(), Fatal> {
    match kind {
        Kind::Dir { mode, for_logs } => {
            make_dir(path, *mode)?;
            if let (true, Some((uid, gid))) = (for_logs, log_owner) {
                sys::fs::chown(path, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
                    .or_unable_to("make", path)?;
                // A change of owner may clear mode bits.
                sys::fs::chmod(path, Mode::from_raw_mode(*mode)).or_unable_to("make", path)?;
            }
            Ok(())
        }
        Kind::File(content) => write(path, content, 0o644),
        Kind::Script(content) => write(path, content, 0o755),
        Kind::Fifo => {
            let mode = Mode::RUSR | Mode::WUSR;
            sys::fs::mknodat(CWD, path, FileType::Fifo, mode, 0).or_unable_to("make", path)?;
            sys::fs::chmod(path, mode).or_unable_to("make", path)
        }
    }
}

fn copy_scripts(from: &[u8], to: &[u8], is_container: bool) -> Result<(), Fatal> {
    for name in image::scripts(is_container) {
        let source = join(from, name.as_bytes());
        let text = std::fs::read(OsStr::from_bytes(&source)).or_unable_to("read", &source)?;
        write(&join(to, name.as_bytes()), &text, 0o755)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_limits() {
        let words = |list: &str| limits(list.as_bytes()).map(|words| words.join(&b' '));
        assert_eq!(words("").unwrap(), b"");
        assert_eq!(words("o2000,d=,c0").unwrap(), b"-o 2000 -d = -c 0");
        for wrong in ["x1", "o", "o-1", "oo", "o2 d3"] {
            assert_eq!(words(wrong).unwrap_err().code(), 100, "{wrong}");
        }
    }

    #[test]
    fn variables() {
        assert_eq!(variable(b"A=b=c").unwrap(), (b"A".to_vec(), Some(b"b=c".to_vec())));
        assert_eq!(variable(b"A").unwrap(), (b"A".to_vec(), None));
        for wrong in [&b""[..], b"=x", b"a/b=c", b"..=x", b"A=b\nc"] {
            assert_eq!(variable(wrong).unwrap_err().code(), 100);
        }
    }
    fn settings_of(words: &str) -> Result<BootSettings, u8> {
        let mut args = words.split_whitespace().map(|w| w.as_bytes().to_vec()).collect();
        settings(&Options::take(TOOL.options, &mut args).unwrap()).map_err(|e| e.code())
    }

    #[test]
    fn the_defaults_of_a_boot_image() {
        assert_eq!(DEFAULT_SKELETON, b"/package/admin/s6-linux-init-1.2.0.2/etc/skel");
        let settings = settings_of("").unwrap();
        assert_eq!(settings.basedir, b"/etc/s6-linux-init/current");
        assert_eq!((settings.stamps, settings.grace, settings.log_user.as_slice()), (1, 3000, &b"root"[..]));
        assert_eq!(
            settings.boot.join(&b' '),
            b"-v 1 -m 022 -c /etc/s6-linux-init/current -p /command:/usr/bin:/bin"
        );
        assert!(settings.limits.is_empty() && settings.env.is_empty() && settings.early_getty.is_none());
        assert!(!(settings.also_console || settings.without_logger || settings.logout_hook));
        assert!(!(settings.is_container || settings.sync));
    }

    #[test]
    fn options_reach_s6_linux_init() {
        let boot = |words: &str| settings_of(words).map(|s| String::from_utf8(s.boot.join(&b' ')).unwrap());
        assert_eq!(
            boot("-V 0 -c /b -p /x -m 27 -s /s -d /dev -D 3 -W 5 -N -C -B").unwrap(),
            "-v 0 -m 027 -c /b -p /x -s /s -d /dev -D 3 -W 5 -N -C -B"
        );
        assert!(!boot("-W 0").unwrap().contains("-W"));
        for bad in ["-c b", "-s s", "-d d", "-m 1000", "-m x", "-t 4", "-n -N", "-q x", "-R z1", "-e =x"] {
            assert_eq!(boot(bad), Err(100), "{bad}");
        }
    }

    #[test]
    fn the_modes_of_files() {
        use std::os::unix::fs::MetadataExt;
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let kinds = [
            ("dir", Kind::Dir { mode: 0o2750, for_logs: true }, 0o42750),
            ("file", Kind::File(b"x".to_vec()), 0o100_644),
            ("script", Kind::Script(b"x".to_vec()), 0o100_755),
            ("fifo", Kind::Fifo, 0o10600),
        ];
        for (name, kind, mode) in kinds {
            make(at(name).as_os_str().as_bytes(), &kind, None).unwrap();
            assert_eq!(std::fs::metadata(at(name)).unwrap().mode(), mode, "{name}");
        }
    }
}
