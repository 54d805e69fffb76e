//! `s6-sntpclock`: writes the difference between the local clock and an NTP server's.

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
    // About 34 years, a quarter of an era of time stamps.
    max_difference: 1_072_224_000,
    query: |now| sntp::query(now).ok_or(Errno::OVERFLOW),
    answer: sntp::answer,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_servers_have_port_123_and_differences_of_34_years() {
        assert_eq!((SNTP.name, SNTP.port), ("SNTP", 123));
        assert_eq!(SNTP.max_difference, 34 * 365 * 86_400);
    }
}
