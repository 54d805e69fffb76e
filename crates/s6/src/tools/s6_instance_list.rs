//! `s6-instance-list`: prints the names of an instanced service's instances.

use crate::instance::live_scandir;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use tool::{Call, OrUnable, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-instance-list",
    summary: "print the instances of an instanced service",
    operands: "servicedir",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let scandir = live_scandir(&call.shift()?)?;
    let mut out = Out::new();
    for entry in std::fs::read_dir(OsStr::from_bytes(&scandir)).or_unable_to("read directory", &scandir)? {
        let name = entry.or_unable_to("read directory", &scandir)?.file_name().into_vec();
        if !name.starts_with(b".") {
            out.line(&name)?;
        }
    }
    out.finish()
}
