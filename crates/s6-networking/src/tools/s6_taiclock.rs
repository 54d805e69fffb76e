//! `s6-taiclock`: writes the difference between the local clock and that of a TAICLOCK server.

use crate::taiclock;
use crate::time_client::{self, OPTIONS, Protocol};
use rustix::rand::{GetRandomFlags, getrandom};
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
    port: 4014,
    // 272 years: nobody's clock is that wrong.
    reach: 2 << 32,
    query: |now| {
        let mut cookie = [0; 8];
        // So few bytes come at once.
        getrandom(&mut cookie, GetRandomFlags::empty())?;
        Ok(taiclock::query(now, cookie))
    },
    answer: |query, packet| taiclock::answer(query, packet).map(|told| (told, told)),
};
