//! `s6-dnsqr`: asks caches and prints the whole answer.

use super::TIMEOUT;
use super::debug::{self, LEVEL, TO_STDERR, TO_STDOUT};
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
    let question = debug::question(call, true)?;
    let conf = ResolvConf::read(&call.env)?;
    debug::ask(&options, question, conf.servers())
}
