//! What conditions ask of a container: its variables, files, user, capabilities, memory.
//!
//! What belongs to a process is read of the one that supervises, so that a command in a running container finds what the start
//! has found.

use crate::boot::cpus;
use crate::boot::scaled::Scaled;
use crate::environment::settings::Settings;
use crate::limits::CONDITION_LIMIT;
use crate::program::{find, start, wait_at_most};
use crate::relay::CONDITION;
use ipc::capability::in_effect;
use ipc::relay::{Relay, STREAMS};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::system::{sysinfo, uname};
use rustix::termios::isatty;
use s6_rc::condition::Facts;
use std::cell::{OnceCell, RefCell};
use std::os::fd::AsFd;
use supervision::board::{BOARD, read_board};
use sys::process::Ended;
use sys::signal::KILL;
use tool::diag::shown;
use tool::{Env, Fatal, exec_failure};

/// Bytes of /proc/PID/status that are read.
const STATUS_LIMIT: usize = 1 << 16;

/// A container.
pub struct Container<'a> {
    settings: Settings<'a>,
    /// Receives the output of programs, if there is a relay.
    relay: Option<&'a Relay>,
    /// Its variables, once one of them was asked for.
    variables: OnceCell<Env>,
    /// The numbers of instances that were asked for by hand, once one of them was asked for.
    scaled: OnceCell<Scaled>,
    /// The services for which one was.
    asked: RefCell<Vec<Vec<u8>>>,
}

impl<'a> Container<'a> {
    /// The container with these variables.
    #[must_use]
    pub fn new(settings: Settings<'a>, relay: Option<&'a Relay>) -> Self {
        Self {
            settings,
            relay,
            variables: OnceCell::new(),
            scaled: OnceCell::new(),
            asked: RefCell::default(),
        }
    }

    /// The same container with these numbers of instances.
    #[must_use]
    pub fn scaled_to(self, scaled: Scaled) -> Self {
        Self { scaled: scaled.into(), ..self }
    }

    /// Whether a number that was asked for by hand has been of use: there is a service of this name with instances.
    #[must_use]
    pub fn has_instances(&self, name: &[u8]) -> bool {
        self.asked.borrow().iter().any(|other| other == name)
    }

    fn variables(&self) -> Result<&Env, Fatal> {
        if let Some(variables) = self.variables.get() {
            return Ok(variables);
        }
        let variables = self.settings.all()?;
        Ok(self.variables.get_or_init(|| variables))
    }
}

/// The process that supervises.
fn host() -> u32 {
    let header = read_board(BOARD.as_bytes()).ok().and_then(|board| board.header);
    let parent = || rustix::process::getppid().map_or(1, |pid| pid.as_raw_nonzero().get().unsigned_abs());
    header.map_or_else(parent, |header| header.pid)
}

/// What /proc says of it.
fn status() -> Vec<u8> {
    files::read_path(format!("/proc/{}/status", host()).as_bytes(), STATUS_LIMIT).unwrap_or_default()
}

/// Whether a program's end means yes.
fn answer(ended: Ended, late: bool) -> Result<bool, String> {
    match ended {
        _ if late => Err(format!("took longer than {} s and was killed", CONDITION_LIMIT.as_secs())),
        Ended::Exited(0) => Ok(true),
        Ended::Exited(1) => Ok(false),
        ended => Err(exec_failure::explain_end(ended) + "; 0 means yes, and 1 no"),
    }
}

impl Facts for Container<'_> {
    fn variable(&self, name: &[u8]) -> Result<Option<Vec<u8>>, Fatal> {
        self.variables().map(|variables| variables.copy_of(name))
    }

    fn cpus(&self) -> u32 {
        cpus::cpus()
    }

    fn scaled(&self, name: &[u8]) -> Option<Vec<u8>> {
        let found = self.scaled.get_or_init(Scaled::read).get(name);
        if found.is_some() {
            self.asked.borrow_mut().push(name.to_vec());
        }
        found
    }

    fn file(&self, path: &[u8]) -> Option<FileType> {
        sys::fs::stat(path).ok().map(|stat| FileType::from_raw_mode(stat.st_mode))
    }

    fn has_program(&self, name: &[u8]) -> Result<bool, Fatal> {
        let file = find(name, self.variables()?);
        Ok(file.is_some_and(|file| self.file(&file) == Some(FileType::RegularFile)))
    }

    fn uid(&self) -> Option<u32> {
        let status = status();
        let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"))?;
        let mut ids = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        wire::number::decimal(ids.nth(1)?)
    }

    fn capabilities(&self) -> u64 {
        in_effect(&status()).unwrap_or_default()
    }

    fn is_first(&self) -> bool {
        host() == 1
    }

    fn has_terminal(&self) -> bool {
        let output = format!("/proc/{}/fd/2", host());
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        sys::fs::openat(CWD, output.as_str(), flags, Mode::empty()).is_ok_and(isatty)
    }

    fn memory(&self) -> Option<u64> {
        let machine = sysinfo();
        // A word of the machine's, whose size differs.
        let all = u128::from(machine.totalram).checked_mul(machine.mem_unit.into())?;
        let all = u64::try_from(all).unwrap_or(u64::MAX);
        Some(supervisor::memory::limit().map_or(all, |limit| limit.min(all)))
    }

    fn kernel(&self) -> Vec<u8> {
        uname().release().to_bytes().to_vec()
    }

    fn run(&self, argv: &[Vec<u8>]) -> Result<bool, Fatal> {
        let fail = |why: &str| {
            let program = shown(argv.first().map(Vec::as_slice).unwrap_or_default());
            Fatal::new(1, format_args!("the condition run {program} {why}"))
        };
        let pipes = self.relay.and_then(|relay| relay.pipes(CONDITION, &STREAMS).ok()).unwrap_or_default();
        let fds: Vec<_> = pipes.iter().map(|(fd, number)| (fd.as_fd(), *number)).collect();
        let pid = start(argv, self.variables()?, &fds).map_err(|e| {
            let word = argv.first().map(Vec::as_slice).unwrap_or_default();
            fail(&format!("couldn't be asked: {}", exec_failure::explain_word(word, e)))
        })?;
        let (ended, late) = wait_at_most(pid, Some(CONDITION_LIMIT), KILL)
            .map_err(|e| fail(&format!("was lost: {}", sys::strerror(e))))?;
        answer(ended, late).map_err(|why| fail(&why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_0_and_1_are_answers() {
        assert_eq!((answer(Ended::Exited(0), false), answer(Ended::Exited(1), false)), (Ok(true), Ok(false)));
        for (ended, late, text) in [
            (Ended::Exited(2), false, "exited 2; 0 means yes, and 1 no"),
            (Ended::Killed(9), true, "took longer than 5 s and was killed"),
        ] {
            assert_eq!(answer(ended, late), Err(text.to_owned()));
        }
    }

    #[test]
    fn this_machine_has_facts() {
        let env = Env::from_vars(vec![b"PATH=/bin:/usr/bin".to_vec(), b"A=".to_vec()]);
        let here = Container::new(Settings::of_container(&env), None);
        let has = |name: &str| here.has_program(name.as_bytes()).unwrap();
        assert!(has("sh") && has("/bin/sh") && !has("no-such-program") && !has("/etc"));
        assert_eq!(here.variable(b"A").unwrap(), Some(Vec::new()));
        assert_eq!(here.variable(b"B").unwrap(), None);
        assert_eq!(here.file(b"/etc/passwd"), Some(FileType::RegularFile));
        assert!(here.memory() > Some(1 << 20) && !here.kernel().is_empty());
        let words = |words: &[&str]| words.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>();
        assert!(here.run(&words(&["/bin/sh", "-c", "exit 0"])).unwrap());
        assert!(!here.run(&words(&["/bin/sh", "-c", "exit 1"])).unwrap());
        let failed = here.run(&words(&["/none"])).unwrap_err();
        assert!(failed.message().starts_with("the condition run /none couldn't be asked: "), "{failed:?}");
    }
}
