//! Bytes that are appended in small pieces and written in big ones.

/// Bytes that wait to be written.
#[derive(Debug, Default)]
pub struct Buffer {
    /// Longer than the content, so that appending needn't clear bytes that it then overwrites.
    room: Vec<u8>,
    len: usize,
}

impl Buffer {
    /// The content.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.room.get(..self.len).unwrap_or_default()
    }

    /// The length of the content in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no content.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends two pieces.
    pub fn append(&mut self, head: &[u8], text: &[u8]) {
        let start = self.len;
        self.len += head.len() + text.len();
        if self.room.len() < self.len {
            self.room.resize(self.len.max(2 * start), 0);
        }
        let Some(room) = self.room.get_mut(start..self.len) else { return };
        if let Some((for_head, for_text)) = room.split_at_mut_checked(head.len()) {
            copy(for_head, head);
            copy(for_text, text);
        }
    }

    /// Removes the content.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Removes bytes from the start.
    pub fn take(&mut self, n: usize) {
        self.room.copy_within(n..self.len, 0);
        self.len -= n;
    }
}

/// Copies a piece of the same length.  For some dozens of bytes musl's memcpy takes three times as long.
#[inline(always)]
fn copy(to: &mut [u8], from: &[u8]) {
    match from.len() {
        // The rest, which doesn't fill a chunk, is copied together with bytes that were copied already.
        32..2048 => {
            chunks::<32>(to, from);
            last::<32>(to, from);
        }
        16..32 => {
            chunks::<16>(to, from);
            last::<16>(to, from);
        }
        8..16 => {
            chunks::<8>(to, from);
            last::<8>(to, from);
        }
        0..8 => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
        _ => to.copy_from_slice(from),
    }
}

#[inline(always)]
fn chunks<const N: usize>(to: &mut [u8], from: &[u8]) {
    let mut at = 0;
    while let (Some(to), Some(from)) = (
        to.get_mut(at..).and_then(|t| t.first_chunk_mut::<N>()),
        from.get(at..).and_then(|f| f.first_chunk::<N>()),
    ) {
        *to = *from;
        at += N;
    }
}

#[inline(always)]
fn last<const N: usize>(to: &mut [u8], from: &[u8]) {
    if let (Some(to), Some(from)) = (to.last_chunk_mut::<N>(), from.last_chunk::<N>()) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_length() {
        let text: Vec<u8> = (0..=255).cycle().take(2000).collect();
        for length in (0..200).chain([1279, 1280, 1281, 2000]) {
            let (mut buffer, mut expected) = (Buffer::default(), Vec::new());
            for head in [0, 1, 26, 31, 32, 33, 100] {
                buffer.append(&text[..head], &text[7..length.max(7)]);
                expected.extend_from_slice(&text[..head]);
                expected.extend_from_slice(&text[7..length.max(7)]);
                assert!(buffer.bytes() == expected);
                let taken = expected.len() / 3;
                buffer.take(taken);
                expected.drain(..taken);
                assert_eq!(buffer.len(), expected.len());
            }
            assert!(buffer.bytes() == expected);
        }
    }
}
