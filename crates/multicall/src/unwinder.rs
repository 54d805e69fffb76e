//! What a panic's message asks of an unwinder, where the build has none: `cargo xtask` sets `no_unwinder` then.
//!
//! The program aborts on a panic, so nothing ever unwinds.  Only the backtrace asks, and gets the answer that the stack ends
//! here.  The names are those of the Itanium C++ ABI.

use std::ffi::c_int;

/// `_URC_END_OF_STACK`
const END_OF_STACK: c_int = 5;

#[unsafe(no_mangle)]
extern "C" fn _Unwind_Backtrace() -> c_int {
    END_OF_STACK
}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_GetIP() -> usize {
    0
}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_GetIPInfo() -> usize {
    0
}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_GetCFA() -> usize {
    0
}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_FindEnclosingFunction() -> usize {
    0
}

/// Of ARM's own binary interface: what reads a register, which is never asked for. `_UVRSR_FAILED`
#[cfg(target_arch = "arm")]
#[unsafe(no_mangle)]
extern "C" fn _Unwind_VRS_Get() -> c_int {
    2
}
