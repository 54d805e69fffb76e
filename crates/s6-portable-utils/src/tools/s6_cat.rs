//! `s6-cat`: copies standard input to standard output, inside the kernel if one of them is a pipe.

use rustix::io::Errno;
use rustix::pipe::SpliceFlags;
use rustix::stdio::{stdin, stdout};
use tool::{Call, Fatal, Next, OrUnable, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-cat",
    summary: "copy standard input to standard output",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

/// How many bytes are copied at once.
const CHUNK: usize = 64 * 1024;

fn main(call: &mut Call) -> Outcome {
    call.only_operands()?;
    loop {
        match rustix::pipe::splice(stdin(), None, stdout(), None, CHUNK, SpliceFlags::MOVE) {
            Ok(0) => return Ok(Next::SUCCESS),
            Ok(_) | Err(Errno::INTR) => {}
            // Neither is a pipe, or one is in append mode.  Nothing is lost: a failed splice(2) moves no bytes.
            Err(_) => return copy(),
        }
    }
}

/// Copies through a buffer; an error names the side that failed.
fn copy() -> Result<Next, Fatal> {
    let mut buf = vec![0; CHUNK];
    loop {
        match rustix::io::read(stdin(), &mut buf) {
            Err(Errno::INTR) => {}
            got => match got.or_unable(|| "read standard input")? {
                0 => return Ok(Next::SUCCESS),
                n => {
                    let mut out = Out::new();
                    out.put(buf.get(..n).unwrap_or_default())?;
                    out.flush()?;
                }
            },
        }
    }
}
