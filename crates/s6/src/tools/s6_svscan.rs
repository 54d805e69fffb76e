//! `s6-svscan`: supervises the services of a scan directory, all in this process.

use rustix::fs::{AtFlags, CWD};
use rustix::io::Errno;
use rustix::process::Resource;
use std::mem::ManuallyDrop;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::time::Duration;
use supervisor::host::{Config, Host, Leave, Plain, Reexec, take_journal};
use sys::signal;
use tool::{Call, Fatal, Next, Opt, Options, OrUnable, Outcome, Program, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-svscan",
    summary: "supervise the services of a scan directory",
    operands: "scandir",
    options: &[
        Opt::value('C', "services_max", "supervise at most this many services, loggers included")
            .long("services-max"),
        Opt::value('L', "name_max", "leave out services with a longer name").long("name-max"),
        Opt::value('t', "rescan", "scan again after this many milliseconds").long("timeout"),
        Opt::value('d', "notif", "write a newline to this descriptor when ready").long("notification-fd"),
        Opt::value('X', "consoleholder", "the console, standard error of s6-svscan-log")
            .long("console-holder"),
    ],
    role: Role::Stay,
    main,
};

/// The programs that follow when all services are down, and when the host cannot go on; under the scan directory.
const FINISH: &str = ".s6-svscan/finish";
const CRASH: &str = ".s6-svscan/crash";

fn main(call: &mut Call) -> Outcome {
    let journal = take_journal(&mut call.env);
    let argv = std::iter::once(&call.argv0).chain(&call.args).cloned().collect();
    let reexec = Reexec { argv, env: call.env.vars().to_vec() };
    let options = call.options()?;
    let mut config = Config::new(TOOL.name, call.env.vars().to_vec());
    if let Some(n) = number::<u32>(&options, 'C', "services_max")? {
        config.services_max = usize::try_from(n.clamp(4, 160_000)).unwrap_or(160_000);
    }
    if let Some(n) = number::<u32>(&options, 'L', "name_max")? {
        config.name_max = usize::try_from(n.clamp(11, 1019)).unwrap_or(1019);
    }
    config.rescan = number::<u64>(&options, 't', "rescan")?.filter(|ms| *ms > 0).map(Duration::from_millis);
    let host = match journal {
        Some(journal) => Host::resume(journal, config, &reexec)?.0,
        None => begin(call, &options, config)?,
    };
    // Its descriptors stay open until the next program is executed: a fault can be recovered from until then.
    let mut host = ManuallyDrop::new(host);
    let console = host.console();
    if let Err(e) = host.allow_reexec(&reexec, &Plain) {
        call.warn(format_args!("unable to prepare for a fault: {}", sys::strerror(e)));
    }
    let leave = host.run(&mut Plain);
    let open_files = host.launch().open_files;
    if let Some(console) = console {
        use std::os::fd::AsRawFd;
        for standard in [2, 1] {
            if let Err(e) = sys::fd::copy(console.as_raw_fd(), standard) {
                call.warn(format_args!("unable to restore the console: {}", sys::strerror(e)));
            }
        }
    }
    // The next program gets the process as this one got it.
    let _ = sys::limit::set(Resource::Nofile, &open_files);
    let _ = signal::set_default(signal::PIPE);
    if !rustix::process::getpid().is_init() {
        let _ = rustix::process::set_child_subreaper(None);
    }
    signal::set_mask(&signal::Set::empty());
    last_program(call, leave)
}

/// Becomes the host of the directory, and notifies its readiness.
fn begin(call: &mut Call, options: &Options, mut config: Config) -> Result<Host, Fatal> {
    let notif = descriptor(options, 'd', "notif")?;
    let console = descriptor(options, 'X', "consoleholder")?;
    let scandir = call.shift()?;
    sys::fd::ensure_standard().or_unable(|| "open /dev/null")?;
    if let Some(fd) = console {
        let copy = sys::fd::duplicate(fd, 3).or_unable(|| "take the console holder")?;
        sys::fd::close(fd);
        config.console = Some(Rc::new(copy));
    }
    let host = Host::open(&scandir, config)?;
    if let Some(fd) = notif {
        let _ = sys::fd::with(fd, |fd| rustix::io::write(fd, b"\n"));
        sys::fd::close(fd);
    }
    Ok(host)
}

/// A number in an option's value.
fn number<T: std::str::FromStr>(options: &Options, letter: char, name: &str) -> Result<Option<T>, Fatal> {
    let parse =
        |v| wire::number::decimal(v).ok_or_else(|| Fatal::user(format_args!("{name} must be a number")));
    options.get(letter).map(parse).transpose()
}

/// The number of an open descriptor above the standard ones.
fn descriptor(options: &Options, letter: char, name: &str) -> Result<Option<RawFd>, Fatal> {
    let Some(fd) = number::<RawFd>(options, letter, name)? else { return Ok(None) };
    if fd < 3 {
        return Err(Fatal::user(format_args!("{name} must be 3 or more")));
    }
    if !sys::fd::is_open(fd) {
        return Err(Fatal::user(format_args!("{name} is not open")));
    }
    Ok(Some(fd))
}

/// The program that follows: `finish` or nothing after an orderly end, `crash` after a failure or if `finish` can't be
/// executed.
fn last_program(call: &mut Call, leave: Leave) -> Outcome {
    let env = call.take_env();
    let argv = |file: &str| vec![file.as_bytes().to_vec()];
    if leave != Leave::Faulted {
        let e = sys::process::execve(FINISH.as_bytes(), &argv(FINISH), env.changed());
        let is_missing = sys::fs::statat(CWD, FINISH, AtFlags::SYMLINK_NOFOLLOW).is_err();
        if e == Errno::NOENT && is_missing {
            return Ok(Next::SUCCESS);
        }
        let why = tool::exec_failure::explain(CWD, FINISH.as_bytes(), e);
        call.warn(format_args!("unable to exec {FINISH}: {why}: {CRASH} is executed instead"));
    }
    Ok(Next::Run(Program::new(CRASH.as_bytes().to_vec(), argv(CRASH), env)))
}
