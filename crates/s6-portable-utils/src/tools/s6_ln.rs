//! `s6-ln`: makes hard or symbolic links; with -f, an existing target is replaced atomically.

use crate::paths;
use rustix::fs::{AtFlags, CWD, FileType};
use rustix::io::Errno;
use sys::fs::{linkat, lstat, stat, symlink};
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-ln",
    summary: "make links",
    operands: "source... target",
    options: &[
        Opt::flag('n', "replace a target that is a link to a directory"),
        Opt::flag('s', "make symbolic links"),
        Opt::flag('f', "replace existing targets"),
        Opt::flag('L', "for a source that is a symbolic link, link its target"),
        Opt::flag('P', "for a source that is a symbolic link, link the symbolic link itself (default)"),
    ],
    role: Role::Stay,
    main,
};

/// The kind of link.
#[derive(Clone, Copy)]
enum Kind {
    Symbolic,
    Hard(AtFlags),
}

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let kind = if options.has('s') {
        Kind::Symbolic
    } else if options.last_of("LP") == Some('L') {
        Kind::Hard(AtFlags::SYMLINK_FOLLOW)
    } else {
        Kind::Hard(AtFlags::empty())
    };
    let mut sources = call.take_args();
    let target = sources.pop().ok_or_else(Fatal::usage)?;
    if sources.is_empty() {
        return Err(Fatal::usage());
    }
    let is_directory = |path: &[u8]| {
        let st = if options.has('n') { lstat(path) } else { stat(path) };
        st.is_ok_and(|st| FileType::from_raw_mode(st.st_mode).is_dir())
    };
    let into = is_directory(&target) || (sources.len() > 1 && !target.is_empty());
    let mut failed = 0_u8;
    for source in &sources {
        let name = if into { tool::path::join(&target, paths::basename(source)) } else { target.clone() };
        if let Err(e) = make(kind, source, &name, options.has('f')) {
            failed = failed.saturating_add(1);
            let (source, name, why) = (diag::show(source), diag::show(&name), sys::strerror(e));
            call.warn(format_args!("unable to make link {name} to {source}: {why}"));
        }
    }
    Ok(Next::Exit(failed))
}

fn link(kind: Kind, source: &[u8], name: &[u8]) -> Result<(), Errno> {
    match kind {
        Kind::Symbolic => symlink(source, name),
        Kind::Hard(flags) => linkat(CWD, source, CWD, name, flags),
    }
}

fn make(kind: Kind, source: &[u8], name: &[u8], replace: bool) -> Result<(), Errno> {
    match link(kind, source, name) {
        Err(Errno::EXIST) if replace => {}
        done => return done,
    }
    let new = files::unique_name(name);
    link(kind, source, &new)?;
    let done = sys::fs::rename(new.as_slice(), name);
    // If both names are links to one file, rename(2) keeps both.
    let _ = sys::fs::unlink(new.as_slice());
    done
}
