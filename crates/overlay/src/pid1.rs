//! The container's first process: the host of the root scandir, with the container's lifecycle as its policy.
//!
//! | module | what it is |
//! |---|---|
//! | [`lifecycle`] | pure: an event → the actions that follow |
//! | [`cause`] | pure: the texts of why a container stops |
//! | [`told`] | what everybody may know of it |
//! | [`manager`] | what the manager that started the container is told |
//! | [`container`] | the lifecycle with its children: performs the actions |
//! | [`effects`] | the actions' effects on the system |
//! | [`forked`] | children that process 1 forks without exec |
//! | [`relay_process`] | the child that is the relay |
//! | [`attendant_process`] | the child that answers over HTTP |
//! | [`init`] | the policy of the host |
//! | [`processes`] | the container's processes: which ones get signals, and which ones remain |
//! | [`children`] | the children that process 1 starts itself |
//! | [`remaining`] | whether processes are left |
//! | [`keys`] | the keys of what the host waits for |
//! | [`keeper`] | the process that passes the last output on |
//! | [`shutdownd`] | the directory of a service of the reference whose work process 1 does |
//! | [`finish`] | the end of the first process: reboot(2) or an exit code |
//! | [`exit_code`] | the file with the container's exit code |

pub(crate) mod attendant_process;
pub(crate) mod cause;
pub(crate) mod children;
pub(crate) mod container;
pub(crate) mod effects;
pub(crate) mod exit_code;
pub(crate) mod finish;
pub(crate) mod forked;
pub(crate) mod init;
pub(crate) mod keeper;
pub(crate) mod keys;
pub(crate) mod lifecycle;
pub(crate) mod manager;
pub(crate) mod processes;
pub(crate) mod relay_process;
pub(crate) mod remaining;
mod shutdownd;
mod told;

/// The name of process 1 and of its boot and stop children in diagnostics.
pub(crate) const NAME: &str = "init";
