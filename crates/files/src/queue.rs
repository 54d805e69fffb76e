//! Bytes that wait until a descriptor takes them.
//!
//! The descriptor's own blocking mode stays as it is, since other programs may share the open file: what poll(2)
//! calls writable takes at least PIPE_BUF bytes at once.

use rustix::fs::FileType;
use rustix::io::Errno;
use std::os::fd::AsFd;

/// A queue of bytes.
#[derive(Debug, Default)]
pub struct Queue {
    /// To be appended to.
    pub bytes: Vec<u8>,
    /// So many were written already.
    done: usize,
}

const PIPE_BUF: usize = 4096;

impl Queue {
    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.done
    }

    /// Whether none wait.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes once to a descriptor that poll calls writable.
    pub fn write_some(&mut self, fd: impl AsFd) -> Result<(), Errno> {
        let rest = self.bytes.get(self.done..).unwrap_or_default();
        let is_file = sys::fs::fstat(&fd).is_ok_and(|st| FileType::from_raw_mode(st.st_mode).is_file());
        let part = if is_file { rest.len() } else { pipe_part(rest) };
        match rustix::io::write(fd, rest.get(..part).unwrap_or_default()) {
            Err(Errno::INTR | Errno::AGAIN) => {}
            done => self.done += done?,
        }
        // Moving the rest down costs, so it is done when the rest is the smaller part.
        if self.done * 2 >= self.bytes.len() {
            self.bytes.drain(..self.done);
            self.done = 0;
        }
        Ok(())
    }
}

/// What a pipe takes at once, whole lines if possible.
fn pipe_part(bytes: &[u8]) -> usize {
    match bytes.get(..PIPE_BUF) {
        None => bytes.len(),
        Some(start) => start.iter().rposition(|b| *b == b'\n').map_or(PIPE_BUF, |i| i + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipes_get_whole_lines() {
        assert_eq!(pipe_part(b"a\nb"), 3);
        let mut text = vec![b'x'; 5000];
        assert_eq!(pipe_part(&text), 4096);
        text[99] = b'\n';
        assert_eq!(pipe_part(&text), 100);
    }

    #[test]
    fn everything_arrives_in_order() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let text: Vec<u8> = (0_u8..=255).cycle().take(20_000).collect();
        let mut queue = Queue { bytes: text.clone(), done: 0 };
        let mut arrived = Vec::new();
        while !queue.is_empty() {
            queue.write_some(&writer).unwrap();
            let mut buf = [0; 8192];
            let n = rustix::io::read(&reader, &mut buf).unwrap();
            arrived.extend_from_slice(&buf[..n]);
        }
        assert!(arrived == text);
    }
}
