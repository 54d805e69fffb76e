//! `s6-fdholder-setdump`: stores the descriptors that variables describe in an fd holder.  The variables are those that
//! `s6-fdholder-getdump` sets.

use ipc::fdholder::{self, Held};
use std::os::fd::RawFd;
use std::rc::Rc;
use tool::clock;
use tool::{Call, Env, Fatal, Next, Opt, Outcome, Role, Tool, diag};
use wire::fdholder::{Entry, ID_MAX};
use wire::number;
use wire::tai::Tai64n;

pub static TOOL: Tool = Tool {
    name: "s6-fdholder-setdump",
    summary: "have an fd holder keep the descriptors that the environment describes",
    operands: "path",
    options: &[Opt::value('t', "timeout", "give up after this many milliseconds")],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let timeout = options.number('t')?;
    let path = call.shift()?;
    let described = described(&call.env, clock::wall())?;
    // Taken first: the connection could get one of their numbers.
    let dump: Result<Vec<_>, _> = described
        .into_iter()
        .map(|(number, entry)| Ok(Held { entry, fd: Rc::new(sys::fd::duplicate(number, 3)?) }))
        .collect();
    let mut holder = fdholder::connect(&path, timeout)?;
    dump.and_then(|dump| holder.set_dump(&dump)).map_err(|e| fdholder::refused("set the dump", e))?;
    Ok(Next::SUCCESS)
}

/// The descriptors that the environment describes.
fn described(env: &Env, now: Tai64n) -> Result<Vec<(RawFd, Entry)>, Fatal> {
    let value = |name: &str| {
        env.get(name.as_bytes()).ok_or_else(|| Fatal::user(format_args!("variable {name} is not set")))
    };
    let invalid = |name: &str, value: &[u8]| {
        Fatal::user(format_args!("invalid variable {name}: {}", diag::show(value)))
    };
    let total = value("S6_FD#")?;
    let total: u32 = number::decimal(total).ok_or_else(|| invalid("S6_FD#", total))?;
    let mut all = Vec::new();
    for i in 0..total {
        let name = format!("S6_FD_{i}");
        let fd = value(&name)?;
        let fd = number::decimal(fd).filter(|n| *n >= 0).ok_or_else(|| invalid(&name, fd))?;
        let name = format!("S6_FDID_{i}");
        let id = value(&name)?;
        if id.is_empty() || id.len() > ID_MAX {
            return Err(invalid(&name, id));
        }
        let name = format!("S6_FDLIMIT_{i}");
        let limit = match env.get(name.as_bytes()) {
            None => wire::fdholder::never(now),
            Some(label) => Tai64n::from_label(label).ok_or_else(|| invalid(&name, label))?,
        };
        all.push((fd, Entry { limit, id: id.to_vec() }));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[&str]) -> Result<Vec<(RawFd, Entry)>, String> {
        let env = Env::from_vars(vars.iter().map(|v| v.as_bytes().to_vec()).collect());
        described(&env, Tai64n::default()).map_err(|e| e.message().to_owned())
    }

    #[test]
    fn every_variable_but_the_limit_is_required() {
        assert_eq!(read(&["S6_FD#=0"]), Ok(Vec::new()));
        let one = ["S6_FD#=1", "S6_FD_0=7", "S6_FDID_0=x"];
        assert_eq!(read(&one).unwrap()[0].0, 7);
        for at in 0..3 {
            let less: Vec<_> = one.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, v)| *v).collect();
            assert!(read(&less).unwrap_err().ends_with("is not set"));
        }
        for bad in ["S6_FD#=x", "S6_FD_0=-1", "S6_FDID_0=", "S6_FDLIMIT_0=soon"] {
            let vars: Vec<_> = [bad].into_iter().chain(one).collect();
            assert!(read(&vars).unwrap_err().starts_with("invalid variable"), "{bad}");
        }
    }
}
