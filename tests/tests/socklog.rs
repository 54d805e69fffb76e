//! `s6-socklog` with senders that no shell command is: datagrams of any content, and readers that don't read.
//!
//! Needs root, for other identities.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use command_fds::{CommandFdExt, FdMapping};
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tests::image;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// A running s6-socklog in a directory of its own.
struct Daemon {
    at: TempDir,
    child: Child,
    output: Option<BufReader<ChildStdout>>,
}

fn program() -> Outcome<PathBuf> {
    static ROOT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    Ok(ROOT.get_or_init(image::distribution).clone()?.join("command/s6-socklog"))
}

/// The command; it has the socket `s` unless another source is given.
fn command(at: &Path, arguments: &[&str]) -> Outcome<Command> {
    let mut command = Command::new(program()?);
    command.args(arguments).current_dir(at).stdin(Stdio::null());
    if !arguments.iter().any(|word| matches!(*word, "-i" | "-x")) {
        command.args(["-x", "s"]);
    }
    Ok(command)
}

impl Daemon {
    /// Starts it and waits until it is ready.
    fn start(arguments: &[&str]) -> Outcome<Self> {
        Self::start_with(arguments, &[], Stdio::piped())
    }

    fn start_with(arguments: &[&str], variables: &[(&str, &str)], output: Stdio) -> Outcome<Self> {
        Self::start_in(tempfile::tempdir()?, arguments, variables, output)
    }

    fn start_in(at: TempDir, arguments: &[&str], variables: &[(&str, &str)], output: Stdio) -> Outcome<Self> {
        let (reader, parent_fd) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        let mut command = command(at.path(), &[&["-d", "3"], arguments].concat())?;
        command.envs(variables.iter().copied()).stdout(output).stderr(Stdio::piped());
        command.fd_mappings(vec![FdMapping { parent_fd, child_fd: 3 }])?;
        let mut child = command.spawn()?;
        drop(command);
        // It writes a newline, and closes the descriptor although it runs on.
        let mut said = Vec::new();
        File::from(reader).read_to_end(&mut said)?;
        if said != b"\n" {
            let mut why = String::new();
            child.stderr.take().ok_or("no stderr")?.read_to_string(&mut why)?;
            return Err(format!("it isn't ready: {said:?} {why}").into());
        }
        let output = child.stdout.take().map(BufReader::new);
        Ok(Self { at, child, output })
    }

    fn socket(&self) -> PathBuf {
        self.at.path().join("s")
    }

    fn send(&self, messages: &[&[u8]]) -> Outcome {
        let sender = UnixDatagram::unbound()?;
        for message in messages {
            sender.send_to(message, self.socket())?;
        }
        Ok(())
    }

    /// The next lines.
    fn lines(&mut self, count: usize) -> Outcome<Vec<String>> {
        (0..count).map(|_| self.line()).collect()
    }

    fn line(&mut self) -> Outcome<String> {
        let mut line = Vec::new();
        self.output.as_mut().ok_or("no stdout")?.read_until(b'\n', &mut line)?;
        let text = line.strip_suffix(b"\n").ok_or_else(|| format!("no line: {line:?}"))?;
        Ok(text.escape_ascii().to_string())
    }

    fn signal(&self, signal: Signal) -> Outcome {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).ok_or("no process")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Ends it; gives what else it wrote, and how it ended.
    fn end(mut self) -> Outcome<(String, ExitStatus)> {
        self.signal(Signal::TERM)?;
        let mut rest = String::new();
        self.output.as_mut().ok_or("no stdout")?.read_to_string(&mut rest)?;
        Ok((rest, self.child.wait()?))
    }

    fn finish(self) -> Outcome {
        let (rest, status) = self.end()?;
        if rest.is_empty() && status.success() { Ok(()) } else { Err(format!("{status}: {rest}").into()) }
    }

    /// A line of its /proc/PID/status.
    fn status(&self, key: &str) -> Outcome<Vec<String>> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(key)).ok_or("no such line")?;
        Ok(line.trim_start_matches(':').split_whitespace().map(str::to_owned).collect())
    }
}

#[test]
fn any_message_is_one_line() -> Outcome {
    let mut daemon = Daemon::start(&[])?;
    for (message, line) in [
        (&b"<13>hi"[..], "user.notice: hi"),
        (b"no code", "no code"),
        (b"<13>a\nb\0c\n\0\n", "user.notice: a~b~c"),
        (b"\n<13>a", "~<13>a"),
        (b"<191>", "local7.debug: "),
        (b"<192>x", "mark.emerg: x"),
        (b"<4294967295>x", "unknown.debug: x"),
        (b"<99999999999>x", "<99999999999>x"),
        // What came before has no part in what is shorter.
        (b"<1", "<1"),
        (b"<", "<"),
        (b"<13", "<13"),
        (b"\0", ""),
        (b"\n\n\n", ""),
        (b"<13>\n", "user.notice: "),
        (b"\x1b[31m\xff\r", "\\x1b[31m\\xff\\r"),
    ] {
        // An empty one is no message.
        daemon.send(&[b"", message])?;
        let got = daemon.line()?;
        assert_eq!(got, line, "{}", message.escape_ascii());
    }
    let (rest, status) = daemon.end()?;
    assert_eq!((rest.as_str(), status.code()), ("", Some(0)));
    Ok(())
}

#[test]
fn codes_stay_with_r() -> Outcome {
    let mut daemon = Daemon::start(&["-r"])?;
    daemon.send(&[b"<13>a\nb\n"])?;
    assert_eq!(daemon.line()?, "<13>a~b");
    daemon.finish()
}

#[test]
fn long_messages_are_cut() -> Outcome {
    for (arguments, limit) in
        [(&[][..], 1024), (&["-l", "0"], 76), (&["-l", "77"], 77), (&["-l", "4294967295"], 1 << 20)]
    {
        let mut daemon = Daemon::start(arguments)?;
        for length in [limit - 1, limit, limit + 1, limit + 2, 65_507] {
            // No Unix datagram is longer than the default of the send buffer.
            if length > 150_000 {
                continue;
            }
            daemon.send(&[&vec![b'x'; length]])?;
            let cut = if length > limit { "..." } else { "" };
            let got = daemon.line()?;
            assert_eq!(
                (got.len(), got.ends_with(cut)),
                (length.min(limit) + cut.len(), true),
                "{limit} {length}"
            );
        }
        daemon.finish()?;
    }
    // What is cut off may be nothing but ends of lines.
    let mut daemon = Daemon::start(&["-l", "76"])?;
    daemon.send(&[&[&[b'x'; 70][..], &[b'\n'; 100]].concat()])?;
    assert_eq!(daemon.line()?, format!("{}...", "x".repeat(70)));
    daemon.finish()
}

#[test]
fn internet_messages_tell_whose_they_are() -> Outcome {
    for (ip, marks) in [(Ipv4Addr::LOCALHOST.into(), &["_", ":"][..]), (Ipv6Addr::LOCALHOST.into(), &["_"])] {
        for mark in marks {
            // A port that is free now.
            let port = UdpSocket::bind(SocketAddr::new(ip, 0))?.local_addr()?.port();
            let mut daemon = Daemon::start(&["-i", &format!("{ip}{mark}{port}")])?;
            let sender = UdpSocket::bind(SocketAddr::new(ip, 0))?;
            let whose = format!("{ip}_{}: ", sender.local_addr()?.port());
            for message in [&b""[..], b"<13>hi\n", &[0; 65_000], b"plain"] {
                sender.send_to(message, SocketAddr::new(ip, port))?;
            }
            assert_eq!(
                daemon.lines(3)?,
                ["user.notice: hi", "...", "plain"].map(|text| format!("{whose}{text}"))
            );
            assert!(daemon.end()?.1.success());
        }
    }
    Ok(())
}

#[test]
fn the_socket_is_for_everybody_and_replaces_only_sockets() -> Outcome {
    let mut daemon = Daemon::start(&[])?;
    let st = fs::metadata(daemon.socket())?;
    assert!(st.file_type().is_socket());
    assert_eq!(st.permissions().mode() & 0o7777, 0o777);
    // It stays when the daemon ends, and the next one takes its place.
    daemon.signal(Signal::TERM)?;
    daemon.child.wait()?;
    let mut daemon = Daemon::start_in(daemon.at, &[], &[], Stdio::piped())?;
    daemon.send(&[b"x"])?;
    assert_eq!(daemon.line()?, "x");
    let at = daemon.at.path();
    fs::write(at.join("file"), "kept")?;
    let refused = command(at, &["-x", "file"])?.output()?;
    assert_eq!(refused.status.code(), Some(111));
    assert_eq!(fs::read_to_string(at.join("file"))?, "kept");
    daemon.finish()
}

#[test]
fn identities() -> Outcome {
    let env = [("UID", "7"), ("GID", "8"), ("GIDLIST", "9,10")];
    for (arguments, uid, gid, groups) in [
        (&["-u", "12", "-g", "34", "-G", "5,6"][..], "12", "34", &["5", "6", "34"][..]),
        (&["-U"], "7", "8", &["8", "9", "10"]),
        (&["-U", "-u", "70", "-G", "1"], "70", "8", &["1", "8"]),
        (&["-u", "70", "-U"], "7", "8", &["8", "9", "10"]),
        (&["-g", "34"], "0", "34", &[]),
    ] {
        let mut daemon = Daemon::start_with(arguments, &env, Stdio::piped())?;
        assert_eq!(daemon.status("Uid")?, vec![uid; 4], "{arguments:?}");
        assert_eq!(daemon.status("Gid")?, vec![gid; 4], "{arguments:?}");
        if !groups.is_empty() {
            assert_eq!(daemon.status("Groups")?, groups, "{arguments:?}");
        }
        // The socket was made before.
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&fs::metadata(daemon.socket())?), 0);
        daemon.send(&[b"x"])?;
        assert_eq!(daemon.line()?, "x");
        assert!(daemon.end()?.1.success());
    }
    Ok(())
}

#[test]
fn a_reader_that_is_slow_makes_senders_wait_and_loses_nothing() -> Outcome {
    let mut daemon = Daemon::start(&[])?;
    let sender = UnixDatagram::unbound()?;
    sender.set_nonblocking(true)?;
    let (mut sent, mut waited) = (0, 0);
    for read in 0..2000 {
        while sent < 2000 {
            let message = format!("{sent:05} {}", "x".repeat(900));
            match sender.send_to(message.as_bytes(), daemon.socket()) {
                Ok(_) => sent += 1,
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                    waited += 1;
                    break;
                }
                Err(e) => return Err(e.into()),
            }
        }
        assert!(daemon.line()?.starts_with(&format!("{read:05} ")), "{read} of {sent}");
    }
    assert!(waited > 0, "nothing held the sender back");
    daemon.finish()
}

/// A daemon that has a message and can't write it, since its output, of which this is the reader, is full.
fn stalled(arguments: &[&str]) -> Outcome<(Daemon, usize, OwnedFd)> {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    let mut filled = 0;
    rustix::io::ioctl_fionbio(&writer, true)?;
    while let Ok(n) = rustix::io::write(&writer, &[b'-'; 4096]) {
        filled += n;
    }
    rustix::io::ioctl_fionbio(&writer, false)?;
    let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let source = format!("127.0.0.1_{port}");
    let daemon = Daemon::start_with(&[arguments, &["-i", &source]].concat(), &[], writer.into())?;
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.send_to(b"<13>last", (Ipv4Addr::LOCALHOST, port))?;
    // Column 5: what waits in the socket to be sent and to be received.
    let local = format!("0100007F:{port:04X}");
    let is_waiting = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.get(1) == Some(&local.as_str()) && words.get(4) != Some(&"00000000:00000000")
    };
    while fs::read_to_string("/proc/net/udp")?.lines().any(is_waiting) {
        std::thread::yield_now();
    }
    Ok((daemon, filled, reader))
}

#[test]
fn at_the_end_what_was_received_is_written() -> Outcome {
    let (mut daemon, filled, reader) = stalled(&[])?;
    daemon.signal(Signal::TERM)?;
    let mut all = Vec::new();
    File::from(reader).read_to_end(&mut all)?;
    let last = String::from_utf8_lossy(all.get(filled..).unwrap_or_default());
    assert!(last.starts_with("127.0.0.1_") && last.ends_with(": user.notice: last\n"), "{last}");
    assert_eq!(daemon.child.wait()?.code(), Some(0));
    Ok(())
}

#[test]
fn t_bounds_the_end() -> Outcome {
    let (mut daemon, _, _reader) = stalled(&["-t", "20"])?;
    daemon.signal(Signal::TERM)?;
    assert_eq!(daemon.child.wait()?.code(), Some(99));
    // With nothing left to write there is nothing to wait for.
    assert_eq!(Daemon::start(&["-t", "4294967295"])?.end()?.1.code(), Some(0));
    Ok(())
}

#[test]
fn an_output_that_fails_is_an_error() -> Outcome {
    let at = tempfile::tempdir()?;
    let start = |output: Stdio| -> Outcome<Child> {
        let _ = fs::remove_file(at.path().join("s"));
        let child = command(at.path(), &[])?.stdout(output).stderr(Stdio::piped()).spawn()?;
        while UnixDatagram::unbound()?.send_to(b"x", at.path().join("s")).is_err() {
            std::thread::yield_now();
        }
        Ok(child)
    };
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    drop(reader);
    let full = File::options().write(true).open("/dev/full")?;
    for (output, why) in [(Stdio::from(writer), "Broken pipe"), (full.into(), "No space left on device")] {
        let done = start(output)?.wait_with_output()?;
        assert_eq!(done.status.code(), Some(111));
        let wanted = format!("s6-socklog: fatal: unable to write to standard output: {why}\n");
        assert_eq!(String::from_utf8_lossy(&done.stderr), wanted);
    }
    // Where it would write to /dev/null it doesn't start.
    for (which, name) in [(1, "output"), (2, "error")] {
        let shell = format!("exec \"$0\" -x s {which}>&-");
        let done = Command::new("sh").args(["-c", &shell]).arg(program()?).current_dir(at.path()).output()?;
        assert_eq!(done.status.code(), Some(100));
        let wanted = if which == 1 {
            format!("s6-socklog: fatal: standard {name} is closed\n")
        } else {
            String::new()
        };
        assert_eq!(String::from_utf8_lossy(&done.stderr), wanted);
    }
    Ok(())
}

#[test]
fn wrong_usage() -> Outcome {
    let at = tempfile::tempdir()?;
    for arguments in [
        "-Z",
        "-d 2",
        "-d -1",
        "-d 999",
        "-d x",
        "-l x",
        "-l -1",
        "-t -1",
        "-t x",
        "-u root",
        "-u -1",
        "-u 4294967295",
        "-g x",
        "-G 1,x",
        "-G ,",
        "-G x",
        "-i localhost",
        "-i 127.0.0.1_",
        "-i 127.0.0.1_65536",
        "-i 127.0.0.1x",
        "-i 127.0.0.1_1_2",
        "-U",
    ] {
        // A socket that can't be: what is wrongly accepted ends too, with another code.
        let words: Vec<&str> = arguments.split(' ').chain(["-x", "no/such/s"]).collect();
        let done = command(at.path(), &words)?.env_remove("UID").stdout(Stdio::null()).output()?;
        assert_eq!(done.status.code(), Some(100), "{arguments}");
        assert!(!done.stderr.is_empty(), "{arguments}");
    }
    for path in ["no/such/s", &"x".repeat(120), "."] {
        let done = Command::new(program()?).args(["-x", path]).current_dir(at.path()).output()?;
        assert_eq!(done.status.code(), Some(111), "{path}");
    }
    Ok(())
}
