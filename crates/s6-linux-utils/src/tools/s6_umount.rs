//! `s6-umount`: unmounts a file system, or all of them.

use rustix::mount::{UnmountFlags, unmount};
use tool::{Call, Next, Opt, OrUnable, Outcome, Role, Tool, diag};
use wire::fstab;

pub static TOOL: Tool = Tool {
    name: "s6-umount",
    summary: "unmount file systems",
    operands: "[ mntpoint ]",
    options: &[Opt::flag('a', "unmount all mounts in /proc/mounts, the last one first").long("all")],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    if !options.has('a') {
        let dir = call.shift()?;
        unmount(dir.as_slice(), UnmountFlags::empty()).or_unable_to("unmount", &dir)?;
        return Ok(Next::SUCCESS);
    }
    call.refuse_operands("-a")?;
    let text = std::fs::read("/proc/mounts").or_unable(|| "read /proc/mounts")?;
    let mut failed = 0_u8;
    for entry in fstab::entries(&text).iter().rev() {
        if let Err(e) = unmount(entry.dir.as_slice(), UnmountFlags::empty()) {
            failed = failed.saturating_add(1);
            call.warn(format_args!("unable to unmount {}: {}", diag::show(&entry.dir), sys::strerror(e)));
        }
    }
    Ok(Next::Exit(failed))
}
