//! The container's first process: the host of the root scandir, with the container's lifecycle as its policy.
//!
//! | module | what it is |
//! |---|---|
//! | [`lifecycle`] | pure: what happens → what to do next |
//! | [`init`] | the policy, which does it |
//! | [`processes`] | the container's processes: whom to signal, who is left |
//! | [`remaining`] | the wait for the last processes |
//! | [`exit_code`] | the file with the container's exit code |

pub(crate) mod exit_code;
pub(crate) mod init;
pub(crate) mod lifecycle;
pub(crate) mod processes;
pub(crate) mod remaining;
