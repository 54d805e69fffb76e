//! cont-init.d: scripts that run one after another, before the services of services.d are started.

use crate::environment::settings::{Behaviour, Settings};
use crate::legacy::scripts;
use crate::program;
use supervision::board::{RECORD, Recorder};
use sys::process::Ended;
use sys::signal::{PIPE, set_interrupting};
use tool::path::join;
use tool::{Call, Fatal, Next, OrUnable, Outcome, diag, exec_failure};
use wire::record::{Kind, Ring};

/// Runs the scripts in byte order.
///
/// # Errors
/// The folder can't be read: 111. A script failed, and S6_BEHAVIOUR_IF_STAGE2_FAILS says that the container stops then: 1.
pub(crate) fn run_scripts(call: &Call) -> Outcome {
    // The scripts run, too, if the reader of its messages is gone.
    let _ = set_interrupting(PIPE);
    let settings = Settings::new(&call.env);
    let verbosity = settings.verbosity();
    let folder = join(&settings.etc(), b"cont-init.d");
    let names = scripts::list(&folder).or_unable_to("read", &folder)?;
    let mut failed = false;
    let mut record = Recorder::open(RECORD.as_bytes(), Ring::Scripts);
    for name in names {
        record.tell(Kind::ScriptBegan, &name, 1, 0);
        let script = join(&folder, &name);
        let shown = diag::show(&script);
        if verbosity >= 2 {
            call.info(format_args!("running {shown}"));
        }
        let ended = program::run(std::slice::from_ref(&script), &call.env, &[]);
        record.tell(Kind::ScriptEnded, &name, 1, ended.map_or(u16::MAX, Ended::wstat));
        let code = match ended {
            Ok(ended) => {
                let text = format!("{shown} {}", exec_failure::explain_end(ended));
                if ended.code() != 0 && verbosity >= 1 {
                    call.warn(&text);
                } else if verbosity >= 2 {
                    call.info(&text);
                }
                ended.code()
            }
            Err(e) => {
                call.warn(format_args!("unable to run {shown}: {}", exec_failure::explain_word(&script, e)));
                program::failure_code(e)
            }
        };
        failed |= code != 0;
    }
    // Read again: a script may have changed the variables.
    let behaviour = settings.behaviour();
    if failed && behaviour != Behaviour::GoOn && settings.verbosity() >= 1 {
        call.warn("some scripts exited nonzero");
    }
    if failed && behaviour == Behaviour::Stop { Err(Fatal::silent(1)) } else { Ok(Next::SUCCESS) }
}
