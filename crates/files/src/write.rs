//! Writing all of something.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd};

/// Writes all bytes, in as many pieces as the descriptor takes.
///
/// It goes on after signals.  A descriptor in non-blocking mode that takes nothing now is waited for.
///
/// # Errors
/// As write(2); a part may have been written.
#[inline]
pub fn write_all(fd: impl AsFd, bytes: &[u8]) -> Result<(), Errno> {
    #[inline(never)]
    fn to(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<(), Errno> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match rustix::io::write(fd, rest) {
                Ok(0) => return Err(Errno::IO),
                Ok(n) => rest = rest.get(n..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => match poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::OUT)], None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(e) => return Err(e),
                },
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
    to(fd.as_fd(), bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pipe::{PipeFlags, pipe_with};
    use std::io::Read;

    #[test]
    fn a_full_pipe_is_waited_for_in_both_modes() {
        let text: Vec<u8> = (0_u8..=255).cycle().take(300_000).collect();
        for flags in [PipeFlags::empty(), PipeFlags::NONBLOCK] {
            let (reader, writer) = pipe_with(flags).unwrap();
            sys::fd::set_blocking(std::os::fd::AsRawFd::as_raw_fd(&reader), true).unwrap();
            let arrived = std::thread::scope(|threads| {
                let reading = threads.spawn(move || {
                    let mut arrived = Vec::new();
                    std::fs::File::from(reader).read_to_end(&mut arrived).unwrap();
                    arrived
                });
                write_all(&writer, &text).unwrap();
                drop(writer);
                reading.join().unwrap()
            });
            assert!(arrived == text, "{flags:?}");
        }
    }

    #[test]
    fn errors_are_the_system_s() {
        let null = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(write_all(&null, b"x"), Err(Errno::BADF), "open for reading only");
        assert_eq!(write_all(&null, b""), Ok(()), "nothing is written");
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(write_all(&full, b"x"), Err(Errno::NOSPC));
    }
}
