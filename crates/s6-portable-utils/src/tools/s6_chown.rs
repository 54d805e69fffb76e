//! `s6-chown`: sets the owner and the group of a file by number; symbolic links are followed.

use rustix::fs::{AtFlags, CWD, Gid, Uid};
use tool::{Call, Env, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-chown",
    summary: "set the owner and the group of a file",
    operands: "file",
    options: &[
        Opt::flag('U', "take both from the variables UID and GID"),
        Opt::value('u', "uid", "the new owner"),
        Opt::value('g', "gid", "the new group"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let (mut uid, mut gid) = (None, None);
    for (letter, value) in options.iter() {
        match letter {
            'U' => (uid, gid) = (Some(variable(&call.env, "UID")?), Some(variable(&call.env, "GID")?)),
            'u' => uid = Some(id(value).ok_or_else(Fatal::usage)?),
            _ => gid = Some(id(value).ok_or_else(Fatal::usage)?),
        }
    }
    let file = call.shift()?;
    sys::fs::chownat(CWD, file.as_slice(), uid.map(Uid::from_raw), gid.map(Gid::from_raw), AtFlags::empty())
        .or_unable_to("change owner of", &file)?;
    Ok(Next::SUCCESS)
}

/// Parses an id; the highest number is refused, since it means "unchanged" to the kernel.
fn id(word: &[u8]) -> Option<u32> {
    number::decimal(word).filter(|n| *n != u32::MAX)
}

fn variable(env: &Env, name: &'static str) -> Result<u32, Fatal> {
    let value =
        env.get(name.as_bytes()).ok_or_else(|| Fatal::user(format_args!("variable {name} is not set")))?;
    id(value).ok_or_else(|| Fatal::user(format_args!("variable {name} is not an id: {}", diag::show(value))))
}
