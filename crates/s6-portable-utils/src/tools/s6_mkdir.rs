//! `s6-mkdir`: creates directories.

use rustix::fs::{CWD, Mode};
use rustix::io::Errno;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-mkdir",
    summary: "create directories",
    operands: "[ dir... ]",
    options: &[
        Opt::flag('p', "create missing parents too, and accept what exists"),
        Opt::flag('v', "report created directories on standard error"),
        Opt::value('m', "mode", "exact permissions of dir, octal, whatever the umask"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mode = match options.get('m') {
        None => None,
        Some(word) => Some(number::octal(word).filter(|m| *m <= 0o7777).ok_or_else(Fatal::usage)?),
    };
    let parents = options.has('p');
    let verbose = options.has('v');
    let mut all_made = true;
    for dir in &call.args {
        let outer = if parents { ancestors(dir) } else { Vec::new() };
        let made = outer.into_iter().try_for_each(|parent| make(call, parent, None, verbose, true));
        if let Err(fatal) = made.and_then(|()| make(call, dir, mode, verbose, parents)) {
            call.warn(fatal.message());
            all_made = false;
        }
    }
    Ok(Next::Exit(if all_made { 0 } else { 111 }))
}

fn make(call: &Call, dir: &[u8], mode: Option<u32>, verbose: bool, may_exist: bool) -> Result<(), Fatal> {
    match mkdir(dir, mode) {
        Err(_) if may_exist && is_directory(dir) => return Ok(()),
        made => made.or_unable_to("make directory", dir)?,
    }
    if verbose {
        call.info(format_args!("made directory {}", diag::show(dir)));
    }
    Ok(())
}

fn mkdir(dir: &[u8], mode: Option<u32>) -> Result<(), Errno> {
    let Some(mode) = mode else {
        return sys::fs::mkdir(dir, Mode::from_raw_mode(0o777));
    };
    let old = rustix::process::umask(Mode::empty());
    let made = sys::fs::mkdir(dir, Mode::from_raw_mode(mode));
    rustix::process::umask(old);
    made?;
    // mkdir(2) ignores the set-id bits.
    if mode & 0o6000 == 0 {
        return Ok(());
    }
    sys::fs::chmodat(CWD, dir, Mode::from_raw_mode(mode), rustix::fs::AtFlags::empty())
}

fn is_directory(path: &[u8]) -> bool {
    sys::fs::stat(path).is_ok_and(|st| rustix::fs::FileType::from_raw_mode(st.st_mode).is_dir())
}

/// The parents of a path, the outermost first, without `/`.
fn ancestors(path: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut in_name = false;
    for (i, byte) in path.iter().enumerate() {
        let slash = *byte == b'/';
        if slash && in_name && path.get(i..).is_some_and(|rest| rest.iter().any(|b| *b != b'/')) {
            found.extend(path.get(..i));
        }
        in_name = !slash;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_permissions_include_the_set_id_bits() {
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::fs::MetadataExt;
        let place = tempfile::tempdir().unwrap();
        for mode in [0o700, 0o777, 0o2775, 0o1777] {
            let dir = place.path().join(format!("{mode:o}"));
            mkdir(dir.as_os_str().as_bytes(), Some(mode)).unwrap();
            assert_eq!(std::fs::metadata(&dir).unwrap().mode() & 0o7777, mode);
        }
    }

    #[test]
    fn parents_outermost_first() {
        assert_eq!(ancestors(b"a/b//c/"), [&b"a"[..], b"a/b"]);
        assert_eq!(ancestors(b"/a/b"), [b"/a"]);
        assert!(ancestors(b"a").is_empty());
        assert!(ancestors(b"//").is_empty());
    }
}
