//! What `logs` shows of a container with S6_LOG_FORMAT=json: nothing but objects.

use serde_json::Value;

use crate::container::Place;
use crate::{NO_COMMAND, Outcome, Test, UP, same};

/// For images with a shell: the hook is a script's words.
pub const TESTS: &[(&str, Test)] = &[("lines_are_objects", lines_are_objects)];

fn lines_are_objects(place: Place) -> Outcome {
    let noise = "head -c 300000 /dev/urandom";
    let options =
        ["-e", "S6_LOG_FORMAT=json", "-e", &format!("S6_STAGE2_HOOK={noise}"), "-e", "S6_LOG_CMD=1"];
    for (options, command, code) in [
        ([&NO_COMMAND[..], &options].concat(), &[][..], 0),
        (options.to_vec(), &["sh", "-c", "echo from the command; exit 5"], 5),
    ] {
        let (container, mut client) = place.start(&options, command)?;
        if command.is_empty() {
            client.said.wait_for(UP)?;
            container.stop()?;
        }
        same(client.finish()?, code, &client.said.text())?;
        // Each stream by itself: podman shows parts of one stream's line before the other's, when there is much.
        let shown = container.logs("2>/dev/null")? + &container.logs("2>&1 >/dev/null")?;
        let mut said = Vec::new();
        for line in shown.lines() {
            let object: Value = serde_json::from_str(line).map_err(|why| format!("{why}: {line}"))?;
            let text = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
            said.push((text("service"), text("message")));
        }
        let has =
            |service: &str, message: &str| said.iter().any(|(s, m)| s == service && m.contains(message));
        same(has("daemon", "the daemon runs"), true, &shown)?;
        same(has("daemon", "the daemon has finished"), true, &shown)?;
        same(has("s6-overlay", "s6-rc: info: service daemon: stopping"), true, &shown)?;
        same(has("cmd", "from the command"), code == 5, &shown)?;
        same(said.iter().filter(|(service, _)| service == "stage2-hook").count() > 100, true, &shown)?;
    }
    Ok(())
}
