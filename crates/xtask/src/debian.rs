//! Debian's packages that builds and tests need: which, and how they come.

use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command::run;
use crate::failure::Failure;
use crate::release_file::remove_file;

/// What the program is built from where rustup's target for musl isn't installed.
pub const STD: &[&str] = &["rustc-web", "rust-web-src", "musl-dev"];
/// For the TLS program, whose cryptography is partly in C.
pub const TLS: &[&str] = &["musl-tools"];
/// What runs programs of another architecture.
pub const EMULATION: &[&str] = &["qemu-user-static"];
/// What the tests' containers run: a shell, and the daemons that images usually have; what scripts, supervision and
/// connections are compared with; and what looks at system calls and packages.
pub const CONTAINERS: &[&str] = &[
    "busybox-static",
    "nginx-light",
    "redis-server",
    "php-fpm",
    "systemd",
    "cron",
    "curl",
    "execline",
    "s6",
    "openssl",
    "strace",
    "xz-utils",
];
/// The engines that people use, and what makes them an image.
pub const ENGINES: &[&str] = &[
    "docker.io",
    "podman",
    "runc",
    "crun",
    "catatonit",
    "uidmap",
    "mmdebstrap",
    "busybox-static",
    "xz-utils",
    // What the recipes' images are made of, too.
    "nginx-light",
    "redis-server",
    "php-fpm",
    "cron",
    "curl",
    "sqlite3",
    "docker-compose",
];

/// Those of `packages` that aren't installed, each once.
///
/// # Errors
/// This machine has no dpkg.
pub fn missing(packages: &[&'static str]) -> Result<Vec<&'static str>, Failure> {
    if !Path::new("/usr/bin/dpkg-query").exists() {
        return Err(Failure(format!("this isn't Debian, whose packages are needed: {}", packages.join(" "))));
    }
    let mut missing = Vec::new();
    for package in packages {
        if !missing.contains(package) && !is_installed(package)? {
            missing.push(*package);
        }
    }
    Ok(missing)
}

fn is_installed(package: &str) -> Result<bool, Failure> {
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat=${Status}", package])
        .stderr(Stdio::null())
        .output()
        .map_err(|why| Failure(format!("unable to run dpkg-query: {why}")))?;
    Ok(output.stdout.ends_with(b" installed"))
}

/// Installs those of `packages` that aren't, and says which.
///
/// # Errors
/// As another user than root: names the command that installs them.
pub fn install(packages: &[&'static str]) -> Result<(), Failure> {
    let missing = missing(packages)?;
    if missing.is_empty() {
        return Ok(());
    }
    let wanted = missing.join(" ");
    if !rustix::process::geteuid().is_root() {
        return Err(Failure(format!(
            "packages are missing; as root, run: apt-get install --no-install-recommends {wanted}"
        )));
    }
    eprintln!("xtask: installing Debian's {wanted}");
    let _policy = Policy::new(Path::new("/usr/sbin/policy-rc.d"))?;
    // Only a failure's output is of interest.
    let log =
        tempfile::NamedTempFile::new().map_err(|why| Failure(format!("unable to make a log: {why}")))?;
    let apt = |words: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive")
            .args(["-q", "-o", "DPkg::Lock::Timeout=300"])
            .args(words);
        let outputs = log.reopen().and_then(|out| out.try_clone().map(|err| (out, err)));
        let (out, err) = outputs.map_err(Failure::unable("open", log.path()))?;
        run(apt.stdin(Stdio::null()).stdout(out).stderr(err))
    };
    let mut words = vec!["install", "-y", "--no-install-recommends"];
    words.extend(&missing);
    let done = apt(&["update"]).and_then(|()| apt(&words));
    if done.is_err() {
        let mut log = log.reopen().map_err(Failure::unable("open", log.path()))?;
        io::copy(&mut log, &mut io::stderr())
            .map_err(|why| Failure(format!("unable to show the log: {why}")))?;
    }
    done
}

/// The file that tells package scripts not to start services, while packages are installed; an administrator's own stays.
struct Policy(Option<PathBuf>);

impl Policy {
    fn new(path: &Path) -> Result<Self, Failure> {
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(path);
        match file.and_then(|mut file| io::Write::write_all(&mut file, b"#!/bin/sh\nexit 101\n")) {
            Ok(()) => Ok(Self(Some(path.to_owned()))),
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Ok(Self(None)),
            Err(why) => Err(Failure::unable("write", path)(why)),
        }
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if let Some(why) = self.0.take().and_then(|path| remove_file(&path).err()) {
            eprintln!("xtask: warning: {why}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_goes_again_and_another_s_stays() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("policy");
        let policy = Policy::new(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"#!/bin/sh\nexit 101\n");
        drop(Policy::new(&path).unwrap());
        assert!(path.exists());
        drop(policy);
        assert!(!path.exists());
    }
}
