//! Formats: bytes to types and back, without any input or output.
//!
//! Each module documents the byte layout that it reads and writes, and is tested against bytes that the
//! reference wrote.  Input is hostile: a damaged record is `None` or an error, never a panic.

pub mod attended;
pub mod board;
pub mod calendar;
pub mod cdb;
pub mod cgroup;
mod checksum;
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
pub mod probes;
pub mod proc_stat;
pub mod quoting;
pub mod record;
pub mod restart_policy;
pub mod restarts;
pub mod sudo;
pub mod supervisor_slot;
pub mod svstatus;
pub mod tai;
pub mod unix_message;
pub mod zone;

#[cfg(test)]
mod tests {
    /// The bytes of a record as hexadecimal digits, a line for each field.
    pub(crate) fn rows(bytes: &[u8], fields: &[(&str, usize)]) -> String {
        let mut rest = bytes;
        let mut text = String::new();
        for (name, width) in fields {
            let (field, tail) = rest.split_at(*width);
            let digits: String = field.iter().map(|b| format!("{b:02x}")).collect();
            text.push_str(&format!("{:4} {name}: {digits}\n", bytes.len() - rest.len()));
            rest = tail;
        }
        assert_eq!(rest, b"", "all bytes have a name");
        text
    }
}
