//! What anybody can do to a supervisor: send it letters, read its status, wait for its events, put services into a live
//! scan directory and take them out.
//!
//! Works on the directories of any supervisor that keeps the reference's files.

pub mod control;
pub mod expect;
pub mod fifodir;
pub mod link;
pub mod listen;
pub mod status;
pub mod watch;
