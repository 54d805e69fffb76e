//! Tells the binary whether the setuid program is there to be held by it (`cargo xtask` names the file), and cargo what else
//! the program depends on.
#![allow(clippy::print_stdout, reason = "cargo reads it")]

fn main() {
    println!("cargo::rerun-if-env-changed=S6_OVERLAY_SUEXEC");
    // The linker reads it.
    println!("cargo::rerun-if-changed=start.ld");
    if std::env::var_os("S6_OVERLAY_SUEXEC").is_some() {
        println!("cargo::rustc-cfg=setuid_program");
    }
}
