//! `s6-dnsq`: asks authoritative servers and prints the whole answer.

use crate::debug_query::{self, LEVEL, TO_STDERR, TO_STDOUT};
use crate::look_up::TIMEOUT;
use crate::query::Schedule;
use crate::resolv_conf::{address, is_separator};
use tool::{Call, Fatal, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-dnsq",
    summary: "ask authoritative DNS servers a question and print the whole answer",
    operands: "qtype domain serverlist...",
    options: &[TO_STDOUT, TO_STDERR, TIMEOUT, LEVEL],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let question = debug_query::question(call, false)?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let mut servers = Vec::new();
    for list in &call.args {
        for word in list.split(|b| is_separator(*b)).filter(|word| !word.is_empty()) {
            servers.push(address(word).ok_or_else(|| {
                Fatal::user(format_args!(
                    "{} is no IP address: give the servers' addresses",
                    diag::show(word)
                ))
            })?);
        }
    }
    debug_query::ask(&options, question, &servers, Schedule::default())
}
