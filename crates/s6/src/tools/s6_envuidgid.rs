//! `s6-envuidgid`: puts an account's ids into the variables UID, GID and GIDLIST for a program.

use ipc::identity::{id, id_list};
use sys::account;
use tool::{Call, Env, Fatal, Next, Opt, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-envuidgid",
    summary: "run a program with an account's ids in its environment",
    operands: "account prog...",
    options: &[
        Opt::flag('u', "the account is a user; set UID only"),
        Opt::flag('g', "the account is a group; set GID only"),
        Opt::flag('B', "the account is user:group; set UID and GID"),
        Opt::flag('n', "take unknown names that are numbers for ids"),
        Opt::flag('i', "fail with code 1 if the account is unknown (default)"),
        Opt::value('D', "uid:gid:gidlist", "use these if the account is unknown"),
    ],
    role: Role::Chain,
    main,
};

/// Ids as numbers; an id that isn't given is 0, and a list is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Ids {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
}

/// Which variables are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Account,
    User,
    Group,
    Both,
}

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let (mut kind, mut default) = (Kind::Account, None);
    for (letter, value) in options.iter() {
        match letter {
            'u' => kind = Kind::User,
            'g' => kind = Kind::Group,
            'B' => kind = Kind::Both,
            // No group lists a number.
            'n' if kind == Kind::Account => kind = Kind::Both,
            'D' => default = Some(defaults(value).ok_or_else(Fatal::usage)?),
            'i' => default = None,
            _ => {}
        }
    }
    let account = call.shift()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let ids = look_up(kind, &account, default.as_ref(), options.has('n'))?;
    let mut env = call.take_env();
    export(&mut env, kind, &ids);
    Next::run(call.take_args(), env)
}

/// `uid`, `uid:gid` or `uid:gid:gidlist`.
fn defaults(word: &[u8]) -> Option<Ids> {
    let mut fields = word.splitn(3, |b| *b == b':');
    Some(Ids {
        uid: id(fields.next()?)?,
        gid: fields.next().map_or(Some(0), id)?,
        groups: fields.next().map_or(Some(Vec::new()), id_list)?,
    })
}

fn export(env: &mut Env, kind: Kind, ids: &Ids) {
    if kind != Kind::Group {
        env.set(b"UID", ids.uid.to_string().as_bytes());
    }
    if kind != Kind::User {
        env.set(b"GID", ids.gid.to_string().as_bytes());
    }
    if kind == Kind::Account {
        let list: Vec<_> = ids.groups.iter().map(u32::to_string).collect();
        env.set(b"GIDLIST", list.join(",").as_bytes());
    }
}

fn look_up(kind: Kind, account: &[u8], default: Option<&Ids>, numbers: bool) -> Result<Ids, Fatal> {
    let (user, group) = match kind {
        Kind::Account | Kind::User => (account, &b""[..]),
        Kind::Group => (&b""[..], account),
        Kind::Both => match account.iter().position(|b| *b == b':') {
            Some(at) => (account.get(..at).unwrap_or_default(), account.get(at + 1..).unwrap_or_default()),
            None => (account, &b""[..]),
        },
    };
    let unknown =
        |what: &str, name: &[u8]| Fatal::new(1, format_args!("unknown {what}: {}", diag::show(name)));
    let mut ids = default.cloned().unwrap_or_default();
    let by_number = |name: &[u8]| id(name).filter(|_| numbers);
    if !group.is_empty() || kind == Kind::Group {
        match account::group(group).map_err(unreadable)?.map(|g| g.gid).or_else(|| by_number(group)) {
            Some(gid) => ids.gid = gid,
            None if default.is_none() => return Err(unknown("group", group)),
            None => {}
        }
    }
    if !user.is_empty() || account.is_empty() || matches!(kind, Kind::Account | Kind::User) {
        match (account::user(user).map_err(unreadable)?, by_number(user)) {
            (Some(found), _) => {
                ids.uid = found.uid;
                if kind == Kind::Account {
                    ids.gid = found.gid;
                    ids.groups = account::group_ids(user, found.gid).map_err(unreadable)?;
                    ids.groups.retain(|g| *g != found.gid);
                }
            }
            (None, Some(uid)) => ids.uid = uid,
            (None, None) if default.is_none() => return Err(unknown("user", user)),
            (None, None) => {}
        }
    }
    Ok(ids)
}

fn unreadable(e: std::io::Error) -> Fatal {
    Fatal::new(111, format_args!("unable to read the account files: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_in_three_lengths() {
        let ids = |uid, gid, groups: &[u32]| Ids { uid, gid, groups: groups.to_vec() };
        assert_eq!(defaults(b"1:2:3,4"), Some(ids(1, 2, &[3, 4])));
        assert_eq!(defaults(b"1:2:"), Some(ids(1, 2, &[])));
        assert_eq!(defaults(b"9"), Some(ids(9, 0, &[])));
        assert_eq!(defaults(b"x"), None);
        assert_eq!(defaults(b"1:"), None);
    }

    #[test]
    fn exports_what_the_kind_says() {
        let ids = Ids { uid: 1, gid: 2, groups: vec![3, 4] };
        let vars = |kind| {
            let mut env = Env::new();
            export(&mut env, kind, &ids);
            env.vars().iter().map(|v| diag::shown(v)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(vars(Kind::Account), "UID=1 GID=2 GIDLIST=3,4");
        assert_eq!(vars(Kind::User), "UID=1");
        assert_eq!(vars(Kind::Group), "GID=2");
        assert_eq!(vars(Kind::Both), "UID=1 GID=2");
    }
}
