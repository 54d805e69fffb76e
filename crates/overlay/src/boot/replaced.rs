//! Parts of the boot that an image replaced by programs of its own.

use crate::boot::prepare::{Owner, make_folders};
use crate::layout::{PREINIT, SKELETON, STAGE_SCRIPTS, STAGE0};
use crate::pid1::lifecycle::SIGNALS;
use crate::program;
use crate::texts::{State, is_replaced, state};
use crate::tools::block_env;
use sys::signal;
use tool::{Call, Env, Fatal, Next, OrUnable, Outcome, Program};

/// Runs the image's own preinit in place of ours; `false` if there is none.
///
/// # Errors
/// It failed.
pub(crate) fn preinit(call: &Call, owner: Owner) -> Result<bool, Fatal> {
    if !is_replaced(PREINIT) {
        return Ok(false);
    }
    let effective = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let env = block_env(&call.env, (owner.uid, owner.gid), effective);
    let ended = program::run(&[PREINIT.into()], &env, &[]).or_unable(|| format!("execute {PREINIT}"))?;
    let code = ended.code();
    if code != 0 {
        return Err(Fatal::new(code, format_args!("{PREINIT} failed with exit code {code}")));
    }
    make_folders(call, owner)?;
    Ok(true)
}

/// Goes on to the image's own stage0 in place of ours; `None` if there is none.  It needs to be process 1, as it is
/// `first`.
pub(crate) fn stage0(call: &mut Call, first: bool) -> Option<Outcome> {
    if !is_replaced(STAGE0) {
        return None;
    }
    if !first {
        call.warn(format_args!(
            "{STAGE0}, which isn't the overlay's own, isn't run: it works as process 1 only"
        ));
        return None;
    }
    let argv = std::iter::once(STAGE0.into()).chain(call.take_args()).collect();
    release_signals();
    Some(Next::run(argv, call.take_env()))
}

/// Lets the image's own stage0 have the signals that were kept for the host; without one, nothing.
pub(crate) fn release_signals() {
    if is_replaced(STAGE0) {
        signal::unblock(&signal::Set::of(&SIGNALS));
    }
}

/// Whether the image's own script takes the place of a stage: `rc.init` or `rc.shutdown`.
pub(crate) fn has_script(name: &str) -> bool {
    state(&format!("{STAGE_SCRIPTS}/{name}"), &format!("{SKELETON}/{name}")) == State::Replaced
}

/// Becomes that script.  Where /run can't hold programs, the file that the script is a copy of is executed.
pub(crate) fn become_script(name: &str, arguments: Vec<Vec<u8>>, env: Env) -> Outcome {
    let program = |folder: &str, env: Env| {
        let file = format!("{folder}/{name}").into_bytes();
        let argv = std::iter::once(file.clone()).chain(arguments.iter().cloned()).collect();
        Program::new(file, argv, env)
    };
    let otherwise = Box::new(Next::Run(program(SKELETON, env.clone())));
    Ok(Next::Try(program(STAGE_SCRIPTS, env), otherwise))
}
