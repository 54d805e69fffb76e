//! `s6-overlay-suexec`: as process 1, runs a block as root and goes on as the container's user.
//!
//! The setuid program of that name becomes root and then this tool, and tells it by one more word what its ids were.  Except
//! as process 1 both do nothing, so they give no rights to processes of a running container; without the setuid bit, or where
//! the kernel ignores it, the block runs as the user.

use crate::program;
use sys::credential::{set_all_gids, set_all_uids};
use tool::{Call, Env, Fatal, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-overlay-suexec",
    summary: "as process 1, run a block as root and go on as the container's user",
    operands: "{ root_block... } normal_init...",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let mut args = call.take_args();
    let former = args.first().and_then(|word| read_ids(word));
    if former.is_some() {
        args.remove(0);
    }
    if args.is_empty() {
        return Err(Fatal::usage());
    }
    if !rustix::process::getpid().is_init() {
        return Err(Fatal::user("can only run as pid 1"));
    }
    let own = own_ids();
    let (block, rest) = split_block(args)?;
    let [uid, gid, euid, egid] = former.unwrap_or(own);
    // Root with another group needs no setuid bit.
    let is_root = own[0] == 0 && (uid, gid) != (0, 0) && (former.is_some() || set_all_gids(0).is_ok());
    if !is_root && (euid, egid) != (uid, gid) {
        call.warn(if euid == 0 {
            "the container's root may not change ids or owners (CAP_SETUID, CAP_SETGID, CAP_CHOWN): setuid root has no effect"
        } else {
            "setuid or setgid, but not to root: it has no effect"
        });
    }
    let ended = program::run(&block, &block_env(&call.env, (uid, gid), (euid, egid)), &[])
        .map_err(|e| Fatal::unable("run the block", e).with_code(program::failure_code(e)))?;
    let code = ended.code();
    if code != 0 {
        let program = block.first().map(|word| tool::diag::show(word)).unwrap_or_default();
        return Err(Fatal::new(code, format_args!("{program} failed with exit code {code}")));
    }
    if is_root {
        set_all_gids(gid).or_unable(|| "become the container's group")?;
        set_all_uids(uid).or_unable(|| "become the container's user")?;
    }
    Next::run(rest, call.take_env())
}

/// User and group, and the effective ones.
type Ids = [u32; 4];

fn own_ids() -> Ids {
    let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
    let (effective_user, effective_group) = (rustix::process::geteuid(), rustix::process::getegid());
    [user.as_raw(), group.as_raw(), effective_user.as_raw(), effective_group.as_raw()]
}

/// The ids that the setuid program had, from the word that it put in front, in which a colon is behind each.
fn read_ids(word: &[u8]) -> Option<Ids> {
    let mut numbers = word.split(|b| *b == b':');
    let mut ids = [0; 4];
    for id in &mut ids {
        *id = wire::number::decimal(numbers.next()?)?;
    }
    (numbers.next() == Some(b"") && numbers.next().is_none()).then_some(ids)
}

type Words = Vec<Vec<u8>>;

/// Splits the arguments into the words of the block, which have a blank in front and end with an empty word, and the rest.
fn split_block(args: Words) -> Result<(Words, Words), Fatal> {
    let mut words = args.into_iter();
    let mut block = Vec::new();
    loop {
        match words.next() {
            None => return Err(Fatal::user("unterminated block")),
            Some(word) if word.is_empty() => break,
            Some(word) => match word.strip_prefix(b" ") {
                Some(bare) => block.push(bare.to_vec()),
                None => return Err(Fatal::user("a block was expected")),
            },
        }
    }
    let rest: Vec<_> = words.collect();
    if block.is_empty() || rest.is_empty() {
        return Err(Fatal::user("an empty block, or nothing after it"));
    }
    Ok((block, rest))
}

/// The environment of the block, which names the container's user.
pub(crate) fn block_env(env: &Env, real: (u32, u32), effective: (u32, u32)) -> Env {
    let mut env = env.clone();
    env.unset(b"GIDLIST");
    // The names are only informative: some engines make account files that only root may read.
    let users = sys::account::users().unwrap_or_default();
    let groups = sys::account::groups().unwrap_or_default();
    for (prefix, (uid, gid)) in [("", real), ("E", effective)] {
        let user = users.iter().find(|u| u.uid == uid).map(|u| u.name.clone()).unwrap_or_default();
        let group = groups.iter().find(|g| g.gid == gid).map(|g| g.name.clone()).unwrap_or_default();
        let mut set = |name: &str, value: &[u8]| env.set(format!("{prefix}{name}").as_bytes(), value);
        set("UID", uid.to_string().as_bytes());
        set("GID", gid.to_string().as_bytes());
        set("USER", &user);
        set("GROUP", &group);
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(w: &[&str]) -> Vec<Vec<u8>> {
        w.iter().map(|w| w.as_bytes().to_vec()).collect()
    }

    #[test]
    fn the_former_ids_have_a_colon_behind_each() {
        assert_eq!(read_ids(b"1000:100:0:4294967295:"), Some([1000, 100, 0, u32::MAX]));
        for bad in ["", "1:2:3:4", "1:2:3:4:5:", "1:2:3:", " a", "1:2::4:", "-1:2:3:4:"] {
            assert_eq!(read_ids(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn a_block_ends_with_an_empty_word() {
        let (block, rest) = split_block(words(&[" a", "  b", "", "c", ""])).unwrap();
        assert_eq!((block, rest), (words(&["a", " b"]), words(&["c", ""])));
        for bad in [&["a", "", "b"][..], &[" a"], &["", "b"], &[" a", ""]] {
            assert_eq!(split_block(words(bad)).unwrap_err().code(), 100, "{bad:?}");
        }
    }
}
