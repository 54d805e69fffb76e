//! `s6-logwatch`: prints the current file of a log directory as it grows, across rotations.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, Mode, OFlags, inotify};
use rustix::io::Errno;
use rustix::stdio::stdout;
use std::os::fd::OwnedFd;
use sys::fs::{fstat, openat, statat};
use tool::{Call, Fatal, Next, Opt, Options, OrUnable, Out, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-logwatch",
    summary: "print a log directory's current file as it grows",
    operands: "[ logdir ]",
    options: &[Opt::value('m', "buflen", "the buffer size in bytes; default 4000")],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let size = buffer_size(&options)?;
    let path = call.shift().unwrap_or_else(|_| b".".to_vec());
    let unable = || format!("watch {}", diag::show(&path));
    sys::fd::ensure_standard().or_unable(|| "open /dev/null")?;
    let dir = files::open_dir(CWD, &path).or_unable(unable)?;
    let events = inotify::init(inotify::CreateFlags::CLOEXEC).or_unable(unable)?;
    let wanted = inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO;
    inotify::add_watch(&events, path.as_slice(), wanted).or_unable(unable)?;
    // The removal of an open directory is only reported by its parent, if that can be watched.
    let _ = inotify::add_watch(&events, [&path, &b"/.."[..]].concat(), inotify::WatchFlags::DELETE);
    sys::signal::set_ignored(sys::signal::PIPE).or_unable(|| "ignore SIGPIPE")?;
    let mut watch = Watch { dir, current: None, buf: vec![0; size] };
    let mut seen = [0; 4096];
    loop {
        watch.print()?;
        if fstat(&watch.dir).is_ok_and(|st| st.st_nlink == 0) {
            return Err(Fatal::new(111, format_args!("{} was removed", diag::show(&path))));
        }
        // Even without requested events, poll(2) reports that the reader of the output has gone.
        let mut fds =
            [PollFd::new(&events, PollFlags::IN), PollFd::from_borrowed_fd(stdout(), PollFlags::empty())];
        match poll(&mut fds, None) {
            Err(Errno::INTR) => continue,
            done => done.or_unable(|| "poll")?,
        };
        let [event, reader] = fds.map(|fd| fd.revents());
        if !event.is_empty() {
            // The events are discarded: the files themselves are examined.
            rustix::io::retry_on_intr(|| rustix::io::read(&events, &mut seen)).or_unable(unable)?;
        } else if reader.intersects(PollFlags::ERR | PollFlags::HUP) {
            return Ok(Next::SUCCESS);
        }
    }
}

/// The buffer size in bytes.
fn buffer_size(options: &Options) -> Result<usize, Fatal> {
    Ok(options.number::<usize>('m')?.unwrap_or(4000).clamp(1, 1 << 20))
}

struct Watch {
    dir: OwnedFd,
    current: Option<OwnedFd>,
    buf: Vec<u8>,
}

impl Watch {
    /// Prints what is new: the rest of the open file, then the new current file.
    fn print(&mut self) -> Result<(), Fatal> {
        loop {
            self.print_file()?;
            if !self.is_replaced() {
                return Ok(());
            }
            // Lines written between the last read and the rotation.
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

    /// Whether `current` is another file than the open one.
    fn is_replaced(&self) -> bool {
        let Ok(named) = statat(&self.dir, "current", rustix::fs::AtFlags::empty()) else { return false };
        let open = self.current.as_ref().and_then(|file| fstat(file).ok());
        open.is_none_or(|open| (open.st_dev, open.st_ino) != (named.st_dev, named.st_ino))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_has_4000_bytes_and_at_most_a_mebibyte() {
        let size = |words: &[&str]| {
            let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
            buffer_size(&Options::take(TOOL.options, &mut args).unwrap()).map_err(|e| e.code())
        };
        assert_eq!([size(&[]), size(&["-m", "0"]), size(&["-m", "9999999"])], [Ok(4000), Ok(1), Ok(1 << 20)]);
        assert_eq!(size(&["-m", "x"]), Err(100));
    }
}
