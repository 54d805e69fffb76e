//! `s6-setuidgid`: runs a program as another user.

use ipc::identity;
use sys::credential::Identity;
use tool::{Call, Fatal, Next, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-setuidgid",
    summary: "run a program as another user",
    operands: "account prog...",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let account = call.shift()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    if !account.is_empty() {
        identity::assume(&identity_of(&account)?)?;
    }
    let env = call.take_env();
    Next::run(call.take_args(), env)
}

/// `uid:gid`, or the name of an account.
fn identity_of(account: &[u8]) -> Result<Identity, Fatal> {
    let Some(colon) = account.iter().position(|b| *b == b':') else {
        return identity::of_account(account);
    };
    let (uid, gid) = account.split_at(colon);
    let uid = identity::id(uid).ok_or_else(Fatal::usage)?;
    let gid = gid.get(1..).and_then(identity::id).ok_or_else(Fatal::usage)?;
    Ok(Identity { uid: Some(uid), gid: Some(gid), groups: Some(Vec::new()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_need_no_account() {
        let who = identity_of(b"12:34").unwrap();
        assert_eq!(who, Identity { uid: Some(12), gid: Some(34), groups: Some(Vec::new()) });
        for bad in [&b"a:b"[..], b"1:", b":1", b"1:2:3"] {
            assert_eq!(identity_of(bad).unwrap_err().code(), 100, "{bad:?}");
        }
    }
}
