//! The end of the container's first process.

use super::NAME;
use crate::pid1::exit_code;
use rustix::io::Errno;
use s6_linux_init::request::How;
use sys::signal::{HUP, INT};
use tool::diag;

/// What a shell adds to the number of the signal that killed a process.
const KILLED: i32 = 128;

/// Ends the pid namespace by reboot(2) if that was requested and is permitted; otherwise returns the exit code for that end.
pub(crate) fn finish(how: How, first: bool, sync: bool) -> u8 {
    if sync {
        rustix::fs::sync();
    }
    let signal = match how {
        How::Halt => {
            let text = exit_code::read();
            return exit_code::parse(&text).unwrap_or_else(|| {
                diag::warn(NAME, format_args!("the exit code file holds no number: {}", diag::show(&text)));
                100
            });
        }
        How::PowerOff => INT,
        How::Reboot => HUP,
    };
    if first && how.reboot() != Err(Errno::PERM) {
        // The call returns only if the kernel doesn't know the request.
        diag::warn(NAME, "reboot(2) had no effect");
    }
    u8::try_from(signal.saturating_add(KILLED)).unwrap_or(111)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_off_and_reboot_have_the_codes_of_the_signals_that_the_kernel_would_send() {
        assert_eq!(finish(How::PowerOff, false, false), 130);
        assert_eq!(finish(How::Reboot, false, false), 129);
    }
}
