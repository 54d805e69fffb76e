//! Lets this process and its children execute programs of another architecture, by qemu's emulation of a process.
//!
//! The emulator is registered in a user namespace of our own (binfmt_misc, which each may have since Linux 6.7), so that nothing
//! changes for the machine, and no root is needed.  For root all users are in it, for others only one, as root.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};
use rustix::thread::UnshareFlags;
use sys::process::Fork;

use crate::arch::Arch;
use crate::failure::Failure;

const BINFMT: &str = "/proc/sys/fs/binfmt_misc";

/// What an emulated program finds as its `argv[0]`, by which the one program knows which tool to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argv0 {
    /// The word that it was executed with, as without an emulator.
    Kept,
    /// The file that was executed: so it is on machines whose registration of qemu lacks the flag P.
    File,
}

/// Makes the kernel hand programs of `arch` to qemu, for this process and its children.
pub fn begin(arch: &Arch, argv0: Argv0) -> Result<(), Failure> {
    let emulator = arch.emulator()?;
    match rustix::process::geteuid().is_root() {
        true => enter_with_all_users()?,
        false => enter_as_root()?,
    }
    mount("none", BINFMT, "binfmt_misc", MountFlags::empty(), None)
        .map_err(|why| Failure(format!("unable to mount {BINFMT} (from Linux 6.7 on that works): {why}")))?;
    let register = Path::new(BINFMT).join("register");
    fs::write(&register, registration(arch.elf, &emulator, argv0))
        .map_err(Failure::unable("write", &register))
}

fn enter() -> Result<(), Failure> {
    sys::namespace::unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)
        .map_err(|why| Failure(format!("unable to make a user namespace: {why}")))
}

/// Enters a user namespace where this user is root and no other user exists.
fn enter_as_root() -> Result<(), Failure> {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    enter()?;
    // Without the first, the kernel refuses the last.
    for (name, text) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {uid} 1")),
        ("gid_map", format!("0 {gid} 1")),
    ] {
        let path = Path::new("/proc/self").join(name);
        fs::write(&path, text).map_err(Failure::unable("write", &path))?;
    }
    Ok(())
}

/// Enters a user namespace that maps each id to itself.  Only a process outside it may write that map.
fn enter_with_all_users() -> Result<(), Failure> {
    let this = Path::new("/proc").join(std::process::id().to_string());
    let mut maps = Vec::new();
    for name in ["uid_map", "gid_map"] {
        let path = this.join(name);
        let outer = fs::read_to_string(&path).map_err(Failure::unable("read", &path))?;
        maps.push((path, everyone(&outer)));
    }
    let unable = |why: Errno| Failure(format!("unable to start a process: {why}"));
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(unable)?;
    match sys::process::fork().map_err(unable)? {
        Fork::Child => {
            drop(writer);
            let entered = rustix::io::read(&reader, &mut [0; 1]) == Ok(1);
            let done = entered && maps.iter().all(|(path, map)| fs::write(path, map).is_ok());
            sys::process::exit(u8::from(!done))
        }
        Fork::Parent(helper) => {
            drop(reader);
            let entered = enter();
            if entered.is_ok() {
                rustix::io::write(&writer, b"x").map_err(unable)?;
            }
            drop(writer);
            let ended = sys::process::wait_for(helper).map_err(unable)?;
            entered?;
            match ended.code() {
                0 => Ok(()),
                _ => Err(Failure(format!("unable to write {}/uid_map and gid_map", this.display()))),
            }
        }
    }
}

/// The map of a namespace whose ids are those of the outer one, from the outer one's map.
fn everyone(outer: &str) -> String {
    let words = outer.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    words
        .filter_map(|words| match words[..] {
            [first, _, count] => Some(format!("{first} {first} {count}\n")),
            _ => None,
        })
        .collect()
}

/// The registration for binfmt_misc: an executable of this class and machine is for `emulator`, which it opens right away.
fn registration((class, machine): (u8, u16), emulator: &Path, argv0: Argv0) -> String {
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
    // P: argv[0] is kept.  F: the emulator is opened now, so each root has it.  C: a set-id bit of the program counts.
    let flags = if argv0 == Argv0::Kept { "PFC" } else { "FC" };
    format!(":xtask:M::{}:{}:{}:{flags}", escaped(&magic), escaped(&mask), emulator.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_of_the_outer_namespace_is_in_the_inner_one() {
        assert_eq!(everyone("         0          0 4294967295\n"), "0 0 4294967295\n");
        assert_eq!(everyone("0 1000 1\n1 100000 65536\n"), "0 0 1\n1 1 65536\n");
    }

    #[test]
    fn a_registration_names_class_and_machine() {
        let expected = ":xtask:M::\\x7f\\x45\\x4c\\x46\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00:\
            \\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\xfe\\xff\\xff\\xff:/q:PFC";
        assert_eq!(registration((2, 0xb7), Path::new("/q"), Argv0::Kept), expected);
    }
}
