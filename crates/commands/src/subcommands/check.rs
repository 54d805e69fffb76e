//! `s6-overlay check`: what is wrong with an image's definitions, found while it is built.
//!
//! The compiler's checks, on what a start would compile.  Everything else is `s6-overlay-dev`'s.

use overlay::boot::definitions;
use overlay::environment::settings::Settings;
use s6_rc::compile::print_report;
use s6_rc::diagnostic::Severity;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-overlay check",
    summary: "check the image's service definitions, in its build",
    operands: "",
    options: &[Opt::value('d', "what", "fail also if there are warnings: `warnings`").long("deny")],
    role: Role::Stay,
    main,
};

/// The verbosity that shows everything.
const ALL: u32 = 2;

fn main(call: &mut Call) -> Outcome {
    let options = call.options_anywhere()?;
    let lowest = match options.get('d') {
        None => Severity::Error,
        Some(b"warnings") => Severity::Warning,
        Some(_) => return Err(Fatal::usage()),
    };
    if !call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let mut warned = false;
    let settings = Settings::of_container(&call.env);
    let found = definitions::check(&settings, &mut |text| {
        tool::diag::warn(TOOL.name, text);
        warned = true;
    })?;
    print_report(TOOL.name, ALL, &found);
    let is_denied = found.iter().any(|d| d.severity >= lowest) || warned && lowest == Severity::Warning;
    Ok(if is_denied { Next::Exit(1) } else { Next::SUCCESS })
}
