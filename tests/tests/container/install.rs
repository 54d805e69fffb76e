//! `s6-overlay install`: the one file in an empty image, and what the tarballs hold beside it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use sandbox::Sandbox;
use tempfile::TempDir;
use tests::services::Services;
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("install::one_file_in_an_empty_image_boots", one_file_in_an_empty_image_boots),
    ("install::lays_out_what_the_tarballs_hold", lays_out_what_the_tarballs_hold),
    ("install::has_the_layout_that_images_know", has_the_layout_that_images_know),
    ("install::another_version_stays_unless_forced", another_version_stays_unless_forced),
];

/// An image that holds the program and nothing else.
fn empty_image(images: &Images) -> Result<TempDir, String> {
    let image = tempfile::tempdir().map_err(|why| format!("unable to make a directory: {why}"))?;
    let program = images.distribution.join("command/s6-overlay");
    fs::copy(&program, image.path().join("s6-overlay"))
        .map_err(|why| format!("{}: {why}", program.display()))?;
    Ok(image)
}

fn one_file_in_an_empty_image_boots(images: &Images) -> Outcome {
    let image = empty_image(images)?;
    let services = Services::new()?;
    services.longrun(
        "daemon",
        &["base"],
        "#!/command/execlineb -P\nfdmove -c 1 2\nif { s6-echo daemon runs } s6-pause\n",
    )?;
    let sandbox = Sandbox::new(image.path(), ["/init", "s6-echo", "the command"])
        .layer(services.path())
        .prepare(["/s6-overlay", "install"]);
    let mut t = Transcript::start(&sandbox)?;
    same(t.finish()?, 0, &t.text())?;
    same(t.contains("daemon runs") && t.contains("the command"), true, &t.text())
}

/// Runs `s6-overlay install` on this machine, into `root`; gives the exit code and the output.
fn install(images: &Images, root: &Path, options: &[&str]) -> Result<(Option<i32>, String), String> {
    let program = images.distribution.join("command/s6-overlay");
    let mut command = Command::new(program);
    command.args(["install", "--root"]).arg(root).args(options);
    let output = command.output().map_err(|why| format!("s6-overlay install: {why}"))?;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// What is at a path: mode, owner and group, and the contents or the target.
type Found = (u32, u32, u32, Vec<u8>);

/// Everything below `root`.
fn listing(root: &Path) -> Result<BTreeMap<PathBuf, Found>, std::io::Error> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir)? {
            let (path, metadata) = entry.and_then(|e| Ok((e.path(), e.metadata()?)))?;
            let content = if metadata.is_dir() {
                open.push(path.clone());
                Vec::new()
            } else if metadata.is_symlink() {
                fs::read_link(&path)?.into_os_string().into_encoded_bytes()
            } else {
                fs::read(&path)?
            };
            let below = path.strip_prefix(root).unwrap_or(&path).to_path_buf();
            found.insert(below, (metadata.mode(), metadata.uid(), metadata.gid(), content));
        }
    }
    Ok(found)
}

fn lays_out_what_the_tarballs_hold(images: &Images) -> Outcome {
    let root = tempfile::tempdir()?;
    let (code, said) = install(images, root.path(), &["--symlinks"])?;
    same(code, Some(0), &said)?;
    let (ours, theirs) = (listing(root.path())?, listing(&images.distribution)?);
    let differs = |path: &&PathBuf| ours.get(*path) != theirs.get(*path);
    let different: Vec<_> = ours.keys().chain(theirs.keys()).filter(differs).collect();
    same(different, Vec::new(), &said)?;
    // A second time there is nothing to do.
    let (code, said) = install(images, root.path(), &["--symlinks"])?;
    same((code, said.contains(" 0 files and links made, 0 replaced,")), (Some(0), true), &said)
}

/// What public images and the reference's documentation rely on.
fn has_the_layout_that_images_know(images: &Images) -> Outcome {
    let root = &images.distribution;
    let leads = |path: &str| fs::read_link(root.join(path)).map(|target| target.display().to_string());
    for (path, target) in [
        ("package/admin/s6-overlay", "s6-overlay-3.2.3.2"),
        ("package/admin/execline", "execline-2.9.9.2"),
        ("package/admin/s6", "s6-2.15.1.0"),
        ("package/admin/s6-rc", "s6-rc-0.7.0.0"),
        ("package/admin/s6-overlay-helpers", "s6-overlay-helpers-0.1.2.2"),
        ("command/with-contenv", "../package/admin/s6-overlay/command/with-contenv"),
        ("usr/bin/execlineb", "../../command/execlineb"),
        ("usr/bin/with-contenv", "../../command/with-contenv"),
    ] {
        same((path, leads(path)?.as_str()), (path, target), "")?;
    }
    let mode = |path: &str| fs::metadata(root.join(path)).map(|m| (m.permissions().mode() & 0o7777, m.uid()));
    for (path, expected) in [
        ("init", 0o755),
        ("command/s6-svc", 0o755),
        ("package/admin/s6-overlay-helpers/command/s6-overlay-suexec", 0o4755),
        ("command/s6-overlay-suexec", 0o4755),
        ("package/admin/s6-overlay-3.2.3.2/libexec/preinit", 0o755),
        ("package/admin/s6-overlay-3.2.3.2/etc/s6-rc/scripts/cont-init", 0o755),
        ("package/admin/s6-overlay/etc/s6-rc/sources/top/type", 0o644),
        ("etc/s6-overlay/s6-rc.d", 0o755),
        ("etc/s6-overlay/user-bundles.d/user/contents.d", 0o755),
        ("etc/s6-overlay/user-bundles.d/user/type", 0o644),
    ] {
        same((path, mode(path)?), (path, (expected, 0)), "")?;
    }
    // Only root may write anything, and nothing else is setuid.
    let all = listing(root)?;
    let is_link = |mode: u32| mode & 0o170_000 == 0o120_000;
    let unsafe_ones: Vec<_> =
        all.iter().filter(|(_, (mode, ..))| !is_link(*mode) && mode & 0o022 != 0).collect();
    same(unsafe_ones.len(), 0, &format!("{unsafe_ones:?}"))?;
    let setuid = all.iter().filter(|(_, (mode, ..))| mode & 0o7000 != 0).map(|(path, _)| path.as_path());
    same(setuid.collect(), vec![Path::new("package/admin/s6-overlay-3.2.3.2/command/s6-overlay-suexec")], "")
}

fn another_version_stays_unless_forced(images: &Images) -> Outcome {
    let root = tempfile::tempdir()?;
    let top = root.path();
    fs::create_dir_all(top.join("package/admin/s6-overlay-3.1.6.2/command"))?;
    symlink("s6-overlay-3.1.6.2", top.join("package/admin/s6-overlay"))?;
    fs::write(top.join("init"), "#!/bin/sh\n")?;
    let before = listing(top)?;
    let (code, said) = install(images, top, &[])?;
    same(
        (code, said.contains("s6-overlay-3.1.6.2: another version is installed")),
        (Some(100), true),
        &said,
    )?;
    same(listing(top)? == before, true, "something was changed")?;
    let (code, said) = install(images, top, &["--force"])?;
    same((code, said.contains(" 2 replaced,")), (Some(0), true), &said)?;
    let init = fs::read(images.distribution.join("init"))?;
    same(fs::read(top.join("init"))? == init, true, "/init isn't the overlay's")
}
