//! The overlay: the container's first process, its stages, and what images use of them.
//!
//! | module | what it is |
//! |---|---|
//! | [`boot`] | from `/init` to the CMD: preparing /run, the catch-all logger, the boot child |
//! | [`pid1`] | the container's first process: its lifecycle, its children, its end |
//! | [`stop`] | the stop child |
//! | [`relay`] | the process that passes services' output on, with their names |
//! | [`legacy`] | cont-init.d, services.d, fix-attrs.d |
//! | [`environment`] | the container's environment, and the overlay's variables in it |
//! | [`texts`] | the text files that are scripts in the reference, and what an image did with them |
//! | [`layout`], [`limits`] | the paths that everybody knows; the times that no variable sets |
//! | [`service_logger`], [`log_access`], [`log_dirs`] | the usual logger of a service; whether a log directory is open to this process; where a logger writes |
//! | [`termination_log`] | why a container has ended, for its engine |
//! | [`program`] | programs that a stage runs and waits for |
//! | [`tools`] | entry points: one tool per file |
//!
//! Nothing here panics, since some of it is process 1.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod boot;
pub mod environment;
pub mod layout;
pub mod legacy;
pub mod limits;
mod log_access;
pub mod log_dirs;
mod pid1;
pub mod program;
pub mod relay;
mod service_logger;
mod stop;
mod termination_log;
pub mod texts;
mod tools;

pub use tools::TOOLS;
