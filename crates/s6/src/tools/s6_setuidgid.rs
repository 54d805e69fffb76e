//! `s6-setuidgid`: runs a program as another user.

use ipc::identity;
use sys::account::User;
use sys::credential::Identity;
use tool::{Call, Env, Fatal, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-setuidgid",
    summary: "run a program as another user",
    operands: "account prog...",
    options: &[Opt::flag('h', "set HOME, USER, LOGNAME and SHELL to the account's").long("home")],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let account = call.shift()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let who = Who::of(&account)?;
    // Looked up first: the files may be closed to the other user.
    let user = if options.has('h') { who.user()? } else { None };
    if let Some(identity) = who.identity()? {
        identity::assume(&identity)?;
    }
    let mut env = call.take_env();
    if let Some(user) = &user {
        export(&mut env, user);
    }
    Next::run(call.take_args(), env)
}

/// Whom the first word names.
#[derive(Debug, PartialEq, Eq)]
enum Who {
    /// Nobody else: the word is empty.
    Caller,
    /// An account, by its name.
    Account(Box<User>),
    /// `uid:gid`.
    Ids(u32, u32),
}

impl Who {
    fn of(word: &[u8]) -> Result<Self, Fatal> {
        if word.is_empty() {
            return Ok(Self::Caller);
        }
        let Some(colon) = word.iter().position(|b| *b == b':') else {
            return Ok(Self::Account(Box::new(identity::account(word)?)));
        };
        let (uid, gid) = word.split_at(colon);
        let uid = identity::id(uid).ok_or_else(Fatal::usage)?;
        let gid = gid.get(1..).and_then(identity::id).ok_or_else(Fatal::usage)?;
        Ok(Self::Ids(uid, gid))
    }

    /// The identity to assume, if there is one.
    fn identity(&self) -> Result<Option<Identity>, Fatal> {
        match self {
            Self::Caller => Ok(None),
            Self::Account(user) => identity::of_account(user).map(Some),
            Self::Ids(uid, gid) => {
                Ok(Some(Identity { uid: Some(*uid), gid: Some(*gid), groups: Some(Vec::new()) }))
            }
        }
    }

    /// The account whose home and shell count, if there is one.
    fn user(&self) -> Result<Option<User>, Fatal> {
        match self {
            Self::Caller => Ok(None),
            Self::Account(user) => Ok(Some(User::clone(user))),
            Self::Ids(uid, _) => identity::account_of_id(*uid).map(Some),
        }
    }
}

/// Sets the variables that login(1) sets; empty fields mean `/` and `/bin/sh`, as in passwd(5).
fn export(env: &mut Env, user: &User) {
    let or = |field: &[u8], default: &[u8]| if field.is_empty() { default.to_vec() } else { field.to_vec() };
    env.set(b"HOME", &or(&user.home, b"/"));
    env.set(b"USER", &user.name);
    env.set(b"LOGNAME", &user.name);
    env.set(b"SHELL", &or(&user.shell, b"/bin/sh"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_need_no_account() {
        let who = Who::of(b"12:34").unwrap();
        assert_eq!(
            who.identity().unwrap(),
            Some(Identity { uid: Some(12), gid: Some(34), groups: Some(Vec::new()) })
        );
        for bad in [&b"a:b"[..], b"1:", b":1", b"1:2:3"] {
            assert_eq!(Who::of(bad).unwrap_err().code(), 100, "{bad:?}");
        }
    }

    #[test]
    fn the_empty_word_changes_nothing() {
        let who = Who::of(b"").unwrap();
        assert_eq!(who.identity().unwrap(), None);
        assert_eq!(who.user().unwrap(), None);
    }

    #[test]
    fn an_account_gives_home_names_and_shell() {
        let vars = |home: &[u8], shell: &[u8]| {
            let mut env = Env::from_vars(vec![b"HOME=/root".to_vec(), b"A=b".to_vec()]);
            let user =
                User { name: b"me".to_vec(), uid: 1, gid: 2, home: home.to_vec(), shell: shell.to_vec() };
            export(&mut env, &user);
            String::from_utf8(env.vars().join(&b' ')).unwrap()
        };
        assert_eq!(vars(b"/home/me", b"/bin/bash"), "A=b HOME=/home/me USER=me LOGNAME=me SHELL=/bin/bash");
        assert_eq!(vars(b"", b""), "A=b HOME=/ USER=me LOGNAME=me SHELL=/bin/sh");
    }
}
