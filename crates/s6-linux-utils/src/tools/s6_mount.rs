//! `s6-mount`: mounts a file system, or all that /etc/fstab lists; without operands it lists what is mounted.

use crate::mounting::{Options, passed_on};
use rustix::io::Errno;
use std::os::unix::ffi::OsStrExt;
use tool::{Call, Fatal, Next, Opt, OrUnable, Out, Outcome, Role, Tool, diag};
use wire::fstab;

pub static TOOL: Tool = Tool {
    name: "s6-mount",
    summary: "mount file systems",
    operands: "[ device mntpoint ]",
    options: &[
        Opt::flag('a', "mount what fstab lists, without noauto"),
        Opt::value('z', "fstab", "read this file, not /etc/fstab"),
        Opt::flag('n', "does nothing: no /etc/mtab is written"),
        Opt::flag('r', "mount read-only"),
        Opt::flag('w', "mount for reading and writing (default)"),
        Opt::value('t', "fstype", "the type of the file system"),
        Opt::value('o', "options", "mount options, separated by commas"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    if options.has('a') {
        call.refuse_operands("-a")?;
        return mount_all(call, options.get('z').unwrap_or(b"/etc/fstab"));
    }
    if call.args.is_empty() {
        return show_mounts();
    }
    let mut how = Options::default();
    for (letter, value) in options.iter() {
        match letter {
            'r' => how.add(b"ro"),
            'w' => how.add(b"rw"),
            'o' => how.add(value),
            _ => {}
        }
    }
    let (device, dir) = (call.shift()?, call.shift()?);
    match how.mount(&device, &dir, options.get('t').unwrap_or(b"none")) {
        Err(e) => {
            let fatal = Fatal::unable(&format!("mount {} on {}", diag::show(&device), diag::show(&dir)), e);
            Err(if e == Errno::BUSY { fatal.with_code(1) } else { fatal })
        }
        Ok(()) => Ok(Next::SUCCESS),
    }
}

/// Prints what is mounted.
fn show_mounts() -> Outcome {
    let text = std::fs::read("/proc/mounts").or_unable(|| "read /proc/mounts")?;
    let mut out = Out::new();
    out.put(&text)?;
    out.finish()
}

/// Exits with the number of entries that could not be mounted.
fn mount_all(call: &Call, table: &[u8]) -> Outcome {
    let text = std::fs::read(std::ffi::OsStr::from_bytes(table)).or_unable_to("read", table)?;
    let mut failed = 0_u8;
    for entry in fstab::entries(&text).iter().filter(|e| !e.is_swap() && !e.has(b"noauto")) {
        let mut how = Options::default();
        how.add(&passed_on(&entry.options));
        if let Err(e) = how.mount(&entry.device, &entry.dir, &entry.kind) {
            failed = failed.saturating_add(1);
            call.warn(&format!("unable to mount {}: {}", diag::show(&entry.dir), sys::strerror(e)));
        }
    }
    Ok(Next::Exit(failed))
}
