//! `s6-overlay-consequence`: does what a service's restart policy has for its end.
//!
//! Its host starts it, once for each end; process 1 stops the container by itself.

use crate::environment::settings::Settings;
use crate::layout::LIVE;
use crate::limits::CONSEQUENCE_LIMIT;
use crate::pid1::exit_code;
use crate::program::{self, wait_at_most};
use s6_linux_init::request::{self, How, Request};
use sys::process::Ended;
use sys::signal::KILL;
use tool::{Call, Env, Fatal, Next, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-overlay-consequence",
    summary: "do what a service's restart policy has for its end",
    operands: "service on-failure|on-success exitcode signal cause failures stop code|stop-dependents|run prog...",
    options: &[],
    role: Role::Stay,
    main,
};

/// What a program is told of the end, in the order of the operands.
const FACTS: [&str; 4] = ["S6_EXIT_CODE", "S6_SIGNAL", "S6_CAUSE", "S6_FAILURES"];

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let (service, which) = (call.shift()?, call.shift()?);
    let mut env = call.take_env();
    env.set(b"S6_SERVICE", &service);
    for name in FACTS {
        env.set(name.as_bytes(), &call.shift()?);
    }
    match call.shift()?.as_slice() {
        b"stop" => stop(&call.shift()?),
        b"stop-dependents" => {
            let verbosity = Settings::new(&env).verbosity().to_string();
            let options = [b"-v", verbosity.as_bytes(), b"-l", LIVE.as_bytes()];
            // If services are being changed, it waits for its turn.
            let words = [&[&b"s6-rc"[..], b"-b"][..], &options, &[b"-d", b"change", &service]].concat();
            Next::run(words.into_iter().map(<[u8]>::to_vec).collect(), env)
        }
        b"run" => {
            run(&call.take_args(), &env, &format!("{} of {}", diag::show(&which), diag::show(&service)), call)
        }
        _ => Err(Fatal::usage()),
    }
}

/// Stops the container from outside of its first process, as `halt` does.
fn stop(code: &[u8]) -> Outcome {
    let code: u8 = wire::number::decimal(code).ok_or_else(Fatal::usage)?;
    if exit_code::is_untouched() {
        exit_code::write(code).or_unable(|| "write the container's exit code")?;
    }
    request::send(Request::stop(How::Halt)).or_unable(|| "stop the container")?;
    Ok(Next::SUCCESS)
}

/// Runs a program, and reports if it fails or takes too long.
fn run(argv: &[Vec<u8>], env: &Env, whose: &str, call: &Call) -> Outcome {
    let name = argv.first().map(|name| diag::show(name)).ok_or_else(Fatal::usage)?;
    let pid = program::start(argv, env, &[]).or_unable(|| format!("run {name}, {whose}"))?;
    let (ended, is_late) =
        wait_at_most(pid, Some(CONSEQUENCE_LIMIT), KILL).or_unable(|| "wait for a program")?;
    let text = match ended {
        Ended::Exited(0) => return Ok(Next::SUCCESS),
        _ if is_late => format!("took more than {} s and was killed", CONSEQUENCE_LIMIT.as_secs()),
        Ended::Exited(code) => format!("exited {code}"),
        Ended::Killed(signal) => format!("was killed by signal {signal}"),
    };
    call.warn(format_args!("{whose}: {name} {text}"));
    Ok(Next::Exit(ended.code()))
}
