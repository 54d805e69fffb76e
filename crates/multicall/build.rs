//! Tells the binary whether the setuid program is there to be held by it: `cargo xtask` names the file.
#![allow(clippy::print_stdout, reason = "cargo reads it")]

fn main() {
    println!("cargo::rerun-if-env-changed=S6_OVERLAY_SUEXEC");
    if std::env::var_os("S6_OVERLAY_SUEXEC").is_some() {
        println!("cargo::rustc-cfg=setuid_program");
    }
}
