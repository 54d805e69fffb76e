//! The demo of `cargo xtask run --demo` runs to its end.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::image;
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, boot, same};

pub const TESTS: &[(&str, Test)] = &[
    ("demo::tells_its_story", tells_its_story),
    ("demo::tells_its_story_without_privilege", tells_its_story_without_privilege),
];

/// The word that makes this program [`without_privilege_inside`]; distribution and demo follow it.
pub const WITHOUT_PRIVILEGE: &str = "--without-privilege";

fn tells_its_story(images: &Images) -> Outcome {
    story(&images.distribution, &image::workspace().join("examples/demo"))
}

fn story(distribution: &Path, demo: &Path) -> Outcome {
    let mut t = Transcript::start(&boot(Path::new("/"), distribution, demo, &["/etc/demo/command"]))?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&[
        "prepare | up",
        "web     | starting",
        "demo    | Everything is up",
        "demo    | The web server answers",
        "HTTP/1.0 200 OK",
        "Hello from a container",
        "web     | ended with signal 9",
        "web     | starting",
        "demo    | Its supervisor",
        "demo    | This command ends",
        "web     | ended",
        "prepare | down",
    ])?;
    same(t.contains("web-log | GET /: 200"), true, &t.text())?;
    same(t.contains("did not come back"), false, &t.text())
}

/// This program again, as a user who may do nothing but make namespaces.
fn tells_its_story_without_privilege(images: &Images) -> Outcome {
    // The workspace may be in a folder that only root can enter.
    let place = tempfile::tempdir()?;
    std::os::unix::fs::chown(place.path(), Some(1000), Some(1000))?;
    let trees =
        [(images.distribution.clone(), "distribution"), (image::workspace().join("examples/demo"), "demo")];
    let mut command = Command::new("/proc/self/exe");
    command.arg(WITHOUT_PRIVILEGE).current_dir("/").uid(1000).gid(1000);
    for (tree, name) in trees {
        let copy = place.path().join(name);
        let status = Command::new("cp").arg("-a").args([&tree, &copy]).status()?;
        same(status.success(), true, "cp")?;
        command.arg(copy);
    }
    let output = command.output()?;
    same(output.status.success(), true, &String::from_utf8_lossy(&output.stderr))
}

/// The other side of it.
pub fn without_privilege_inside(
    mut words: impl Iterator<Item = PathBuf>,
) -> Result<i32, libtest_mimic::Failed> {
    let (distribution, demo) = (words.next(), words.next());
    story(&distribution.unwrap_or_default(), &demo.unwrap_or_default())?;
    Ok(0)
}
