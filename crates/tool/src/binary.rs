//! The file of this program, whose tools a chain may enter without exec.

use rustix::io::Errno;
use std::sync::OnceLock;

/// Device and inode of a regular file, links followed.
pub(crate) type Identity = (u64, u64);

/// The identity of `file`, if it is a regular file that runs with the caller's rights.
pub(crate) fn identity(file: &[u8]) -> Result<Option<Identity>, Errno> {
    look(file).map(|(identity, _)| identity)
}

/// The same, and whether everybody may execute the file, as far as its mode says.
pub(crate) fn look(file: &[u8]) -> Result<(Option<Identity>, bool), Errno> {
    let st = sys::fs::stat(file)?;
    let plain = st.st_mode & 0o170_000 == 0o100_000 && st.st_mode & 0o6000 == 0;
    Ok((plain.then_some((st.st_dev, st.st_ino)), st.st_mode & 0o111 == 0o111))
}

/// The identity of this binary; `None` without /proc: then every program is executed.
pub(crate) fn own_identity() -> Option<Identity> {
    static OWN: OnceLock<Option<Identity>> = OnceLock::new();
    *OWN.get_or_init(|| identity(b"/proc/self/exe").ok().flatten())
}

/// The path of this binary under an emulator of processes (qemu's): the emulator answers readlink(2) of
/// `/proc/self/exe`, but to stat(2) and execve(2) that is the emulator.  `None` without one.
fn emulated() -> Option<Vec<u8>> {
    let target = |link: &str| sys::fs::readlink(link, Vec::new()).ok().map(std::ffi::CString::into_bytes);
    // The emulator answers the first link, the kernel the second.
    let (emulated, executed) = (target("/proc/self/exe")?, target("/proc/thread-self/exe")?);
    (emulated != executed).then_some(emulated)
}

/// The file of the tool of that name, independent of PATH: the link beside this binary if there is one, else
/// the name alone.
#[must_use]
pub fn tool_file(name: &str) -> Vec<u8> {
    let beside = || {
        let mut file = sys::fs::readlink("/proc/self/exe", Vec::new()).ok()?.into_bytes();
        let slash = file.iter().rposition(|b| *b == b'/')?;
        file.truncate(slash + 1);
        file.extend_from_slice(name.as_bytes());
        let found = identity(&file).ok()??;
        let is_own = own_identity() == Some(found)
            || emulated().is_some_and(|file| identity(&file) == Ok(Some(found)));
        is_own.then_some(file)
    };
    beside().unwrap_or_else(|| name.as_bytes().to_vec())
}
