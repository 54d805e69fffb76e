//! `s6-dumpenv`: stores the environment in a directory, one file per variable.

use files::{Permissions, Replace, Writers, replace_at};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use sys::fs::openat;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-dumpenv",
    summary: "store the environment in a directory",
    operands: "dir",
    options: &[
        Opt::flag('N', "write a newline after each value"),
        Opt::flag('n', "write values unchanged (default)"),
        Opt::value('m', "mode", "create the directory with these permissions; default 0755"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mode = match options.get('m') {
        None => 0o755,
        Some(word) => number::octal(word).filter(|m| *m <= 0o7777).ok_or_else(Fatal::usage)?,
    };
    let newline = options.last_of("nN") == Some('N');
    let path = call.shift()?;
    let dir = open(&path, mode).or_unable_to("make directory", &path)?;
    for (name, value) in call.env.iter() {
        if !is_file_name(name) {
            call.warn(format_args!("no file can be named {}", diag::show(name)));
            continue;
        }
        let mut content = value.to_vec();
        content.extend_from_slice(if newline { b"\n" } else { b"" });
        // A file takes the place of the one that is there, or of a link.
        let how = Replace::with(Permissions::LessUmask(0o666), Writers::Many);
        replace_at(&dir, name, &content, how)
            .or_unable(|| format!("write {}/{}", diag::show(&path), diag::show(name)))?;
    }
    Ok(Next::SUCCESS)
}

fn open(path: &[u8], mode: u32) -> Result<OwnedFd, Errno> {
    match sys::fs::mkdir(path, Mode::from_raw_mode(mode)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(e) => return Err(e),
    }
    openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

fn is_file_name(name: &[u8]) -> bool {
    !name.is_empty() && name != b"." && name != b".." && !name.contains(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_outside_the_directory() {
        assert!(is_file_name(b"A") && is_file_name(b"..."));
        for bad in [&b""[..], b".", b"..", b"../x", b"a/b"] {
            assert!(!is_file_name(bad), "{bad:?}");
        }
    }
}
