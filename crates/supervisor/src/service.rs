//! One supervised service: its directory, its state machine, and what connects them.
//!
//! [`machine`] decides, [`Service`] carries out: it owns the descriptors, writes the status, starts the
//! processes.  Whoever hosts services (one in `s6-supervise`, a scan directory's in [`crate::host`]) waits for
//! what [`Service`] names (control FIFO, notification, deadline, process) and calls it back.
//!
//! Nothing here panics: these modules run in pid 1.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod definition;
pub(crate) mod directory;
pub mod machine;
mod noexec;
mod running;
mod tally;

pub use definition::ServiceDir;
pub use running::{Launch, Service, Stdio};
