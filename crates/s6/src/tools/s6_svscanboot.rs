//! `s6-svscanboot`: starts a supervision tree with a service that logs the tree's output.
//!
//! The tree's output goes into a FIFO in the service directory `s6-svscan-log` of the scan directory, which is
//! recreated each time.

use crate::instance::remove_tree;
use rustix::fs::{CWD, FileType, Gid, Mode, OFlags, Uid};
use std::ffi::OsString;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use supervision::control::{CATCH_ALL, join};
use sys::account;
use tool::file::write;
use tool::quote;
use tool::{Call, Fatal, Next, Opt, Options, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-svscanboot",
    summary: "start a supervision tree that logs its own output",
    operands: "scandir",
    options: &[
        Opt::value('c', "console", "where the logger's own errors go; default: standard error")
            .long("console"),
        Opt::value('D', "dir", "log to this directory; default /run/uncaught-logs")
            .long("catchall-directory"),
        Opt::value('m', "mode", "its mode; default 02750").long("catchall-mode"),
        Opt::value('l', "user", "run the logger as this user").long("catchall-user"),
        Opt::value('o', "options", "the directives of its s6-log; default t").long("catchall-options"),
        Opt::value('d', "notif", "write a newline to this descriptor when ready").long("notification-fd"),
        Opt::value('X', "consoleholder", "send the logger's own errors to this descriptor")
            .long("console-holder"),
        Opt::value('C', "services_max", "supervise at most this many services, loggers included")
            .long("services-max"),
        Opt::value('L', "name_max", "leave out services with a longer name").long("name-max"),
        Opt::value('t', "rescan", "scan again after this many milliseconds").long("timeout"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mode = options.get('m').map_or(Ok(0o2750), |m| {
        wire::number::octal(m)
            .filter(|m| *m <= 0o7777)
            .ok_or_else(|| Fatal::user("catchall-mode must be octal"))
    })?;
    let mut argv = vec![tool::tool_file("s6-svscan")];
    for letter in ['d', 'C', 'L', 't'] {
        if let Some(n) = options.number::<u32>(letter)? {
            argv.extend([format!("-{letter}").into_bytes(), n.to_string().into_bytes()]);
        }
    }
    let notif = options.number::<RawFd>('d')?;
    if notif.is_some_and(|n| n < 3 || !sys::fd::is_open(n)) {
        return Err(Fatal::user("notification-fd must be an open descriptor, 3 or more"));
    }
    let scandir = call.shift()?;
    let logs = log_directory(&options, mode)?;
    let fifo = make_logger(&scandir, &options, &logs)?;
    let console = console(&options, notif)?;
    redirect(&fifo).or_unable_to("redirect the output to", &fifo)?;
    argv.extend([b"-X".to_vec(), console.to_string().into_bytes(), b"--".to_vec(), scandir]);
    let env = call.take_env();
    Next::run(argv, env)
}

fn make_dirs(dir: &[u8]) -> Result<(), Fatal> {
    std::fs::create_dir_all(OsString::from_vec(dir.to_vec())).or_unable_to("mkdir", dir)
}

/// Makes the log directory, which belongs to the logger's user; returns its absolute path.
fn log_directory(options: &Options, mode: u32) -> Result<Vec<u8>, Fatal> {
    let dir = options.get('D').unwrap_or(b"/run/uncaught-logs");
    let name = || diag::show(dir);
    let mut owner = (None, None);
    if let Some(user) = options.get('l') {
        let found = account::user(user).or_unable(|| "read /etc/passwd")?;
        let user =
            found.ok_or_else(|| Fatal::new(111, format_args!("unable to find user {}", diag::show(user))))?;
        owner = (Some(Uid::from_raw(user.uid)), Some(Gid::from_raw(user.gid)));
    }
    make_dirs(dir)?;
    sys::fs::chown(dir, owner.0, owner.1).or_unable(|| format!("chown {}", name()))?;
    sys::fs::chmod(dir, Mode::from_raw_mode(mode)).or_unable(|| format!("chmod {}", name()))?;
    let path = std::fs::canonicalize(OsString::from_vec(dir.to_vec()))
        .or_unable(|| format!("resolve {}", name()))?;
    Ok(path.as_os_str().as_bytes().to_vec())
}

/// Recreates the logger's service directory; returns its FIFO.
fn make_logger(scandir: &[u8], options: &Options, logs: &[u8]) -> Result<Vec<u8>, Fatal> {
    let dir = join(scandir, &[CATCH_ALL.as_bytes()]);
    let fifo = join(&dir, &[b"fifo"]);
    remove_tree(&dir)?;
    make_dirs(&dir)?;
    let mut script = b"#!/command/execlineb -P\nfdmove -c 1 2\nredirfd -rnb 0 fifo\n".to_vec();
    if let Some(user) = options.get('l') {
        script.extend([b"s6-setuidgid ", quote(user).as_slice(), b"\n"].concat());
    }
    let directives = options.get('o').unwrap_or(b"t");
    script.extend([b"exec -c\ns6-log -b -p -d 3 -- ", directives, b" ", &quote(logs), b"\n"].concat());
    write(&join(&dir, &[b"notification-fd"]), b"3\n", 0o644)?;
    write(&join(&dir, &[b"run"]), &script, 0o755)?;
    sys::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0)
        .or_unable_to("mkfifo", &fifo)?;
    Ok(fifo)
}

/// The number of the descriptor for the logger's own errors.
fn console(options: &Options, notif: Option<RawFd>) -> Result<RawFd, Fatal> {
    if let Some(number) = options.number::<RawFd>('X')? {
        return Ok(number);
    }
    let number = if notif == Some(3) { 4 } else { 3 };
    match options.get('c') {
        None => sys::fd::copy(2, number).or_unable(|| "keep standard error")?,
        Some(file) => {
            let device = sys::fs::open(file, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
                .or_unable_to("open", file)?;
            sys::fd::place(device, number).or_unable_to("open", file)?;
        }
    }
    Ok(number)
}

/// Standard input becomes /dev/null, output and error the FIFO, which has no reader yet.
fn redirect(fifo: &[u8]) -> Result<(), rustix::io::Errno> {
    let open = |file: &[u8], how| sys::fs::open(file, how | OFlags::CLOEXEC, Mode::empty());
    let null = open(b"/dev/null", OFlags::RDONLY)?;
    let reader: OwnedFd = open(fifo, OFlags::RDONLY | OFlags::NONBLOCK)?;
    let writer = open(fifo, OFlags::WRONLY)?;
    drop(reader);
    sys::fd::copy(null.as_raw_fd(), 0)?;
    sys::fd::copy(writer.as_raw_fd(), 1)?;
    sys::fd::copy(writer.as_raw_fd(), 2)
}
