//! Names and letters in a fifodir, the directory `event` of a service.
//!
//! A listener makes a FIFO named `ftrig1:@` + 24 hexadecimal digits (a TAI64N label) + `:` + 6 characters, 39
//! bytes in all; a notifier writes its letters into every such FIFO.  A FIFO that is being made has a dot before
//! its name.

use crate::tai::Tai64n;

/// Length of a listener's name in bytes.
pub const NAME: usize = 39;

const PREFIX: &[u8] = b"ftrig1:";

/// An event in the life of a service, which its supervisor sends as one letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceEvent {
    /// A supervisor runs on the directory.
    Supervised,
    /// `run` was started.
    Up,
    /// The service has notified its readiness.
    Ready,
    /// `run` died.
    Down,
    /// `finish` is done: down, and ready to start again.
    DownReady,
    /// `finish` asked not to start again.
    PermanentFailure,
    /// The supervisor exits.
    Exit,
}

/// All events and their letters.
const EVENTS: &[(u8, ServiceEvent)] = &[
    (b's', ServiceEvent::Supervised),
    (b'u', ServiceEvent::Up),
    (b'U', ServiceEvent::Ready),
    (b'd', ServiceEvent::Down),
    (b'D', ServiceEvent::DownReady),
    (b'O', ServiceEvent::PermanentFailure),
    (b'x', ServiceEvent::Exit),
];

impl ServiceEvent {
    /// The event of a letter.
    #[must_use]
    pub fn from_letter(letter: u8) -> Option<Self> {
        EVENTS.iter().find(|(l, _)| *l == letter).map(|(_, event)| *event)
    }

    /// The letter of an event.  Every event has one; a NUL byte would stand for a row that is missing.
    #[must_use]
    pub fn letter(self) -> u8 {
        EVENTS.iter().find(|(_, event)| *event == self).map_or(0, |(letter, _)| *letter)
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
        for (letter, event) in EVENTS {
            assert_eq!((ServiceEvent::from_letter(*letter), event.letter()), (Some(*event), *letter));
        }
        assert_eq!(ServiceEvent::from_letter(b'z'), None);
        assert!(ServiceEvent::Ready.is_in(b"uU") && !ServiceEvent::Ready.is_in(b"u"));
        let rows = EVENTS.iter().map(|(letter, event)| format!("{} {event:?}\n", char::from(*letter)));
        insta::assert_snapshot!(rows.collect::<String>());
    }

    #[test]
    fn names_of_listeners() {
        assert!(is_listener(b"ftrig1:@4000000066a1b2c30a1b2c3d:x1Y2z3"));
        assert!(is_listener(&listener_name(Tai64n::from_unix(7, 7), [0, 63, 64, 255, 5, 6])));
        assert!(!is_listener(b".ftrig1:@4000000066a1b2c30a1b2c3d:x1Y2z3"));
        assert!(!is_listener(b"ftrig1:@4000000066a1b2c30a1b2c3d:x1Y2z34"));
        assert!(!is_listener(b"file"));
    }
}
