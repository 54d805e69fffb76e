//! Whether services are brought up or down.

/// Whether services are brought up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Up: dependencies first.
    Up,
    /// Down: dependents first.
    Down,
}
