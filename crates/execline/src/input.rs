//! Reads input whole, or item by item as it arrives.

use crate::syntax::MAX_SIZE;
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use std::os::fd::BorrowedFd;
use wire::netstring::{self, Front};

/// The limit of bytes in one value; no program could be given more.
pub(crate) const MAX_VALUE: usize = MAX_SIZE;

/// How many bytes are read at once.
const CHUNK: usize = 8192;

/// Reads to the end of the input.
///
/// # Errors
/// The error of read(2); `FBIG` after [`MAX_VALUE`] bytes.
pub(crate) fn read_all(fd: BorrowedFd<'_>) -> Result<Vec<u8>, Errno> {
    let mut all = Vec::new();
    while read(fd, &mut all)? {
        if all.len() > MAX_VALUE {
            return Err(Errno::FBIG);
        }
    }
    Ok(all)
}

/// Appends the bytes of one read(2); false at the end.
fn read(fd: BorrowedFd<'_>, into: &mut Vec<u8>) -> Result<bool, Errno> {
    into.reserve(CHUNK);
    loop {
        match rustix::io::read(fd, spare_capacity(into)) {
            Ok(n) => return Ok(n > 0),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait_readable(fd)?,
            Err(e) => return Err(e),
        }
    }
}

/// Waits for a descriptor that is non-blocking.
fn wait_readable(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    let mut fds = [rustix::event::PollFd::from_borrowed_fd(fd, rustix::event::PollFlags::IN)];
    match rustix::event::poll(&mut fds, None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(e) => Err(e),
    }
}

/// How input is split into items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Splitting {
    /// The bytes that end an item; if empty, the items are netstrings.
    pub(crate) delimiters: Vec<u8>,
    /// Removes the delimiter from the item, and drops a last item that has none.
    pub(crate) chomp: bool,
    /// Skips items that are only a delimiter.
    pub(crate) crunch: bool,
}

/// What is at the front of the input.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// An item, and how many bytes it took.
    Item(Vec<u8>, usize),
    /// So many bytes without an item.
    Skip(usize),
    /// More input is needed.
    More,
    /// The end of the input.
    End,
    /// Not a netstring.
    Damage,
}

impl Splitting {
    /// Looks at the front of `input`; if `ended`, nothing follows it.
    fn step(&self, input: &[u8], ended: bool) -> Step {
        if ended && input.is_empty() {
            return Step::End;
        }
        if self.delimiters.is_empty() {
            return match netstring::front(input) {
                Front::Whole(bytes, rest) => Step::Item(bytes.to_vec(), input.len() - rest.len()),
                Front::Part if !ended => Step::More,
                Front::Part | Front::Damage => Step::Damage,
            };
        }
        let (line, rest) = match input.iter().position(|b| self.delimiters.contains(b)) {
            Some(at) => input.split_at(at),
            None if !ended => return Step::More,
            None if self.chomp => return Step::Skip(input.len()),
            None => return Step::Item(input.to_vec(), input.len()),
        };
        let whole = line.len() + 1;
        match (line.is_empty() && self.crunch, self.chomp) {
            (true, _) => Step::Skip(whole),
            (false, true) => Step::Item(line.to_vec(), whole),
            (false, false) => Step::Item([line, rest.get(..1).unwrap_or_default()].concat(), whole),
        }
    }
}

/// Reads items from a descriptor.
pub(crate) struct Items<'a> {
    fd: BorrowedFd<'a>,
    splitting: Splitting,
    buffer: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<'a> Items<'a> {
    pub(crate) fn new(fd: BorrowedFd<'a>, splitting: Splitting) -> Self {
        Self { fd, splitting, buffer: Vec::new(), at: 0, ended: false }
    }

    /// Waits for the next item; `None` at the end.
    ///
    /// # Errors
    /// The error of read(2); `PROTO` for input that isn't netstrings, `FBIG` for an item of more than [`MAX_VALUE`] bytes.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>, Errno> {
        loop {
            match self.splitting.step(self.buffer.get(self.at..).unwrap_or_default(), self.ended) {
                Step::Item(item, taken) => {
                    self.at += taken;
                    return Ok(Some(item));
                }
                Step::Skip(taken) => self.at += taken,
                Step::End => return Ok(None),
                Step::Damage => return Err(Errno::PROTO),
                Step::More => {
                    self.buffer.drain(..self.at);
                    self.at = 0;
                    if self.buffer.len() > MAX_VALUE {
                        return Err(Errno::FBIG);
                    }
                    self.ended = !read(self.fd, &mut self.buffer)?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    fn items(delimiters: &str, letters: &str, input: &str) -> Result<Vec<String>, Errno> {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&writer, input.as_bytes()).unwrap();
        drop(writer);
        let has = |c| letters.contains(c);
        let splitting = Splitting { delimiters: delimiters.into(), chomp: has('n'), crunch: has('C') };
        let mut items = Items::new(reader.as_fd(), splitting);
        let mut all = Vec::new();
        while let Some(item) = items.next()? {
            all.push(String::from_utf8(item).unwrap());
        }
        Ok(all)
    }

    #[test]
    fn delimiters_end_items() {
        assert_eq!(items("\n", "n", "a\n\nb c\nlast").unwrap(), ["a", "", "b c"]);
        assert_eq!(items("\n", "", "a\n\nlast").unwrap(), ["a\n", "\n", "last"]);
        assert_eq!(items("\n", "Cn", "\na\n\n\nb\n").unwrap(), ["a", "b"]);
        assert_eq!(items(",;", "n", "a,b;c").unwrap(), ["a", "b"]);
        assert_eq!(items("\0", "n", "a\0").unwrap(), ["a"]);
    }

    #[test]
    fn without_delimiters_items_are_netstrings() {
        assert_eq!(items("", "n", "1:a,0:,3:x\ny,").unwrap(), ["a", "", "x\ny"]);
        assert_eq!(items("", "n", "bad"), Err(Errno::PROTO));
        assert_eq!(items("", "n", "3:ab"), Err(Errno::PROTO));
    }
}
