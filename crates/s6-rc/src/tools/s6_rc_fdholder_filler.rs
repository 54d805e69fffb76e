//! `s6-rc-fdholder-filler`: makes pipes for longruns, whose names it reads, and has the fd holder on descriptor 6 keep
//! both ends of each.
//!
//! Nothing in this project calls it: the host of the scan directory keeps the pipes of our services.  It is for users who run an fd holder for their own pipes.

use ipc::fdholder::{Connection, Held};
use rustix::pipe::{PipeFlags, pipe_with};
use std::rc::Rc;
use tool::clock;
use tool::{Call, Fatal, Input, Next, Opt, OrUnable, Out, Outcome, Role, Tool, diag};
use wire::fdholder::{Entry, ID_MAX, never};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-fdholder-filler",
    summary: "fill an fd holder with the pipes of the longruns that standard input names",
    operands: "",
    options: &[
        Opt::flag('1', "write a newline to standard output when done"),
        Opt::value('t', "timeout", "give up after this many milliseconds"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let deadline = clock::deadline(options.number('t')?);
    let names = names()?;
    if !names.is_empty() {
        let socket = sys::fd::adopt(6).or_unable(|| "use descriptor 6")?;
        let limit = never(clock::wall());
        let mut dump = Vec::new();
        for name in &names {
            let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).or_unable(|| "make a pipe")?;
            for (end, fd) in [("r", reader), ("w", writer)] {
                dump.push(Held { entry: Entry { limit, id: identifier(end, name)? }, fd: Rc::new(fd) });
            }
        }
        Connection::on(socket, deadline).set_dump(&dump).or_unable(|| "hand the pipes over")?;
    }
    let mut out = Out::new();
    if options.has('1') {
        out.line(b"")?;
    }
    out.flush()?;
    Ok(Next::SUCCESS)
}

/// The identifier that an end of the pipe is held under.
fn identifier(end: &str, name: &[u8]) -> Result<Vec<u8>, Fatal> {
    let id = [b"pipe:s6rc-", end.as_bytes(), b"-", name].concat();
    if id.len() > ID_MAX || name.contains(&0) {
        return Err(Fatal::new(111, format_args!("no identifier can be made of {}", diag::show(name))));
    }
    Ok(id)
}

fn names() -> Result<Vec<Vec<u8>>, Fatal> {
    let (mut input, mut out) = (Input::lines(), Out::new());
    let mut names = Vec::new();
    while let Some(line) = input.next(&mut out)? {
        names.extend(name(line.text).map(<[u8]>::to_vec));
    }
    Ok(names)
}

/// The name on a line: blanks before it don't count, those behind it do.
fn name(line: &[u8]) -> Option<&[u8]> {
    let blanks = line.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
    line.get(blanks..).filter(|name| !name.is_empty() && !name.starts_with(b"#"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_blanks() {
        assert_eq!(name(b" \tlogger "), Some(&b"logger "[..]));
        for none in [&b""[..], b"  ", b"# x", b"  #x"] {
            assert_eq!(name(none), None, "{none:?}");
        }
    }

    #[test]
    fn identifiers_have_an_end() {
        assert_eq!(identifier("r", b"logger").unwrap(), b"pipe:s6rc-r-logger");
        assert_eq!(identifier("w", &[b'x'; 243]).unwrap().len(), 255);
        assert!(identifier("w", &[b'x'; 244]).is_err());
    }
}
