//! `cont-finish`: runs the scripts of cont-finish.d; the oneshot legacy-cont-init runs it when it goes down.

use crate::child;
use crate::environment::settings::Settings;
use crate::environment::variables::S6_KILL_FINISH_MAXTIME;
use crate::legacy::scripts;
use crate::limits::MESSAGE_LIMIT;
use sys::signal::KILL;
use tool::path::join;
use tool::{Call, Next, OrUnable, Outcome, Role, Tool, diag, exec_failure};

pub static TOOL: Tool = Tool {
    name: "cont-finish",
    summary: "run the scripts of cont-finish.d",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    // The end isn't to wait for a reader.
    diag::set_reader_limit(Some(MESSAGE_LIMIT));
    let settings = Settings::new(&call.env);
    let verbosity = settings.verbosity();
    let limit = settings.limit(S6_KILL_FINISH_MAXTIME);
    let folder = join(&settings.etc(), b"cont-finish.d");
    let names = scripts::list(&folder).or_unable_to("read", &folder)?;
    for name in names {
        let script = join(&folder, &name);
        let shown = diag::show(&script);
        if verbosity >= 2 {
            call.info(&format!("running {shown}"));
        }
        let ended = child::start(std::slice::from_ref(&script), &call.env, &[])
            .and_then(|pid| child::wait_at_most(pid, limit, KILL));
        match ended {
            Ok((_, true)) => {
                call.warn(&format!("{shown} took longer than {S6_KILL_FINISH_MAXTIME} and was killed"))
            }
            Ok(_) => {}
            Err(e) => {
                call.warn(&format!("unable to run {shown}: {}", exec_failure::explain_word(&script, e)));
            }
        }
    }
    Ok(Next::SUCCESS)
}
