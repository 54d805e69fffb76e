//! What any process can do with a supervisor: send it commands, read its status, wait for its events, link services into a
//! live scan directory and unlink them.
//!
//! Works on the directories of any supervisor that keeps the reference's files.

pub mod asking;
pub mod attended;
pub mod board;
pub mod by_hand;
pub mod control;
pub mod expect;
pub mod fifodir;
pub mod link;
pub mod listen;
pub mod naming;
pub mod status;
pub mod watch;
