//! `s6-ipcserver-socketbinder`: runs a program whose standard input is a listening Unix socket.

use ipc::server_options::{BACKLOG_OR_NONE, DEFAULT_BACKLOG, PERMISSIONS, TAKE_NO_PLACE, TAKE_PLACE};
use ipc::unix_socket::bind_to;
use rustix::net::{AddressFamily, SocketFlags, SocketType, listen, socket_with};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-ipcserver-socketbinder",
    summary: "run a program on a bound Unix socket",
    operands: "path prog...",
    options: &[
        TAKE_PLACE,
        TAKE_NO_PLACE,
        BACKLOG_OR_NONE,
        Opt::flag('M', "make a stream socket (default)"),
        Opt::flag('m', "make a datagram socket"),
        PERMISSIONS,
        Opt::flag('B', "leave the socket in blocking mode"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let backlog = options.number::<u32>('b')?.unwrap_or(DEFAULT_BACKLOG);
    let permissions = match options.get('a') {
        None => 0o777,
        Some(word) => number::octal(word).filter(|m| *m <= 0o777).ok_or_else(Fatal::usage)?,
    };
    let path = call.shift()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let kind = if options.last_of("mM") == Some('m') { SocketType::DGRAM } else { SocketType::STREAM };
    let mut flags = SocketFlags::CLOEXEC;
    flags.set(SocketFlags::NONBLOCK, !options.has('B'));
    let socket = socket_with(AddressFamily::UNIX, kind, flags, None).or_unable(|| "make a socket")?;
    bind_to(&socket, &path, permissions, options.last_of("dD") != Some('D'))
        .or_unable_to("bind to", &path)?;
    if backlog > 0 {
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        listen(&socket, backlog).or_unable_to("listen on", &path)?;
    }
    sys::fd::place(socket, 0).or_unable(|| "move the socket to standard input")?;
    let env = call.take_env();
    Next::run(call.take_args(), env)
}
