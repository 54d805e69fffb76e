//! What `halt`, `poweroff`, `reboot` and `s6-linux-init-hpr` share: one program, four names.

use crate::request::{How, Request, send};
use crate::utmp;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, diag};

/// The options of all four.
pub(crate) const OPTIONS: &[Opt] = &[
    Opt::flag('f', "stop at once, without an orderly shutdown"),
    Opt::flag('h', "halt"),
    Opt::flag('p', "power off"),
    Opt::flag('r', "reboot"),
    Opt::flag('n', "with -f: don't sync the disks first"),
    Opt::flag('d', "don't write a record into wtmp"),
    Opt::flag('w', "only write a record into wtmp"),
    Opt::flag('W', "don't tell the users who are logged in"),
    Opt::flag('i', "ask for the host's name first, on a terminal"),
];

/// Makes the person at the terminal type the host's name, so that the right machine is stopped.
///
/// # Errors
/// No terminal, or another name: code 1.
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
        Err(Fatal::new(1, "another host's name was typed, nothing is stopped"))
    }
}

/// Runs one of the four; `name_says` is what the name itself asks for.
///
/// # Errors
/// Wrong usage; nobody listens for requests; no right to stop this container.
pub(crate) fn main(call: &mut Call, name_says: Option<How>) -> Outcome {
    let options = call.options()?;
    let how = match options.last_of("hpr") {
        Some('h') => How::Halt,
        Some('p') => How::PowerOff,
        Some(_) => How::Reboot,
        None => name_says.ok_or_else(|| Fatal::user("one of -h, -p and -r is needed"))?,
    };
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
        utmp::wall(match how {
            How::Halt => "The system is going down to be halted now!",
            How::PowerOff => "The system is going down to be switched off now!",
            How::Reboot => "The system is going down to reboot now!",
        });
    }
    send(Request::stop(how)).or_unable(|| "tell the container's first process to stop")?;
    Ok(Next::SUCCESS)
}

/// The first process does it if it listens, since it knows what is its own to stop; else the kernel is asked.
fn stop_now(how: How, sync: bool) -> Outcome {
    if sync {
        rustix::fs::sync();
    }
    if send(Request::Stop { how, now: true, delay: 0, grace: 0 }).is_err() {
        how.reboot().or_unable(|| "reboot")?;
    }
    Ok(Next::SUCCESS)
}
