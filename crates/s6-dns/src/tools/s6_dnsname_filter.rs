//! `s6-dnsname-filter`: adds names to the addresses that lines begin with.

use crate::filter::{CONNECTIONS, ERROR, LINES, NORMAL, address_at_start, run};
use crate::look_up::TIMEOUT;
use crate::record::PTR;
use tool::{Call, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-dnsname-filter",
    summary: "add names to the addresses that lines begin with",
    operands: "",
    options: &[
        Opt::flag('4', "IPv4 addresses (default)"),
        Opt::flag('6', "IPv6 addresses; with -4: both"),
        LINES,
        CONNECTIONS,
        TIMEOUT,
        NORMAL,
        ERROR,
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let (v4, v6) = (options.has('4') || !options.has('6'), options.has('6'));
    run(call, &options, PTR, |line| address_at_start(line, |ip| if ip.is_ipv4() { v4 } else { v6 }))
}
