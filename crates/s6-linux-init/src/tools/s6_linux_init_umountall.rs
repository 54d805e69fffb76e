//! `s6-linux-init-umountall`: unmounts all file systems, the last mounted one first.

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount_remount, unmount};
use tool::{Call, Next, OrUnable, Outcome, Role, Tool, diag};
use wire::fstab::{self, Entry};

pub static TOOL: Tool = Tool {
    name: "s6-linux-init-umountall",
    summary: "unmount all file systems",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

/// The first mount of each of these types is kept: the rest of the shutdown needs it.
const NEEDED: [&[u8]; 3] = [b"devtmpfs", b"proc", b"sysfs"];

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let text = std::fs::read("/proc/mounts").or_unable(|| "read /proc/mounts")?;
    let mut failed = 0_u8;
    for entry in to_unmount(fstab::entries(&text)).iter().rev() {
        if let Err(e) = unmount_or_remount(&entry.dir) {
            failed = failed.saturating_add(1);
            call.warn(format_args!("unable to unmount {}: {}", diag::show(&entry.dir), sys::strerror(e)));
        }
    }
    Ok(Next::Exit(failed))
}

/// All mounts but the first of each needed type, in the order in which they were mounted.
fn to_unmount(mut entries: Vec<Entry>) -> Vec<Entry> {
    for kind in NEEDED {
        if let Some(first) = entries.iter().position(|entry| entry.kind == kind) {
            entries.remove(first);
        }
    }
    entries
}

/// Unmounts a file system, or remounts it read-only if it is the root or in use.
fn unmount_or_remount(dir: &[u8]) -> Result<(), Errno> {
    let read_only = || mount_remount(dir, MountFlags::RDONLY, "");
    if dir == b"/" {
        return read_only();
    }
    match unmount(dir, UnmountFlags::empty()) {
        Err(Errno::BUSY) => read_only(),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_mount_of_a_needed_type_is_kept() {
        let mounts =
            b"/dev/a / ext4 rw\nproc /proc proc rw\nsys /sys sysfs rw\nproc /x/proc proc rw\nt /t tmpfs rw\n";
        let found = to_unmount(fstab::entries(mounts));
        let dirs: Vec<_> = found.iter().map(|entry| diag::shown(&entry.dir)).collect();
        assert_eq!(dirs, ["/", "/x/proc", "/t"]);
    }
}
