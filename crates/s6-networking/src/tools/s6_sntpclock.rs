//! `s6-sntpclock`: writes the difference between the local clock and that of an NTP server.

use crate::sntp;
use crate::time_client::{self, OPTIONS, Protocol};
use rustix::io::Errno;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-sntpclock",
    summary: "compare the clock with an NTP server's",
    operands: "ipaddress",
    options: OPTIONS,
    role: Role::Stay,
    main: |call| time_client::main(call, &SNTP),
};

const SNTP: Protocol = Protocol {
    name: "SNTP",
    port: 123,
    // Half of an era of time stamps, halved: about 34 years.
    reach: 1_072_224_000,
    query: |now| sntp::query(now).ok_or(Errno::OVERFLOW),
    answer: sntp::answer,
};
