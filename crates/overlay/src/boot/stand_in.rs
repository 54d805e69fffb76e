//! The first process of a container where it isn't process 1 of the pid namespace.

use crate::environment::settings::Settings;
use crate::layout::SCANDIR;
use supervision::control;
use tool::{Call, Fatal, OrUnable, diag};

/// Makes this process the reaper of all its descendants, which are what it stops at the end.
///
/// # Errors
/// 100 if another container's first process uses the same /run.
pub(crate) fn stand_in(call: &Call) -> Result<(), Fatal> {
    if control::send_to_host(SCANDIR.as_bytes(), &[]).is_ok() {
        return Err(Fatal::user("another container's first process already runs on /run/service"));
    }
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .or_unable(|| "become the reaper of all descendants")?;
    if Settings::of_container(&call.env).verbosity() > 0 {
        call.warn(format_args!(
            "not process 1, which is {}: at the end, only the processes that began here are stopped",
            first_process()
        ));
    }
    Ok(())
}

/// The name of process 1, with the likely reason.
fn first_process() -> String {
    const INITS: &[&str] = &["docker-init", "tini", "catatonit", "dumb-init", "podman-init", "init"];
    let name = std::fs::read("/proc/1/comm").unwrap_or_default();
    let name = diag::shown(name.trim_ascii_end());
    match name.as_str() {
        "" => "of the container engine".to_owned(),
        "pause" => "pause (a pod with a shared pid namespace)".to_owned(),
        "systemd" => "systemd (the pid namespace of the machine)".to_owned(),
        name if INITS.contains(&name) => format!("{name} (the container engine's own init)"),
        name => name.to_owned(),
    }
}
