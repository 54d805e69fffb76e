//! The program `s6-overlay-dev`.
// An entry point: a build without an unwinder defines what a panic's message asks of one.
#![cfg_attr(no_unwinder, allow(unsafe_code))]

#[cfg(no_unwinder)]
#[path = "../../multicall/src/unwinder.rs"]
mod unwinder;

use std::io::Write;
use std::process::ExitCode;

#[expect(clippy::disallowed_methods, reason = "std has the arguments: this is an ordinary main")]
fn main() -> ExitCode {
    let outcome = dev::cli::run(std::env::args_os());
    // Whoever reads may have gone.
    let _ = std::io::stdout().write_all(outcome.out.as_bytes());
    let _ = std::io::stderr().write_all(outcome.err.as_bytes());
    ExitCode::from(outcome.code)
}
