//! The description of a container, and its form on the way to the stage.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use sys::seccomp::Denied;

/// What the container's standard streams are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Streams {
    /// The caller's own.
    #[default]
    Inherit,
    /// Standard input is `/dev/null`, the others are pipes that the caller reads.
    Capture,
    /// As [`Streams::Capture`], but both outputs are one pipe, which keeps their order.
    Together,
    /// A terminal of the container's own, which the caller holds the other end of.
    Terminal,
}

/// The network that the container sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// Its own, with nothing but a loopback.
    #[default]
    Own,
    /// The caller's.
    Host,
}

/// The description of a container.  [`Sandbox::new`] gives the defaults, the methods change them,
/// [`Sandbox::start`] starts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    pub(crate) layers: Vec<PathBuf>,
    pub(crate) command: Vec<OsString>,
    pub(crate) env: Vec<OsString>,
    pub(crate) hostname: OsString,
    pub(crate) directory: PathBuf,
    pub(crate) user: Option<(u32, u32)>,
    pub(crate) read_only: bool,
    pub(crate) run_options: OsString,
    pub(crate) network: Network,
    pub(crate) files: Vec<(PathBuf, OsString)>,
    pub(crate) directories: Vec<PathBuf>,
    pub(crate) binds: Vec<(PathBuf, OsString)>,
    pub(crate) prepare: Vec<OsString>,
    pub(crate) streams: Streams,
    pub(crate) enter: Option<u32>,
    pub(crate) bare_daemons: Option<(u32, OsString)>,
    pub(crate) denied: Vec<Denied>,
    pub(crate) held: bool,
}

impl Sandbox {
    /// A container on `root` that runs `command` (a path, or a name to look up in the description's PATH).
    pub fn new<C: Into<OsString>>(root: &Path, command: impl IntoIterator<Item = C>) -> Self {
        Self { layers: vec![root.to_owned()], ..Self::bare(command) }
    }

    pub(crate) fn bare<C: Into<OsString>>(command: impl IntoIterator<Item = C>) -> Self {
        Self {
            layers: Vec::new(),
            command: command.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            hostname: "box".into(),
            directory: "/".into(),
            user: None,
            read_only: false,
            run_options: "mode=0755".into(),
            network: Network::Own,
            files: Vec::new(),
            directories: Vec::new(),
            binds: Vec::new(),
            prepare: Vec::new(),
            streams: Streams::Inherit,
            enter: None,
            bare_daemons: None,
            denied: Vec::new(),
            held: false,
        }
    }

    /// Runs this command instead.
    #[must_use]
    pub fn command<C: Into<OsString>>(mut self, command: impl IntoIterator<Item = C>) -> Self {
        self.command = command.into_iter().map(Into::into).collect();
        self
    }

    /// Lays a directory over the root and over the layers that were laid before.
    #[must_use]
    pub fn layer(mut self, directory: &Path) -> Self {
        self.layers.insert(0, directory.to_owned());
        self
    }

    /// Adds a variable to the environment, which is empty at first.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let mut word = name.as_ref().to_owned();
        word.push("=");
        word.push(value);
        self.env.push(word);
        self
    }

    /// The host name inside; `box` unless set.
    #[must_use]
    pub fn hostname(mut self, name: impl Into<OsString>) -> Self {
        self.hostname = name.into();
        self
    }

    /// The working directory of the command; `/` unless set.
    #[must_use]
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.directory = path.into();
        self
    }

    /// Runs the command with these numeric ids and no supplementary groups.
    #[must_use]
    pub fn user(mut self, uid: u32, gid: u32) -> Self {
        self.user = Some((uid, gid));
        self
    }

    /// Makes the root read-only, after the preparation.
    #[must_use]
    pub fn read_only(mut self, yes: bool) -> Self {
        self.read_only = yes;
        self
    }

    /// The mount options of `/run`: `mode=0755` unless set; may contain `noexec`.
    #[must_use]
    pub fn run_options(mut self, options: impl Into<OsString>) -> Self {
        self.run_options = options.into();
        self
    }

    /// Which network the container sees.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Writes a file (mode 0644, parents as needed) into the view before anything runs.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>, content: &[u8]) -> Self {
        self.files.push((path.into(), OsString::from_vec(content.to_vec())));
        self
    }

    /// Makes a directory (with parents) in the view before anything runs.
    #[must_use]
    pub fn make_directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.directories.push(path.into());
        self
    }

    /// Shows a directory of the caller's at a place in the view: what the container writes there outlives it.
    #[must_use]
    pub fn bind(mut self, directory: &Path, place: impl Into<OsString>) -> Self {
        self.binds.push((directory.to_owned(), place.into()));
        self
    }

    /// A command to run to its end before the container's own, as root, with the standard PATH as its environment,
    /// its input and output `/dev/null`.  If it fails, so does [`Sandbox::start`], with what it wrote to standard error.
    #[must_use]
    pub fn prepare<C: Into<OsString>>(mut self, command: impl IntoIterator<Item = C>) -> Self {
        self.prepare = command.into_iter().map(Into::into).collect();
        self
    }

    /// What the standard streams are.
    #[must_use]
    pub fn streams(mut self, streams: Streams) -> Self {
        self.streams = streams;
        self
    }

    /// Before the command is executed, pid 1 itself starts this program that many times, each in its own session: all
    /// that an init has to do, and nothing else.
    #[must_use]
    pub fn bare_daemons(mut self, count: u32, program: impl Into<OsString>) -> Self {
        self.bare_daemons = Some((count, program.into()));
        self
    }

    /// Makes these system calls fail for the command and all that it starts, as under an old kernel or under a profile of
    /// a container engine.
    #[must_use]
    pub fn deny(mut self, calls: impl IntoIterator<Item = Denied>) -> Self {
        self.denied.extend(calls);
        self
    }

    /// [`Sandbox::start`] returns when pid 1 is about to execute its command, and [`Container::release`] lets it: a
    /// tracer that was attached in between sees the execution and all that follows, and before it only `recvmsg`.
    ///
    /// [`Container::release`]: crate::Container::release
    #[must_use]
    pub fn held(mut self) -> Self {
        self.held = true;
        self
    }

    /// The description as the fields of a message.
    pub(crate) fn encode(&self) -> Vec<(u8, Vec<u8>)> {
        let mut out = Vec::new();
        let mut add = |key: u8, value: &[u8]| out.push((key, value.to_vec()));
        self.layers.iter().for_each(|v| add(b'l', v.as_os_str().as_bytes()));
        self.command.iter().for_each(|v| add(b'c', v.as_bytes()));
        self.env.iter().for_each(|v| add(b'e', v.as_bytes()));
        add(b'h', self.hostname.as_bytes());
        add(b'w', self.directory.as_os_str().as_bytes());
        if let Some((uid, gid)) = self.user {
            add(b'u', uid.to_string().as_bytes());
            add(b'g', gid.to_string().as_bytes());
        }
        if self.read_only {
            add(b'r', b"");
        }
        add(b'o', self.run_options.as_bytes());
        if self.network == Network::Host {
            add(b'n', b"");
        }
        for (path, content) in &self.files {
            add(b'f', path.as_os_str().as_bytes());
            add(b'F', content.as_bytes());
        }
        self.directories.iter().for_each(|v| add(b'd', v.as_os_str().as_bytes()));
        for (directory, place) in &self.binds {
            add(b'm', directory.as_os_str().as_bytes());
            add(b'M', place.as_bytes());
        }
        self.prepare.iter().for_each(|v| add(b'p', v.as_bytes()));
        if self.held {
            add(b'H', b"");
        }
        if self.streams == Streams::Terminal {
            add(b't', b"");
        }
        if let Some(pid) = self.enter {
            add(b'i', pid.to_string().as_bytes());
        }
        if let Some((count, program)) = &self.bare_daemons {
            add(b'b', count.to_string().as_bytes());
            add(b'B', program.as_bytes());
        }
        for call in &self.denied {
            let number = |n: Option<u32>| n.map(|n| n.to_string()).unwrap_or_default();
            let text = format!("{},{},{}", number(call.x86_64), number(call.i386), call.error);
            add(b's', text.as_bytes());
        }
        out
    }

    /// The description from the fields of a message; `None` if it isn't one of ours.
    pub(crate) fn decode(fields: Vec<(u8, Vec<u8>)>) -> Option<Self> {
        let number = |v: &[u8]| std::str::from_utf8(v).ok()?.parse::<u32>().ok();
        let mut s = Self::bare::<OsString>([]);
        for (key, value) in fields {
            let text = OsString::from_vec(value.clone());
            match key {
                b'l' => s.layers.push(text.into()),
                b'c' => s.command.push(text),
                b'e' => s.env.push(text),
                b'h' => s.hostname = text,
                b'w' => s.directory = text.into(),
                b'u' => s.user = Some((number(&value)?, 0)),
                b'g' => s.user = Some((s.user?.0, number(&value)?)),
                b'r' => s.read_only = true,
                b'o' => s.run_options = text,
                b'n' => s.network = Network::Host,
                b'f' => s.files.push((text.into(), OsString::new())),
                b'F' => s.files.last_mut()?.1 = text,
                b'd' => s.directories.push(text.into()),
                b'm' => s.binds.push((text.into(), OsString::new())),
                b'M' => s.binds.last_mut()?.1 = text,
                b'p' => s.prepare.push(text),
                b'H' => s.held = true,
                b't' => s.streams = Streams::Terminal,
                b'i' => s.enter = Some(number(&value)?),
                b'b' => s.bare_daemons = Some((number(&value)?, OsString::new())),
                b'B' => s.bare_daemons.as_mut()?.1 = text,
                b's' => s.denied.push(denied(&value)?),
                _ => return None,
            }
        }
        Some(s)
    }
}

/// A call that fails, from its field of a message.
fn denied(field: &[u8]) -> Option<Denied> {
    let mut words = std::str::from_utf8(field).ok()?.split(',');
    let mut number = || match words.next()? {
        "" => Some(None),
        word => word.parse::<u32>().ok().map(Some),
    };
    let (x86_64, i386, error) = (number()?, number()?, number()??);
    Some(Denied { x86_64, i386, error: u16::try_from(error).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_survives_the_way() {
        let s = Sandbox::new(Path::new("/"), ["/init", "a b", ""])
            .layer(Path::new("/over"))
            .env("A", "1=2")
            .user(1000, 7)
            .read_only(true)
            .run_options("mode=0777,noexec")
            .network(Network::Host)
            .file("/tmp/x", b"\0\xff\n")
            .file("/tmp/y", b"")
            .make_directory("/tmp/w")
            .bind(Path::new("/here"), "/there")
            .held()
            .prepare(["sh", "-c", "true"])
            .hostname("h")
            .directory("/tmp")
            .bare_daemons(3, "/d")
            .deny([
                Denied { x86_64: Some(1), i386: None, error: 38 },
                Denied { x86_64: None, i386: Some(7), error: 1 },
            ])
            .streams(Streams::Terminal);
        assert_eq!(s.layers, [Path::new("/over"), Path::new("/")]);
        assert_eq!(Sandbox::decode(s.encode()), Some(s));
    }

    #[test]
    fn what_is_not_a_description_is_refused() {
        assert_eq!(Sandbox::decode(vec![(b'?', vec![])]), None);
        assert_eq!(Sandbox::decode(vec![(b'g', b"1".to_vec())]), None);
        assert_eq!(Sandbox::decode(vec![(b'F', vec![])]), None);
    }
}
