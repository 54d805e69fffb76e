//! The diagnostics of a server that its verbosity lets through; a text is only made if it is printed.

use tool::Call;

/// Where a server prints, and how much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Diagnostics<'a> {
    pub(crate) call: &'a Call,
    /// 0: errors; 1: and warnings; 2: and what happens.
    pub(crate) verbosity: u32,
}

impl Diagnostics<'_> {
    /// Prints what happens.
    pub(crate) fn info(self, text: impl FnOnce() -> String) {
        if self.verbosity >= 2 {
            self.call.info(text());
        }
    }

    /// Prints a warning.
    pub(crate) fn warn(self, text: impl FnOnce() -> String) {
        if self.verbosity >= 1 {
            self.call.warn(text());
        }
    }
}
