//! Reads any bytes as a script of a shell: what is said of its places lies in it.
#![no_main]

use dev::shell;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(shell) = shell::read(bytes) else { return };
    let _ = format!("{shell:?}").len();
});
