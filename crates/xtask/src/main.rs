//! What developers run: see `cargo xtask --help`.

fn main() {}
