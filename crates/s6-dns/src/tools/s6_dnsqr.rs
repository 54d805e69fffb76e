//! `s6-dnsqr`: asks caches and prints the whole answer.

use crate::debug_query::{self, LEVEL, TO_STDERR, TO_STDOUT};
use crate::look_up::TIMEOUT;
use crate::resolv_conf::ResolvConf;
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-dnsqr",
    summary: "ask the DNS a question and print the whole answer",
    operands: "qtype domain",
    options: &[TO_STDOUT, TO_STDERR, TIMEOUT, LEVEL],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let question = debug_query::question(call, true)?;
    let conf = ResolvConf::read(&call.env, &|text| call.warn(text))?;
    debug_query::ask(&options, question, conf.servers(), conf.schedule)
}
