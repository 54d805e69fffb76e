//! The binary: entry point and lookup, nothing else.
//!
//! The C start-up code enters it directly (`no_main`), like the main program, so that descriptors, signal dispositions
//! and the signal mask reach a tool exactly as exec left them.
#![cfg_attr(not(test), no_main)]
#![allow(unsafe_code)]

#[cfg(no_unwinder)]
#[path = "../../multicall/src/unwinder.rs"]
mod unwinder;

#[cfg(not(test))]
use s6_tls::TOOLS;
#[cfg(not(test))]
use std::ffi::{c_char, c_int};
#[cfg(not(test))]
use tool::{Env, Tool, diag};

/// The program's entry point: `argc` and `argv` from the kernel.
///
/// # Safety
/// Called once by the C start-up code with a valid argument vector.
#[cfg(not(test))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    if let Err(e) = sys::credential::give_up_gained() {
        diag::fatal(
            "s6-overlay-tls",
            tool::Fatal::unable("give up the rights of the program's file", e).message(),
        );
        sys::process::exit(111);
    }
    // SAFETY: the start-up code passes `argc` valid strings.
    let argv = unsafe { sys::args::from_raw(argc, argv) };
    dispatch(argv)
}

#[cfg(not(test))]
fn find(name: &[u8]) -> Option<&'static Tool> {
    TOOLS.iter().copied().find(|t| t.name.as_bytes() == name)
}

/// Runs the tool that `argv[0]` names, or, called by the binary's own name, the one that `argv[1]` names.
#[cfg(not(test))]
fn dispatch(mut argv: Vec<Vec<u8>>) -> ! {
    tool::set_table(find);
    let env = Env::of_process();
    let by_name = |argv: &[Vec<u8>]| {
        argv.first().and_then(|a| find(a.rsplit(|b| *b == b'/').next().unwrap_or_default()))
    };
    if let Some(tool) = by_name(&argv) {
        tool::run(tool, argv, env);
    }
    if !argv.is_empty() {
        argv.remove(0);
    }
    if let Some(tool) = by_name(&argv) {
        tool::run(tool, argv, env);
    }
    if argv.first().is_some_and(|a| a == b"--list") {
        let mut out = tool::Out::new();
        let written = TOOLS.iter().try_for_each(|t| out.line(t.name.as_bytes())).and_then(|()| out.flush());
        sys::process::exit(if written.is_ok() { 0 } else { 111 });
    }
    diag::fatal("s6-overlay-tls", "no such tool; usage: s6-overlay-tls TOOL ARGS... | --list");
    sys::process::exit(100);
}

#[cfg(test)]
fn main() {}
