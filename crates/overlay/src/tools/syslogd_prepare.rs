//! `syslogd-prepare`: makes the folders of the syslogd's logs; the oneshot of that name runs it.
//!
//! Without root's rights, the syslogd and its logger run as the container's user, who owns the folders.

use crate::log_access;
use rustix::fs::{Access, AtFlags, CWD, Gid, Mode, Uid};
use rustix::io::Errno;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "syslogd-prepare",
    summary: "make the folders of the syslogd's logs",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

const LOGS: &str = "/var/log/syslogd";
/// The user id and group id of the logger if /etc/passwd has no sysllog.
const LOGGER_ID: u32 = 32761;
/// The folders with their modes: only the logger's group may read what can hold passwords.
const FOLDERS: [(&str, u32); 11] = [
    ("", 0o2755),
    ("/cron", 0o2755),
    ("/daemon", 0o2755),
    ("/debug", 0o2755),
    ("/errors", 0o2755),
    ("/everything", 0o2755),
    ("/kernel", 0o2755),
    ("/mail", 0o2755),
    ("/messages", 0o2755),
    ("/user", 0o2755),
    ("/secure", 0o2750),
];

fn main(_: &mut Call) -> Outcome {
    check_socket()?;
    let user = sys::account::user(b"sysllog").or_unable(|| "read /etc/passwd")?;
    let (uid, gid) = user.map_or((LOGGER_ID, LOGGER_ID), |u| (u.uid, u.gid));
    for parent in ["/var", "/var/log"] {
        make(parent)?;
    }
    let privileged = rustix::process::geteuid().is_root();
    for (name, mode) in FOLDERS {
        let folder = format!("{LOGS}{name}");
        make(&folder)?;
        if !privileged {
            // If another user owns the folder, its permissions decide.
            let _ = sys::fs::chmod(&folder, Mode::from(mode));
            log_access::check(folder.as_bytes())?;
            continue;
        }
        sys::fs::chownat(CWD, &folder, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)), AtFlags::empty())
            .and_then(|()| sys::fs::chmod(&folder, Mode::from(mode)))
            .or_unable(|| format!("give {folder} to the logger"))?;
    }
    Ok(Next::SUCCESS)
}

/// Checks that the syslogd can make its socket /dev/log, the only place where programs look for it.
fn check_socket() -> Result<(), Fatal> {
    const PLACE: &str = "/dev";
    let Err(e) = sys::fs::access(PLACE, Access::WRITE_OK | Access::EXEC_OK) else { return Ok(()) };
    let st = sys::fs::stat(PLACE).or_unable(|| "make /dev/log: stat /dev")?;
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    Err(Fatal::new(
        111,
        format_args!(
            "unable to make /dev/log: {}: /dev belongs to {}:{} and has mode {:04o}, the container runs as {uid}:{gid}; \
             to have a syslog daemon, start the container as root, and let its services change users (s6-setuidgid)",
            sys::strerror(e),
            st.st_uid,
            st.st_gid,
            st.st_mode & 0o7777
        ),
    ))
}

fn make(folder: &str) -> Result<(), Fatal> {
    match sys::fs::mkdir(folder, Mode::from(0o755)) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        failed => {
            log_access::check(folder.as_bytes())?;
            failed.or_unable(|| format!("make {folder}"))
        }
    }
}
