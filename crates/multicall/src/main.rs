//! The binary's entry point, nothing else.
//!
//! It is entered by the C start-up code directly (`no_main`), so that descriptors, signal dispositions and the
//! mask reach a tool exactly as exec left them: the standard library's own start-up would reopen closed
//! descriptors and ignore SIGPIPE.
#![cfg_attr(not(test), no_main)]
#![allow(unsafe_code)]

#[cfg(no_unwinder)]
mod unwinder;

/// The other binary, for `s6-overlay install`; nothing in a build without `cargo xtask`.
#[cfg(all(setuid_program, not(test)))]
static SETUID_PROGRAM: &[u8] = include_bytes!(env!("S6_OVERLAY_SUEXEC"));
#[cfg(not(any(setuid_program, test)))]
static SETUID_PROGRAM: &[u8] = &[];

#[cfg(not(test))]
use commands::Build;
#[cfg(not(test))]
use std::ffi::{c_char, c_int};

/// Supervisor processes leave the heap of the process that forked them.
#[cfg(not(test))]
#[global_allocator]
static HEAP: sys::heap::Heap = sys::heap::Heap;

/// Takes the place of the C library's, with which the standard library ends a process that has no memory: process 1
/// re-executes itself instead.
#[cfg(not(test))]
#[unsafe(no_mangle)]
pub extern "C" fn abort() -> ! {
    sys::fault::abort()
}

/// The program's entry: `argc` and `argv` as the kernel hands them over.
///
/// # Safety
/// Called once by the C start-up code with a valid argument vector.
#[cfg(not(test))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    if let Err(e) = sys::credential::give_up_gained() {
        tool::diag::fatal(
            "s6-overlay",
            tool::Fatal::unable("give up the rights of the program's file", e).message(),
        );
        sys::process::exit(111);
    }
    // SAFETY: the start-up code hands over `argc` valid strings.
    let argv = unsafe { sys::args::from_raw(argc, argv) };
    commands::set_build(Build { setuid: SETUID_PROGRAM, commit: option_env!("S6_OVERLAY_COMMIT") });
    multicall::dispatch(argv)
}
