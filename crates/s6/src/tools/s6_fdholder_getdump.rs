//! `s6-fdholder-getdump`: runs a program with all descriptors of an fd holder, which variables describe.
//!
//! `S6_FD#` is their number; of the i-th, from 0, `S6_FD_i` is the descriptor, `S6_FDID_i` the identifier and
//! `S6_FDLIMIT_i`, if there is a limit, the TAI64N label of the moment when it is closed.

use ipc::fdholder::{self, Held};
use rustix::io::{Errno, FdFlags};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::rc::Rc;
use tool::clock;
use tool::{Call, Env, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};
use wire::tai::Tai64n;

pub static TOOL: Tool = Tool {
    name: "s6-fdholder-getdump",
    summary: "run a program with all descriptors of an fd holder",
    operands: "path prog...",
    options: &[Opt::value('t', "timeout", "give up after this many milliseconds")],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let path = call.shift()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let mut holder = fdholder::connect(&path, options.number('t')?)?;
    let dump = holder.get_dump().map_err(|e| fdholder::refused("get the dump", e))?;
    drop(holder);
    let mut env = call.take_env();
    describe(&dump, clock::wall(), &mut env);
    for held in dump {
        leave_open(held).or_unable(|| "keep a descriptor open")?;
    }
    Next::run(call.take_args(), env)
}

fn describe(dump: &[Held], now: Tai64n, env: &mut Env) {
    env.set(b"S6_FD#", dump.len().to_string().as_bytes());
    for (i, held) in dump.iter().enumerate() {
        env.set(format!("S6_FD_{i}").as_bytes(), held.fd.as_raw_fd().to_string().as_bytes());
        env.set(format!("S6_FDID_{i}").as_bytes(), &held.entry.id);
        let limit = format!("S6_FDLIMIT_{i}");
        if wire::fdholder::is_never(held.entry.limit, now) {
            env.unset(limit.as_bytes());
        } else {
            env.set(limit.as_bytes(), &held.entry.limit.label());
        }
    }
}

/// Leaves a descriptor open for the next program.
fn leave_open(held: Held) -> Result<(), Errno> {
    rustix::io::fcntl_setfd(held.fd.as_ref(), FdFlags::empty())?;
    if let Some(fd) = Rc::into_inner(held.fd) {
        let _ = fd.into_raw_fd();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::fdholder::{Entry, never};

    #[test]
    fn a_variable_describes_a_limit_only_if_there_is_one() {
        let now = Tai64n { seconds: 1 << 62, nanos: 0 };
        let held = |id: &str, limit| Held {
            entry: Entry { limit, id: id.as_bytes().to_vec() },
            fd: Rc::new(std::fs::File::open("/dev/null").unwrap().into()),
        };
        let mut env = Env::from_vars(vec![b"S6_FDLIMIT_0=old".to_vec()]);
        describe(&[held("a", never(now)), held("b", now)], now, &mut env);
        let get = |name: &str| env.get(name.as_bytes()).map(|v| String::from_utf8(v.to_vec()).unwrap());
        assert_eq!(get("S6_FD#").unwrap(), "2");
        assert_eq!(get("S6_FDID_1").unwrap(), "b");
        assert_eq!(get("S6_FDLIMIT_0"), None);
        assert_eq!(get("S6_FDLIMIT_1").unwrap(), "@400000000000000000000000");
        assert!(get("S6_FD_0").unwrap().parse::<u32>().is_ok());
    }
}
