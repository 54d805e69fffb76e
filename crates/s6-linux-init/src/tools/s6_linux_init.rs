//! `s6-linux-init`: boots a system, as process 1, from a directory made by s6-linux-init-maker.

use crate::image::{SCANDIR, SHUTDOWND};
use crate::init_options::OPTIONS;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use supervision::control::CATCH_ALL;
use sys::fs::openat;
use sys::process::Fork;
use tool::path::join;
use tool::{Call, Env, Fatal, Next, Options, OrUnable, Outcome, Program, Role, Tool, diag};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-linux-init",
    summary: "boot a system, as process 1",
    operands: "[ args... ]",
    options: OPTIONS,
    role: Role::Stay,
    main,
};

/// The words of the kernel's command line that are runlevels.
const RUNLEVELS: [&[u8]; 5] = [b"default", b"2", b"3", b"4", b"5"];

fn main(call: &mut Call) -> Outcome {
    if !rustix::process::getpid().is_init() {
        let argv = [vec![b"s6-linux-init-telinit".to_vec()], call.take_args()].concat();
        return Ok(Next::Run(Program::new(tool::tool_file("s6-linux-init-telinit"), argv, call.take_env())));
    }
    let options = call.options()?;
    let basedir = options.get('c').unwrap_or(b"/etc/s6-linux-init/current");
    let (is_container, has_logger) = (options.has('C'), !options.has('B'));
    let warns = options.number::<u32>('v')?.unwrap_or(1) > 0;
    if let Some(fd) = options.number::<RawFd>('W')?.filter(|fd| *fd != 0) {
        await_end(fd).or_unable(|| format!("wait for descriptor {fd}"))?;
    }
    sys::fd::ensure_standard().or_unable(|| "open /dev/null")?;
    prepare(call, &options, is_container, warns)?;
    fill_run(call, basedir)?;
    if let Some(store) = options.get('s') {
        run_tool(call, &[b"s6-dumpenv", b"--", store], call.env.clone(), "store the environment")?;
    }
    // The catch-all logger's own messages go to the original standard error.
    let console = sys::fd::duplicate(2, 3).or_unable(|| "keep standard error")?;
    let logs =
        if has_logger { Some(log_to_fifo().or_unable(|| "open the catch-all logger's FIFO")?) } else { None };
    let (ready, is_ready) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).or_unable(|| "make a pipe")?;
    let script = join(&join(basedir, b"scripts"), b"rc.init");
    let argv = stage_2(&script, &options, is_container, call.take_args());
    match sys::process::fork().or_unable(|| "fork")? {
        Fork::Child => {
            drop((is_ready, console));
            return await_tree(&ready, logs.is_some())
                .or_unable(|| "wait for the supervision tree")
                .and_then(|()| in_environment(&options, basedir, argv));
        }
        Fork::Parent(_) => drop(ready),
    }
    if logs.is_some() {
        sys::fd::copy(1, 2).or_unable(|| "redirect standard error")?;
    }
    if !is_container
        && let Err(e) = rustix::system::reboot(rustix::system::RebootCommand::CadOff)
        && warns
    {
        call.warn(format_args!("unable to trap ctrl-alt-del: {}", sys::strerror(e)));
    }
    in_environment(&options, basedir, supervisor(console, is_ready)?)
}

/// Reads until the other end is closed.
fn await_end(fd: RawFd) -> Result<(), Errno> {
    let fd = sys::fd::adopt(fd)?;
    let mut ignored = [0; 512];
    loop {
        match rustix::io::read(&fd, &mut ignored) {
            Ok(0) => return Ok(()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
}

/// Sets up the working directory, umask, session, standard descriptors, /dev and /run.
fn prepare(call: &Call, options: &Options, is_container: bool, warns: bool) -> Result<(), Fatal> {
    rustix::process::chdir("/").or_unable(|| "chdir to /")?;
    let umask = match options.get('m') {
        None => 0o022,
        Some(word) => number::octal(word)
            .filter(|mask| *mask <= 0o777)
            .ok_or_else(|| Fatal::user(format_args!("{} is no umask", diag::show(word))))?,
    };
    rustix::process::umask(Mode::from_raw_mode(umask));
    // Fails if the container runtime has made this process a session leader already.
    let _ = rustix::process::setsid();
    if let Some(dev) = options.get('d') {
        mount("dev", dev, "devtmpfs", MountFlags::NOSUID | MountFlags::NOEXEC, None)
            .or_unable_to("mount a devtmpfs on", dev)?;
    }
    if !is_container {
        let console =
            openat(CWD, "/dev/console", OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty());
        match console {
            Ok(console) => {
                for fd in [1, 2] {
                    sys::fd::copy(console.as_raw_fd(), fd)
                        .or_unable(|| "redirect the output to /dev/console")?;
                }
                diag::line("s6-linux-init: booting");
            }
            Err(e) if warns => call.warn(format_args!("unable to open /dev/console: {}", sys::strerror(e))),
            Err(_) => {}
        }
    }
    let null = openat(CWD, "/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .or_unable(|| "open /dev/null")?;
    sys::fd::copy(null.as_raw_fd(), 0).or_unable(|| "redirect standard input")?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    if options.has('n') {
        mount_remount("/run", flags, "mode=0755").or_unable(|| "remount /run")?;
    } else if !options.has('N') {
        // /run may or may not be mounted.
        let _ = unmount("/run", UnmountFlags::DETACH);
        mount("tmpfs", "/run", "tmpfs", flags, Some(c"mode=0755")).or_unable(|| "mount a tmpfs on /run")?;
    }
    Ok(())
}

fn fill_run(call: &Call, basedir: &[u8]) -> Result<(), Fatal> {
    let image = join(basedir, b"run-image");
    let argv: [&[u8]; 4] = [b"s6-hiercopy", b"--", &image, b"/run"];
    run_tool(call, &argv, call.env.clone(), &format!("copy {} to /run", diag::show(&image)))
}

/// Runs a tool of this binary to its end.
fn run_tool(call: &Call, argv: &[&[u8]], env: Env, to_do: &str) -> Result<(), Fatal> {
    let name = argv.first().copied().unwrap_or_default();
    let mut words: Vec<Vec<u8>> = argv.iter().map(|word| word.to_vec()).collect();
    if let Some(file) = words.first_mut() {
        *file = tool::tool_file(&diag::shown(name));
    }
    let pid = tool::spawn(call, words, env)?;
    match sys::process::wait_for(pid).or_unable(|| to_do.to_owned())?.code() {
        0 => Ok(()),
        code => Err(Fatal::new(111, format_args!("unable to {to_do}: exit code {code}"))),
    }
}

/// Runs a command line in the initial environment: PATH and the envdir of `basedir`.
fn in_environment(options: &Options, basedir: &[u8], argv: Vec<Vec<u8>>) -> Outcome {
    let mut env = Env::new();
    env.set(b"PATH", options.get('p').unwrap_or(tool::DEFAULT_PATH));
    let words = [b"s6-envdir".to_vec(), b"--".to_vec(), join(basedir, b"env")];
    let argv = [words.to_vec(), argv].concat();
    Ok(Next::Run(Program::new(tool::tool_file("s6-envdir"), argv, env)))
}

/// Redirects standard output to the catch-all logger's FIFO, which has no reader yet.
fn log_to_fifo() -> Result<(), Errno> {
    let fifo = fifo(CATCH_ALL);
    let reader = openat(CWD, &fifo, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    let writer = openat(CWD, &fifo, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    drop(reader);
    sys::fd::copy(writer.as_raw_fd(), 1)
}

fn fifo(service: &str) -> String {
    format!("{SCANDIR}/{service}/fifo")
}

/// The command line of rc.init: the runlevel, and the arguments from the kernel or the container engine.
fn stage_2(script: &[u8], options: &Options, is_container: bool, args: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let default = options.get('D').unwrap_or(b"default");
    let named = args.iter().find(|arg| !is_container && RUNLEVELS.contains(&arg.as_slice()));
    let runlevel = named.map_or_else(|| default.to_vec(), Clone::clone);
    [vec![script.to_vec(), runlevel], args].concat()
}

/// In the child: waits until s6-svscan, s6-linux-init-shutdownd and the catch-all logger are running.
fn await_tree(ready: &OwnedFd, has_logger: bool) -> Result<(), Errno> {
    let _ = rustix::process::setsid();
    while rustix::io::read(ready, &mut [0; 1]) == Err(Errno::INTR) {}
    // Opening a FIFO for writing waits for its reader.
    let open = |service| openat(CWD, fifo(service), OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
    open(SHUTDOWND)?;
    if has_logger {
        let writer = open(CATCH_ALL)?;
        sys::fd::copy(writer.as_raw_fd(), 1)?;
        sys::fd::copy(1, 2)?;
    }
    Ok(())
}

/// The command line of s6-svscan, which notifies the child of its readiness.
fn supervisor(console: OwnedFd, is_ready: OwnedFd) -> Result<Vec<Vec<u8>>, Fatal> {
    let mut argv = vec![tool::tool_file("s6-svscan")];
    for (option, fd) in [("-X", console), ("-d", is_ready)] {
        rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::empty()).or_unable(|| "keep a descriptor")?;
        argv.extend([option.as_bytes().to_vec(), fd.into_raw_fd().to_string().into_bytes()]);
    }
    argv.extend([b"--".to_vec(), SCANDIR.as_bytes().to_vec()]);
    Ok(argv)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_may_name_a_runlevel() {
        let words = |is_container, args: &[&str]| {
            let args = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
            let argv = stage_2(b"/s", &Options::default(), is_container, args);
            String::from_utf8(argv.join(&b' ')).unwrap()
        };
        assert_eq!(words(false, &["quiet", "3", "5"]), "/s 3 quiet 3 5");
        assert_eq!(words(false, &["single"]), "/s default single");
        assert_eq!(words(true, &["3"]), "/s default 3");
    }
    #[test]
    fn the_words_of_the_kernel_that_are_runlevels() {
        assert_eq!(RUNLEVELS.concat(), b"default2345");
        let options = |words: &str| {
            let mut args = words.split_whitespace().map(|w| w.as_bytes().to_vec()).collect();
            Options::take(OPTIONS, &mut args).unwrap()
        };
        let argv = stage_2(b"/s", &options("-D 4"), false, Vec::new());
        assert_eq!(argv.join(&b' '), b"/s 4");
    }

    #[test]
    fn everything_starts_with_a_path_and_an_envdir() {
        let run = |words: &[&str]| {
            let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
            let options = Options::take(OPTIONS, &mut args).unwrap();
            let Ok(Next::Run(program)) = in_environment(&options, b"/base", vec![b"prog".to_vec()]) else {
                panic!()
            };
            let env = program.env.vars().join(&b' ');
            String::from_utf8([env, b" ".to_vec(), program.argv.join(&b' ')].concat()).unwrap()
        };
        assert_eq!(run(&[]), "PATH=/command:/usr/bin:/bin s6-envdir -- /base/env prog");
        assert_eq!(run(&["-p", "/x"]), "PATH=/x s6-envdir -- /base/env prog");
    }
}
