//! `logutil-newfifo`: makes a FIFO for a logger, and removes what has its name.

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, Uid};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "logutil-newfifo",
    summary: "make a FIFO for a logger, in place of whatever was there",
    operands: "path",
    options: &[
        Opt::value('m', "mode", "its mode in octal; 0600 if not given"),
        Opt::value('o', "user", "its owner; default: root, or the caller if that isn't root"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mode = match options.get('m') {
        None => 0o600,
        Some(word) => number::octal(word).filter(|m| *m <= 0o7777).ok_or_else(Fatal::usage)?,
    };
    // Without root's rights it belongs to the caller.
    let privileged = rustix::process::geteuid().is_root();
    let owner = options.get('o').or_else(|| privileged.then_some(&b"root"[..]));
    // Without a path the reference's script ends with the 1 of a failed test.
    let path = call.shift().map_err(|e| e.with_code(1))?;
    call.warn("this program is deprecated, use s6-mkfifo and s6-chown instead");
    let user = match owner {
        None => None,
        Some(name) => {
            let user = sys::account::user(name).or_unable(|| "read /etc/passwd")?;
            Some(user.ok_or_else(|| Fatal::new(1, format_args!("unknown user: {}", diag::show(name))))?)
        }
    };
    files::remove_tree(CWD, &path).or_unable_to("remove", &path)?;
    sys::fs::mknodat(CWD, path.as_slice(), FileType::Fifo, Mode::from(mode), 0)
        .and_then(|()| sys::fs::chmod(path.as_slice(), Mode::from(mode)))
        .or_unable_to("make the FIFO", &path)?;
    if let Some(user) = user {
        let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
        sys::fs::chownat(CWD, path.as_slice(), Some(uid), Some(gid), AtFlags::empty()).or_unable(|| {
            format!("change the owner of {} to {}", diag::show(&path), diag::show(&user.name))
        })?;
    }
    Ok(Next::SUCCESS)
}
