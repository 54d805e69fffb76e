//! `s6-linux-init-logouthookd`: cleans up utmp when the client, a user's session, disconnects.

use crate::utmp;
use rustix::io::Errno;
use rustix::stdio::stdin;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-linux-init-logouthookd",
    summary: "clean up utmp when the client disconnects",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

/// The exit code if the client isn't root.
const DENIED: u8 = 1;

/// The exit code if the client sends data.
const MISUSED: u8 = 2;

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let client = rustix::net::sockopt::socket_peercred(stdin()).or_unable(|| "identify the client")?;
    if !client.uid.is_root() {
        return Err(Fatal::new(DENIED, "the client is not root"));
    }
    loop {
        match rustix::io::read(stdin(), &mut [0; 1]) {
            Err(Errno::INTR) => {}
            Ok(0) | Err(Errno::CONNRESET) => break,
            Ok(_) => return Err(Fatal::new(MISUSED, "the client wrote something")),
            Err(e) => return Err(Fatal::unable("read from the client", e)),
        }
    }
    utmp::record_logout(client.pid.as_raw_nonzero().get()).or_unable(|| "write the record of the logout")?;
    Ok(Next::SUCCESS)
}
