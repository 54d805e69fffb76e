//! cont-finish.d: scripts that run one after another when the container stops.

use crate::environment::settings::Settings;
use crate::environment::variables::S6_KILL_FINISH_MAXTIME;
use crate::legacy::scripts;
use crate::limits::MESSAGE_LIMIT;
use crate::program;
use supervision::board::{RECORD, Recorder};
use sys::signal::{KILL, PIPE, set_interrupting};
use tool::path::join;
use tool::{Call, Next, OrUnable, Outcome, diag, exec_failure};
use wire::record::{Kind, Ring};

/// Runs the scripts in byte order; each is killed after S6_KILL_FINISH_MAXTIME.
///
/// # Errors
/// The folder can't be read: 111.
pub(crate) fn run_scripts(call: &Call) -> Outcome {
    // The scripts run, too, if the reader of its messages is gone.
    let _ = set_interrupting(PIPE);
    // The stop doesn't wait long for a reader of its messages.
    diag::set_reader_limit(Some(MESSAGE_LIMIT));
    let settings = Settings::new(&call.env);
    let verbosity = settings.verbosity();
    let limit = settings.limit(S6_KILL_FINISH_MAXTIME);
    let folder = join(&settings.etc(), b"cont-finish.d");
    let names = scripts::list(&folder).or_unable_to("read", &folder)?;
    let mut record = Recorder::open(RECORD.as_bytes(), Ring::Scripts);
    for name in names {
        record.tell(Kind::ScriptBegan, &name, 0, 0);
        let script = join(&folder, &name);
        let shown = diag::show(&script);
        if verbosity >= 2 {
            call.info(format_args!("running {shown}"));
        }
        let ended = program::start(std::slice::from_ref(&script), &call.env, &[])
            .and_then(|pid| program::wait_at_most(pid, limit, KILL));
        record.tell(Kind::ScriptEnded, &name, 0, ended.map_or(u16::MAX, |(ended, _)| ended.wstat()));
        match ended {
            Ok((_, true)) => {
                call.warn(format_args!("{shown} took longer than {S6_KILL_FINISH_MAXTIME} and was killed"))
            }
            Ok(_) => {}
            Err(e) => {
                call.warn(format_args!("unable to run {shown}: {}", exec_failure::explain_word(&script, e)));
            }
        }
    }
    Ok(Next::SUCCESS)
}
