//! The options of the tools that control services, print their status or wait for it, whether the operands name a service
//! directory (`s6-svc`, `s6-svstat`) or an instance (`s6-instance-control`, `s6-instance-status`).

use tool::Opt;

/// What is sent to a supervisor, and the state to wait for afterwards.
pub(crate) const CONTROL: &[Opt] = &[
    Opt::value('s', "signal", "send this signal, one of those below, by name or number"),
    Opt::flag('a', "send SIGALRM"),
    Opt::flag('b', "send SIGABRT"),
    Opt::flag('q', "send SIGQUIT"),
    Opt::flag('h', "send SIGHUP"),
    Opt::flag('k', "send SIGKILL"),
    Opt::flag('t', "send SIGTERM"),
    Opt::flag('i', "send SIGINT"),
    Opt::flag('1', "send SIGUSR1"),
    Opt::flag('2', "send SIGUSR2"),
    Opt::flag('p', "send SIGSTOP"),
    Opt::flag('c', "send SIGCONT"),
    Opt::flag('y', "send SIGWINCH"),
    Opt::flag('r', "restart: send the down signal, keep the service wanted up"),
    Opt::flag('l', "send the reload signal"),
    Opt::flag('P', "send SIGSTOP to the process group"),
    Opt::flag('C', "send SIGCONT to the process group"),
    Opt::flag('K', "send SIGKILL to the process group"),
    Opt::flag('o', "start if down, and do not restart"),
    Opt::flag('d', "stop, and keep down"),
    Opt::flag('u', "start, and keep up"),
    Opt::flag('D', "stop, and make the down file"),
    Opt::flag('U', "start, and remove the down file"),
    Opt::flag('x', "end the supervisor when the service is down"),
    Opt::flag('O', "do not restart; do not start if down"),
    Opt::flag('Q', "as -O, and make the down file"),
    Opt::value('T', "timeout", "with -w: give up after this many milliseconds, with code 99"),
    Opt::value('w', "u|U|d|D|r|R", "wait until the services are in that state"),
];

/// The fields of a status to print.
pub(crate) const STATUS: &[Opt] = &[
    Opt::value(
        'o',
        "field,...",
        "print these fields: up, wantedup, normallyup, ready, paused, pid, pgid, exitcode, signal, signum, updownsince, readysince, updownfor, readyfor",
    ),
    Opt::flag('u', "the field up"),
    Opt::flag('w', "the field wantedup"),
    Opt::flag('N', "the field normallyup"),
    Opt::flag('r', "the field ready"),
    Opt::flag('p', "the field pid"),
    Opt::flag('g', "the field pgid"),
    Opt::flag('e', "the field exitcode"),
    Opt::flag('s', "the field signal"),
    Opt::flag('t', "the field updownfor"),
    Opt::flag('n', "in the summary, print a signal's number instead of its name"),
];

/// The state of services to wait for.
pub(crate) const WAIT: &[Opt] = &[
    Opt::flag('u', "wait until they are up (default)"),
    Opt::flag('U', "wait until they are up and ready"),
    Opt::flag('d', "wait until they are down"),
    Opt::flag('D', "wait until they are down and their finish is done"),
    Opt::flag('r', "wait until they have restarted"),
    Opt::flag('R', "wait until they have restarted and are ready"),
    Opt::flag('a', "all of them (default)"),
    Opt::flag('o', "one of them is enough"),
    Opt::value('t', "timeout", "give up after this many milliseconds, with code 99"),
];
