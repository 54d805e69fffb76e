//! Health checks by our tools.

use crate::container::Place;
use crate::engine::Engine;
use crate::{NO_COMMAND, Outcome, Test, UP, same};

/// For images with a shell: engines give the check to it.
pub const TESTS: &[(&str, Test)] = &[("health", health)];

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
