//! `s6-sudod`: runs a program with the arguments, variables and standard streams of the `s6-sudoc` at the other end
//! of the connection on its standard input and output.

use ipc::unix_message::{Message, Receiver, receive, wait};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::SendFlags;
use rustix::process::Pid;
use rustix::stdio::{stderr, stdin, stdout};
use std::os::fd::{AsFd, OwnedFd};
use sys::process::{Ended, kill, reap_one};
use sys::signal::{self, Set, SignalFd};
use tool::clock::{self, Moment};
use tool::{Call, Env, Fatal, Next, Opt, Options, OrUnable, Outcome, Role, Setup, Tool, diag};
use wire::sudo::{Flaw, REQUEST_MAX, Request, SERVER_BANNER};

pub static TOOL: Tool = Tool {
    name: "s6-sudod",
    summary: "run a program for the s6-sudoc on standard input and output",
    operands: "[sargv...]",
    options: &[
        Opt::flag('0', "give the program /dev/null as standard input, not the client's"),
        Opt::flag('1', "give it /dev/null as standard output"),
        Opt::flag('2', "give it the server's standard error"),
        Opt::flag('d', "-0 -1 -2, and let it continue when the client is gone"),
        Opt::value(
            't',
            "timeout",
            "exit if the client's request isn't complete after this many milliseconds",
        ),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let deadline = clock::deadline(options.number('t')?);
    // Descriptors from the client must not get their numbers.
    sys::fd::ensure_standard().or_unable(|| "open standard descriptors")?;
    write_all(SERVER_BANNER, deadline).or_unable(|| "write the banner to the client")?;
    let message = receive(stdin(), &mut Receiver::new(REQUEST_MAX, 3), deadline)
        .or_unable(|| "read the client's message")?;
    let (request, fds) = match understood(message, call.args.is_empty()) {
        Ok(understood) => understood,
        Err(why) => {
            answer(Errno::INVAL, deadline);
            return Err(Fatal::user(why));
        }
    };
    let env = environment(&call.env, &request.env);
    let mut argv = call.take_args();
    argv.extend(request.argv);
    let name = argv.first().map(|word| diag::shown(word)).unwrap_or_default();

    let mask = signal::block(&Set::empty());
    let signals = SignalFd::new(&Set::of(&[signal::CHLD])).or_unable(|| "make a signal descriptor")?;
    let spawned = null(&options).and_then(|null| {
        let [input, output, error] = [0, 1, 2].map(|n| fds.get(n).map(OwnedFd::as_fd));
        let other = null.as_ref().map(OwnedFd::as_fd);
        let places = [
            (if has(&options, '0') { other } else { input }, 0),
            (if has(&options, '1') { other } else { output }, 1),
            (if has(&options, '2') { Some(stderr()) } else { error }, 2),
        ];
        let places: Option<Vec<_>> = places.into_iter().map(|(fd, to)| Some((fd?, to))).collect();
        let places = places.ok_or(Errno::BADF)?;
        let mut private: Vec<_> = fds.iter().map(OwnedFd::as_fd).chain(other).collect();
        private.push(signals.as_fd());
        tool::try_spawn(call, argv, env, &Setup { fds: &places, private: &private, mask: Some(mask) })
    });
    drop(fds);
    let pid = match spawned {
        Ok(pid) => pid,
        Err(e) => {
            answer(e, deadline);
            return Err(Fatal::unable(format_args!("spawn {name}"), e));
        }
    };
    let mut is_there = write_all(&[0], deadline).is_ok();
    let goes_on_alone = options.has('d');
    loop {
        if !is_there && !goes_on_alone {
            for number in [signal::TERM, signal::CONT] {
                let _ = kill(pid, number);
            }
            return Ok(Next::Exit(1));
        }
        if let Some(how) = ended(pid, &signals)? {
            if is_there {
                write_all(&u32::from(how.wstat()).to_be_bytes(), None)
                    .or_unable(|| "write the exit status to the client")?;
            }
            return Ok(Next::SUCCESS);
        }
        let mut polled = vec![PollFd::new(&signals, PollFlags::IN)];
        if is_there {
            // Of the client only its end is awaited.
            polled.push(PollFd::from_borrowed_fd(stdin(), PollFlags::empty()));
        }
        match poll(&mut polled, None) {
            Err(Errno::INTR) => {}
            done => drop(done.or_unable(|| "poll")?),
        }
        is_there &= polled.get(1).is_none_or(|fd| fd.revents().is_empty());
    }
}

/// Whether an option was given or is implied.
fn has(options: &Options, letter: char) -> bool {
    options.has(letter) || options.has('d')
}

/// /dev/null, if an option asks for it in place of a stream.
fn null(options: &Options) -> Result<Option<OwnedFd>, Errno> {
    let wanted = has(options, '0') || has(options, '1');
    let open = || sys::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
    wanted.then(open).transpose()
}

/// The request of the client and its three descriptors, or why it is refused.
fn understood(message: Message, is_alone: bool) -> Result<(Request, Vec<OwnedFd>), &'static str> {
    if message.fds.len() != 3 {
        return Err("the client did not send three descriptors");
    }
    let request = Request::decode(&message.bytes).map_err(|flaw| match flaw {
        Flaw::Banner => "wrong banner: the client is no s6-sudoc",
        Flaw::TooMany => "the client sent too many arguments or variables",
        Flaw::Damage => "the client's message is damaged",
        Flaw::Variable => "the client sent a variable without a value",
    })?;
    if is_alone && request.argv.is_empty() {
        return Err("neither server nor client name a program");
    }
    Ok((request, message.fds))
}

/// The environment of the program: the server's; the client may set the variables that are empty there.
fn environment(server: &Env, client: &[Vec<u8>]) -> Env {
    let mut env = server.clone();
    for (name, value) in Env::from_vars(client.to_vec()).iter() {
        if env.get(name).is_some_and(<[u8]>::is_empty) {
            env.set(name, value);
        }
    }
    env
}

/// How the program has ended, if it has.
fn ended(pid: Pid, signals: &SignalFd) -> Result<Option<Ended>, Fatal> {
    while signals.read().or_unable(|| "read signals")?.is_some() {}
    reap_one(pid).or_unable(|| "wait for the program")
}

/// Sends the client the reason why its program doesn't run; the client may be gone.
fn answer(e: Errno, deadline: Option<Moment>) {
    let code = u8::try_from(e.raw_os_error()).unwrap_or(u8::MAX);
    let _ = write_all(&[code], deadline);
}

fn write_all(mut bytes: &[u8], deadline: Option<Moment>) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::net::send(stdout(), bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait(stdout(), PollFlags::OUT, deadline)?,
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<Vec<u8>> {
        words.iter().map(|w| w.as_bytes().to_vec()).collect()
    }

    #[test]
    fn the_client_sets_the_variables_that_are_empty() {
        let server = Env::from_vars(words(&["EMPTY=", "FULL=own", "ALSO="]));
        let client = words(&["EMPTY=1", "FULL=1", "NEW=1", "EMPTY=2"]);
        let env = environment(&server, &client);
        let get = |name: &str| env.get(name.as_bytes()).map(diag::shown);
        assert_eq!(get("EMPTY").as_deref(), Some("1"));
        assert_eq!(get("FULL").as_deref(), Some("own"));
        assert_eq!(get("ALSO").as_deref(), Some(""));
        assert_eq!(get("NEW"), None);
    }

    #[test]
    fn a_message_has_three_descriptors_and_one_side_names_a_program() {
        let fds = |n: usize| (0..n).map(|_| std::fs::File::open("/dev/null").unwrap().into()).collect();
        let bytes = Request::default().encode().unwrap();
        assert!(understood(Message { bytes: bytes.clone(), fds: fds(2) }, false).is_err());
        assert!(understood(Message { bytes: bytes.clone(), fds: fds(3) }, true).is_err());
        assert!(understood(Message { bytes, fds: fds(3) }, false).is_ok());
        assert!(understood(Message { bytes: b"s6-sudo a v9".to_vec(), fds: fds(3) }, false).is_err());
    }
}
