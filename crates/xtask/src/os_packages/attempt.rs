//! The packages installed into roots that hold nothing else, booted once, and removed again.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::facts::NAME;
use crate::command::run;
use crate::tree::Tree;

/// What was tried, and what is wrong with it.
pub type Tried = (String, Result<(), String>);

/// Tries a package of each kind below `top`, and says of each what is wrong with it; `boot` says that of a root.
pub fn all(deb: &Path, apk: &Path, top: &Path, boot: impl Fn(&Path) -> Result<(), String>) -> Vec<Tried> {
    vec![
        ("deb".to_owned(), with_dpkg(deb, &top.join("debian"), &boot)),
        ("apk".to_owned(), with_apk(apk, &top.join("alpine"), &boot)),
    ]
}

/// By dpkg: what it removes again is all that it had installed.
fn with_dpkg(package: &Path, root: &Path, boot: impl Fn(&Path) -> Result<(), String>) -> Result<(), String> {
    let state = root.join("var/lib/dpkg");
    let unable = |why| format!("unable to make an empty root: {why}");
    for folder in ["info", "updates"] {
        fs::create_dir_all(state.join(folder)).map_err(unable)?;
    }
    fs::write(state.join("status"), "").map_err(unable)?;
    let dpkg = |words: &[&str], operand: &Path| {
        let mut dpkg = Command::new("dpkg");
        dpkg.arg("--root").arg(root).args(["--log=/dev/null", "--force-not-root,bad-path,architecture"]);
        run(dpkg.args(words).arg(operand).stdout(Stdio::null())).map_err(|why| why.0)
    };
    dpkg(&["--install"], package)?;
    boot(root)?;
    dpkg(&["--purge"], Path::new(NAME))?;
    let left = Tree::read(root).map_err(|why| why.0)?;
    let left: Vec<_> = left
        .paths()
        .filter(|path| !Path::new("var/lib/dpkg").starts_with(path) && !path.starts_with("var/lib/dpkg"))
        .collect();
    if left.is_empty() { Ok(()) } else { Err(format!("left after removal: {left:?}")) }
}

/// By apk where it is installed, otherwise by tar, to which the package is one archive.
fn with_apk(package: &Path, root: &Path, boot: impl Fn(&Path) -> Result<(), String>) -> Result<(), String> {
    fs::create_dir_all(root).map_err(|why| format!("unable to make an empty root: {why}"))?;
    let apk = |words: &[&str], operand: &Path| {
        let mut apk = Command::new("apk");
        run(apk.arg("--root").arg(root).args(words).arg(operand).stdout(Stdio::null())).map_err(|why| why.0)
    };
    if Command::new("apk").arg("--version").stdout(Stdio::null()).status().is_ok() {
        apk(&["add", "--initdb", "--no-network", "--allow-untrusted"], package)?;
        boot(root)?;
        apk(&["del", "--no-network"], Path::new(NAME))?;
        return if root.join("init").exists() { Err("left after removal: init".into()) } else { Ok(()) };
    }
    let mut tar = Command::new("tar");
    tar.arg("-xzpf").arg(package).arg("-C").arg(root).arg("--warning=no-unknown-keyword");
    run(&mut tar).map_err(|why| why.0)?;
    boot(root)
}
