//! Health checks: by `s6-overlay health` as the guide has it, and by the tools of s6.

use std::fs;
use std::path::Path;

use crate::container::Place;
use crate::engine::Engine;
use crate::stage::HOME;
use crate::{NO_COMMAND, Outcome, Test, UP, readme, same};

/// For all images.
pub const TESTS: &[(&str, Test)] = &[("health_of_all", health_of_all)];

/// For images with a shell: engines give the check to it.
pub const WITH_SHELL: &[(&str, Test)] = &[("health", health)];

const CHECK: &str = "/command/s6-svwait -u -t 10000 /run/service/daemon";

fn health(place: Place) -> Outcome {
    let options = [&NO_COMMAND[..], &["--health-cmd", CHECK, "--health-interval", "1s"]].concat();
    let (container, mut client) = place.start(&options, &[])?;
    client.said.wait_for(UP)?;
    if place.engine == Engine::Docker {
        let filter = format!("container={}", container.name);
        let mut events = place.engine.start(&["events", "--since", "0", "--filter", &filter])?;
        events.said.wait_for("health_status: healthy")?;
    } else {
        // Its timers are systemd's, which isn't here.
        container.command("healthcheck run")?;
    }
    container.stop()?;
    same(client.finish()?, 0, &client.said.text())
}

/// What the engine shows when a service has failed that isn't started again.
pub const FAILED: &str = "daemon has failed, last with signal KILL";

/// Ends the service, as no command of ours would, and returns when that has failed.
pub const FAIL: [&str; 4] = [
    "/test/busybox",
    "sh",
    "-c",
    "cd /run/service/daemon && kill -KILL $(/command/s6-svstat -o pid .) && /command/s6-svwait -D .",
];

/// The results of the last health checks, as the engine shows them.
pub fn results(engine: Engine, container: &str) -> Result<String, String> {
    engine.succeed(&["inspect", "-f", "{{json .State.Health.Log}}", container])
}

/// The image of the place's with the guide's `HEALTHCHECK`.
fn checked(place: Place) -> Result<String, String> {
    let base = place.base.image(place.engine)?;
    let name = format!("localhost/checked-{}", place.base.name());
    let context = format!("{HOME}/checked-{}-{}", place.engine.name(), place.base.name());
    let dockerfile = format!("FROM {base}\n{}\n", readme::health_checks()?.0);
    let write = || {
        fs::create_dir_all(&context)
            .and_then(|()| fs::write(Path::new(&context).join("Dockerfile"), dockerfile))
    };
    write().map_err(|why| format!("{context}: {why}"))?;
    // Images of OCI's own format have no health checks.
    let format: &[&str] = if place.engine == Engine::Docker { &[] } else { &["--format", "docker"] };
    let words = [&["build", "-t", &name], place.engine.build_options(), format, &[context.as_str()]].concat();
    place.engine.succeed(&words)?;
    Ok(name)
}

/// The engine is told of the failure of a service, and shows which one and why.
fn health_of_all(place: Place) -> Outcome {
    let options = [&NO_COMMAND[..], &["-e", "S6_RESTART=daemon=never"]].concat();
    let is_docker = place.engine == Engine::Docker;
    let soon: &[&str] = if is_docker { &["--health-interval", "1s", "--health-retries", "1"] } else { &[] };
    let (container, mut client) = place.start_of(&checked(place)?, &[&options, soon].concat(), &[])?;
    client.said.wait_for(UP)?;
    let filter = format!("container={}", container.name);
    let mut events = place.engine.start(&["events", "--since", "0", "--filter", &filter])?;
    if is_docker {
        events.said.wait_for("health_status: healthy")?;
    } else {
        // Its timers are systemd's, which isn't here.
        container.command("healthcheck run")?;
    }
    same(container.exec(&FAIL)?.0, 0, "the end of a service")?;
    if is_docker {
        events.said.wait_for("health_status: unhealthy")?;
    } else {
        same(container.command("healthcheck run").is_err(), true, "a failed service")?;
    }
    let log = results(place.engine, &container.name)?;
    for text in [r#""Output":"ready"#, FAILED] {
        same((text, log.contains(text)), (text, true), &log)?;
    }
    container.stop()?;
    same(client.finish()?, 0, &client.said.text())
}
