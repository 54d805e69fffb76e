//! `s6-taiclock`: writes the difference between the local clock and a TAICLOCK server's.

use crate::taiclock;
use crate::time_client::{self, OPTIONS, Protocol};
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-taiclock",
    summary: "compare the clock with a TAICLOCK server's",
    operands: "ipaddress",
    options: OPTIONS,
    role: Role::Stay,
    main: |call| time_client::main(call, &TAICLOCK),
};

const TAICLOCK: Protocol = Protocol {
    name: "TAICLOCK",
    port: taiclock::PORT,
    // 272 years.
    max_difference: 2 << 32,
    query: |now| {
        let mut cookie = [0; 8];
        sys::random::fill(&mut cookie)?;
        Ok(taiclock::query(now, cookie))
    },
    answer: |query, packet| taiclock::answer(query, packet).map(|time| (time, time)),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taiclock_servers_have_port_4014_and_differences_of_272_years() {
        assert_eq!((TAICLOCK.name, TAICLOCK.port), ("TAICLOCK", 4014));
        assert_eq!(TAICLOCK.max_difference, 1 << 33);
        let query = (TAICLOCK.query)(wire::tai::Tai64n::default()).unwrap();
        assert_ne!(query, (TAICLOCK.query)(wire::tai::Tai64n::default()).unwrap(), "cookies are random");
    }
}
