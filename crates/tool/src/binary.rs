//! Which file this program is: what a chain may enter without exec.

use rustix::fs::{AtFlags, CWD, StatxFlags};
use rustix::io::Errno;
use std::sync::OnceLock;

/// Device and inode of a regular file, links followed.
pub(crate) type Identity = (u32, u32, u64);

/// What `file` is, if it is a regular file that runs with the caller's own rights.
pub(crate) fn identity(file: &[u8]) -> Result<Option<Identity>, Errno> {
    let wanted = StatxFlags::INO | StatxFlags::TYPE | StatxFlags::MODE;
    let st = rustix::fs::statx(CWD, file, AtFlags::empty(), wanted)?;
    let mode = u32::from(st.stx_mode);
    let plain = mode & 0o170_000 == 0o100_000 && mode & 0o6000 == 0;
    Ok(plain.then_some((st.stx_dev_major, st.stx_dev_minor, st.stx_ino)))
}

/// This binary; `None` where /proc isn't there to tell, and then every program is executed.
pub(crate) fn own_identity() -> Option<Identity> {
    static OWN: OnceLock<Option<Identity>> = OnceLock::new();
    *OWN.get_or_init(|| identity(b"/proc/self/exe").ok().flatten())
}

/// The path of this binary as an emulator of processes (qemu's) tells it, which runs itself where `/proc/self/exe` is
/// looked at or executed; `None` without one.
fn emulated() -> Option<Vec<u8>> {
    let told = |link: &str| sys::fs::readlink(link, Vec::new()).ok().map(std::ffi::CString::into_bytes);
    // It answers the one and lets the kernel answer the other.
    let (own, kernels) = (told("/proc/self/exe")?, told("/proc/thread-self/exe")?);
    (own != kernels).then_some(own)
}

/// The file to run for the tool of that name, wherever PATH leads: the link beside this binary if there is one, else
/// the bare name.
#[must_use]
pub fn own_file(name: &str) -> Vec<u8> {
    let beside = || {
        let mut file = sys::fs::readlink("/proc/self/exe", Vec::new()).ok()?.into_bytes();
        let slash = file.iter().rposition(|b| *b == b'/')?;
        file.truncate(slash + 1);
        file.extend_from_slice(name.as_bytes());
        let found = identity(&file).ok()??;
        let is_own =
            own_identity() == Some(found) || emulated().is_some_and(|own| identity(&own) == Ok(Some(found)));
        is_own.then_some(file)
    };
    beside().unwrap_or_else(|| name.as_bytes().to_vec())
}
