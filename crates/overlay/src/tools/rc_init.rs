//! `rc-init`: brings the services up and runs the CMD, where an image's own program does a part of the boot.
//!
//! Process 1 does the same in its boot child, and doesn't execute this.

use crate::boot::command::Command;
use crate::boot::inherited::Inherited;
use crate::boot::stage2::Stage2;
use crate::environment::settings::Settings;
use crate::environment::variables::S6_CMD_RECEIVE_SIGNALS;
use crate::layout::{BASEDIR, COMMAND_PID};
use crate::pid1::exit_code;
use files::Permissions;
use rustix::fs::CWD;
use rustix::process::Pid;
use tool::{Call, Env, Fatal, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "rc-init",
    summary: "bring the services up, run the CMD and stop the container",
    operands: "runlevel cmd...",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let argv = call.args.split_off(1);
    let env = call.take_env();
    // Services don't get the descriptors that are the CMD's.
    let inherited = Inherited::take(&env);
    let stage2 = Stage2 {
        env: env.clone(),
        notice: None,
        relay: None,
        inherited: Inherited::default(),
        command: Vec::new(),
        relays_command: false,
    };
    match stage2.run()? {
        Next::Exit(0) if !argv.is_empty() => {}
        other => return Ok(other),
    }
    let code = match sys::process::fork().or_unable(|| "fork")? {
        sys::process::Fork::Child => {
            let command = Command { env: env.clone(), argv, inherited, notice: None, relay: None };
            tool::conclude(TOOL.name, command.become_it(), call.path.as_deref())
        }
        sys::process::Fork::Parent(pid) => wait(&env, pid),
    };
    exit_code::write(code).or_unable(|| "write the exit code")?;
    Next::run(vec![format!("{BASEDIR}/bin/halt").into_bytes()], env)
}

/// Waits for the CMD; under S6_CMD_RECEIVE_SIGNALS its process id is where `CMDSIG` finds it.
fn wait(env: &Env, pid: Pid) -> u8 {
    let receives = Settings::new(env).switch(S6_CMD_RECEIVE_SIGNALS);
    if receives {
        let text = format!("{}\n", Pid::as_raw(Some(pid)));
        let _ =
            files::write_file(CWD, COMMAND_PID.as_bytes(), text.as_bytes(), Permissions::LessUmask(0o644));
    }
    let code = sys::process::wait_for(pid).map_or(111, sys::process::Ended::code);
    if receives {
        let _ = sys::fs::unlink(COMMAND_PID);
    }
    code
}
