//! `s6-mount`: mounts a file system, or all those in /etc/fstab; without operands, lists mounted file systems.

use crate::mounting::{Options, UserWords, file_system_options};
use rustix::io::Errno;
use std::os::unix::ffi::OsStrExt;
use tool::{Call, Fatal, Next, Opt, OrUnable, Out, Outcome, Role, Tool, diag};
use wire::fstab;

pub static TOOL: Tool = Tool {
    name: "s6-mount",
    summary: "mount file systems",
    operands: "[ device mntpoint ]",
    options: &[
        Opt::flag('a', "mount the entries of fstab without the option noauto"),
        Opt::value('z', "fstab", "read this file; default /etc/fstab"),
        Opt::flag('n', "no effect: /etc/mtab is never written"),
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
    let mut mount_options = Options::default();
    for (letter, value) in options.iter() {
        match letter {
            'r' => mount_options.add(b"ro"),
            'w' => mount_options.add(b"rw"),
            'o' => mount_options.add(value),
            _ => {}
        }
    }
    let (device, dir) = (call.shift()?, call.shift()?);
    match mount_options.mount(&device, &dir, options.get('t').unwrap_or(b"none")) {
        Err(e) => {
            let fatal =
                Fatal::unable(format_args!("mount {} on {}", diag::show(&device), diag::show(&dir)), e);
            Err(if e == Errno::BUSY { fatal.with_code(1) } else { fatal })
        }
        Ok(()) => Ok(Next::SUCCESS),
    }
}

/// Prints the mounted file systems.
fn show_mounts() -> Outcome {
    let text = std::fs::read("/proc/mounts").or_unable(|| "read /proc/mounts")?;
    let mut out = Out::new();
    out.put(&text)?;
    out.finish()
}

/// Mounts all entries; exits with the number of failures.
fn mount_all(call: &Call, table: &[u8]) -> Outcome {
    let text = std::fs::read(std::ffi::OsStr::from_bytes(table)).or_unable_to("read", table)?;
    let mut failed = 0_u8;
    for entry in fstab::entries(&text).iter().filter(|e| !e.is_swap() && !e.has(b"noauto")) {
        let mut mount_options = Options::default();
        mount_options.add(&file_system_options(&entry.options, UserWords::Implied));
        if let Err(e) = mount_options.mount(&entry.device, &entry.dir, &entry.kind) {
            failed = failed.saturating_add(1);
            call.warn(format_args!("unable to mount {}: {}", diag::show(&entry.dir), sys::strerror(e)));
        }
    }
    Ok(Next::Exit(failed))
}
