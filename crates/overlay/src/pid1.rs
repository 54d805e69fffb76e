//! The container's first process: the host of the root scandir, with the container's lifecycle as its policy.
//!
//! | module | what it is |
//! |---|---|
//! | [`lifecycle`] | pure: what happens → what to do next |
//! | [`container`] | the lifecycle and its children: what each action comes to |
//! | [`effects`] | what that does to the system |
//! | [`forked`] | children that process 1 forks without exec |
//! | [`relay_process`] | the child that passes services' output on |
//! | [`init`] | the policy that the host asks |
//! | [`processes`] | the container's processes: which are signalled, which remain |
//! | [`remaining`] | the wait for the last processes |
//! | [`finish`] | its end: reboot(2), or an exit code |
//! | [`exit_code`] | the file with the container's exit code |

pub(crate) mod container;
pub(crate) mod effects;
pub(crate) mod exit_code;
pub(crate) mod finish;
pub(crate) mod forked;
pub(crate) mod init;
pub(crate) mod lifecycle;
pub(crate) mod processes;
pub(crate) mod relay_process;
pub(crate) mod remaining;

/// The name of process 1 and of its boot and stop children in diagnostics.
pub(crate) const NAME: &str = "init";
