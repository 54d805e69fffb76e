//! Error texts of system calls.

use rustix::io::Errno;
use std::ffi::{CStr, c_char};

/// The C library's text for an error number, such as `No such file or directory`.
#[must_use]
pub fn strerror(e: Errno) -> String {
    let mut buf = [0 as c_char; 128];
    // SAFETY: the buffer is writable for the length that is passed.
    let rc = unsafe { libc::strerror_r(e.raw_os_error(), buf.as_mut_ptr(), buf.len()) };
    if rc != 0 {
        return format!("error {}", e.raw_os_error());
    }
    // SAFETY: on success strerror_r leaves a NUL-terminated string in the buffer.
    unsafe { CStr::from_ptr(buf.as_ptr()) }.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_reason() {
        assert_eq!(strerror(Errno::NOENT), "No such file or directory");
    }
}
