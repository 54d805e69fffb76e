//! The arguments and the environment as the kernel handed them over.

use std::ffi::{CStr, c_char, c_int};

unsafe extern "C" {
    /// The C library's environment pointer; set before `main` runs.
    static environ: *const *const c_char;
}

/// Copies the argument vector that `main` got.
///
/// # Safety
/// `argv` points to `argc` pointers to NUL-terminated strings, as `main` gets them.
pub unsafe fn from_raw(argc: c_int, argv: *const *const c_char) -> Vec<Vec<u8>> {
    let count = usize::try_from(argc).unwrap_or(0);
    (0..count)
        .map(|i| {
            // SAFETY: the caller vouches for `argc` valid strings behind `argv`.
            unsafe { CStr::from_ptr(*argv.add(i)) }.to_bytes().to_vec()
        })
        .collect()
}

/// Copies the process's environment: `NAME=VALUE` strings, in the order of the environment block.
#[must_use]
pub fn environment() -> Vec<Vec<u8>> {
    let mut vars = Vec::new();
    // SAFETY: `environ` is either null or a null-terminated vector of NUL-terminated strings, and no other
    // thread changes it (there is none).
    unsafe {
        let mut p = environ;
        while !p.is_null() && !(*p).is_null() {
            vars.push(CStr::from_ptr(*p).to_bytes().to_vec());
            p = p.add(1);
        }
    }
    vars
}
