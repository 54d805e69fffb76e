//! `s6-linkname`: prints the content of a symbolic link, or resolves a path.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use tool::{Call, Opt, OrUnable, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-linkname",
    summary: "print the content of a symbolic link, or resolve a path",
    operands: "path",
    options: &[
        Opt::flag('f', "resolve the path, which may be any file"),
        Opt::flag('n', "print no newline at the end"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let path = call.shift()?;
    let os_path = std::path::Path::new(std::ffi::OsStr::from_bytes(&path));
    let found = if options.has('f') { std::fs::canonicalize(os_path) } else { std::fs::read_link(os_path) };
    let found = found.or_unable_to("resolve", &path)?;
    let mut out = Out::new();
    out.put(&found.into_os_string().into_vec())?;
    if !options.has('n') {
        out.put(b"\n")?;
    }
    out.finish()
}
