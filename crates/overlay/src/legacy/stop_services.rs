//! services.d: takes the service directories out of the scandir and waits for their services.

use crate::environment::settings::Settings;
use crate::environment::variables::S6_SERVICES_GRACETIME;
use crate::layout::{LEGACY_SERVICES, SCANDIR};
use crate::legacy::scripts;
use rustix::io::Errno;
use supervision::asking::Asking;
use supervision::control;
use supervision::status::read_status;
use supervision::watch::Watch;
use tool::clock;
use tool::path::join;
use tool::{Next, OrUnable, Outcome, diag};
use wire::control::ScanCommand;
use wire::fifodir::ServiceEvent;

/// Stops the services; waits at most S6_SERVICES_GRACETIME until all are down.  `name` is that of the program in warnings.
///
/// # Errors
/// The folder of the copies can't be read, or nothing can be waited for: 111.
pub(crate) fn stop_services(settings: &Settings<'_>, name: &str) -> Outcome {
    let names = scripts::list(LEGACY_SERVICES.as_bytes()).or_unable(|| format!("read {LEGACY_SERVICES}"))?;
    let mut watch = Watch::new().or_unable(|| "make a poller")?;
    let mut services = Vec::new();
    for name in names {
        let dir = join(LEGACY_SERVICES.as_bytes(), &name);
        for dir in [join(&dir, b"log"), dir] {
            match watch.add(&join(&dir, b"event")) {
                Ok(index) => services.push((dir, Some(index))),
                // It was never supervised.
                Err(Errno::NOENT) => {}
                // Its status has to do, as on a full disk.
                Err(_) => services.push((dir, None)),
            }
        }
        let _ = sys::fs::unlink(join(SCANDIR.as_bytes(), &name));
    }
    if services.is_empty() {
        return Ok(Next::SUCCESS);
    }
    // The states are read after the subscription, so no event is missed, and before the services are told: from then on
    // events tell, and a supervisor that is killed and replaced isn't missing.
    services.retain(|(dir, _)| !is_down(dir));
    if control::send_to_host(SCANDIR.as_bytes(), &[ScanCommand::Scan, ScanCommand::Prune]).is_err() {
        return Ok(Next::SUCCESS);
    }
    let grace = settings.time(S6_SERVICES_GRACETIME);
    let begin = clock::now();
    let deadline = begin.saturating_add(grace);
    let mut asking = Asking::new(begin, services.iter().all(|(_, index)| index.is_some()));
    while !services.is_empty() {
        let until = deadline.min(asking.at());
        match watch.next(Some(until)).or_unable(|| "wait for services")? {
            Some((index, letters)) => {
                if [ServiceEvent::DownReady, ServiceEvent::Exit].iter().any(|event| event.is_in(&letters)) {
                    services.retain(|(_, own)| *own != Some(index));
                }
            }
            None if clock::now() >= deadline => break,
            None => {
                asking = asking.next(clock::now());
                services.retain(|(dir, _)| !is_down(dir));
            }
        }
    }
    if settings.verbosity() >= 1 {
        for (dir, _) in &services {
            let (dir, grace) = (diag::show(dir), grace.as_millis());
            diag::warn(
                name,
                format_args!("{dir} isn't down after {grace} ms, which is {S6_SERVICES_GRACETIME}"),
            );
        }
    }
    Ok(Next::SUCCESS)
}

/// Whether the service is down and its `finish` has ended, or it has no supervisor.
fn is_down(dir: &[u8]) -> bool {
    !control::is_supervised(dir).unwrap_or(false)
        || read_status(dir).is_ok_and(|s| !s.is_up() && !s.finishing && !s.want_up)
}
