//! Standard output, buffered.

use crate::{Buffer, Fatal, OrUnable};

const LIMIT: usize = 64 * 1024;

/// A buffer before standard output.  Nothing is written before the buffer is full or [`Out::finish`] is called.
#[derive(Debug, Default)]
pub struct Out {
    buf: Buffer,
}

impl Out {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// Writing to standard output failed: code 111.
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), Fatal> {
        self.put_both(bytes, b"")
    }

    /// Appends bytes and a newline.
    ///
    /// # Errors
    /// As [`Out::put`].
    pub fn line(&mut self, bytes: &[u8]) -> Result<(), Fatal> {
        self.put_both(bytes, b"\n")
    }

    /// Appends these one after the other.
    ///
    /// # Errors
    /// As [`Out::put`].
    pub fn put_both(&mut self, head: &[u8], text: &[u8]) -> Result<(), Fatal> {
        self.buf.append(head, text);
        if self.buf.len() >= LIMIT { self.flush() } else { Ok(()) }
    }

    /// Writes what is in the buffer.
    ///
    /// # Errors
    /// As [`Out::put`].
    pub fn flush(&mut self) -> Result<(), Fatal> {
        files::write_all(rustix::stdio::stdout(), self.buf.bytes())
            .or_unable(|| "write to standard output")?;
        self.buf.clear();
        Ok(())
    }

    /// Writes the rest and ends the tool with code 0.
    ///
    /// # Errors
    /// As [`Out::put`].
    pub fn finish(mut self) -> crate::Outcome {
        self.flush()?;
        Ok(crate::Next::SUCCESS)
    }
}
