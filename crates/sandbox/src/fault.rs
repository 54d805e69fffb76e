//! Why a container could not be made, as a sentence on the way to the caller.

use std::fmt::Display;

/// The sentence.
pub(crate) type Fault = String;

/// States what could not be done.
pub(crate) trait Unable<T> {
    /// `Err("unable to WHAT: REASON")` for an error.
    fn unable(self, what: impl Display) -> Result<T, Fault>;
}

impl<T, E: Display> Unable<T> for Result<T, E> {
    fn unable(self, what: impl Display) -> Result<T, Fault> {
        self.map_err(|why| format!("unable to {what}: {why}"))
    }
}
