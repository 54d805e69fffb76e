//! Lets this process and its children execute programs of another architecture, by qemu's emulation of a process.
//!
//! The kernel is told in a user namespace of our own (binfmt_misc, which each may have since Linux 6.7), so that nothing
//! changes for the machine, and no root is needed.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use rustix::mount::{MountFlags, mount};
use rustix::thread::UnshareFlags;

use crate::Failure;
use crate::arch::Arch;

const BINFMT: &str = "/proc/sys/fs/binfmt_misc";

/// Makes the kernel hand programs of `arch` to qemu, for this process and its children.
pub fn begin(arch: &Arch) -> Result<(), Failure> {
    let emulator = arch.emulator()?;
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    sys::namespace::unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)
        .map_err(|why| Failure(format!("unable to make a user namespace: {why}")))?;
    // Without the first, the kernel refuses the last.
    for (name, text) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {uid} 1")),
        ("gid_map", format!("0 {gid} 1")),
    ] {
        let path = Path::new("/proc/self").join(name);
        fs::write(&path, text).map_err(Failure::unable("write", &path))?;
    }
    mount("none", BINFMT, "binfmt_misc", MountFlags::empty(), None)
        .map_err(|why| Failure(format!("unable to mount {BINFMT} (from Linux 6.7 on that works): {why}")))?;
    let register = Path::new(BINFMT).join("register");
    fs::write(&register, registration(arch.elf, &emulator)).map_err(Failure::unable("write", &register))
}

/// What binfmt_misc is told: an executable of this class and machine is for `emulator`, which it opens right away.
fn registration((class, machine): (u8, u16), emulator: &Path) -> String {
    let [low, high] = machine.to_le_bytes();
    // e_ident, e_type and e_machine; the version of the ABI and the padding don't count, nor whether it is at a fixed address.
    let mut magic = vec![0x7f, b'E', b'L', b'F', class, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    magic.extend([2, 0, low, high]);
    let mut mask = [0xff; 20];
    mask[7..16].fill(0);
    mask[16] = 0xfe;
    let escaped = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "\\x{byte:02x}");
            text
        })
    };
    format!(":xtask:M::{}:{}:{}:F", escaped(&magic), escaped(&mask), emulator.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_names_class_and_machine() {
        let expected = ":xtask:M::\\x7f\\x45\\x4c\\x46\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00:\
            \\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\xfe\\xff\\xff\\xff:/q:F";
        assert_eq!(registration((2, 0xb7), Path::new("/q")), expected);
    }
}
