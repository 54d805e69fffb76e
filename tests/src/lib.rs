//! What the tests that start containers share: recorded cases, images, and the list of what may still fail.
//!
//! The tests themselves are in `tests/`: `conformance` runs the recorded cases of `conformance/*.cases`,
//! `container` boots services and real daemons.  All of them run in the [`sandbox`], with the tree that
//! `cargo xtask dist` makes (built first if it is missing or older than the sources), or with the one that
//! `S6_OVERLAY_ROOT` names.

pub mod case;
pub mod daemons;
pub mod image;
pub mod lines;
pub mod openmetrics;
pub mod page;
pub mod pattern;
pub mod ratchet;
pub mod services;
pub mod transcript;

/// How many tests of containers run at once for each processor: they mostly wait for what they have started.
const FOR_EACH_PROCESSOR: usize = 2;

/// How many tests of containers run at once, unless the command line says.
#[must_use]
pub fn at_once() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from) * FOR_EACH_PROCESSOR
}
