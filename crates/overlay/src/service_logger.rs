//! The usual logger of a service: `s6-log` as nobody, with the container's logging script.

use crate::boot::catch_all;
use crate::environment::settings::Settings;
use crate::environment::variables::{S6_LOGGING_SCRIPT, TZ};
use crate::log_access;
use ipc::identity;
use sys::credential::Identity;
use tool::{Call, Env, Fatal, Next, OrUnable, Outcome, Program};

/// The user id and group id of the logger if there is no account named nobody.
const OVERFLOW_ID: u32 = 65534;

/// Becomes the logger of a directory.
pub(crate) fn become_logger(call: &Call, dir: Vec<u8>) -> Outcome {
    let settings = Settings::new(&call.env);
    let mut script = settings.directives(S6_LOGGING_SCRIPT);
    let mut env = Env::new();
    if let Some(zone) = catch_all::time_zone(&settings, &script) {
        env.set(TZ.bytes(), &zone);
    }
    script.push(dir.clone());
    logger::check_script(&script).map_err(|why| Fatal::user(format_args!("{S6_LOGGING_SCRIPT}: {why}")))?;
    let argv = [&b"s6-log"[..], b"-b", b"--"].map(<[u8]>::to_vec).into_iter().chain(script).collect();
    // Without root's rights it can't change the user.
    if rustix::process::geteuid().is_root() {
        identity::assume(&nobody()?)?;
    }
    log_access::check(&dir)?;
    Ok(Next::Run(Program::new(tool::tool_file("s6-log"), argv, env)))
}

/// The identity of nobody.
fn nobody() -> Result<Identity, Fatal> {
    if let Some(nobody) = sys::account::user(b"nobody").or_unable(|| "read /etc/passwd")? {
        return identity::of_account(&nobody);
    }
    Ok(Identity { uid: Some(OVERFLOW_ID), gid: Some(OVERFLOW_ID), groups: Some(Vec::new()) })
}
