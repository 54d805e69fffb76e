//! `cont-init`: runs the scripts of cont-init.d; the oneshot legacy-cont-init runs it.

use crate::child;
use crate::environment::settings::{Behaviour, Settings};
use crate::legacy::scripts;
use tool::path::join;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool, diag, exec_failure};

pub static TOOL: Tool = Tool {
    name: "cont-init",
    summary: "run the scripts of cont-init.d",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let settings = Settings::new(&call.env);
    let verbosity = settings.verbosity();
    let folder = join(&settings.etc(), b"cont-init.d");
    let names = scripts::list(&folder).or_unable_to("read", &folder)?;
    let mut failed = false;
    for name in names {
        let script = join(&folder, &name);
        let shown = diag::show(&script);
        if verbosity >= 2 {
            call.info(&format!("running {shown}"));
        }
        let code = match child::run(std::slice::from_ref(&script), &call.env, &[]) {
            Ok(code) => {
                if code != 0 && verbosity >= 1 {
                    call.warn(&format!("{shown} exited {code}"));
                } else if verbosity >= 2 {
                    call.info(&format!("{shown} exited 0"));
                }
                code
            }
            Err(e) => {
                call.warn(&format!("unable to run {shown}: {}", exec_failure::explain_word(&script, e)));
                child::failure_code(e)
            }
        };
        failed |= code != 0;
    }
    // Looked up again: a script may have changed them.
    let behaviour = settings.behaviour();
    if failed && behaviour != Behaviour::GoOn && settings.verbosity() >= 1 {
        call.warn("some scripts exited nonzero");
    }
    if failed && behaviour == Behaviour::Stop { Err(Fatal::silent(1)) } else { Ok(Next::SUCCESS) }
}
