//! `cont-init`: runs the scripts of cont-init.d; the oneshot legacy-cont-init runs it.

use crate::settings::Settings;
use crate::{child, scripts};
use tool::path::join;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool, diag};

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
    let names = scripts::list(&folder).or_unable(|| format!("read {}", diag::show(&folder)))?;
    let mut failed = false;
    for name in names {
        let script = join(&folder, &name);
        let shown = diag::show(&script);
        if verbosity >= 2 {
            call.info(&format!("running {shown}"));
        }
        let code = child::run(std::slice::from_ref(&script), &call.env).unwrap_or_else(|e| {
            call.warn(&format!("unable to run {shown}: {}", sys::strerror(e)));
            child::failure_code(e)
        });
        if verbosity >= 2 {
            call.info(&format!("{shown} exited {code}"));
        }
        failed |= code != 0;
    }
    // Looked up again: a script may have changed them.
    let behaviour = settings.behaviour();
    if failed && behaviour > 0 && settings.verbosity() >= 1 {
        call.warn("some scripts exited nonzero");
    }
    if failed && behaviour >= 2 { Err(Fatal::silent(1)) } else { Ok(Next::SUCCESS) }
}
