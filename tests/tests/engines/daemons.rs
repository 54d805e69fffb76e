//! Real daemons under the engines, each ready by what `ready` says.

use tests::daemons;

use crate::container::Place;
use crate::{Outcome, Test, same};

/// For an image that the machine's own /usr goes with.
pub const TESTS: &[(&str, Test)] = &[("daemons", daemons_are_ready_when_they_serve)];

fn daemons_are_ready_when_they_serve(place: Place) -> Outcome {
    daemons::are_there()?;
    let services = daemons::probed()?;
    let etc = services.path().join("etc");
    let own = ["s6-overlay/s6-rc.d", "s6-overlay/user-bundles.d", "test"]
        .map(|dir| format!("{}:/etc/{dir}:ro", etc.join(dir).display()));
    // The daemons are the machine's, and so are their users.
    let machine =
        ["/usr:/usr:ro", "/etc/passwd:/etc/passwd:ro", "/etc/group:/etc/group:ro"].map(str::to_owned);
    let options: Vec<&str> = own.iter().chain(&machine).flat_map(|volume| ["-v", volume]).collect();
    for layout in ["0", "1"] {
        let variable = format!("S6_SUPERVISE_PROCESSES={layout}");
        let options = [&options[..], &["-e", &variable]].concat();
        let (container, mut client) = place.start(&options, &["/etc/test/command"])?;
        client.said.wait_for("all looked at")?;
        daemons::judge(&client.said.text())?;
        container.stop()?;
        same(client.finish()?, 0, &client.said.text())?;
    }
    Ok(())
}
