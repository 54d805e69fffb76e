//! `cargo xtask run`: boots the overlay as pid 1 of a container on any root file system.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::Signal;
use sandbox::{Container, Network, Sandbox, Streams};
use std::os::fd::AsFd;
use sys::signal::{Set, SignalFd};

use crate::arch::{self, Arch};
use crate::emulation::{self, Argv0};
use crate::failure::{Failure, Outcome};
use crate::relay::Relay;
use crate::{dist, workspace};

/// The PATH that a container engine gives `/init`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The exit code when there is no container, as of `docker run`.
const NO_CONTAINER: u8 = 125;

const HELP: &str = "\
The container sees a copy-on-write view of DIR with the overlay laid over it: nothing that happens in it lasts, and
nothing of it is left when it ends. As root it has all of root's rights, though: don't run strangers' programs in
it. Without root it runs in a user namespace, where root is the only user.

Ctrl-C and SIGTERM stop it as `docker stop` does, a second one kills it. With --tty, keys go to the container's
terminal. The exit code is the container's (128 + n: killed by signal n), or 125 if it couldn't start.";

/// The options of `cargo xtask run`.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The root file system
    #[arg(long, value_name = "DIR", default_value = "/")]
    rootfs: PathBuf,
    /// Lay this directory over the root file system and the overlay; the last one is on top
    #[arg(long, value_name = "DIR")]
    layer: Vec<PathBuf>,
    /// Lay the demo over it: a small web server, what it needs, and its logger, see examples/demo
    #[arg(long)]
    demo: bool,
    /// Set a variable of the container's environment
    #[arg(long, value_name = "K=V", value_parser = variable)]
    env: Vec<(String, String)>,
    /// Make the root file system read-only
    #[arg(long)]
    read_only: bool,
    /// Start as this user and group
    #[arg(long, value_name = "U:G", value_parser = ids)]
    user: Option<(u32, u32)>,
    /// Give the container a terminal
    #[arg(long)]
    tty: bool,
    /// Boot the overlay of this architecture: on a root file system of another one, by qemu's emulation. In a user
    /// namespace, where without root it is the only user
    #[arg(long, value_name = "NAME", value_parser = arch::named)]
    arch: Option<&'static Arch>,
    /// Use the machine's network instead of a loopback of the container's own
    #[arg(long)]
    host_network: bool,
    /// The command that the container is for; without one it runs until it is stopped
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

fn variable(word: &str) -> Result<(String, String), String> {
    let (name, value) = word.split_once('=').ok_or("not of the form K=V")?;
    Ok((name.into(), value.into()))
}

fn ids(word: &str) -> Result<(u32, u32), String> {
    let number =
        |digits: &str| digits.parse::<u32>().map_err(|_| "not of the form U:G with numbers".to_owned());
    match word.split_once(':') {
        Some((user, group)) => Ok((number(user)?, number(group)?)),
        None => Ok((number(word)?, number(word)?)),
    }
}

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    if args.tty && !rustix::termios::isatty(rustix::stdio::stdin()) {
        return Err(Failure("--tty needs a terminal as standard input".into()));
    }
    let distribution = dist::root_for(args.arch)?;
    if let Some(arch) = args.arch.filter(|arch| !arch.runs_here()) {
        emulation::begin(arch, Argv0::Kept)?;
    }
    let sandbox = describe(&args, distribution);
    // From here a signal is a message, also while the container starts.
    let signals =
        SignalFd::new(&Set::of(&[Signal::INT.as_raw(), Signal::TERM.as_raw(), Signal::WINCH.as_raw()]))
            .map_err(|why| Failure(format!("unable to watch for signals: {why}")))?;
    let container = match sandbox.start() {
        Ok(container) => container,
        Err(why) => {
            eprintln!("xtask: the container can't start: {why}");
            return Ok(ExitCode::from(NO_CONTAINER));
        }
    };
    let code = attend(container, &signals).map_err(|why| Failure(format!("lost the container: {why}")))?;
    if args.demo {
        println!("demo: the container is gone, its exit code is {code}");
    }
    Ok(ExitCode::from(code))
}

fn describe(args: &Args, distribution: PathBuf) -> Sandbox {
    let mut command = vec![OsString::from("/init")];
    if args.demo && args.command.is_empty() {
        command.push("/etc/demo/command".into());
    }
    command.extend(args.command.iter().cloned());
    let mut sandbox = Sandbox::new(&args.rootfs, command).layer(&distribution);
    if args.demo {
        sandbox = sandbox.layer(&workspace::top().join("examples/demo"));
    }
    for layer in &args.layer {
        sandbox = sandbox.layer(layer);
    }
    if args.env.iter().all(|(name, _)| name != "PATH") {
        sandbox = sandbox.env("PATH", PATH);
    }
    for (name, value) in &args.env {
        sandbox = sandbox.env(name, value);
    }
    if let Some((uid, gid)) = args.user {
        sandbox = sandbox.user(uid, gid);
    }
    if args.tty {
        sandbox = sandbox.streams(Streams::Terminal);
        if let Some(term) = std::env::var_os("TERM") {
            sandbox = sandbox.env("TERM", term);
        }
    }
    sandbox.hostname("container").read_only(args.read_only).network(if args.host_network {
        Network::Host
    } else {
        Network::Own
    })
}

/// Passes bytes and signals on until the container is gone.
fn attend(mut container: Container, signals: &SignalFd) -> io::Result<u8> {
    let mut relay = container.take_terminal().map(Relay::new).transpose()?;
    let (mut typing, mut saying, mut stopping) = (true, true, false);
    while let Some(gone) = container.gone() {
        let mut set = vec![
            PollFd::from_borrowed_fd(gone, PollFlags::IN),
            PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN),
        ];
        if let Some(relay) = &relay {
            let watched = |on| if on { PollFlags::IN } else { PollFlags::empty() };
            set.push(PollFd::from_borrowed_fd(relay.master(), watched(saying)));
            set.push(PollFd::from_borrowed_fd(rustix::stdio::stdin(), watched(typing)));
        }
        match rustix::event::poll(&mut set, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(why) => return Err(why.into()),
        }
        let ready: Vec<bool> = set.iter().map(|fd| !fd.revents().is_empty()).collect();
        let is_ready = |index: usize| ready.get(index) == Some(&true);
        if let Some(relay) = &mut relay {
            if saying && is_ready(2) {
                // The container's last words come before its end is taken notice of.
                saying = relay.said()?;
                continue;
            }
            if typing && is_ready(3) {
                typing = relay.typed()?;
            }
        }
        let is_gone = is_ready(0);
        while let Some(signal) = signals.read()? {
            match (&relay, stopping) {
                (Some(relay), _) if signal == Signal::WINCH.as_raw() => relay.resize(),
                _ if signal == Signal::WINCH.as_raw() => {}
                (_, false) => {
                    eprintln!("xtask: stopping the container (once more kills it)");
                    container.stop()?;
                    stopping = true;
                }
                (_, true) => container.kill(),
            }
        }
        if is_gone {
            break;
        }
    }
    container.wait()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_options() {
        assert_eq!(variable("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert!(variable("A").is_err());
        assert_eq!(ids("7:8"), Ok((7, 8)));
        assert_eq!(ids("7"), Ok((7, 7)));
        assert!(ids("root").is_err() && ids("1:").is_err());
    }
}
