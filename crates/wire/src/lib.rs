//! Formats: bytes to types and back, without any input or output.
//!
//! Each module documents the byte layout that it reads and writes, and is tested against bytes that the
//! reference wrote.  Input is hostile: a damaged record is `None` or an error, never a panic.

pub mod calendar;
pub mod cdb;
pub mod cgroup;
pub mod control;
pub mod death_tally;
pub mod fdholder;
pub mod fifodir;
pub mod fstab;
pub mod ftrigr;
pub mod host_journal;
pub mod ip;
pub mod netstring;
pub mod number;
mod packing;
pub mod proc_stat;
pub mod quoting;
pub mod restart_policy;
pub mod restarts;
pub mod sudo;
pub mod supervisor_slot;
pub mod svstatus;
pub mod tai;
pub mod unix_message;
pub mod zone;
