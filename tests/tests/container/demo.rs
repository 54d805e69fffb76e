//! The demo of `cargo xtask run --demo` tells its story to the end.

use std::path::Path;

use tests::image;
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[("demo::tells_its_story", tells_its_story)];

fn tells_its_story(images: &Images) -> Outcome {
    let demo = image::workspace().join("examples/demo");
    let mut t = Transcript::start(&images.on(Path::new("/"), &demo, &["/etc/demo/command"]))?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&[
        "prepare | up",
        "web     | starting",
        "demo    | Everything is up",
        "demo    | The web server answers",
        "web     | ended with signal 9",
        "web     | starting",
        "demo    | Its supervisor",
        "demo    | This command ends",
        "web     | ended",
        "prepare | down",
    ])?;
    same(t.says("did not come back"), false, &t.text())
}
