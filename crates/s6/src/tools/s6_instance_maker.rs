//! `s6-instance-maker`: makes the service directory of an instanced service from a template.

use crate::instance::copy_tree;
use crate::maker;
use supervision::control::join;
use tool::file::make_dir;
use tool::quote;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-instance-maker",
    summary: "make an instanced service from a template",
    operands: "template dir",
    options: &[
        Opt::value('c', "maxinstances", "plan for at most this many instances"),
        Opt::value('u', "user", "run the instances as this user"),
        maker::LOGGER_USER,
        Opt::value('L', "logdir", "log to this directory, an absolute path"),
        maker::STAMPS,
        maker::FILES,
        maker::FILE_SIZE,
        maker::TOTAL_SIZE,
        maker::PREFIX,
        maker::RC,
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mut limit = options.number::<u32>('c')?.unwrap_or(500).clamp(2, 90_000);
    let user = options.get('u').unwrap_or_default();
    let logger = maker::logger(&options, options.get('L'))?;
    let rc = options.get('r').map(maker::parse_rc).transpose()?;
    let (template, dir) = (call.shift()?, call.shift()?);
    if user.iter().any(|b| b" \t\n".contains(b)) {
        return Err(Fatal::user("invalid user"));
    }
    if rc.is_none() && logger.is_some() {
        limit = limit.saturating_mul(2);
    }
    maker::make(&dir, rc.as_ref(), logger.as_ref(), |dir, is_source| {
        maker::write_run(dir, &script(user, limit), is_source)?;
        if !is_source {
            make_dir(&join(dir, &[b"instance"]), 0o755)?;
            make_dir(&join(dir, &[b"instances"]), 0o755)?;
        }
        copy_tree(&template, &join(dir, &[b"template"]))
    })?;
    Ok(Next::SUCCESS)
}

/// The service that hosts the instances.
fn script(user: &[u8], limit: u32) -> Vec<u8> {
    let mut script = b"#!/command/execlineb -P\nfdmove -c 2 1\n".to_vec();
    if !user.is_empty() {
        script.extend([b"s6-setuidgid ", quote(user).as_slice(), b"\n"].concat());
    }
    script.extend(format!("s6-svscan -d 3 -C {limit} -- instance\n").into_bytes());
    script
}
