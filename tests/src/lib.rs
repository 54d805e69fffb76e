//! What the tests that start containers share: recorded cases, images, and the list of what may still fail.
//!
//! The tests themselves are in `tests/`: `conformance` runs the recorded cases of `conformance/*.cases`,
//! `container` boots services and real daemons.  All of them run in the [`sandbox`], with the tree that
//! `cargo xtask dist` makes (built first if it is missing or older than the sources), or with the one that
//! `S6_OVERLAY_ROOT` names.

pub mod case;
pub mod image;
pub mod lines;
pub mod openmetrics;
pub mod ratchet;
pub mod services;
pub mod transcript;
