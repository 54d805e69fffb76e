//! Which processes are a service's, as /proc says.

use super::listeners::{Listener, parse};
use rustix::fs::CWD;
use rustix::io::Errno;
use std::net::IpAddr;
use tool::path::join;
use tool::processes::all;
use wire::number::decimal;
use wire::proc_stat::Stat;

/// How far a process's parents are followed.
const PARENTS_MAX: usize = 32;

/// At most so much of a file of /proc/net is read: listening sockets come first.
const NET_MAX: usize = 1 << 20;

/// At most so much of another file.
const FILE_MAX: usize = 4096;

/// A file of a process.
pub(crate) fn file(pid: u64, name: &str) -> Option<Vec<u8>> {
    files::read_file(CWD, format!("/proc/{pid}/{name}").as_bytes(), FILE_MAX).ok()
}

/// What /proc says of a process.
pub(crate) fn stat(pid: u64) -> Option<Stat> {
    Stat::parse(&file(pid, "stat")?)
}

/// Whether a process is a service's whose first process is `of`: in the session or group that this leads, or below it.
pub(crate) fn belongs(one: &Stat, of: u64, find: &dyn Fn(u64) -> Option<Stat>) -> bool {
    let mut next = Some(one.clone());
    for _ in 0..PARENTS_MAX {
        let Some(stat) = next else { break };
        if [stat.pid, stat.session, stat.group, stat.ppid].contains(&of) {
            return true;
        }
        next = find(stat.ppid);
    }
    false
}

/// A user and its groups, of a process.
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
}

/// The user of a process, by the text of `/proc/PID/status`.
pub(crate) fn user(status: &[u8]) -> Option<User> {
    let words = |name: &[u8]| {
        let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name))?;
        let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        Some(words.filter_map(decimal).collect::<Vec<u32>>())
    };
    // Of the four, the second one is the effective one.
    let effective = |name: &[u8]| words(name)?.get(1).copied();
    Some(User {
        uid: effective(b"Uid:")?,
        gid: effective(b"Gid:")?,
        groups: words(b"Groups:").unwrap_or_default(),
    })
}

/// The sockets that listen, read at most once a round.
#[derive(Default)]
pub(crate) struct Net {
    listeners: Option<Vec<Listener>>,
    processes: Option<Vec<Stat>>,
}

/// Whose a socket is.
enum Owner {
    Service,
    Other(u64),
    Unknown,
}

impl Net {
    /// Whether a process of the service listens; if not, why.
    pub(crate) fn listens(&mut self, address: Option<IpAddr>, port: u16, pid: u32) -> Result<(), String> {
        let read = || {
            let files = ["/proc/net/tcp", "/proc/net/tcp6"];
            let texts = files.iter().filter_map(|path| files::read_file(CWD, path.as_bytes(), NET_MAX).ok());
            texts.flat_map(|text| parse(&text).collect::<Vec<_>>()).collect()
        };
        let listeners: &Vec<Listener> = self.listeners.get_or_insert_with(read);
        let mut taken = None;
        for one in listeners.iter().filter(|one| one.takes(address, port)) {
            let processes = self.processes.get_or_insert_with(|| all().unwrap_or_default());
            match owner(one.inode, pid.into(), processes) {
                Owner::Service | Owner::Unknown => return Ok(()),
                Owner::Other(other) => taken = Some(other),
            }
        }
        Err(match taken.map(|pid| (pid, stat(pid))) {
            None => "nobody listens".to_owned(),
            Some((pid, Some(stat))) => {
                format!("port {port} is taken by pid {pid} ({})", tool::diag::show(&stat.comm))
            }
            Some((0, _)) => format!("port {port} is taken by a process that isn't the service's"),
            Some((pid, None)) => format!("port {port} is taken by pid {pid}"),
        })
    }
}

/// Whose the socket with this inode is.  Where the service's processes can't be looked into, that isn't known, unless somebody
/// else has it.
fn owner(inode: u64, pid: u64, processes: &[Stat]) -> Owner {
    let find = |pid| processes.iter().find(|stat| stat.pid == pid).cloned();
    let (own, others): (Vec<&Stat>, Vec<&Stat>) = processes.iter().partition(|one| belongs(one, pid, &find));
    let mut is_known = true;
    for one in own {
        match has(one.pid, inode) {
            Some(true) => return Owner::Service,
            Some(false) => {}
            None => is_known = false,
        }
    }
    match others.iter().find(|one| has(one.pid, inode) == Some(true)) {
        Some(other) => Owner::Other(other.pid),
        None if is_known => Owner::Other(0),
        None => Owner::Unknown,
    }
}

/// Whether a process has the socket; `None` if its descriptors can't be looked at: root lists those of another user's
/// process, but needs CAP_SYS_PTRACE to see what they are, which engines don't give.
fn has(pid: u64, inode: u64) -> Option<bool> {
    let path = format!("/proc/{pid}/fd");
    let names = files::names_at(CWD, path.as_bytes()).ok()?;
    let wanted = format!("socket:[{inode}]");
    let mut is_seen = true;
    for name in names {
        match sys::fs::readlink(join(path.as_bytes(), &name), Vec::new()) {
            Ok(link) if link.as_bytes() == wanted.as_bytes() => return Some(true),
            Err(Errno::ACCESS | Errno::PERM) => is_seen = false,
            // One that was closed meanwhile is no socket that listens.
            _ => {}
        }
    }
    // A process that has ended has none.
    is_seen.then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u64, ppid: u64, group: u64, session: u64) -> Stat {
        Stat { pid, ppid, group, session, ..Stat::default() }
    }

    #[test]
    fn a_service_has_its_session_its_group_and_what_is_below_it() {
        let all = [
            process(1, 0, 1, 1),
            process(7, 1, 7, 7),
            process(8, 7, 8, 8),
            process(9, 8, 9, 9),
            process(10, 1, 10, 7),
            process(11, 1, 7, 12),
            process(20, 1, 20, 20),
            process(21, 20, 21, 21),
        ];
        let find = |pid| all.iter().find(|stat| stat.pid == pid).cloned();
        let own: Vec<u64> = all.iter().filter(|one| belongs(one, 7, &find)).map(|one| one.pid).collect();
        assert_eq!(own, [7, 8, 9, 10, 11]);
        let circle = [process(30, 31, 0, 0), process(31, 30, 0, 0)];
        assert!(!belongs(&circle[0], 7, &|pid| circle.iter().find(|stat| stat.pid == pid).cloned()));
    }

    #[test]
    fn the_effective_user_counts() {
        let text = b"Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nFDSize:\t64\nGroups:\t6 10 \n";
        let user = user(text).unwrap();
        assert_eq!((user.uid, user.gid, user.groups), (2, 6, vec![6, 10]));
        assert!(super::user(b"Uid:\t1\n").is_none());
    }

    #[test]
    fn a_port_is_this_processs_or_anothers() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let own = std::process::id();
        assert_eq!(Net::default().listens(None, port, own), Ok(()));
        let child = std::process::Command::new("/bin/cat").stdin(std::process::Stdio::piped()).spawn();
        let mut child = child.unwrap();
        let text = Net::default().listens(None, port, child.id()).unwrap_err();
        assert!(text.starts_with(&format!("port {port} is taken by pid {own} (")), "{text}");
        drop(child.stdin.take());
        child.wait().unwrap();
        drop(socket);
        assert_eq!(Net::default().listens(None, port, own).unwrap_err(), "nobody listens");
    }
}
