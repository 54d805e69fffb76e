//! Each package installed from an empty environment, and an image checked with it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::build::CHECKER;
use crate::command::{capture, run};
use crate::failure::Failure;
use crate::workspace;

/// A mistake of each kind that has no second meaning, with its code.
const IMAGE: [(&str, &str); 3] = [
    ("etc/s6-overlay/s6-rc.d/web/type", "longrum\n"),
    ("etc/s6-overlay/s6-rc.d/web/run", "#!/bin/sh\nexec web\n"),
    ("etc/s6-overlay/user-bundles.d/user/contents.d/web", ""),
];
/// What is found in it.
const CODE: &str = "[SO101]";

/// Tries all packages, and the hooks of pre-commit.
pub fn all(packed: &Path, package: &Path) -> Result<(), Failure> {
    let top = tempfile::tempdir().map_err(|why| Failure(format!("unable to make a directory: {why}")))?;
    let top = top.path();
    for (path, content) in IMAGE {
        let path = top.join("repository/rootfs").join(path);
        let done = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, content));
        done.map_err(Failure::unable("write", &path))?;
    }
    wheel(packed, top)?;
    npm(package, top)?;
    pre_commit(top)
}

/// Runs something that checks the image, and sees to it that the mistake is found.
fn finds(what: &str, command: &mut Command) -> Result<(), Failure> {
    let output = command.output().map_err(|why| Failure(format!("{what}: {why}")))?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.code() == Some(1) && told.contains(CODE) {
        println!("{what}: works");
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(Failure(format!("{what}: {}, without {CODE}:\n{told}{errors}", output.status)))
}

/// pip of an environment.
fn pip(bin: &Path, words: &[&str]) -> Command {
    let mut pip = Command::new(bin.join("pip"));
    pip.args(["--quiet", "--disable-pip-version-check"]).args(words);
    pip
}

/// From the wheel, with no registry, into an environment of its own, from which it goes without a trace.
fn wheel(wheel: &Path, top: &Path) -> Result<(), Failure> {
    let venv = top.join("venv");
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let bin = venv.join("bin");
    let program = bin.join(CHECKER);
    let install = || run(pip(&bin, &["install", "--no-index"]).arg(wheel));
    install()?;
    let mut check = Command::new(&program);
    check.args(["check", "--format=concise"]).arg(top.join("repository/rootfs"));
    finds("the wheel", &mut check)?;
    run(&mut pip(&bin, &["uninstall", "--yes", CHECKER]))?;
    if program.exists() {
        return Err(Failure("pip uninstall leaves the program".into()));
    }
    install()
}

/// From the package's file, in an empty directory.
fn npm(package: &Path, top: &Path) -> Result<(), Failure> {
    let project = top.join("project");
    fs::create_dir(&project).map_err(Failure::unable("create", &project))?;
    let npm = |program: &str| {
        let mut command = Command::new(program);
        command.current_dir(&project).env("npm_config_cache", top.join("cache"));
        command
    };
    run(npm("npm")
        .args(["install", "--offline", "--no-audit", "--no-fund", "--loglevel=error"])
        .arg(package))?;
    finds(
        "the package for npm",
        npm("npx")
            .args(["--no-install", CHECKER, "check", "--format=concise"])
            .arg(top.join("repository/rootfs")),
    )
}

/// In a new repository, with this one's hooks: the one that takes what is installed, and then the one that builds.
fn pre_commit(top: &Path) -> Result<(), Failure> {
    let bin = top.join("venv/bin");
    run(&mut pip(&bin, &["install", "pre-commit"]))?;
    let repository = top.join("repository");
    let git = |words: &[&str]| run(Command::new("git").arg("-C").arg(&repository).args(words));
    git(&["init", "--quiet"])?;
    git(&["add", "."])?;
    let old = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(bin.clone()).chain(std::env::split_paths(&old)))
        .map_err(|why| Failure(format!("PATH: {why}")))?;
    let version = capture(Command::new(bin.join("pre-commit")).arg("--version"))?;
    println!("{version}");
    for hook in ["s6-overlay-dev-system", CHECKER] {
        finds(
            &format!("the hook {hook}"),
            Command::new(bin.join("pre-commit"))
                .current_dir(&repository)
                .env("PATH", &path)
                .env("PRE_COMMIT_HOME", top.join("pre-commit"))
                .arg("try-repo")
                .arg(workspace::top())
                .args([hook, "--all-files", "--color=never"]),
        )?;
    }
    Ok(())
}
