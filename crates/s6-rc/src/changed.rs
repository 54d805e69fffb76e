//! What a change did.

use crate::database::Id;
use crate::failure::Failure;

/// How a change ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Nothing is left to do, or nothing that could be done.
    Done,
    /// The deadline passed.
    TimedOut,
    /// The caller interrupted it.
    Interrupted,
}

/// What a change did.
#[derive(Debug)]
pub struct Changed {
    /// How it ended.
    pub end: End,
    /// Transitions that failed.
    pub failures: Vec<(Id, Failure)>,
    /// Transitions that were in progress at the end, and what they were waiting for.
    pub unfinished: Vec<(Id, String)>,
}

impl Changed {
    /// The exit code of a command that made this change: 0, 1 for failures or an interruption, 2 for the deadline.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self.end {
            End::TimedOut => 2,
            End::Interrupted => 1,
            End::Done => u8::from(!self.failures.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Changed, End};
    use crate::failure::Failure;

    #[test]
    fn each_end_has_its_exit_code() {
        let code = |end, failures: &[Failure]| {
            let failures = failures.iter().map(|f| (0, f.clone())).collect();
            Changed { end, failures, unfinished: Vec::new() }.code()
        };
        let failures = [Failure::Permanent];
        assert_eq!((code(End::Done, &[]), code(End::Done, &failures)), (0, 1));
        assert_eq!((code(End::Interrupted, &[]), code(End::Interrupted, &failures)), (1, 1));
        assert_eq!((code(End::TimedOut, &[]), code(End::TimedOut, &failures)), (2, 2));
    }
}
