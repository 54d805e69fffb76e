//! `s6-svperms`: shows and sets which users may see, control and listen to a service.

use rustix::fs::{CWD, FileType, Gid, Mode};
use supervision::control::{SUPERVISE, join};
use sys::account;
use tool::{Call, Fatal, Next, Opt, OrUnable, Out, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-svperms",
    summary: "show and set who may use a service",
    operands: "servicedir...",
    options: &[
        Opt::flag('v', "show the permissions; the default without another option"),
        Opt::flag('u', "only the owner may see the status and send commands"),
        Opt::value('g', "group", "the group may see the status"),
        Opt::value('G', "group", "the group may see the status and send commands"),
        Opt::flag('o', "everybody may see the status"),
        Opt::value('O', "group", "everybody may see the status, the group may send commands"),
        Opt::flag('e', "everybody may listen to events"),
        Opt::value('E', "group", "the group may listen to events"),
    ],
    role: Role::Stay,
    main,
};

/// The users that may do something, besides the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Users {
    Owner,
    Group(u32),
    Everybody,
}

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let (mut status, mut control, mut events, mut show) = (None, Users::Owner, None, false);
    for (option, value) in options.iter() {
        match option {
            'v' => show = true,
            'u' => (status, control) = (Some(Users::Owner), Users::Owner),
            'g' => (status, control) = (Some(Users::Group(gid(value)?)), Users::Owner),
            'G' => (status, control) = (Some(Users::Group(gid(value)?)), Users::Group(gid(value)?)),
            'o' => (status, control) = (Some(Users::Everybody), Users::Owner),
            'O' => (status, control) = (Some(Users::Everybody), Users::Group(gid(value)?)),
            'e' => events = Some(Users::Everybody),
            _ => events = Some(Users::Group(gid(value)?)),
        }
    }
    show |= status.is_none() && events.is_none();
    let dirs = call.take_args();
    if dirs.is_empty() {
        return Err(Fatal::usage());
    }
    let mut out = Out::new();
    let mut code = 0;
    for dir in dirs {
        if let Some(status) = status {
            set(&join(&dir, &[SUPERVISE]), status, [0o700, 0o710, 0o711])?;
            set(&join(&dir, &[SUPERVISE, b"control"]), control, [0o600, 0o620, 0o600])?;
        }
        if let Some(events) = events {
            set(&join(&dir, &[b"event"]), events, [0o3730, 0o3730, 0o1733])?;
        }
        if show {
            for (what, permission) in describe(&dir) {
                match permission {
                    Ok(users) => {
                        out.line(&[&dir, &b" "[..], what.as_bytes(), b": ", &named(users)].concat())?
                    }
                    Err(fatal) => {
                        call.warn(fatal.message());
                        code = 1;
                    }
                }
            }
        }
    }
    out.flush()?;
    Ok(Next::Exit(code))
}

/// A group by name, or by number after a colon.
fn gid(word: &[u8]) -> Result<u32, Fatal> {
    if let Some(number) = word.strip_prefix(b":") {
        return wire::number::decimal(number).ok_or_else(Fatal::usage);
    }
    match account::group(word).or_unable(|| "read /etc/group")? {
        Some(group) => Ok(group.gid),
        None => Err(Fatal::user(format_args!("unable to find group {}", diag::show(word)))),
    }
}

fn named(users: Users) -> Vec<u8> {
    match users {
        Users::Owner => b"owner".to_vec(),
        Users::Everybody => b"public".to_vec(),
        Users::Group(gid) => {
            let found = account::groups().unwrap_or_default().into_iter().find(|g| g.gid == gid);
            [b"group ", found.map_or_else(|| gid.to_string().into_bytes(), |g| g.name).as_slice()].concat()
        }
    }
}

/// The primary group of a file's owner, root's if there is no such user.
fn owners_group(path: &[u8]) -> Result<u32, Fatal> {
    let st = sys::fs::stat(path).or_unable_to("stat", path)?;
    let users = account::users().or_unable(|| "read /etc/passwd")?;
    Ok(users.into_iter().find(|u| u.uid == st.st_uid).map_or(0, |u| u.gid))
}

/// Gives a file its group and the mode for the owner, the group, or everybody.
fn set(path: &[u8], users: Users, modes: [u32; 3]) -> Result<(), Fatal> {
    let [owner, group, public] = modes;
    let (gid, mode) = match users {
        Users::Owner => (owners_group(path)?, owner),
        Users::Group(gid) => (gid, group),
        Users::Everybody => (owners_group(path)?, public),
    };
    sys::fs::chownat(CWD, path, None, Some(Gid::from_raw(gid)), rustix::fs::AtFlags::empty())
        .or_unable_to("chown", path)?;
    sys::fs::chmod(path, Mode::from_raw_mode(mode)).or_unable_to("chmod", path)
}

/// The permissions of a service; an error for a mode that is none of them.
fn describe(dir: &[u8]) -> [(&'static str, Result<Users, Fatal>); 3] {
    [
        ("status", permission(&join(dir, &[SUPERVISE]), FileType::Directory, &[0o700, 0o710, 0o711])),
        ("control", permission(&join(dir, &[SUPERVISE, b"control"]), FileType::Fifo, &[0o600, 0o620])),
        ("events", permission(&join(dir, &[b"event"]), FileType::Directory, &[0, 0o3730, 0o1733])),
    ]
}

/// Which of the modes for owner, group and everybody a file has.
fn permission(path: &[u8], kind: FileType, modes: &[u32]) -> Result<Users, Fatal> {
    let name = diag::show(path);
    let st = sys::fs::stat(path).or_unable(|| format!("stat {name}"))?;
    if FileType::from_raw_mode(st.st_mode) != kind {
        return Err(Fatal::new(
            1,
            format_args!("{name} is no {}", if kind.is_dir() { "directory" } else { "FIFO" }),
        ));
    }
    // A directory under a setgid one has that bit too.
    let mode = st.st_mode & 0o7777 & if modes.contains(&0o700) { !0o2000 } else { !0 };
    match modes.iter().position(|m| *m == mode) {
        Some(0) => Ok(Users::Owner),
        Some(1) => Ok(Users::Group(st.st_gid)),
        Some(_) => Ok(Users::Everybody),
        None => Err(Fatal::new(1, format_args!("{name} has incorrect permissions: {mode:o}"))),
    }
}
