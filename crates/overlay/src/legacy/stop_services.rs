//! services.d: takes the service directories out of the scandir and waits for their services.

use crate::environment::settings::Settings;
use crate::environment::variables::S6_SERVICES_GRACETIME;
use crate::layout::{LEGACY_SERVICES, SCANDIR};
use crate::legacy::scripts;
use supervision::control;
use supervision::status::read_status;
use supervision::watch::Watch;
use tool::clock;
use tool::path::join;
use tool::{Call, Next, OrUnable, Outcome, diag};
use wire::control::ScanCommand;
use wire::fifodir::ServiceEvent;

/// Stops the services; waits at most S6_SERVICES_GRACETIME until all are down.
///
/// # Errors
/// The folder of the copies can't be read, or nothing can be waited for: 111.
pub(crate) fn stop_services(call: &Call) -> Outcome {
    let settings = Settings::new(&call.env);
    let names = scripts::list(LEGACY_SERVICES.as_bytes()).or_unable(|| format!("read {LEGACY_SERVICES}"))?;
    let mut watch = Watch::new().or_unable(|| "make a poller")?;
    let mut services = Vec::new();
    for name in names {
        let dir = join(LEGACY_SERVICES.as_bytes(), &name);
        for dir in [join(&dir, b"log"), dir] {
            // A service without a fifodir was never supervised.
            if watch.add(&join(&dir, b"event")).is_ok() {
                services.push(dir);
            }
        }
        let _ = sys::fs::unlink(join(SCANDIR.as_bytes(), &name));
    }
    if services.is_empty()
        || control::send_to_host(SCANDIR.as_bytes(), &[ScanCommand::Scan, ScanCommand::Prune]).is_err()
    {
        return Ok(Next::SUCCESS);
    }
    let grace = settings.time(S6_SERVICES_GRACETIME);
    let deadline = clock::now().saturating_add(grace);
    // The states are read after the subscription, so no event is missed.
    let mut is_pending: Vec<bool> = services.iter().map(|dir| !is_down(dir)).collect();
    while is_pending.contains(&true) {
        let Some((index, letters)) = watch.next(Some(deadline)).or_unable(|| "wait for services")? else {
            break;
        };
        if [ServiceEvent::DownReady, ServiceEvent::Exit].iter().any(|event| event.is_in(&letters))
            && let Some(slot) = is_pending.get_mut(index)
        {
            *slot = false;
        }
    }
    if settings.verbosity() >= 1 {
        for (dir, _) in services.iter().zip(is_pending).filter(|(_, is_pending)| *is_pending) {
            let (dir, grace) = (diag::show(dir), grace.as_millis());
            call.warn(&format!("{dir} isn't down after {grace} ms, which is {S6_SERVICES_GRACETIME}"));
        }
    }
    Ok(Next::SUCCESS)
}

/// Whether the service is down and its `finish` has ended, or it has no supervisor.
fn is_down(dir: &[u8]) -> bool {
    !control::is_supervised(dir).unwrap_or(false)
        || read_status(dir).is_ok_and(|s| !s.is_up() && !s.finishing && !s.want_up)
}
