//! `fstab2s6rc`: makes source definitions of services that mount the entries of an fstab.

use crate::fstab_services::{Service, ServiceSettings, services};
use files::Unfinished;
use rustix::fs::CWD;
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use tool::file::{make_dir, write};
use tool::path::join;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag};
use wire::fstab;

pub static TOOL: Tool = Tool {
    name: "fstab2s6rc",
    summary: "make services from an fstab",
    operands: "dir",
    options: &[
        Opt::flag('A', "include entries with the option noauto (default)").long("include-noauto"),
        Opt::flag('a', "exclude entries with the option noauto").long("exclude-noauto"),
        Opt::flag('U', "use s6-mount, s6-swapon and so on (default)").long("without-uuid"),
        Opt::flag('u', "use util-linux's mount and swapon, which understand UUIDs and labels")
            .long("with-uuid"),
        Opt::flag('E', "make essential services, which are never stopped (default)").long("essential"),
        Opt::flag('e', "make recommended services, which can be stopped").long("not-essential"),
        Opt::value('F', "fstab", "read this file; default /etc/fstab").long("fstab"),
        Opt::value('m', "mode", "the mode of dir, octal; default 0755").long("mode"),
        Opt::value('B', "bundle", "make bundles of the services").long("bundle"),
        Opt::value('d', "basedep", "make all services depend on this one").long("base-dependency"),
    ],
    role: Role::Stay,
    main,
};

/// The exit code for an invalid fstab.
const INVALID: u8 = 1;

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mode = match options.get('m') {
        None => 0o755,
        Some(word) => wire::number::octal(word)
            .filter(|mode| *mode <= 0o7777)
            .ok_or_else(|| Fatal::user(format_args!("{} is no mode", diag::show(word))))?,
    };
    let settings = ServiceSettings {
        without_noauto: options.last_of("Aa") == Some('a'),
        with_uuid: options.last_of("Uu") == Some('u'),
        not_essential: options.last_of("Ee") == Some('e'),
    };
    let (bundle, base) = (name(options.get('B'))?, name(options.get('d'))?);
    let dir = call.shift()?;
    let path = options.get('F').unwrap_or(b"/etc/fstab");
    let text = std::fs::read(OsStr::from_bytes(path)).or_unable_to("read", path)?;
    let entries = fstab::entries(&text);
    let invalid = |(line, what): (usize, String)| {
        Fatal::new(INVALID, format_args!("{}:{line}: {what}", diag::show(path)))
    };
    let mut made = services(&entries, settings).map_err(invalid)?;
    for entry in entries.iter().filter(|entry| !settings.with_uuid && names_no_file(&entry.device)) {
        let device = diag::show(&entry.device);
        call.warn(format_args!("{}:{}: {device} needs -u", diag::show(path), entry.line));
    }
    if let Some(base) = base {
        made.iter_mut().for_each(|service| service.dependencies.push(base.to_vec()));
    }
    if sys::fs::lstat(&dir).is_ok() {
        return Err(Errno::EXIST).or_unable_to("mkdir", &dir);
    }
    let unfinished = Unfinished::make(CWD, &dir).or_unable_to("mkdir", &dir)?;
    made.iter().try_for_each(|service| write_service(unfinished.path(), service))?;
    bundle.map_or(Ok(()), |bundle| write_bundles(unfinished.path(), bundle, &made))?;
    unfinished.finish(mode).or_unable_to("mkdir", &dir)?;
    Ok(Next::SUCCESS)
}

/// Refuses a service's name that can't be a file name.
fn name(word: Option<&[u8]>) -> Result<Option<&[u8]>, Fatal> {
    match word {
        Some(bad) if bad.is_empty() || bad.starts_with(b".") || bad.iter().any(|b| b"/\n".contains(b)) => {
            Err(Fatal::user(format_args!("{} can't be a service's name", diag::show(bad))))
        }
        other => Ok(other),
    }
}

fn names_no_file(device: &[u8]) -> bool {
    [&b"UUID="[..], b"LABEL=", b"PARTUUID=", b"PARTLABEL="].iter().any(|prefix| device.starts_with(prefix))
}

fn write_service(at: &[u8], service: &Service) -> Result<(), Fatal> {
    let dir = join(at, &service.name);
    make_dir(&dir, 0o755)?;
    write(&join(&dir, b"type"), b"oneshot\n", 0o644)?;
    write(&join(&dir, b"up"), &service.up, 0o644)?;
    if let Some(down) = &service.down {
        write(&join(&dir, b"down"), down, 0o644)?;
    }
    if let Some(flag) = service.flag {
        write(&join(&dir, flag.as_bytes()), b"", 0o644)?;
    }
    list(&join(&dir, b"dependencies.d"), service.dependencies.iter().map(Vec::as_slice))
}

/// Writes a bundle of all mounts, one of all swap spaces, and one of both.
fn write_bundles(at: &[u8], bundle: &[u8], made: &[Service]) -> Result<(), Fatal> {
    let (mounts, swaps) = ([bundle, b"-mounts"].concat(), [bundle, b"-swaps"].concat());
    for name in [bundle, &mounts, &swaps] {
        if made.iter().any(|service| service.name == name) {
            return Err(Fatal::user(format_args!("{} is a service already, not a bundle", diag::show(name))));
        }
    }
    let of = |is_swap: bool| {
        made.iter().filter(move |s| s.flag.is_some() && s.is_swap == is_swap).map(|s| s.name.as_slice())
    };
    write_bundle(&join(at, &mounts), of(false))?;
    write_bundle(&join(at, &swaps), of(true))?;
    write_bundle(&join(at, bundle), [mounts.as_slice(), swaps.as_slice()].into_iter())
}

fn write_bundle<'a>(dir: &[u8], contents: impl Iterator<Item = &'a [u8]>) -> Result<(), Fatal> {
    make_dir(dir, 0o755)?;
    write(&join(dir, b"type"), b"bundle\n", 0o644)?;
    list(&join(dir, b"contents.d"), contents)
}

/// Makes a directory of empty files.
fn list<'a>(dir: &[u8], mut names: impl Iterator<Item = &'a [u8]>) -> Result<(), Fatal> {
    make_dir(dir, 0o755)?;
    names.try_for_each(|name| write(&join(dir, name), b"", 0o644))
}
