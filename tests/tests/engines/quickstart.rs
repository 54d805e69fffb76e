//! README.md's quickstart, word for word.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;

use tests::image;

use crate::client;
use crate::engine::Engine;
use crate::images::Base;
use crate::stage::HOME;
use crate::{Outcome, readme, same};

/// Does with this engine what README.md says, beside a `target/dist`.
pub fn follow(engine: Engine) -> Outcome {
    // One name of a container can't be used twice at a time.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = if engine.store() == Engine::Podman { TURN.lock().ok() } else { None };
    engine.prepare()?;
    Base::Debian.import(engine)?;
    let place = format!("{HOME}/quickstart-{}", engine.name());
    fs::create_dir_all(format!("{place}/target/dist"))?;
    fs::create_dir_all(format!("{place}/bin"))?;
    for name in image::TARBALLS {
        fs::copy(image::tarballs()?.join(name), format!("{place}/target/dist/{name}"))?;
    }
    // The engine's command, which knows where its daemon or its images are.
    let command = format!("{place}/bin/{}", engine.program());
    let words = engine.words();
    let quoted = shlex::try_join(words.iter().map(String::as_str)).map_err(|why| why.to_string())?;
    fs::write(&command, format!("#!/bin/sh\nPATH=${{PATH#*:}}\nexec {quoted} \"$@\"\n"))?;
    fs::set_permissions(&command, fs::Permissions::from_mode(0o755))?;
    let script = format!("PATH={place}/bin:$PATH\ncd {place}\n{}", steps(engine)?);
    let (code, said) = client::run(&["sh", "-ec", &script].map(str::to_owned))?;
    same(code, 0, &said)?;
    let wanted = ["good day, it is ", "it ended with 3", "1 of 1 ready", "clock", "good day, it is "];
    let mut lines = said.lines();
    for text in wanted {
        same(lines.any(|line| line.contains(text)), true, &format!("{text:?} is missing in\n{said}"))?;
    }
    Ok(())
}

/// The shell's lines, with the Dockerfile between them; it is one quickstart until the next Dockerfile.
fn steps(engine: Engine) -> Result<String, String> {
    let mut steps = String::new();
    let mut dockerfiles = 0;
    for block in readme::blocks()? {
        match block.language.as_str() {
            "sh" => steps.push_str(&block.text.replace("docker ", &format!("{} ", engine.program()))),
            "Dockerfile" if dockerfiles == 1 => break,
            "Dockerfile" => {
                dockerfiles += 1;
                steps.push_str(&format!("cat >Dockerfile <<'END OF FILE'\n{}END OF FILE\n", block.text));
            }
            _ => {}
        }
    }
    Ok(steps)
}
