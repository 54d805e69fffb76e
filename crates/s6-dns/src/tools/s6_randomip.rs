//! `s6-randomip`: prints random addresses.

use std::net::{Ipv4Addr, Ipv6Addr};
use tool::{Call, Opt, OrUnable, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-randomip",
    summary: "print random addresses",
    operands: "",
    options: &[
        Opt::flag('4', "IPv4 addresses (default)"),
        Opt::flag('6', "IPv6 addresses; with -4: both kinds"),
        Opt::value('n', "max", "print max addresses; default: without end"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let (v4, v6) = (options.has('4'), options.has('6'));
    let mut left = options.number::<u32>('n')?;
    let mut out = Out::new();
    let mut pool = [0; 4080];
    loop {
        sys::random::fill(&mut pool).or_unable(|| "get random numbers")?;
        for chunk in pool.as_chunks::<17>().0 {
            if left == Some(0) {
                return out.finish();
            }
            left = left.map(|left| left - 1);
            let [choice, a, b, c, d, ..] = *chunk;
            let [_, long @ ..] = *chunk;
            let ip = if v6 && (!v4 || choice % 2 == 0) {
                Ipv6Addr::from(long).into()
            } else {
                Ipv4Addr::new(a, b, c, d).into()
            };
            out.line(wire::ip::text(ip).as_bytes())?;
        }
    }
}
