//! Daemons that read their configuration again, as their definitions say how.

use super::daemon::{Became, Daemon};
use super::names::select;
use super::outcome::Outcomes;
use super::{absent, access, daemon_of, is_caller, look, other_daemon, others, take_turn};
use crate::status::{NOT_RUNNING, TIMED_OUT};
use overlay::environment::contenv;
use overlay::program::{self, wait_at_most};
use rustix::fs::CWD;
use rustix::io::Errno;
use s6_rc::change::reload as reload_oneshots;
use s6_rc::change_options::ChangeOptions;
use s6_rc::database::{Body, Id};
use s6_rc::interrupts::Interrupts;
use s6_rc::reload::{FILE, Reload, parse};
use supervision::control::{send, signal_number};
use supervision::status::read_status;
use sys::process::Ended;
use sys::signal::{self, KILL};
use tool::clock::{self, Moment};
use tool::diag::{self, show};
use tool::path::join;
use tool::{Call, Next, Outcome};
use wire::control::{COMMANDS, Command, Target};

/// At most so many bytes of a file are read.
const TEXT_LIMIT: usize = 65536;

/// How a daemon is reloaded.
enum How {
    /// By its supervisor's signal for that.
    Signal,
    /// As its file says.
    File(Reload),
}

/// Makes the services that the operands of a command name read their configuration again, and gives the exit code: 3 if one of
/// them is down, 1 if one has no reload, or that fails.
///
/// # Errors
/// As of [`super::carry_out`].
pub(crate) fn reload(call: &mut Call, in_background: bool, deadline: Option<Moment>) -> Outcome {
    let words = call.take_args();
    let live = look()?;
    let selected = select(live.database(), &others(live.database()), &absent, &words)?;
    access::check(&live, &selected)?;
    if in_background && is_caller(call)? {
        return Ok(Next::SUCCESS);
    }
    let mut outcomes = Outcomes::default();
    let mut oneshots = vec![false; live.database().len()];
    let ids: Vec<Id> = (0..).zip(&selected.services).filter(|(_, is)| **is).map(|(id, _)| id).collect();
    for id in ids {
        let Some(service) = live.database().service(id) else { continue };
        match &service.body {
            Body::Longrun { .. } => {
                let daemon = daemon_of(&live, id);
                outcomes.add(&daemon, daemon.reload(call, deadline));
            }
            Body::Oneshot { reload, .. } => {
                let daemon = Daemon { logger: None, ..daemon_of(&live, id) };
                if reload.is_empty() {
                    outcomes.add(&daemon, without_reload(&daemon.name));
                } else if !live.is_up(id) {
                    outcomes.add(&daemon, down());
                } else {
                    super::names::set(&mut oneshots, id);
                }
            }
        }
    }
    drop(live);
    for name in &selected.others {
        let daemon = other_daemon(name);
        outcomes.add(&daemon, daemon.reload(call, deadline));
    }
    if oneshots.contains(&true) {
        let interrupts = Interrupts::trap()?;
        let mut live = take_turn(call, &interrupts, deadline)?;
        let options = ChangeOptions { deadline, ..interrupts.change_options(call, 1) };
        let changed = reload_oneshots(&mut live, &oneshots, &options)?;
        let failed = |id: Id| {
            let failure = changed.failures.iter().find(|(failed, _)| *failed == id);
            let unfinished = changed.unfinished.iter().any(|(unfinished, _)| *unfinished == id);
            match failure {
                Some((_, failure)) => Became::Failed(failure.to_string(), 1),
                None if unfinished => Became::Failed("timed out".to_owned(), TIMED_OUT),
                None => Became::Done("reloaded"),
            }
        };
        for (id, _) in (0..).zip(&oneshots).filter(|(_, is)| **is) {
            let daemon = Daemon { logger: None, ..daemon_of(&live, id) };
            outcomes.add(&daemon, failed(id));
        }
    }
    outcomes.print()
}

fn down() -> Became {
    Became::Failed("it is down".to_owned(), NOT_RUNNING)
}

fn without_reload(name: &[u8]) -> Became {
    let text = format!(
        "has no reload: its definition has no file {FILE}, with signal SIGHUP or a command line in it; to restart it: s6-overlay restart {}",
        show(name)
    );
    Became::Failed(text, 1)
}

impl Daemon {
    fn reload(&self, call: &Call, deadline: Option<Moment>) -> Became {
        match read_status(&self.dir) {
            Ok(status) if status.is_up() => {}
            Ok(_) | Err(Errno::NOENT) => return down(),
            Err(e) => return Became::Failed(format!("its status can't be read: {}", sys::strerror(e)), 111),
        }
        match self.how_to_reload() {
            Ok(Some(How::Signal)) => self.send_reload(Command::Reload),
            Ok(Some(How::File(Reload::Signal(number)))) => match command_that_sends(number) {
                Some(command) => self.send_reload(command),
                None => {
                    let text = format!("{} can't be sent by a supervisor", signal::show(number));
                    Became::Failed(text, 1)
                }
            },
            Ok(Some(How::File(Reload::Command(argv)))) => self.run_reload(&argv, call, deadline),
            Ok(None) => without_reload(&self.name),
            Err(why) => Became::Failed(why, 1),
        }
    }

    /// What the files of its directory say.
    fn how_to_reload(&self) -> Result<Option<How>, String> {
        let read = |file: &str| files::read_regular_file(CWD, &join(&self.dir, file.as_bytes()), TEXT_LIMIT);
        if read("reload-signal").is_ok() {
            return Ok(Some(How::Signal));
        }
        let text = match read(FILE) {
            Ok(text) => text,
            Err(Errno::NOENT) => return Ok(None),
            Err(e) => return Err(format!("its file {FILE} can't be read: {}", sys::strerror(e))),
        };
        let mut findings = Vec::new();
        let read = parse(&join(&self.dir, FILE.as_bytes()), &text, &mut findings)
            .map_err(|error| error.to_string())?;
        Ok(read.map(How::File))
    }

    fn send_reload(&self, command: Command) -> Became {
        match send(&self.dir, &[command]) {
            Ok(()) => Became::Done("told to reload"),
            Err(_) => Became::Failed("no supervisor is listening".to_owned(), 111),
        }
    }

    fn run_reload(&self, argv: &[Vec<u8>], call: &Call, deadline: Option<Moment>) -> Became {
        let mut env = call.env.clone();
        if let Err(why) = contenv::load(&mut env) {
            diag::warn(call.tool.name, why.message());
        }
        env.set(b"S6_SERVICE", &self.name);
        let left = deadline.map(|at| at.saturating_sub(clock::now()));
        let ended = program::start(argv, &env, &[]).and_then(|pid| wait_at_most(pid, left, KILL));
        match ended {
            Ok((Ended::Exited(0), _)) => Became::Done("reloaded"),
            Ok((_, true)) => Became::Failed("its reload was killed: timed out".to_owned(), TIMED_OUT),
            Ok((Ended::Exited(code), _)) => Became::Failed(format!("its reload exited {code}"), 1),
            Ok((Ended::Killed(number), _)) => {
                Became::Failed(format!("its reload was killed by {}", signal::show(number.into())), 1)
            }
            Err(e) => {
                let name = argv.first().map(|name| show(name)).unwrap_or_default();
                Became::Failed(format!("its reload can't be run: {name}: {}", sys::strerror(e)), 1)
            }
        }
    }
}

/// The command by which a supervisor sends this signal to the process of `run`.
fn command_that_sends(number: signal::Signal) -> Option<Command> {
    let sends = |command: Command| matches!(command.sends(), Some((which, Target::Process)) if signal_number(which) == number);
    COMMANDS.iter().map(|row| row.command).find(|command| sends(*command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_commands() {
        assert_eq!(
            command_that_sends(signal::HUP),
            Some(Command::Signal(wire::control::ProcessSignal::Hangup))
        );
        assert_eq!(command_that_sends(signal::CHLD), None);
    }

    #[test]
    fn what_a_daemons_files_say() {
        let dir = tempfile::tempdir().unwrap();
        let path = std::os::unix::ffi::OsStrExt::as_bytes(dir.path().as_os_str()).to_vec();
        let daemon = Daemon { name: b"web".to_vec(), dir: path, logger: None, limit: None };
        let how = || match daemon.how_to_reload() {
            Ok(None) => "nothing".to_owned(),
            Ok(Some(How::Signal)) => "the supervisor's signal".to_owned(),
            Ok(Some(How::File(reload))) => format!("{reload:?}"),
            Err(why) => why.rsplit('/').next().unwrap_or_default().to_owned(),
        };
        assert_eq!(how(), "nothing");
        std::fs::write(dir.path().join("reload"), "signal HUP").unwrap();
        assert_eq!(how(), "Signal(1)");
        std::fs::write(dir.path().join("reload"), "signal").unwrap();
        assert!(how().starts_with("reload:1:1: the signal is missing"), "{}", how());
        std::fs::write(dir.path().join("reload-signal"), "1\n").unwrap();
        assert_eq!(how(), "the supervisor's signal");
    }
}
