//! The system layer: the only crate with `unsafe` code.
//!
//! It offers safe functions for what std and rustix don't offer safely: fork and exec of byte strings, signal
//! dispositions and masks, credentials, the C library's error texts.  System calls without such
//! dangers (pipe, poll, mount, …) are used from rustix directly, except those that take paths, which are in [`fs`] for
//! the program's size.
//!
//! Contract: the process has one thread (the lints forbid starting another), so that fork and changes of the
//! environment or of credentials have no other thread to race with.
#![allow(unsafe_code)]

pub mod account;
pub mod args;
pub mod child;
pub mod clock;
pub mod credential;
pub mod device;
mod early;
mod errno;
pub mod fault;
pub mod fd;
pub mod fs;
pub mod heap;
pub mod limit;
pub mod lock;
pub mod mapping;
pub mod message;
pub mod missing;
pub mod namespace;
pub mod pattern;
pub mod process;
pub mod random;
mod region;
pub mod reserve;
pub mod seccomp;
pub mod signal;
pub mod spawn;
pub mod strerror;
mod strings;
pub mod timer;
pub mod tty;

pub use rustix::io::Errno;
pub use strerror::strerror;
