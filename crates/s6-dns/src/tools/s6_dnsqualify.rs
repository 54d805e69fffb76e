//! `s6-dnsqualify`: prints the names that a short name may stand for.

use crate::name::Name;
use crate::resolv_conf::ResolvConf;
use tool::{Call, Fatal, Out, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-dnsqualify",
    summary: "print the names that a short name may stand for",
    operands: "domain",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.only_operands()?;
    let text = call.shift()?;
    if Name::from_text(&text).is_none() {
        return Err(Fatal::user(format_args!("{} is no domain name", diag::show(&text))));
    }
    let conf = ResolvConf::read(&call.env, &|text| call.warn(text))?;
    let names = Name::qualify(&text, conf.search_list()).ok_or_else(|| {
        Fatal::new(111, format_args!("unable to qualify {}: a suffix makes it too long", diag::show(&text)))
    })?;
    let mut out = Out::new();
    for name in names {
        out.line(&name.text())?;
    }
    out.finish()
}
