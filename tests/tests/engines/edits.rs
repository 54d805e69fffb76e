//! Images whose Dockerfile edits or replaces the overlay's files, as the engine's own builder carries it out.

use std::fs;

use libtest_mimic::Trial;

use crate::client::Client;
use crate::engine::Engine;
use crate::images::Base;
use crate::stage::HOME;
use crate::{Outcome, readme, same};

/// What both Dockerfiles begin with, after README.md's lines.
const SCRIPTS: &str = "COPY one /etc/cont-init.d/one\n";

/// Silences two scripts, and adds commands to two others, one of them with a shell.
const EDITS: &str = r#"RUN cd /package/admin/s6-overlay/etc/s6-rc/scripts && \
  sed -i 's|echo|: # echo|g' cont-init && \
  sed -i "s|echo ' (no readiness notification)'|: # echo ' (no readiness notification)'|g" services-up && \
  sed -i 's|s6-echo -n|: # s6-echo -n|g' services-up
RUN sed -i '1s|.*|#!/bin/sh\necho edited init|' /init
RUN sed -i '2i date' /package/admin/s6-overlay/etc/s6-linux-init/skel/rc.init
CMD ["with-contenv", "sh", "-c", "echo command has $GIVEN; exit 9"]
"#;

/// Brings a with-contenv of its own, through the link that is there.
const OWN: &str = r#"COPY wc /command/with-contenv
RUN chmod u+s /command/printcontenv
CMD ["with-contenv", "sh", "-c", "echo command has $OWN; exit 9"]
"#;

type Test = fn(Engine) -> Outcome;

/// The tests.
const TESTS: [(&str, Test); 2] = [("edited", edited), ("own_with_contenv", own_with_contenv)];

/// The tests, for the builders of docker and podman.
pub fn trials() -> Vec<Trial> {
    let all =
        [Engine::Docker, Engine::Podman].into_iter().flat_map(|engine| TESTS.map(|test| (engine, test)));
    all.map(|(engine, (name, test))| {
        Trial::test(format!("{}::edits::{name}", engine.name()), move || test(engine))
    })
    .collect()
}

/// Builds an image with these lines and boots it; gives what it said, after it ended with the CMD's code.
fn boot(engine: Engine, name: &str, lines: &str) -> Result<String, String> {
    engine.prepare()?;
    Base::Busybox.import(engine)?;
    let context = format!("{HOME}/context/{}-{name}", engine.name());
    let files = [
        ("Dockerfile", readme::dockerfile("busybox")? + SCRIPTS + lines),
        ("one", "#!/command/with-contenv sh\necho script has $GIVEN $OWN\n".to_owned()),
        ("wc", "#!/bin/sh\nOWN=own exec \"$@\"\n".to_owned()),
    ];
    let from = format!("{HOME}/context/{}", Base::Busybox.name());
    crate::client::succeed(&["cp", "-a", from.as_str(), context.as_str()].map(str::to_owned))?;
    for (file, content) in files {
        fs::write(format!("{context}/{file}"), content).map_err(|why| format!("{context}/{file}: {why}"))?;
    }
    crate::client::succeed(
        &["chmod", "755", &format!("{context}/one"), &format!("{context}/wc")].map(str::to_owned),
    )?;
    let image = format!("localhost/test-{name}");
    engine
        .succeed(&[&["build", "-t", image.as_str()], engine.build_options(), &[context.as_str()]].concat())?;
    let words = ["run", "--rm", "--network", "none", "-e", "GIVEN=words"];
    let mut client: Client = engine.start(&[&words, engine.run_options(), &[image.as_str()]].concat())?;
    let code = client.finish()?;
    let said = client.said.text();
    if code == 9 { Ok(said) } else { Err(format!("{code}, not 9:\n{said}")) }
}

fn edited(engine: Engine) -> Outcome {
    let said = boot(engine, "edited", EDITS)?;
    for (text, times) in [
        ("edited init", 1),
        ("skel/rc.init was edited, which has no effect", 1),
        ("was edited", 1),
        ("script has words", 1),
        ("command has words", 1),
        ("cont-init: info", 0),
    ] {
        same(said.matches(text).count(), times, &format!("{text}: {said}"))?;
    }
    Ok(())
}

fn own_with_contenv(engine: Engine) -> Outcome {
    let said = boot(engine, "own-with-contenv", OWN)?;
    for text in ["script has own", "command has own"] {
        same(said.contains(text), true, &said)?;
    }
    Ok(())
}
