//! What the start of a container has taken its time for: pure, from its facts and its record of events.
//!
//! | module | what it is |
//! |---|---|
//! | [`start`] | the parts of a start, and its critical path |
//! | [`said`] | what there is to say of it |
//! | [`chart`] | as text |
//! | [`document`] | as JSON |
//!
//! `s6-overlay-dev` makes its pictures of the same parts.

pub mod chart;
pub mod document;
pub mod said;
pub mod start;

#[cfg(test)]
mod tests;
