//! The stage: the single-threaded process between the caller and the container's pid 1.
//!
//! It makes the namespaces, forks pid 1, passes signals on to it and exits with its code (128 + n if a signal ended
//! it).  Only the stage reaps pid 1, so a signal never goes to a stranger with the same number.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read, Seek};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Signal};
use rustix::thread::{LinkNameSpaceType, UnshareFlags};
use rustix::time::ClockId;
use sys::process::Fork;
use sys::signal::SignalFd;
use sys::spawn::{Spawn, Strings};

use crate::fault::{Fault, Unable};
use crate::spec::{Network, Sandbox};
use crate::{link, loopback, terminal, view};

/// The limit of a failed preparation's output in its error, in bytes; far below what a message may hold.
const PREPARATION_OUTPUT_LIMIT: u64 = 16 << 10;

/// What the stage is called; its `argv[0]`.
pub(crate) const NAME: &str = "sandbox-stage";
/// The number of its socket.
pub(crate) const LINK: i32 = 3;
/// Its exit code if there is no container.
const NO_CONTAINER: u8 = 125;
/// The PATH of a preparation.
const PATH: &str = "PATH=/command:/usr/bin:/bin:/usr/sbin:/sbin";

/// Call this first in `main`: doesn't return if this execution of the program is the stage of a sandbox.
pub fn enter_stage() {
    #[expect(clippy::disallowed_methods, reason = "an ordinary program with an ordinary main")]
    let name = std::env::args_os().next();
    if name.as_deref() != Some(OsStr::new(NAME)) {
        return;
    }
    let code = match sys::fd::duplicate(LINK, LINK + 1) {
        Err(_) => NO_CONTAINER,
        Ok(link) => {
            sys::fd::close(LINK);
            run(&link).unwrap_or_else(|why| {
                // The caller may be gone; then there is nothing to report to.
                let _ = link::send(&link, b'E', &vec![(b'e', why.into_bytes())], None);
                NO_CONTAINER
            })
        }
    };
    sys::process::exit(code)
}

fn run(link: &OwnedFd) -> Result<u8, Fault> {
    // Away from the caller's terminal: its ^C is for the caller, who decides what it means.
    rustix::process::setsid().unable("leave the session")?;
    let signals =
        SignalFd::new(&sys::signal::Set::of(&[Signal::CHILD.as_raw()])).unable("watch for signals")?;
    let message = link::receive(link).unable("read the description")?.ok_or("no description")?;
    let sandbox = Sandbox::decode(message.fields).ok_or("the description is damaged")?;
    let user_namespace = match sandbox.enter {
        Some(pid) => join(pid)?,
        None => namespaces(sandbox.network)?,
    };
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).unable("make a pipe")?;
    let pid = match sys::process::fork().unable("fork")? {
        Fork::Parent(pid) => pid,
        Fork::Child => {
            drop(reader);
            let why = match first(&sandbox, link, user_namespace) {
                Ok(()) if sandbox.bare_daemons.is_some() => {
                    // This is the moment that an init would be executed.
                    drop(writer);
                    let _ = daemons(&sandbox);
                    let _ = execute(&sandbox.command, &sandbox.env);
                    sys::process::exit(NO_CONTAINER)
                }
                Ok(()) => execute(&sandbox.command, &sandbox.env),
                Err(why) => why,
            };
            let _ = rustix::io::write(&writer, why.as_bytes());
            sys::process::exit(NO_CONTAINER)
        }
    };
    drop(writer);
    let number = vec![(b'p', pid.as_raw_nonzero().to_string().into_bytes())];
    let announce = || link::send(link, b'P', &number, None).unable("talk to the caller");
    if sandbox.held {
        announce()?;
    }
    let mut why = String::new();
    fs::File::from(reader).read_to_string(&mut why).unable("hear from pid 1")?;
    if !why.is_empty() {
        let _ = sys::process::wait_for(pid);
        return Err(why);
    }
    if !sandbox.held {
        announce()?;
    }
    watch(link, &signals, pid)
}

/// Waits for the end of pid 1, passing signals on; the end of the link ends pid 1.
fn watch(link: &OwnedFd, signals: &SignalFd, pid: Pid) -> Result<u8, Fault> {
    let mut linked = true;
    loop {
        let mut set = vec![PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN)];
        if linked {
            set.push(PollFd::from_borrowed_fd(link.as_fd(), PollFlags::IN));
        }
        match rustix::event::poll(&mut set, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(why) => return Err(format!("unable to wait: {why}")),
        }
        let spoken = set.get(1).is_some_and(|fd| !fd.revents().is_empty());
        while signals.read().unable("read signals")?.is_some() {}
        if let Some(ended) = sys::process::reap_one(pid).unable("wait for pid 1")? {
            return Ok(ended.code());
        }
        if spoken {
            let signal = match link::receive(link).ok().flatten() {
                Some(message) => message.fields.first().and_then(|(_, v)| {
                    std::str::from_utf8(v).ok()?.parse().ok().and_then(Signal::from_named_raw)
                }),
                None => {
                    linked = false;
                    Some(Signal::KILL)
                }
            };
            if let Some(signal) = signal {
                let _ = rustix::process::kill_process(pid, signal);
            }
        }
    }
}

/// The number that the kernel gives the user namespace that it starts with, in every boot.
const FIRST_USER_NAMESPACE: &str = "user:[4026531837]";

fn is_first_user_namespace() -> bool {
    fs::read_link("/proc/self/ns/user").is_ok_and(|name| name == Path::new(FIRST_USER_NAMESPACE))
}

/// Leaves the caller's namespaces; returns whether what is outside belongs to another user namespace.
fn namespaces(network: Network) -> Result<bool, Fault> {
    let mut flags = UnshareFlags::NEWNS | UnshareFlags::NEWPID | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    if network == Network::Own {
        flags |= UnshareFlags::NEWNET;
    }
    let user_namespace = match sys::namespace::unshare(flags) {
        // A caller may be root in a user namespace already.
        Ok(()) => !is_first_user_namespace(),
        Err(Errno::PERM) => {
            let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
            sys::namespace::unshare(flags | UnshareFlags::NEWUSER).unable(
                "make namespaces (this needs root with CAP_SYS_ADMIN, or a kernel that lets users make user namespaces)",
            )?;
            fs::write("/proc/self/setgroups", "deny").unable("write /proc/self/setgroups")?;
            fs::write("/proc/self/uid_map", format!("0 {uid} 1")).unable("map the user")?;
            fs::write("/proc/self/gid_map", format!("0 {gid} 1")).unable("map the group")?;
            true
        }
        Err(why) => return Err(format!("unable to make namespaces: {why}")),
    };
    if network == Network::Own {
        loopback::up().unable("bring the loopback up")?;
    }
    Ok(user_namespace)
}

/// Joins the namespaces of a process; returns whether that took a user namespace.
fn join(pid: u32) -> Result<bool, Fault> {
    let place = |name: &str| format!("/proc/{pid}/ns/{name}");
    let open = |name: &str| fs::File::open(place(name)).unable(format!("open {}", place(name)));
    let same = |name: &str| {
        let own = fs::read_link(format!("/proc/self/ns/{name}"));
        own.is_ok_and(|own| fs::read_link(place(name)).is_ok_and(|other| own == other))
    };
    let kinds = [
        ("user", LinkNameSpaceType::User),
        ("ipc", LinkNameSpaceType::InterProcessCommunication),
        ("uts", LinkNameSpaceType::HostNameAndNISDomainName),
        ("net", LinkNameSpaceType::Network),
        ("pid", LinkNameSpaceType::ProcessID),
        ("mnt", LinkNameSpaceType::Mount),
    ];
    let user_namespace = !same("user");
    let mut opened = Vec::new();
    for (name, kind) in kinds {
        if name != "user" || user_namespace {
            opened.push((name, kind, open(name)?));
        }
    }
    for (name, kind, file) in opened {
        rustix::thread::move_into_link_name_space(file.as_fd(), Some(kind))
            .unable(format!("join the {name} namespace"))?;
    }
    Ok(user_namespace)
}

/// The way of the forked process up to the execution of the command.
fn first(sandbox: &Sandbox, link: &OwnedFd, user_namespace: bool) -> Result<(), Fault> {
    for signal in 1..=64 {
        // Refused for those that can't be changed, which are at their defaults.
        let _ = sys::signal::set_default(signal);
    }
    sys::signal::set_mask(&sys::signal::Set::empty());
    sys::fd::close_on_exec_from(3);
    rustix::process::setsid().unable("start a session")?;
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    if sandbox.enter.is_none() {
        view::enter(sandbox, user_namespace)?;
        rustix::system::sethostname(sandbox.hostname.as_bytes()).unable("set the host name")?;
    }
    prepare(&sandbox.prepare)?;
    if sandbox.read_only {
        view::make_read_only()?;
    }
    if sandbox.streams == crate::Streams::Terminal {
        let master = terminal::open(sandbox.user)?;
        link::send(link, b'T', &Vec::new(), Some(master.as_fd())).unable("hand the terminal over")?;
    }
    rustix::process::chdir(&sandbox.directory).unable(format!("go to {}", sandbox.directory.display()))?;
    if let Some((uid, gid)) = sandbox.user {
        become_user(uid, gid, user_namespace)?;
    }
    // Last, since a change of user resets it.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).unable("tie pid 1 to the stage")?;
    let now = sys::clock::get(ClockId::Monotonic);
    let now = i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec);
    link::send(link, b'M', &vec![(b'm', now.to_string().into_bytes())], None).unable("talk to the caller")?;
    match sandbox.denied.as_slice() {
        [] => {}
        calls => sys::seccomp::deny(calls).unable("filter system calls")?,
    }
    if sandbox.held {
        link::send(link, b'H', &Vec::new(), None).unable("talk to the caller")?;
        link::receive(link).unable("hear from the caller")?.ok_or("the caller is gone")?;
    }
    Ok(())
}

/// Starts the bare daemons.
fn daemons(sandbox: &Sandbox) -> Result<(), Fault> {
    let Some((count, program)) = &sandbox.bare_daemons else {
        return Ok(());
    };
    let strings = |words: &[OsString]| {
        Strings::new(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>()).unable("pass a string on")
    };
    let (argv, env) = (strings(std::slice::from_ref(program))?, strings(&sandbox.env)?);
    for _ in 0..*count {
        let spawn = Spawn {
            file: program.as_bytes(),
            argv: &argv,
            env: &env,
            dir: None,
            fds: &[],
            session: true,
            pid_namespace: false,
            open_files: None,
            reset: &[],
            window: None,
            note: None,
        };
        sys::spawn::spawn(&spawn).unable("start a daemon")?;
    }
    Ok(())
}

/// Runs the preparation to its end.  What it writes to standard error is part of the reason if it fails, and never of the
/// container's output.
fn prepare(command: &[OsString]) -> Result<(), Fault> {
    if command.is_empty() {
        return Ok(());
    }
    let said = sys::mapping::memory_file(c"preparation").unable("make a file in memory")?;
    match sys::process::fork().unable("fork")? {
        Fork::Child => {
            let nothing = fs::OpenOptions::new().read(true).write(true).open("/dev/null");
            if nothing.is_ok_and(|n| {
                rustix::stdio::dup2_stdin(&n).is_ok()
                    && rustix::stdio::dup2_stdout(&n).is_ok()
                    && rustix::stdio::dup2_stderr(&said).is_ok()
            }) {
                let why = execute(command, &[PATH.into()]);
                let _ = rustix::io::write(rustix::stdio::stderr(), format!("{why}\n").as_bytes());
            }
            sys::process::exit(127)
        }
        Fork::Parent(pid) => match sys::process::wait_for(pid).unable("wait for the preparation")?.code() {
            0 => Ok(()),
            code => {
                let mut text = Vec::new();
                let mut said = fs::File::from(said);
                said.rewind()
                    .and_then(|()| said.take(PREPARATION_OUTPUT_LIMIT).read_to_end(&mut text))
                    .unable("read its output")?;
                let text = String::from_utf8_lossy(&text);
                Err(format!("the preparation failed with exit code {code}\n{text}").trim_end().to_owned())
            }
        },
    }
}

fn become_user(uid: u32, gid: u32, user_namespace: bool) -> Result<(), Fault> {
    if !user_namespace {
        sys::credential::set_groups(&[]).unable("drop the supplementary groups")?;
    }
    let why = if user_namespace { " (started without privilege, there is no user but 0)" } else { "" };
    sys::credential::set_gid(gid).unable(format!("become group {gid}{why}"))?;
    sys::credential::set_uid(uid).unable(format!("become user {uid}{why}"))
}

/// Executes a command, looked up in the PATH of its environment; gives back why it couldn't.
fn execute(command: &[OsString], env: &[OsString]) -> Fault {
    let Some(name) = command.first() else {
        return "there is no command".into();
    };
    let bytes = |words: &[OsString]| words.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>();
    let file = if name.as_bytes().contains(&b'/') {
        PathBuf::from(name)
    } else {
        let path = env.iter().rev().find_map(|e| e.as_bytes().strip_prefix(b"PATH="));
        let mut places =
            path.unwrap_or_default().split(|b| *b == b':').map(|d| Path::new(OsStr::from_bytes(d)));
        match places.find(|d| d.join(name).is_file()) {
            Some(directory) => directory.join(name),
            None => return format!("unable to execute {}: not found in PATH", name.display()),
        }
    };
    let why = sys::process::execve(file.as_os_str().as_bytes(), &bytes(command), Some(&bytes(env)));
    format!("unable to execute {}: {why}", file.display())
}
