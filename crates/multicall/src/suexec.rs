//! The setuid program: `s6-overlay-suexec` and nothing else, whatever `argv[0]` is.
//!
//! It is entered as the other binary is, and has no table of tools: what it goes on to is always executed.
#![cfg_attr(not(test), no_main)]
#![allow(unsafe_code)]

#[cfg(no_unwinder)]
mod unwinder;

#[cfg(not(test))]
use std::ffi::{c_char, c_int};

/// The program's entry: `argc` and `argv` as the kernel hands them over.
///
/// # Safety
/// Called once by the C start-up code with a valid argument vector.
#[cfg(not(test))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    // SAFETY: the start-up code hands over `argc` valid strings.
    let argv = unsafe { sys::args::from_raw(argc, argv) };
    tool::run(overlay::SUEXEC, argv, tool::Env::of_process())
}
