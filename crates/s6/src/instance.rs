//! Instances of a templated service, whose `run` is the host of a scan directory.
//!
//! ```text
//! SERVICE/template        the service directory that each instance is a copy of
//! SERVICE/instances/NAME  the copy of an instance
//! SERVICE/instance        the scan directory, with a link ../instances/NAME for each instance
//! ```

use files::Owners;
use rustix::fs::CWD;
use supervision::control::{SVSCAN, join};
use supervision::link;
use tool::diag::show;
use tool::{Call, Fatal, Next, OrUnable, Outcome};

/// Checks the name of an instance.
///
/// # Errors
/// Code 100: it is empty, hidden, or has blanks or a slash in it.
pub fn check_name(name: &[u8]) -> Result<(), Fatal> {
    if name.is_empty() || name.starts_with(b".") || name.iter().any(|b| b" \t\x0c\r\n/".contains(b)) {
        return Err(Fatal::user("invalid instance name"));
    }
    Ok(())
}

/// The scan directory of a service's instances, which a host reads.
///
/// # Errors
/// Code 1: the service isn't up; 100: the service's name is empty; 111: there is no such directory.
pub fn live_scandir(service: &[u8]) -> Result<Vec<u8>, Fatal> {
    if service.is_empty() {
        return Err(Fatal::user("invalid service path"));
    }
    let scandir = join(service, &[b"instance"]);
    sys::fs::stat(join(&scandir, &[SVSCAN])).or_unable_to("find instances in", service)?;
    if link::is_hosted(&scandir)? {
        Ok(scandir)
    } else {
        Err(Fatal::new(1, format_args!("instanced service not running on {}", show(service))))
    }
}

/// Copies a tree of directories, files, links and FIFOs with their modes; the caller owns the copy.  `to` must not exist.
///
/// # Errors
/// Code 111.  What was copied so far stays.
pub fn copy_tree(from: &[u8], to: &[u8]) -> Result<(), Fatal> {
    files::copy_tree(CWD, from, CWD, to, Owners::Caller)
        .or_unable(|| format!("copy {} to {}", show(from), show(to)))
}

/// Removes a tree; one that isn't there is no error.
///
/// # Errors
/// Code 111.
pub fn remove_tree(tree: &[u8]) -> Result<(), Fatal> {
    files::remove_tree(CWD, tree).or_unable_to("remove", tree)
}

/// Executes the tool `name` with the call's options on the service directory of the instance that the call names.
pub(crate) fn on_instance(call: &mut Call, name: &str) -> Outcome {
    let words = call.args.clone();
    call.options()?;
    let options = words.get(..words.len().saturating_sub(call.args.len())).unwrap_or_default();
    let mut argv = vec![tool::tool_file(name)];
    argv.extend_from_slice(options);
    let (service, instance) = (call.shift()?, call.shift()?);
    if service.is_empty() {
        return Err(Fatal::user("invalid service path"));
    }
    check_name(&instance)?;
    argv.push(join(&service, &[b"instance", &instance]));
    let env = call.take_env();
    Next::run(argv, env)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;
    use tool::file::{make_dir, write};

    #[test]
    fn names() {
        for bad in [&b""[..], b".x", b"a b", b"a/b", b"a\n"] {
            assert_eq!(check_name(bad).unwrap_err().code(), 100, "{bad:?}");
        }
        assert!(check_name(b"tty1").is_ok());
    }

    #[test]
    fn trees_are_copied_with_modes() {
        let tmp = tempfile::tempdir().unwrap();
        let at = |name: &str| tmp.path().join(name).into_os_string().into_vec();
        make_dir(&at("t"), 0o750).unwrap();
        write(&at("t/run"), b"x", 0o755).unwrap();
        sys::fs::symlink("run", at("t/link")).unwrap();
        copy_tree(&at("t"), &at("u")).unwrap();
        let mode = |name: &str| sys::fs::lstat(at(name)).unwrap().st_mode;
        assert_eq!((mode("u"), mode("u/run")), (mode("t"), mode("t/run")));
        assert_eq!(sys::fs::readlink(at("u/link"), Vec::new()).unwrap().as_bytes(), b"run");
        remove_tree(&at("u")).unwrap();
        assert!(sys::fs::lstat(at("u")).is_err());
    }
}
