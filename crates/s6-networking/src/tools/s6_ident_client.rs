//! `s6-ident-client`: asks a host which of its users owns a connection.

use crate::address;
use crate::ident::{Answer, ask};
use rustix::io::Errno;
use tool::clock::deadline;
use tool::{Call, Fatal, Opt, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-ident-client",
    summary: "ask a host which of its users owns a connection",
    operands: "remoteaddr remoteport localaddr localport",
    options: &[Opt::value(
        't',
        "millisecs",
        "give up after this many milliseconds, with code 99; default: never",
    )],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let deadline = deadline(options.number('t')?);
    let words = (call.shift()?, call.shift()?, call.shift()?, call.shift()?);
    let remote = address::operands(&words.0, &words.1)?;
    let local = address::operands(&words.2, &words.3)?;
    if remote.is_ipv4() != local.is_ipv4() {
        return Err(Fatal::user("the addresses are not of the same family"));
    }
    match ask(remote, local, deadline) {
        Ok(Answer::User(name)) => {
            let mut out = Out::new();
            out.line(&name)?;
            out.finish()
        }
        Ok(Answer::Refusal(refusal)) => Err(Fatal::new(1, format_args!("the server says: {refusal}"))),
        Err(e) => {
            let code = if e == Errno::TIMEDOUT { 99 } else { 111 };
            Err(Fatal::unable(format_args!("ask {}", wire::ip::text(remote.ip())), e).with_code(code))
        }
    }
}
