//! Fields of packed states, one after another: numbers are big-endian.

use std::time::Duration;

/// A descriptor's number; -1 for none.
pub type Fd = Option<i32>;

/// What is being packed, into the caller's room.
pub(crate) struct Out<'a> {
    room: &'a mut [u8],
    length: usize,
    /// Something didn't fit.
    overflows: bool,
}

impl<'a> Out<'a> {
    pub(crate) fn new(room: &'a mut [u8]) -> Self {
        Self { room, length: 0, overflows: false }
    }
    /// What was packed; `None` if it didn't fit.
    pub(crate) fn packed(self) -> Option<&'a [u8]> {
        self.room.get(..self.length).filter(|_| !self.overflows)
    }
    /// A field of a fixed length, which the compiler copies without a call.
    #[inline(always)]
    pub(crate) fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        match self.room.get_mut(self.length..).and_then(<[u8]>::first_chunk_mut) {
            Some(room) => {
                *room = bytes;
                self.length = self.length.saturating_add(N);
            }
            None => self.overflows = true,
        }
    }
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        match self.room.get_mut(self.length..).and_then(|rest| rest.get_mut(..bytes.len())) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.length = self.length.saturating_add(bytes.len());
            }
            None => self.overflows = true,
        }
    }
    pub(crate) fn byte(&mut self, value: impl Into<u8>) {
        self.put([value.into()]);
    }
    pub(crate) fn short(&mut self, value: u16) {
        self.put(value.to_be_bytes());
    }
    pub(crate) fn word(&mut self, value: u32) {
        self.put(value.to_be_bytes());
    }
    pub(crate) fn long(&mut self, value: u64) {
        self.put(value.to_be_bytes());
    }
    pub(crate) fn fd(&mut self, fd: Fd) {
        self.word(fd.unwrap_or(-1).cast_unsigned());
    }
    pub(crate) fn moment(&mut self, at: Option<Duration>) {
        self.long(at.and_then(|at| u64::try_from(at.as_nanos()).ok()).unwrap_or(u64::MAX));
    }
    pub(crate) fn name(&mut self, name: &[u8], limit: usize) {
        let name = name.get(..limit).unwrap_or(name);
        self.short(u16::try_from(name.len()).unwrap_or_default());
        self.bytes(name);
    }
}

/// What is being unpacked: each field is `None` if it isn't there, or can't be one.
pub(crate) struct In<'a>(pub(crate) &'a [u8]);

impl<'a> In<'a> {
    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }
    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }
    pub(crate) fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
    pub(crate) fn short(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.bytes(2)?.try_into().ok()?))
    }
    pub(crate) fn word(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.bytes(4)?.try_into().ok()?))
    }
    pub(crate) fn long(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.bytes(8)?.try_into().ok()?))
    }
    pub(crate) fn fd(&mut self) -> Option<Fd> {
        Some(Some(self.word()?.cast_signed()).filter(|fd| *fd >= 0))
    }
    pub(crate) fn moment(&mut self) -> Option<Option<Duration>> {
        Some(Some(self.long()?).filter(|at| *at != u64::MAX).map(Duration::from_nanos))
    }
    pub(crate) fn limit(&mut self) -> Option<Option<u64>> {
        Some(Some(self.long()?).filter(|n| *n != u64::MAX))
    }
    pub(crate) fn name(&mut self, limit: usize) -> Option<Vec<u8>> {
        let length = usize::from(self.short()?);
        (length <= limit).then(|| self.bytes(length))?.map(<[u8]>::to_vec)
    }
}
