//! `halt`, `poweroff`, `reboot` and `s6-linux-init-hpr`: one program under four names.

use crate::request::{How, Request, send};
use crate::utmp;
use tool::{Call, Fatal, Next, Opt, Options, OrUnable, Outcome, diag};

/// The options of all four names.
pub(crate) const OPTIONS: &[Opt] = &[
    Opt::flag('f', "stop at once, without an orderly shutdown"),
    Opt::flag('h', "halt"),
    Opt::flag('p', "power off"),
    Opt::flag('r', "reboot"),
    Opt::flag('n', "with -f: don't sync the disks first"),
    Opt::flag('d', "don't write a record to wtmp"),
    Opt::flag('w', "only write a record to wtmp"),
    Opt::flag('W', "don't notify logged-in users"),
    Opt::flag('i', "ask for the host name first, on a terminal"),
];

/// Requires the user to type the host name on the terminal, so that the right machine is stopped.
///
/// # Errors
/// There is no terminal, or the name is wrong: code 1.
pub(crate) fn confirm_hostname(call: &Call) -> Result<(), Fatal> {
    let stdin = rustix::stdio::stdin();
    if !rustix::termios::isatty(stdin) {
        return Err(Fatal::new(1, "-i needs a terminal"));
    }
    diag::line(&format!("{}: type the name of the host to stop:", call.tool.name));
    let mut typed = [0; 256];
    let count = rustix::io::read(stdin, &mut typed).or_unable(|| "read from the terminal")?;
    let typed = typed.get(..count).unwrap_or_default().trim_ascii();
    let short = |name: &[u8]| name.split(|b| *b == b'.').next().unwrap_or_default().to_vec();
    if typed == short(rustix::system::uname().nodename().to_bytes()) {
        Ok(())
    } else {
        Err(Fatal::new(1, "the host name doesn't match: nothing is stopped"))
    }
}

/// Runs one of the four; `default` is what its name asks for.
///
/// # Errors
/// Wrong usage, no process reads requests, or no permission to stop this container.
pub(crate) fn main(call: &mut Call, default: Option<How>) -> Outcome {
    let options = call.options()?;
    let how = requested(&options, default)?;
    if options.has('i') {
        confirm_hostname(call)?;
    }
    if options.has('w') {
        utmp::record_shutdown();
        return Ok(Next::SUCCESS);
    }
    if !options.has('d') {
        utmp::record_shutdown();
    }
    if options.has('f') {
        return stop_now(how, !options.has('n'));
    }
    if !options.has('W') {
        utmp::wall(announcement(how));
    }
    send(Request::stop(how)).or_unable(|| "send a shutdown request to process 1")?;
    Ok(Next::SUCCESS)
}

/// What the options ask for.
fn requested(options: &Options, default: Option<How>) -> Result<How, Fatal> {
    Ok(match options.last_of("hpr") {
        Some('h') => How::Halt,
        Some('p') => How::PowerOff,
        Some(_) => How::Reboot,
        None => default.ok_or_else(|| Fatal::user("one of -h, -p and -r is needed"))?,
    })
}

/// The message to logged-in users.
fn announcement(how: How) -> &'static str {
    match how {
        How::Halt => "The system is going down to be halted now!",
        How::PowerOff => "The system is going down to be switched off now!",
        How::Reboot => "The system is going down to reboot now!",
    }
}

/// Stops without an orderly shutdown: by process 1 if it reads requests, since it knows what to clean up, else by
/// reboot(2).
fn stop_now(how: How, sync: bool) -> Outcome {
    if sync {
        rustix::fs::sync();
    }
    if send(Request::Stop { how, now: true, delay: 0, grace: 0 }).is_err() {
        how.reboot().or_unable(|| "reboot")?;
    }
    Ok(Next::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &str, default: Option<How>) -> Result<How, u8> {
        let mut args = words.split_whitespace().map(|w| w.as_bytes().to_vec()).collect();
        requested(&Options::take(OPTIONS, &mut args).unwrap(), default).map_err(|e| e.code())
    }

    #[test]
    fn an_option_overrides_the_name() {
        assert_eq!(asked("", None), Err(100));
        for how in [How::Halt, How::PowerOff, How::Reboot] {
            assert_eq!(asked("", Some(how)), Ok(how));
            assert_eq!(asked("-h", Some(how)), Ok(How::Halt));
            assert_eq!(asked("-p", Some(how)), Ok(How::PowerOff));
            assert_eq!(asked("-r", Some(how)), Ok(How::Reboot));
            assert_eq!(asked("-h -p -r -f -p", Some(how)), Ok(How::PowerOff));
        }
    }

    #[test]
    fn users_are_told_what_happens() {
        assert!(announcement(How::Halt).contains("halted"));
        assert!(announcement(How::PowerOff).contains("switched off"));
        assert!(announcement(How::Reboot).contains("reboot"));
    }
}
