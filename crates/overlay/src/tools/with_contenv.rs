//! `with-contenv`: runs a program in the container's environment.

use crate::environment::contenv;
use crate::environment::variables::PATH;
use ipc::notify_socket::NOTIFY_SOCKET;
use ipc::registration::NOTIFY;
use tool::{Call, Env, Next, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "with-contenv",
    summary: "run a program in the container's environment",
    operands: "prog...",
    options: &[],
    role: Role::Chain,
    main,
};

/// What a service with `instances` is told.
const INSTANCE: [&[u8]; 2] = [b"INSTANCE", b"INSTANCES"];

/// What a service with `ready` or `live` is told.
const NOTIFIED: [&[u8]; 3] = [NOTIFY_SOCKET, b"WATCHDOG_USEC", b"WATCHDOG_PID"];

/// Keeps what the overlay has told the service itself: no container has these variables for it.
fn keep_own(own: &Env, env: &mut Env) {
    let is_instance = INSTANCE.iter().all(|name| own.get(name).is_some());
    let is_notified = own.get(NOTIFY_SOCKET).is_some_and(|path| path.starts_with(NOTIFY.as_bytes()));
    for (names, is_told) in [(&INSTANCE[..], is_instance), (&NOTIFIED[..], is_notified)] {
        for name in names.iter().filter(|_| is_told) {
            if let Some(value) = own.get(name) {
                env.set(name, value);
            }
        }
    }
}

fn main(call: &mut Call) -> Outcome {
    // A first `--` ends the options, as in every tool.
    call.options()?;
    let argv = call.take_args();
    let own = call.take_env();
    if contenv::is_kept(&own) {
        return Next::run_if_any(argv, own);
    }
    let mut env = Env::new();
    if let Some(path) = own.get(PATH.bytes()) {
        env.set(PATH.bytes(), path);
    }
    contenv::load(&mut env)?;
    keep_own(&own, &mut env);
    // The program is looked up in the container's PATH, not in the caller's.
    call.path = env.get(PATH.bytes()).map(<[u8]>::to_vec);
    Next::run_if_any(argv, env)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_overlay_has_told_a_service_is_kept() {
        let kept = |own: &[(&str, &str)]| {
            let mut env = Env::new();
            env.set(b"NOTIFY_SOCKET", b"/run/of-the-container");
            let own = own.iter().fold(Env::new(), |mut env, (name, value)| {
                env.set(name.as_bytes(), value.as_bytes());
                env
            });
            keep_own(&own, &mut env);
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let mut all: Vec<_> = env.iter().map(|(name, value)| text(name) + "=" + &text(value)).collect();
            all.sort();
            all.join(" ")
        };
        let of_container = "NOTIFY_SOCKET=/run/of-the-container";
        let told = ("NOTIFY_SOCKET", "/run/s6-overlay/notify/7");
        assert_eq!(kept(&[("INSTANCE", "mine"), ("A", "b"), ("WATCHDOG_PID", "3")]), of_container);
        assert_eq!(kept(&[("NOTIFY_SOCKET", "/run/other"), ("WATCHDOG_USEC", "3")]), of_container);
        assert_eq!(kept(&[told]), "NOTIFY_SOCKET=/run/s6-overlay/notify/7");
        assert_eq!(
            kept(&[
                told,
                ("WATCHDOG_USEC", "3"),
                ("WATCHDOG_PID", "4"),
                ("INSTANCE", "1"),
                ("INSTANCES", "2")
            ]),
            "INSTANCE=1 INSTANCES=2 NOTIFY_SOCKET=/run/s6-overlay/notify/7 WATCHDOG_PID=4 WATCHDOG_USEC=3"
        );
    }
}
