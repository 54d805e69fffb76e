//! `s6-connlimit`: runs a program only if the client doesn't have too many connections already.
//!
//! The server counts them in `${PROTO}CONNNUM`, from 0; `${PROTO}CONNMAX` is the limit, if there is one.

use tool::{Call, Env, Fatal, Next, Outcome, Role, Tool, diag};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-connlimit",
    summary: "limit the connections of a client",
    operands: "prog...",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    if !is_below_limit(&call.env)? {
        return Err(Fatal::new(1, "this client has too many connections"));
    }
    let env = call.take_env();
    Next::run(call.take_args(), env)
}

fn is_below_limit(env: &Env) -> Result<bool, Fatal> {
    let protocol = env.get(b"PROTO").ok_or_else(|| Fatal::user("variable PROTO is not set"))?;
    let number = |suffix: &[u8]| {
        let name = [protocol, suffix].concat();
        let value = env.get(&name);
        value.map(|v| {
            let invalid =
                || Fatal::user(format_args!("invalid variable {}: {}", diag::show(&name), diag::show(v)));
            number::decimal::<u32>(v).ok_or_else(invalid)
        })
    };
    let Some(limit) = number(b"CONNMAX") else { return Ok(true) };
    let count = number(b"CONNNUM")
        .ok_or_else(|| Fatal::user(format_args!("variable {}CONNNUM is not set", diag::show(protocol))))?;
    Ok(count? < limit?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        let below = |vars: &[&str]| {
            let env = Env::from_vars(vars.iter().map(|v| v.as_bytes().to_vec()).collect());
            is_below_limit(&env).map_err(|e| e.code())
        };
        assert_eq!(below(&["PROTO=IPC", "IPCCONNNUM=1", "IPCCONNMAX=2"]), Ok(true));
        assert_eq!(below(&["PROTO=IPC", "IPCCONNNUM=2", "IPCCONNMAX=2"]), Ok(false));
        assert_eq!(below(&["PROTO=IPC", "IPCCONNNUM=9"]), Ok(true));
        assert_eq!(below(&["PROTO=TCP", "IPCCONNNUM=9", "TCPCONNMAX=2"]), Err(100));
        assert_eq!(below(&["PROTO=IPC", "IPCCONNNUM=x", "IPCCONNMAX=2"]), Err(100));
        assert_eq!(below(&[]), Err(100));
    }
}
