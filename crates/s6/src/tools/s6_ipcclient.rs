//! `s6-ipcclient`: connects to a Unix socket, then runs a program with the connection as descriptors 6 and 7.

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, socket_with};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-ipcclient",
    summary: "run a program on a connection to a Unix socket",
    operands: "path prog...",
    options: &[
        Opt::flag('q', "be quiet"),
        Opt::flag('Q', "be normally verbose (default)"),
        Opt::flag('v', "be verbose"),
        Opt::value('p', "localpath", "bind this end of the connection to this path"),
        Opt::value('l', "localname", "the value of IPCLOCALPATH"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let path = call.shift()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let flags = SocketFlags::CLOEXEC;
    let socket =
        socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).or_unable(|| "make a socket")?;
    if let Some(local) = options.get('p') {
        let bound = ipc::unix_socket::address(local).and_then(|address| bind(&socket, &address));
        bound.or_unable_to("bind to", local)?;
    }
    let connected = SocketAddrUnix::new(path.as_slice()).and_then(|address| connect(&socket, &address));
    connected.or_unable_to("connect to", &path)?;
    if options.last_of("qQv") == Some('v') {
        call.info(format_args!("connected to {}", diag::show(&path)));
    }
    sys::fd::place(socket, 6)
        .and_then(|()| sys::fd::copy(6, 7))
        .or_unable(|| "place the connection at descriptors 6 and 7")?;
    let mut env = call.take_env();
    env.set(b"PROTO", b"IPC");
    env.set(b"IPCLOCALPATH", options.get('l').or(options.get('p')).unwrap_or_default());
    Next::run(call.take_args(), env)
}
