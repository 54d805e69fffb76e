//! `s6-accessrules-fs-from-cdb`: turns a cdb of access rules back into a directory.

use files::Permissions;
use ipc::access_rules::{Verdict, unpack};
use rustix::fs::CWD;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-accessrules-fs-from-cdb",
    summary: "turn a cdb of access rules into a directory",
    operands: "dir cdbfile",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let (dir, file) = (call.shift()?, call.shift()?);
    let cdb = std::fs::read(OsStr::from_bytes(&file)).or_unable_to("read", &file)?;
    let damaged = || Fatal::user(format_args!("{} is no database of access rules", diag::show(&file)));
    let mut rules = Vec::new();
    for (key, data) in wire::cdb::records(&cdb).ok_or_else(damaged)? {
        let verdict = unpack(data).ok_or_else(damaged)?;
        if !is_path_below(key) {
            return Err(damaged());
        }
        rules.push((key, verdict));
    }
    std::fs::create_dir(OsStr::from_bytes(&dir)).or_unable_to("make directory", &dir)?;
    for (key, verdict) in rules {
        if let Err(e) = write(&[&dir[..], b"/", key].concat(), &verdict) {
            // A part of the rules may allow a client that all of them together refuse.
            let _ = files::remove_tree(CWD, &dir);
            return Err(e).or_unable_to("write rule", key);
        }
    }
    Ok(Next::SUCCESS)
}

/// A key whose parts are all plain names.
fn is_path_below(key: &[u8]) -> bool {
    key.split(|b| *b == b'/').all(is_name)
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name != b"." && name != b".." && !name.contains(&b'/') && !name.contains(&0)
}

fn write(dir: &[u8], verdict: &Verdict) -> std::io::Result<()> {
    std::fs::create_dir_all(OsStr::from_bytes(dir))?;
    let put = |name: &[u8], content: &[u8]| {
        let file = [dir, b"/", name].concat();
        Ok(files::write_file(CWD, &file, content, Permissions::LessUmask(0o666))?)
    };
    match verdict {
        Verdict::Unknown => Ok(()),
        Verdict::Deny => put(b"deny", b""),
        Verdict::Allow(grant) => {
            put(b"allow", b"")?;
            if !grant.env.is_empty() {
                std::fs::create_dir_all(OsStr::from_bytes(&[dir, b"/env"].concat()))?;
            }
            for (name, value) in grant.env.iter().filter(|(name, _)| is_name(name)) {
                // A value is one line for s6-envdir: its newlines are NUL bytes there.
                let line = value.as_ref().map(|v| {
                    let nul = v.iter().map(|b| if *b == b'\n' { 0 } else { *b });
                    nul.chain([b'\n']).collect::<Vec<_>>()
                });
                put(&[b"env/", name.as_slice()].concat(), &line.unwrap_or_default())?;
            }
            if grant.exec.is_empty() { Ok(()) } else { put(b"exec", &grant.exec) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_below_the_directory() {
        assert!(is_path_below(b"uid/10") && is_path_below(b"ip4/10.0.0.0_8"));
        for bad in [&b""[..], b"/etc", b"uid/..", b"../x", b"a//b"] {
            assert!(!is_path_below(bad), "{bad:?}");
        }
    }
}
