//! `syslogd-prepare`: makes the folders of the syslogd's logs; the oneshot of that name runs it.

use rustix::fs::{AtFlags, CWD, Gid, Mode, Uid};
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
/// The user and group of the logger where /etc/passwd has no sysllog.
const NOBODY_ELSE: u32 = 32761;
/// Folders, with their modes: what may hold passwords isn't for everybody.
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
    let user = sys::account::user(b"sysllog").or_unable(|| "read /etc/passwd")?;
    let (uid, gid) = user.map_or((NOBODY_ELSE, NOBODY_ELSE), |u| (u.uid, u.gid));
    for parent in ["/var", "/var/log"] {
        make(parent)?;
    }
    for (name, mode) in FOLDERS {
        let folder = format!("{LOGS}{name}");
        make(&folder)?;
        rustix::fs::chownat(
            CWD,
            &folder,
            Some(Uid::from_raw(uid)),
            Some(Gid::from_raw(gid)),
            AtFlags::empty(),
        )
        .and_then(|()| rustix::fs::chmod(&folder, Mode::from(mode)))
        .or_unable(|| format!("give {folder} to the logger"))?;
    }
    Ok(Next::SUCCESS)
}

fn make(folder: &str) -> Result<(), Fatal> {
    match rustix::fs::mkdir(folder, Mode::from(0o755)) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        failed => failed.or_unable(|| format!("make {folder}")),
    }
}
