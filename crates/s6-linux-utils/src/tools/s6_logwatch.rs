//! `s6-logwatch`: prints the current file of a log directory, and what is added to it, across rotations.

use rustix::fs::{Mode, OFlags, fstat, inotify, openat, statat};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use tool::{Call, Fatal, Opt, OrUnable, Out, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-logwatch",
    summary: "print a log directory's current file as it grows",
    operands: "logdir",
    options: &[Opt::value('m', "buflen", "print after at most so many bytes; default 4000")],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let size = options.number::<u32>('m')?.unwrap_or(4000).clamp(1, 1 << 20);
    let path = call.shift()?;
    let unable = || format!("watch {}", diag::show(&path));
    let dir = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = rustix::fs::open(path.as_slice(), dir, Mode::empty()).or_unable(unable)?;
    let events = inotify::init(inotify::CreateFlags::CLOEXEC).or_unable(unable)?;
    let wanted = inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO;
    inotify::add_watch(&events, path.as_slice(), wanted).or_unable(unable)?;
    let mut watch = Watch { dir, current: None, buf: vec![0; size as usize] };
    let mut seen = [0; 4096];
    loop {
        watch.print()?;
        // What the events are makes no difference: the files tell.
        match rustix::io::read(&events, &mut seen) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(Fatal::unable(&unable(), e)),
        }
    }
}

struct Watch {
    dir: OwnedFd,
    current: Option<OwnedFd>,
    buf: Vec<u8>,
}

impl Watch {
    /// Prints what is new: the rest of the file that was current, then the one that is current now.
    fn print(&mut self) -> Result<(), Fatal> {
        loop {
            self.print_file()?;
            if !self.is_replaced() {
                return Ok(());
            }
            // Lines that came between the end of the file and its replacement.
            self.print_file()?;
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            self.current = match openat(&self.dir, "current", flags, Mode::empty()) {
                Err(Errno::NOENT) => return Ok(()),
                opened => Some(opened.or_unable(|| "open current")?),
            };
        }
    }

    fn print_file(&mut self) -> Result<(), Fatal> {
        let Some(file) = &self.current else { return Ok(()) };
        loop {
            let n = match rustix::io::read(file, &mut self.buf) {
                Err(Errno::INTR) => continue,
                done => done.or_unable(|| "read current")?,
            };
            if n == 0 {
                return Ok(());
            }
            let mut out = Out::new();
            out.put(self.buf.get(..n).unwrap_or_default())?;
            out.flush()?;
        }
    }

    /// Whether the name leads to another file than the open one.
    fn is_replaced(&self) -> bool {
        let Ok(named) = statat(&self.dir, "current", rustix::fs::AtFlags::empty()) else { return false };
        let open = self.current.as_ref().and_then(|file| fstat(file).ok());
        open.is_none_or(|open| (open.st_dev, open.st_ino) != (named.st_dev, named.st_ino))
    }
}
