//! The sandbox on the machine's own root: what the program in it finds, and what is left of it.
//!
//! One of the tests runs this program again without privilege (argument `--without-privilege`).

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "an ordinary test program")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use rustix::process::Signal;
use sandbox::{Network, Output, Sandbox, Streams};

type Outcome = Result<(), Failed>;
type Run = fn() -> Outcome;

/// Long enough for any of these; a test that meets it fails.
const LIMIT: Duration = Duration::from_secs(60);

fn main() {
    sandbox::enter_stage();
    if std::env::args().nth(1).as_deref() == Some("--without-privilege") {
        without_privilege_inside();
        return;
    }
    let trials: [(&str, Run); 22] = [
        ("exit_codes", exit_codes),
        ("streams", streams),
        ("nothing_lasts", nothing_lasts),
        ("layers_cover_the_root", layers_cover_the_root),
        ("environment_is_exact", environment_is_exact),
        ("no_descriptor_leaks_in", no_descriptor_leaks_in),
        ("namespaces_are_fresh", namespaces_are_fresh),
        ("loopback_is_up", loopback_is_up),
        ("network_of_the_host", network_of_the_host),
        ("devices_work", devices_work),
        ("user_is_changed", user_is_changed),
        ("root_can_be_read_only", root_can_be_read_only),
        ("run_can_be_noexec", run_can_be_noexec),
        ("preparation_comes_first", preparation_comes_first),
        ("why_it_did_not_start", why_it_did_not_start),
        ("stop_is_term_to_pid_1", stop_is_term_to_pid_1),
        ("a_limit_kills", a_limit_kills),
        ("dropping_kills_everything", dropping_kills_everything),
        ("terminal_is_a_real_one", terminal_is_a_real_one),
        ("commands_enter", commands_enter),
        ("bare_daemons_start", bare_daemons_start),
        ("without_privilege", without_privilege),
    ];
    let trials = trials.into_iter().map(|(name, run)| Trial::test(name, run)).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn sh(script: &str) -> Sandbox {
    Sandbox::new(Path::new("/"), ["/bin/sh", "-c", script])
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
        .streams(Streams::Capture)
}

fn output(sandbox: &Sandbox) -> Output {
    sandbox.start().unwrap().output(LIMIT).unwrap()
}

/// Standard output of a command that has to succeed.
fn says(sandbox: &Sandbox) -> String {
    let output = output(sandbox);
    assert_eq!(output.code, Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn exit_codes() -> Outcome {
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("exit 255", 255)] {
        assert_eq!(output(&sh(script)).code, Some(code), "{script}");
    }
    let mut container = sh("exec sleep 1000").start()?;
    container.signal(Signal::KILL)?;
    assert_eq!(container.wait()?, 137);
    Ok(())
}

fn streams() -> Outcome {
    let got = output(&sh("read x; echo \"out[$x]\"; echo err >&2"));
    assert_eq!((got.stdout, got.stderr), (b"out[]\n".to_vec(), b"err\n".to_vec()));
    let got = output(&sh("echo 1; echo 2 >&2; echo 3").streams(Streams::Together));
    assert_eq!((got.stdout, got.stderr), (b"1\n2\n3\n".to_vec(), Vec::new()));
    // More than a pipe holds, on both.
    let got = output(&sh("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2"));
    assert_eq!((got.stdout.len(), got.stderr.len()), (300_000, 300_000));
    Ok(())
}

fn nothing_lasts() -> Outcome {
    let file = "/etc/sandbox-test";
    assert_eq!(
        says(&sh(&format!("echo x >{file}; cat {file}; rm -rf /etc; ls -d /etc 2>&1 || :"))).lines().next(),
        Some("x")
    );
    assert!(!fs::exists(file)? && fs::exists("/etc/passwd")?);
    Ok(())
}

fn layers_cover_the_root() -> Outcome {
    let (low, high) = (tempfile::tempdir()?, tempfile::tempdir()?);
    fs::create_dir(low.path().join("etc"))?;
    fs::create_dir(high.path().join("etc"))?;
    fs::write(low.path().join("etc/a"), "low")?;
    fs::write(low.path().join("etc/b"), "low")?;
    fs::write(high.path().join("etc/a"), "high")?;
    let sandbox = sh("cat /etc/a /etc/b; test -e /etc/passwd").layer(low.path()).layer(high.path());
    assert_eq!(says(&sandbox), "highlow");
    Ok(())
}

fn environment_is_exact() -> Outcome {
    let sandbox = Sandbox::new(Path::new("/"), ["env"]).env("PATH", "/usr/bin:/bin").env("A", "b=c");
    assert_eq!(says(&sandbox.streams(Streams::Capture)), "PATH=/usr/bin:/bin\nA=b=c\n");
    Ok(())
}

fn no_descriptor_leaks_in() -> Outcome {
    assert_eq!(says(&sh("ls /proc/1/fd; :")), "0\n1\n2\n");
    // Nor do a blocked signal or an ignored SIGPIPE.
    let status = says(&sh("exec cat /proc/self/status"));
    for field in ["SigBlk:", "SigIgn:"] {
        let mask = status.lines().find_map(|l| l.strip_prefix(field)).unwrap();
        // The C library keeps 32 and up to itself.
        assert_eq!(u64::from_str_radix(mask.trim(), 16)? & 0x7fff_ffff, 0, "{field}{mask}");
    }
    Ok(())
}

fn namespaces_are_fresh() -> Outcome {
    let script = "echo $$; hostname; pwd; umask; echo /proc/[0-9]*; ls /run /tmp";
    assert_eq!(says(&sh(script)), "1\nbox\n/\n0022\n/proc/1\n/run:\n\n/tmp:\n");
    assert_eq!(says(&sh("hostname; pwd").hostname("other").directory("/usr")), "other\n/usr\n");
    Ok(())
}

fn loopback_is_up() -> Outcome {
    let flags =
        u32::from_str_radix(says(&sh("cat /sys/class/net/lo/flags")).trim().trim_start_matches("0x"), 16)?;
    assert_eq!(flags & 1, 1);
    assert_eq!(says(&sh("ls /sys/class/net")), "lo\n");
    Ok(())
}

fn network_of_the_host() -> Outcome {
    let own = fs::read_link("/proc/self/ns/net")?;
    let script = "readlink /proc/self/ns/net";
    assert_eq!(says(&sh(script).network(Network::Host)).trim(), own.to_str().unwrap());
    assert_ne!(says(&sh(script)).trim(), own.to_str().unwrap());
    Ok(())
}

fn devices_work() -> Outcome {
    let script =
        "echo x >/dev/null; head -c 3 /dev/zero | wc -c; echo out >/dev/stdout; cat </dev/fd/0; ls /dev";
    assert_eq!(
        says(&sh(script)),
        "3\nout\nfd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n"
    );
    assert_ne!(output(&sh("echo 1 >/proc/sys/vm/drop_caches")).code, Some(0));
    Ok(())
}

fn user_is_changed() -> Outcome {
    assert_eq!(says(&sh("id -u; id -g; id -G").user(1000, 7)), "1000\n7\n7\n");
    Ok(())
}

fn root_can_be_read_only() -> Outcome {
    let script = "echo x >/tmp/a && echo x >/run/a && ! echo x 2>/dev/null >/etc/a && cat /prepared";
    let sandbox = sh(script).read_only(true).prepare(["/bin/sh", "-c", "echo ready >/prepared"]);
    assert_eq!(says(&sandbox), "ready\n");
    Ok(())
}

fn run_can_be_noexec() -> Outcome {
    let script = "cp /bin/true /run/t; stat -c %a /run; /run/t 2>/dev/null; echo $?";
    assert_eq!(says(&sh(script).run_options("mode=0777,noexec")), "777\n126\n");
    assert_eq!(says(&sh(script)), "755\n0\n");
    Ok(())
}

fn preparation_comes_first() -> Outcome {
    let sandbox = sh("cat /made; ls /given")
        .file("/tmp/script", b"id -u >/made\n")
        .make_directory("/given/dir")
        .prepare(["sh", "/tmp/script"])
        .user(1000, 1000);
    assert_eq!(says(&sandbox), "0\ndir\n");
    for streams in [Streams::Capture, Streams::Together] {
        let talks = sh("echo out; echo err >&2").prepare(["sh", "-c", "echo said >&2"]).streams(streams);
        let got = output(&talks);
        let both = [got.stdout, got.stderr].concat();
        assert_eq!(String::from_utf8_lossy(&both), "out\nerr\n");
    }
    Ok(())
}

fn why_it_did_not_start() -> Outcome {
    let why = |s: Sandbox| s.start().unwrap_err().to_string();
    let root = Path::new("/");
    assert_eq!(
        why(Sandbox::new(root, ["/no/such"])),
        "unable to execute /no/such: No such file or directory (os error 2)"
    );
    assert_eq!(why(Sandbox::new(root, ["nosuch"])), "unable to execute nosuch: not found in PATH");
    assert!(why(Sandbox::new(Path::new("/no/root"), ["x"])).starts_with("unable to open /no/root: "));
    assert_eq!(
        why(sh("exit").prepare(["sh", "-c", "echo because >&2; exit 3"])),
        "the preparation failed with exit code 3\nbecause"
    );
    Ok(())
}

fn stop_is_term_to_pid_1() -> Outcome {
    let mut container =
        sh("trap 'echo stopped; exit 9' TERM; echo ready; read x <>/dev/ptmx & wait").start()?;
    let mut lines = BufReader::new(fs::File::from(container.take_stdout().unwrap())).lines();
    assert_eq!(lines.next().unwrap()?, "ready");
    container.stop()?;
    assert_eq!(lines.next().unwrap()?, "stopped");
    assert_eq!(container.wait()?, 9);
    container.stop()?;
    Ok(())
}

fn a_limit_kills() -> Outcome {
    let got = sh("trap '' TERM; sleep 1000 & wait").start()?.output(Duration::from_millis(100))?;
    assert_eq!(got.code, None);
    Ok(())
}

fn dropping_kills_everything() -> Outcome {
    let (reader, writer) = rustix::pipe::pipe()?;
    let mut container = sh("setsid sleep 1000 & echo up; exec sleep 1000").start()?;
    drop(writer);
    let mut lines = BufReader::new(fs::File::from(container.take_stdout().unwrap()));
    let mut line = String::new();
    lines.read_line(&mut line)?;
    let pid = container.pid();
    drop(container);
    assert!(!fs::exists(format!("/proc/{pid}"))?);
    // The pipe ends, so no process holds it any more.
    assert_eq!(lines.read_to_string(&mut line)?, 0);
    drop(reader);
    Ok(())
}

fn terminal_is_a_real_one() -> Outcome {
    let script = "tty; stty size; test -c /dev/console && read x && echo \"got $x\"";
    let mut container = sh(script).streams(Streams::Terminal).start()?;
    let master = container.take_terminal().unwrap();
    let size = rustix::termios::Winsize { ws_row: 5, ws_col: 99, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&master, size)?;
    let mut master = fs::File::from(master);
    std::io::Write::write_all(&mut master, b"hello\n")?;
    let mut said = Vec::new();
    // The master side of a terminal that nobody holds any more gives EIO.
    let _ = master.read_to_end(&mut said);
    let said = String::from_utf8(said)?;
    assert!(said.contains("/dev/pts/0\r\n") && said.ends_with("got hello\r\n"), "{said:?}");
    assert_eq!(container.wait()?, 0);
    Ok(())
}

fn commands_enter() -> Outcome {
    let mut container =
        sh("hostname inside; mkfifo /tmp/f; echo ready; read code </tmp/f; exit $code").start()?;
    let mut lines = BufReader::new(fs::File::from(container.take_stdout().unwrap())).lines();
    assert_eq!(lines.next().unwrap()?, "ready");
    let enter = |script: &str| container.exec(["/bin/sh", "-c", script]).env("PATH", "/bin:/usr/bin");
    assert_eq!(says(&enter("hostname").streams(Streams::Capture)), "inside\n");
    // The end of the container may come before the end of the command that causes it.
    let last = enter("echo 42 >/tmp/f").start()?;
    assert_eq!(container.wait()?, 42);
    drop(last);
    assert!(container.exec(["/bin/true"]).start().is_err(), "the container is gone");
    Ok(())
}

fn bare_daemons_start() -> Outcome {
    let waiting = tempfile::tempdir()?;
    let program = waiting.path().join("speak");
    fs::write(
        &program,
        "#!/bin/sh\necho I am $$ in session $(cut -d ' ' -f 6 /proc/$$/stat) >/tmp/said.$$\n",
    )?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    // The daemons' own children have numbers, too: only the first daemon's is known.
    let script =
        "until set -- /tmp/said.* && [ $# = 2 -a -s \"$1\" -a -s \"${2-}\" ]; do :; done; cat /tmp/said.*";
    let said = says(&sh(script).layer(waiting.path()).bare_daemons(2, "/speak"));
    let lines: Vec<Vec<&str>> = said.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!(lines.len(), 2, "{said}");
    for words in lines {
        assert!(matches!(words[..], ["I", "am", pid, "in", "session", session] if pid == session), "{said}");
    }
    Ok(())
}

fn without_privilege() -> Outcome {
    // The machine's root is full of mounts, the hard case.
    let exe = fs::read_link("/proc/self/exe")?;
    let mut command = Command::new("/proc/self/exe");
    command.arg("--without-privilege").current_dir("/").env("EXE", exe);
    if rustix::process::geteuid().is_root() {
        command.uid(1000).gid(1000);
    }
    let got = command.output()?;
    assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stderr));
    Ok(())
}

fn without_privilege_inside() {
    let over = tempfile::tempdir().unwrap();
    fs::create_dir(over.path().join("etc")).unwrap();
    fs::write(over.path().join("etc/added"), "layer\n").unwrap();
    std::os::unix::fs::symlink("etc/added", over.path().join("link")).unwrap();
    fs::set_permissions(over.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let script = "id -u; cat /link; test -e /etc/passwd && echo x >/etc/new && cat /etc/new; ls -d /usr/bin; ls -A /tmp /run; cat /sys/class/net/lo/flags";
    let want = "0\nlayer\nx\n/usr/bin\n/run:\n\n/tmp:\n0x9\n";
    assert_eq!(says(&sh(script).layer(over.path())), want);
    let why = sh("exit").user(7, 7).start().unwrap_err().to_string();
    assert!(why.contains("there is no user but 0"), "{why}");
    let container = sh("sleep 1000 & wait").start().unwrap();
    let entered = container.exec(["/bin/sh", "-c", "id -u; hostname"]).env("PATH", "/usr/bin:/bin");
    assert_eq!(says(&entered.streams(Streams::Capture)), "0\nbox\n");
}
