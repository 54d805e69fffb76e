//! Names and letters in a fifodir, the directory `event` of a service.
//!
//! A listener makes a FIFO named `ftrig1:@` + 24 hexadecimal digits (a TAI64N label) + `:` + 6 characters, 39
//! bytes in all; a notifier writes its letters into every such FIFO.  A FIFO that is being made has a dot before
//! its name.

use crate::tai::Tai64n;

/// Length of a listener's name in bytes.
pub const NAME: usize = 39;

const PREFIX: &[u8] = b"ftrig1:";

/// An event in the life of a service, which its supervisor sends as one letter: its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ServiceEvent {
    /// A supervisor runs on the directory.
    Supervised = b's',
    /// `run` was started.
    Up = b'u',
    /// The service has notified its readiness.
    Ready = b'U',
    /// `run` died.
    Down = b'd',
    /// `finish` is done: down, and ready to start again.
    DownReady = b'D',
    /// `finish` asked not to start again.
    PermanentFailure = b'O',
    /// The supervisor exits.
    Exit = b'x',
}

impl ServiceEvent {
    /// All events.
    const ALL: [Self; 7] = [
        Self::Supervised,
        Self::Up,
        Self::Ready,
        Self::Down,
        Self::DownReady,
        Self::PermanentFailure,
        Self::Exit,
    ];

    /// The event of a letter.
    #[must_use]
    pub fn from_letter(letter: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.letter() == letter)
    }

    /// The letter of an event.
    #[must_use]
    pub fn letter(self) -> u8 {
        self as u8
    }

    /// Whether the event is among the letters that were read from a fifodir.
    #[must_use]
    pub fn is_in(self, letters: &[u8]) -> bool {
        letters.contains(&self.letter())
    }
}

/// Whether a notifier writes to the file of that name.
#[must_use]
pub fn is_listener(name: &[u8]) -> bool {
    name.len() == NAME && name.starts_with(b"ftrig1:@")
}

/// When the listener of that name began to listen, by its own clock; `None` if the name doesn't say.
#[must_use]
pub fn listens_since(name: &[u8]) -> Option<Tai64n> {
    let label = name.get(PREFIX.len()..)?.get(..25)?;
    Tai64n::from_label(label)
}

/// A listener's name; `unique` distinguishes listeners of the same moment.
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
    fn letters_of_events() {
        for event in ServiceEvent::ALL {
            assert_eq!(ServiceEvent::from_letter(event.letter()), Some(event));
        }
        assert_eq!(ServiceEvent::from_letter(b'z'), None);
        assert!(ServiceEvent::Ready.is_in(b"uU") && !ServiceEvent::Ready.is_in(b"u"));
        let rows = ServiceEvent::ALL.map(|event| format!("{} {event:?}\n", char::from(event.letter())));
        insta::assert_snapshot!(rows.concat());
    }

    #[test]
    fn names_of_listeners() {
        assert!(is_listener(b"ftrig1:@4000000066a1b2c30a1b2c3d:x1Y2z3"));
        assert!(is_listener(&listener_name(Tai64n::from_unix(7, 7), [0, 63, 64, 255, 5, 6])));
        assert!(!is_listener(b".ftrig1:@4000000066a1b2c30a1b2c3d:x1Y2z3"));
        assert!(!is_listener(b"ftrig1:@4000000066a1b2c30a1b2c3d:x1Y2z34"));
        assert!(!is_listener(b"file"));
        assert!(!is_listener(&[b'f'; NAME]));
        let name = listener_name(Tai64n::from_unix(7, 7), [0, 26, 61, 62, 63, 64]);
        assert_eq!((NAME, name.len()), (39, 39));
        assert_eq!(name.get(32..), Some(&b":Aa9-_A"[..]));
    }

    #[test]
    fn a_listeners_name_says_since_when() {
        let since = Tai64n::from_unix(1_700_000_000, 7);
        assert_eq!(listens_since(&listener_name(since, [0; 6])), Some(since));
        for name in ["ftrig1:@4000000066a1b2", "ftrig1:@4000000066a1b2c30a1b2xyz:x1Y2z3", "file"] {
            assert_eq!(listens_since(name.as_bytes()), None, "{name}");
        }
    }
}
