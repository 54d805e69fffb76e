//! Identities in arguments and in the variables UID, GID and GIDLIST.

use sys::credential::{self, Identity};
use tool::{Env, Fatal, Opt, Options, diag};
use wire::number;

/// A user or group id: decimal.  The highest number is no id: to the kernel it means "unchanged".
#[must_use]
pub fn id(word: &[u8]) -> Option<u32> {
    number::decimal(word).filter(|n| *n != u32::MAX)
}

/// A list of ids, separated as [`number::list`] says; it may be empty.
#[must_use]
pub fn id_list(word: &[u8]) -> Option<Vec<u32>> {
    if word.is_empty() { Some(Vec::new()) } else { number::list(word, id) }
}

/// The options of a server for its identity, as [`words`] reads them.
pub const OPTIONS: [Opt; 4] = [
    Opt::value('G', "gidlist", "then have these supplementary groups"),
    Opt::value('g', "gid", "then run as this group"),
    Opt::value('u', "uid", "then run as this user"),
    Opt::flag('U', "take user and groups from UID, GID and GIDLIST"),
];

/// The words for s6-applyuidgid that say the same as a server's options `-G`, `-g`, `-u` and `-U`; `-U` voids those
/// before it.
///
/// # Errors
/// A value that is no id, or no list of ids: a usage error.
pub fn words(options: &Options) -> Result<Vec<Vec<u8>>, Fatal> {
    let mut words = Vec::new();
    for (letter, value) in options.iter() {
        let valid = match letter {
            'U' => {
                words = vec![b"-Uz".to_vec()];
                continue;
            }
            'u' | 'g' => id(value).is_some(),
            'G' => id_list(value).is_some(),
            _ => continue,
        };
        if !valid {
            return Err(Fatal::usage());
        }
        words.extend([format!("-{letter}").into_bytes(), value.to_vec()]);
    }
    Ok(words)
}

/// The identity that the variables UID, GID and GIDLIST describe.
///
/// # Errors
/// One isn't set or is malformed: code 100.
pub fn from_env(env: &Env) -> Result<Identity, Fatal> {
    Ok(Identity {
        uid: Some(variable(env, "UID", id)?),
        gid: Some(variable(env, "GID", id)?),
        groups: Some(variable(env, "GIDLIST", id_list)?),
    })
}

fn variable<T>(env: &Env, name: &'static str, parse: fn(&[u8]) -> Option<T>) -> Result<T, Fatal> {
    let value = env.get(name.as_bytes()).ok_or_else(|| Fatal::user(format!("variable {name} is not set")))?;
    parse(value).ok_or_else(|| Fatal::user(format!("invalid variable {name}: {}", diag::show(value))))
}

/// The identity of an account: its uid, its gid, and every group that lists it.
///
/// # Errors
/// The account files can't be read: code 111; there is no such account: code 1.
pub fn of_account(name: &[u8]) -> Result<Identity, Fatal> {
    let unable = |e: std::io::Error| Fatal::new(111, format!("unable to read the account files: {e}"));
    let user = sys::account::user(name)
        .map_err(unable)?
        .ok_or_else(|| Fatal::new(1, format!("unknown user: {}", diag::show(name))))?;
    let groups = sys::account::group_ids(name, user.gid).map_err(unable)?;
    Ok(Identity { uid: Some(user.uid), gid: Some(user.gid), groups: Some(groups) })
}

/// Assumes an identity; see [`credential::assume`].
///
/// # Errors
/// What can't be changed: code 111.
pub fn assume(identity: &Identity) -> Result<(), Fatal> {
    credential::assume(identity).map_err(|(what, e)| Fatal::unable(what, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_lists() {
        assert_eq!(id(b"4294967294"), Some(u32::MAX - 1));
        for bad in [&b""[..], b"-1", b"x", b"4294967295", b"1 "] {
            assert_eq!(id(bad), None, "{bad:?}");
        }
        assert_eq!(id_list(b"").unwrap(), []);
        assert_eq!(id_list(b"1,2").unwrap(), [1, 2]);
        assert_eq!(id_list(b"1,x"), None);
    }

    #[test]
    fn variables_must_all_be_there() {
        let env = |vars: &[&str]| Env::from_vars(vars.iter().map(|v| v.as_bytes().to_vec()).collect());
        let identity = from_env(&env(&["UID=1", "GID=2", "GIDLIST="])).unwrap();
        assert_eq!(identity, Identity { uid: Some(1), gid: Some(2), groups: Some(Vec::new()) });
        assert_eq!(from_env(&env(&["UID=1", "GID=2"])).unwrap_err().code(), 100);
        assert_eq!(from_env(&env(&["UID=x", "GID=2", "GIDLIST="])).unwrap_err().code(), 100);
    }
}
