//! Which way services are brought.

/// Which way services are brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Up: dependencies first.
    Up,
    /// Down: dependents first.
    Down,
}
