//! `s6-logwatch`: prints the current file of a log directory, and what is added to it, across rotations.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, Mode, OFlags, fstat, inotify};
use rustix::io::Errno;
use rustix::stdio::stdout;
use std::os::fd::OwnedFd;
use sys::fs::{openat, statat};
use tool::{Call, Fatal, Next, Opt, OrUnable, Out, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-logwatch",
    summary: "print a log directory's current file as it grows",
    operands: "[ logdir ]",
    options: &[Opt::value('m', "buflen", "print after at most so many bytes; default 4000")],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let size = options.number::<u32>('m')?.unwrap_or(4000).clamp(1, 1 << 20);
    let path = call.shift().unwrap_or_else(|_| b".".to_vec());
    let unable = || format!("watch {}", diag::show(&path));
    sys::fd::ensure_standard().or_unable(|| "open /dev/null")?;
    let dir = files::open_dir(CWD, &path).or_unable(unable)?;
    let events = inotify::init(inotify::CreateFlags::CLOEXEC).or_unable(unable)?;
    let wanted = inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO;
    inotify::add_watch(&events, path.as_slice(), wanted).or_unable(unable)?;
    // Who has a directory open hears of its end from the one above, if that may be watched.
    let _ = inotify::add_watch(&events, [&path, &b"/.."[..]].concat(), inotify::WatchFlags::DELETE);
    sys::signal::set_ignored(sys::signal::PIPE).or_unable(|| "ignore SIGPIPE")?;
    let mut watch = Watch { dir, current: None, buf: vec![0; size as usize] };
    let mut seen = [0; 4096];
    loop {
        watch.print()?;
        if fstat(&watch.dir).is_ok_and(|st| st.st_nlink == 0) {
            return Err(Fatal::new(111, format!("{} was removed", diag::show(&path))));
        }
        // Without any wish, poll still tells that nobody reads the output any more.
        let mut fds =
            [PollFd::new(&events, PollFlags::IN), PollFd::from_borrowed_fd(stdout(), PollFlags::empty())];
        match poll(&mut fds, None) {
            Err(Errno::INTR) => continue,
            done => done.or_unable(|| "poll")?,
        };
        let [event, reader] = fds.map(|fd| fd.revents());
        if !event.is_empty() {
            // What the events are makes no difference: the files tell.
            rustix::io::retry_on_intr(|| rustix::io::read(&events, &mut seen)).or_unable(unable)?;
        } else if reader.intersects(PollFlags::ERR | PollFlags::HUP) {
            return Ok(Next::SUCCESS);
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
