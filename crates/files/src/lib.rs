//! The ground floor for files.

mod queue;
mod read;

pub use queue::Queue;
pub use read::read_at_most;
