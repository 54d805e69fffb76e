//! Error texts of system calls.

use rustix::io::Errno;
use std::ffi::CStr;

/// No error has a higher number.
const LAST: i32 = 133;

/// The C library's text for an error number, such as `No such file or directory`.
#[must_use]
pub fn strerror(e: Errno) -> &'static str {
    let number = e.raw_os_error();
    if !(0..=LAST).contains(&number) {
        return "unknown error";
    }
    // SAFETY: the texts of known errors are constants in both C libraries, as no process sets a locale.
    let text = unsafe { CStr::from_ptr(libc::strerror(number)) };
    text.to_str().unwrap_or("unknown error")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_reason() {
        assert_eq!(strerror(Errno::NOENT), "No such file or directory");
        assert_eq!(strerror(Errno::from_raw_os_error(4000)), "unknown error");
    }
}
