//! `services-down`: stops the legacy services; the oneshot legacy-services runs it when it goes down.

use crate::environment::settings::Settings;
use crate::environment::variables::S6_SERVICES_GRACETIME;
use crate::layout::{LEGACY_SERVICES, SCANDIR};
use crate::legacy::scripts;
use supervision::control;
use supervision::status::read_status;
use supervision::watch::Watch;
use tool::clock;
use tool::path::join;
use tool::{Call, Next, OrUnable, Outcome, Role, Tool, diag};
use wire::control::ScanCommand;
use wire::fifodir::ServiceEvent;

pub static TOOL: Tool = Tool {
    name: "services-down",
    summary: "stop the services of services.d",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let settings = Settings::new(&call.env);
    let names = scripts::list(LEGACY_SERVICES.as_bytes()).or_unable(|| format!("read {LEGACY_SERVICES}"))?;
    let mut watch = Watch::new().or_unable(|| "make a poller")?;
    let mut waited = Vec::new();
    for name in names {
        let dir = join(LEGACY_SERVICES.as_bytes(), &name);
        for dir in [join(&dir, b"log"), dir] {
            // Without a fifodir it was never supervised.
            if watch.add(&join(&dir, b"event")).is_ok() {
                waited.push(dir);
            }
        }
        let _ = sys::fs::unlink(join(SCANDIR.as_bytes(), &name));
    }
    if waited.is_empty()
        || control::send_to_host(SCANDIR.as_bytes(), &[ScanCommand::Scan, ScanCommand::Prune]).is_err()
    {
        return Ok(Next::SUCCESS);
    }
    let grace = settings.time(S6_SERVICES_GRACETIME);
    let deadline = clock::now().saturating_add(grace);
    // The state is read after the subscription, so no event is missed.
    let mut left: Vec<bool> = waited.iter().map(|dir| !is_down(dir)).collect();
    while left.contains(&true) {
        let Some((index, letters)) = watch.next(Some(deadline)).or_unable(|| "wait for services")? else {
            break;
        };
        if [ServiceEvent::DownReady, ServiceEvent::Exit].iter().any(|event| event.is_in(&letters))
            && let Some(slot) = left.get_mut(index)
        {
            *slot = false;
        }
    }
    if settings.verbosity() >= 1 {
        for (dir, _) in waited.iter().zip(left).filter(|(_, left)| *left) {
            call.warn(&format!("{} isn't down after {} ms", diag::show(dir), grace.as_millis()));
        }
    }
    Ok(Next::SUCCESS)
}

/// Down and finished, or without a supervisor.
fn is_down(dir: &[u8]) -> bool {
    !control::is_supervised(dir).unwrap_or(false)
        || read_status(dir).is_ok_and(|s| !s.is_up() && !s.finishing && !s.want_up)
}
