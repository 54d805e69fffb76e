//! The children that process 1 starts itself, as the journal names them.

/// A child of process 1 that is no service's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Child {
    /// The boot child, which becomes the CMD.
    Boot,
    /// The stop child.
    Stop,
    /// The relay.
    Relay,
    /// The attendant.
    Attendant,
}

impl Child {
    /// Its number in the journal.
    pub(crate) fn kind(self) -> u8 {
        match self {
            Self::Boot => 0,
            Self::Stop => 1,
            Self::Relay => 2,
            Self::Attendant => 3,
        }
    }
}
