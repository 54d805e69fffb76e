//! Names and letters in a fifodir, the directory `event` of a service.
//!
//! A listener makes a FIFO named `ftrig1:@` + 24 hexadecimal digits (a TAI64N label) + `:` + 6 characters, 39
//! bytes in all; a notifier writes its letters into every such FIFO.  While it is made, the FIFO has a dot
//! before its name.

use crate::tai::Tai64n;

/// Length of a listener's name in bytes.
pub const NAME: usize = 39;

const PREFIX: &[u8] = b"ftrig1:";

/// The letters that a supervisor sends.
pub mod event {
    /// The supervisor begins.
    pub const SUPERVISED: u8 = b's';
    /// `run` was started.
    pub const UP: u8 = b'u';
    /// The service said that it is ready.
    pub const READY: u8 = b'U';
    /// `run` died.
    pub const DOWN: u8 = b'd';
    /// `finish` is done: down, and ready to start again.
    pub const DOWN_READY: u8 = b'D';
    /// `finish` asked not to start again.
    pub const PERMANENT_FAILURE: u8 = b'O';
    /// The supervisor ends.
    pub const EXIT: u8 = b'x';
}

/// Whether a notifier writes to the file of that name.
#[must_use]
pub fn is_listener(name: &[u8]) -> bool {
    name.len() == NAME && name.starts_with(b"ftrig1:@")
}

/// A listener's name; `unique` tells apart those of the same moment.
#[must_use]
pub fn listener_name(now: Tai64n, unique: [u8; 6]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut name = Vec::with_capacity(NAME);
    name.extend_from_slice(PREFIX);
    name.extend_from_slice(&now.label());
    name.push(b':');
    name.extend(unique.iter().filter_map(|b| ALPHABET.get(usize::from(b % 64))));
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_listeners() {
        assert!(is_listener(b"ftrig1:@4000000066a1b2c30a1b2c3d:x1Y2z3"));
        assert!(is_listener(&listener_name(Tai64n::from_unix(7, 7), [0, 63, 64, 255, 5, 6])));
        assert!(!is_listener(b".ftrig1:@4000000066a1b2c30a1b2c3d:x1Y2z3"));
        assert!(!is_listener(b"ftrig1:@4000000066a1b2c30a1b2c3d:x1Y2z34"));
        assert!(!is_listener(b"file"));
    }
}
