//! How much of an archive is read, and how much of it is kept in memory.

use std::cell::Cell;

/// What there is room for; it is shared by all archives of a command.
#[derive(Debug)]
pub struct Room {
    /// How many more bytes may be unpacked.
    unpacked: Cell<u64>,
    /// How many more bytes of names and contents may be kept.
    kept: Cell<usize>,
    /// How many more entries there may be.
    entries: Cell<usize>,
}

impl Default for Room {
    fn default() -> Self {
        Self::new(1 << 38, 1 << 28, 2_000_000)
    }
}

fn take<T: Copy + PartialOrd + std::ops::Sub<Output = T>>(left: &Cell<T>, count: T) -> bool {
    let fits = count <= left.get();
    if fits {
        left.set(left.get() - count);
    }
    fits
}

impl Room {
    /// Room for so many bytes to unpack, bytes to keep, and entries.
    #[must_use]
    pub fn new(unpacked: u64, kept: usize, entries: usize) -> Self {
        Self { unpacked: Cell::new(unpacked), kept: Cell::new(kept), entries: Cell::new(entries) }
    }

    /// Takes room for bytes that are unpacked.
    ///
    /// # Errors
    /// There isn't as much.
    pub fn unpack(&self, bytes: usize) -> Result<(), String> {
        let left = take(&self.unpacked, bytes as u64);
        left.then_some(()).ok_or_else(|| "it is too big: there is no end to what is in it".into())
    }

    /// Takes room for bytes that are kept.
    ///
    /// # Errors
    /// There isn't as much.
    pub fn keep(&self, bytes: usize) -> Result<(), String> {
        take(&self.kept, bytes)
            .then_some(())
            .ok_or_else(|| "it holds too many scripts and small files".into())
    }

    /// Takes room for an entry.
    ///
    /// # Errors
    /// There is none.
    pub fn add(&self) -> Result<(), String> {
        take(&self.entries, 1).then_some(()).ok_or_else(|| "it holds too many files".into())
    }
}
