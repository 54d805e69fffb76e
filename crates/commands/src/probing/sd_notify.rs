//! Pure: what a service says of itself by the protocol of sd_notify(3): lines `NAME=VALUE` in a datagram.

use wire::number::decimal;

/// The longest datagram, in bytes; what is behind is cut off.
pub const SIZE_MAX: usize = 4096;

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'a> {
    /// It is ready, or has done with reading its configuration.
    Ready,
    /// It reads its configuration.
    Reloading,
    /// It ends.
    Stopping,
    /// What it does, in words.
    Status(&'a [u8]),
    /// It lives.
    Watchdog,
    /// It says that it fails.
    Trigger,
    /// It wants to say that it lives at least this often, in microseconds.
    WatchdogTime(u64),
    /// What is waited for takes so much longer, in microseconds.
    Extend(u64),
    /// The process that is its main one.
    MainPid(u32),
    /// An error's number.
    Error(u32),
    /// The code that it is about to exit with.
    ExitStatus(u32),
}

/// The lines of a datagram that are understood.
pub fn said(datagram: &[u8]) -> impl Iterator<Item = Said<'_>> {
    datagram.split(|byte| *byte == b'\n').filter_map(line)
}

fn line(line: &[u8]) -> Option<Said<'_>> {
    let at = line.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (line.get(..at)?, line.get(at.saturating_add(1)..)?);
    Some(match (name, value) {
        (b"READY", b"1") => Said::Ready,
        (b"RELOADING", b"1") => Said::Reloading,
        (b"STOPPING", b"1") => Said::Stopping,
        (b"STATUS", text) => Said::Status(text),
        (b"WATCHDOG", b"1") => Said::Watchdog,
        (b"WATCHDOG", b"trigger") => Said::Trigger,
        (b"WATCHDOG_USEC", time) => Said::WatchdogTime(decimal(time)?),
        (b"EXTEND_TIMEOUT_USEC", time) => Said::Extend(decimal(time)?),
        (b"MAINPID", pid) => Said::MainPid(decimal(pid).filter(|pid| *pid > 0)?),
        (b"ERRNO", number) => Said::Error(decimal(number).filter(|number| *number > 0)?),
        (b"EXIT_STATUS", code) => Said::ExitStatus(decimal(code)?),
        // BARRIER=1 asks that its descriptor be closed, as all are; FDSTORE=1 and others ask for what isn't had.
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_known_say_something() {
        let text = b"READY=1\nSTATUS=3 of 4\nMAINPID=7\nWATCHDOG=1\nWATCHDOG=trigger\nWATCHDOG_USEC=5\n\
            EXTEND_TIMEOUT_USEC=18446744073709551615\nRELOADING=1\nSTOPPING=1\nERRNO=2\nEXIT_STATUS=0\nSTATUS=";
        let expected = [
            Said::Ready,
            Said::Status(b"3 of 4"),
            Said::MainPid(7),
            Said::Watchdog,
            Said::Trigger,
            Said::WatchdogTime(5),
            Said::Extend(u64::MAX),
            Said::Reloading,
            Said::Stopping,
            Said::Error(2),
            Said::ExitStatus(0),
            Said::Status(b""),
        ];
        assert_eq!(said(text).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn others_are_passed_over() {
        let text = b"READY=0\nREADY\n=1\nready=1\nFDSTORE=1\nBARRIER=1\nMAINPID=0\nMAINPID=-1\nERRNO=0\n\
            WATCHDOG_USEC=18446744073709551616\nNOTIFYACCESS=all\n\n\0\xff";
        assert_eq!(said(text).count(), 0);
    }
}
