//! What a log directory needs of the system: files, processes and clocks, behind a trait, so that tests can have any of it
//! fail, and time pass.

use crate::script::Processor;
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use rustix::process::Pid;
use std::os::fd::{AsFd, OwnedFd};
use sys::spawn::{Spawn, Strings, spawn};
use tool::clock::{self, Moment};
use wire::tai::Tai64n;

/// What is known of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// How many names it has.
    pub links: u32,
    /// Bytes.
    pub size: u64,
    /// Permissions.
    pub mode: Mode,
}

impl Status {
    /// Whether it carries the mark of being finished: its owner may execute it.
    pub fn is_finished(self) -> bool {
        self.mode.contains(Mode::XUSR)
    }
}

/// The descriptors that a processor gets.
#[derive(Debug)]
pub struct ProcessorFiles<'a, F> {
    /// 0: the file to process.
    pub previous: &'a F,
    /// 1: the archive.
    pub processed: &'a F,
    /// 4: what the processor before left.
    pub state: &'a F,
    /// 5: what it leaves to the next one.
    pub newstate: &'a F,
}

/// The system below a log directory.  Names are those of files in an open directory.
pub trait System {
    /// An open file or directory.
    type File;

    /// The current moment.
    fn now(&self) -> Moment;

    /// The current time of day.
    fn wall(&self) -> Tai64n;

    /// Makes a directory with these permissions.
    fn make_dir(&self, path: &[u8], mode: Mode) -> Result<(), Errno>;

    /// Opens a directory.
    fn open_dir(&self, path: &[u8]) -> Result<Self::File, Errno>;

    /// Opens a file.
    fn open(&self, dir: &Self::File, name: &str, flags: OFlags) -> Result<Self::File, Errno>;

    /// Locks a file against other processes; AGAIN or ACCESS: one has locked it.
    fn lock(&self, file: &Self::File) -> Result<(), Errno>;

    /// Writes once.
    fn write(&self, file: &Self::File, bytes: &[u8]) -> Result<usize, Errno>;

    /// Writes all.
    fn write_all(&self, file: &Self::File, bytes: &[u8]) -> Result<(), Errno>;

    /// Reads once, at an offset.
    fn read_at(&self, file: &Self::File, buf: &mut [u8], offset: u64) -> Result<usize, Errno>;

    /// Cuts a file.
    fn truncate(&self, file: &Self::File, size: u64) -> Result<(), Errno>;

    /// Has what was written reach the disk.
    fn sync(&self, file: &Self::File) -> Result<(), Errno>;

    /// Puts a file into append mode, where it was open already.
    fn set_append(&self, file: &Self::File) -> Result<(), Errno>;

    /// Changes the permissions of an open file.
    fn set_mode(&self, file: &Self::File, mode: Mode) -> Result<(), Errno>;

    /// Changes the permissions of a file.
    fn set_mode_of(&self, dir: &Self::File, name: &str, mode: Mode) -> Result<(), Errno>;

    /// What an open file is.
    fn status(&self, file: &Self::File) -> Result<Status, Errno>;

    /// Device and inode of an open file.
    fn identity(&self, file: &Self::File) -> Option<(u64, u64)>;

    /// What a file is; links are followed.
    fn status_of(&self, dir: &Self::File, name: &str) -> Result<Status, Errno>;

    /// The size of a file; links aren't followed.
    fn size_of(&self, dir: &Self::File, name: &[u8]) -> Result<u64, Errno>;

    /// Renames a file, over one that has the name.
    fn rename(&self, dir: &Self::File, from: &str, to: &str) -> Result<(), Errno>;

    /// Gives a file a name that is free; where the file system can't rename so, the old one stays.
    fn rename_to_free(&self, dir: &Self::File, from: &str, to: &[u8]) -> Result<(), Errno>;

    /// Removes a file.
    fn remove(&self, dir: &Self::File, name: &[u8]) -> Result<(), Errno>;

    /// Gives each name in a directory.
    fn each_name(&self, dir: &Self::File, act: &mut dyn FnMut(&[u8])) -> Result<(), Errno>;

    /// Starts a processor in a directory.
    fn start(
        &self,
        processor: &Processor,
        dir: &Self::File,
        files: &ProcessorFiles<'_, Self::File>,
    ) -> Result<Pid, Errno>;
}

/// The system itself.
#[derive(Debug)]
pub struct Linux {
    /// The file of execlineb.
    pub execlineb: Vec<u8>,
    /// The environment of processors.
    pub env: Strings,
}

impl System for Linux {
    type File = OwnedFd;

    fn now(&self) -> Moment {
        clock::now()
    }

    fn wall(&self) -> Tai64n {
        clock::wall()
    }

    fn make_dir(&self, path: &[u8], mode: Mode) -> Result<(), Errno> {
        sys::fs::mkdir(path, mode)
    }

    fn open_dir(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        files::open_dir(CWD, path)
    }

    fn open(&self, dir: &OwnedFd, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        sys::fs::openat(dir, name, flags, Mode::from_raw_mode(0o666))
    }

    fn lock(&self, file: &OwnedFd) -> Result<(), Errno> {
        rustix::fs::fcntl_lock(file, FlockOperation::NonBlockingLockExclusive)
    }

    #[inline]
    fn write(&self, file: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
        rustix::io::write(file, bytes)
    }

    fn write_all(&self, file: &OwnedFd, bytes: &[u8]) -> Result<(), Errno> {
        files::write_all(file, bytes)
    }

    fn read_at(&self, file: &OwnedFd, buf: &mut [u8], offset: u64) -> Result<usize, Errno> {
        rustix::io::pread(file, buf, offset)
    }

    fn truncate(&self, file: &OwnedFd, size: u64) -> Result<(), Errno> {
        rustix::fs::ftruncate(file, size)
    }

    fn sync(&self, file: &OwnedFd) -> Result<(), Errno> {
        rustix::fs::fsync(file)
    }

    fn set_append(&self, file: &OwnedFd) -> Result<(), Errno> {
        rustix::fs::fcntl_setfl(file, OFlags::APPEND)
    }

    fn set_mode(&self, file: &OwnedFd, mode: Mode) -> Result<(), Errno> {
        rustix::fs::fchmod(file, mode)
    }

    fn set_mode_of(&self, dir: &OwnedFd, name: &str, mode: Mode) -> Result<(), Errno> {
        sys::fs::chmodat(dir, name, mode, AtFlags::empty())
    }

    fn status(&self, file: &OwnedFd) -> Result<Status, Errno> {
        sys::fs::fstat(file).map(|st| status(&st))
    }

    fn identity(&self, file: &OwnedFd) -> Option<(u64, u64)> {
        sys::fs::fstat(file).ok().map(|st| (st.st_dev, st.st_ino))
    }

    fn status_of(&self, dir: &OwnedFd, name: &str) -> Result<Status, Errno> {
        sys::fs::statat(dir, name, AtFlags::empty()).map(|st| status(&st))
    }

    fn size_of(&self, dir: &OwnedFd, name: &[u8]) -> Result<u64, Errno> {
        sys::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map(|st| status(&st).size)
    }

    fn rename(&self, dir: &OwnedFd, from: &str, to: &str) -> Result<(), Errno> {
        sys::fs::renameat(dir, from, dir, to)
    }

    fn rename_to_free(&self, dir: &OwnedFd, from: &str, to: &[u8]) -> Result<(), Errno> {
        match sys::fs::renameat_with(dir, from, dir, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::PERM) => {
                sys::fs::linkat(dir, from, dir, to, AtFlags::empty())
            }
            renamed => renamed,
        }
    }

    fn remove(&self, dir: &OwnedFd, name: &[u8]) -> Result<(), Errno> {
        sys::fs::unlinkat(dir, name, AtFlags::empty())
    }

    fn each_name(&self, dir: &OwnedFd, act: &mut dyn FnMut(&[u8])) -> Result<(), Errno> {
        files::for_each_entry(files::open_dir(dir, b".")?, &mut |name, _| {
            act(name.to_bytes());
            Ok(())
        })
    }

    fn start(
        &self,
        processor: &Processor,
        dir: &OwnedFd,
        files: &ProcessorFiles<'_, OwnedFd>,
    ) -> Result<Pid, Errno> {
        let (file, option, text) = match processor {
            Processor::Shell(text) => (&b"/bin/sh"[..], "-c", text),
            Processor::Execline(text) => (self.execlineb.as_slice(), "-Pc", text),
        };
        let argv = Strings::new(&[file, option.as_bytes(), text])?;
        let fds = [
            (files.previous.as_fd(), 0),
            (files.processed.as_fd(), 1),
            (files.state.as_fd(), 4),
            (files.newstate.as_fd(), 5),
        ];
        spawn(&Spawn {
            file,
            argv: &argv,
            env: &self.env,
            dir: Some(dir.as_fd()),
            fds: &fds,
            session: false,
            pid_namespace: false,
            open_files: None,
            reset: &[sys::signal::PIPE],
            window: None,
            note: None,
        })
    }
}

fn status(st: &Stat) -> Status {
    Status {
        links: u32::try_from(st.st_nlink).unwrap_or(u32::MAX),
        size: u64::try_from(st.st_size).unwrap_or(0),
        mode: Mode::from_raw_mode(st.st_mode),
    }
}
