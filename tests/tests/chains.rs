//! Chains in one process and chains of executed programs lead to the same: each command that may be entered without
//! exec runs both ways, and what the program at the end of the chain finds is compared: arguments, environment with
//! its order, descriptors, working directory, file creation mask, limits, ids, signals; and the exit code.
//!
//! One way, PATH leads to links to the distribution's binary; the other way to a copy of the binary for each name: a
//! command is only entered if it is the same file, so copies are executed.  Needs root, for the commands that change
//! ids.
#![expect(clippy::print_stderr, reason = "an ordinary test program")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use sandbox::{Output, Sandbox, Streams};
use similar::TextDiff;
use tests::{case, image};
use tool::{Role, Tool};

/// For how long a container may run; none comes near.
const LIMIT: Duration = Duration::from_secs(60);

/// The end of the chains: adds to a file what it found.
const PROBE: &str = r#"#!/bin/sh
p=/proc/$$
(
  /bin/tr '\0' '\n' <$p/cmdline
  echo environment
  /bin/tr '\0' '\n' <$p/environ
  echo "directory $(/bin/readlink $p/cwd) root $(/bin/readlink $p/root)"
  for fd in $p/fd/*; do echo "fd ${fd##*/} $(/bin/readlink $fd)"; done
  /bin/grep -E '^(Umask|Uid|Gid|Groups|Sig(Pnd|Blk|Ign|Cgt)|Shd|NoNewPrivs|Cap)' $p/status
  # Process group, session, terminal; nice.
  /bin/cut -d ' ' -f 5-8,19 $p/stat
  /bin/cat $p/limits
) >>/tmp/report 2>&1
exit 7
"#;

/// Who executed it.
const PARENT: &str = "#!/bin/sh\nexec /bin/tr '\\0' '\\n' </proc/$PPID/cmdline\n";

/// A shell starts the script in an unusual state.
const START: &str = r#"
mkdir -p /tmp/dir /tmp/service/supervise /run/s6/container_environment
printf value >/run/s6/container_environment/OF_CONTAINER
printf 'first\nsecond' >/tmp/dir/FROM_DIRECTORY
: >/tmp/report; chmod 666 /tmp/report; cd /tmp/dir
umask 037; ulimit -S -n 200; trap '' USR1 PIPE; exec 3<>/tmp/three 9</etc/group
execlineb /script -a -b value one 'two words' '' <&9
echo "code $?"
cat /tmp/report
"#;

/// For `HOLDER` in a script: a daemon that holds two descriptors.
const HOLDER: &str = r#"
foreground { /bin/sh -c "
  mkdir -p /tmp/rules/uid/0/env; cd /tmp/rules/uid/0; : >allow
  for i in STORE_REGEX RETRIEVE_REGEX LIST GETDUMP SETDUMP; do echo >env/S6_FDHOLDER_$i; done
  mkfifo /tmp/ready; s6-fdholder-daemon -1 -i /tmp/rules /tmp/held >/tmp/ready & read x </tmp/ready
  s6-fdholder-store /tmp/held a </etc/passwd; s6-fdholder-store /tmp/held b </etc/group
" }"#;

/// Each command that may be entered, and the ends of scripts that enter it.  `PROBE` is the probe with some arguments.
const SCRIPTS: &[(&str, &[&str])] = &[
    ("background", &["background { exit 3 } PROBE", "background -d { exit } PROBE"]),
    (
        "backtick",
        &[
            "backtick V { s6-echo x } PROBE",
            "backtick -E V { s6-echo x } probe $V",
            "backtick V { exit 3 } PROBE",
            "backtick -D no V { exit 3 } PROBE",
        ],
    ),
    ("case", &["case -N foo { ([a-z])[a-z]+ { PROBE } } exit 1", "case foo { bar { exit 1 } } PROBE"]),
    ("cd", &["cd /proc PROBE", "cd /nowhere PROBE"]),
    ("define", &["define -sCd: V a::b:c probe x${V}"]),
    ("dollarat", &["dollarat -d,"]),
    ("elgetopt", &["elgetopt ab: PROBE", "elgetopt c PROBE"]),
    ("elgetpositionals", &["elgetpositionals probe $1 $@ $# $0", "elgetpositionals -P2 probe $@"]),
    ("elglob", &["elglob G /etc/p* probe $G"]),
    ("eltest", &["eltest 1 -eq 2", "eltest -n x"]),
    ("emptyenv", &["emptyenv PROBE", "emptyenv -p PROBE", "emptyenv -c PROBE", "emptyenv -o exec PROBE"]),
    ("envfile", &["heredoc 0 \"K = v\\n\" envfile - PROBE", "envfile /nowhere PROBE"]),
    (
        "exec",
        &[
            "exec -a name PROBE",
            "exec -l PROBE",
            "exec -c PROBE",
            "exec nowhere",
            "exec /etc/passwd",
            "exec -a umask umask 02 PROBE",
            "exec -a nobody umask 02 PROBE",
        ],
    ),
    ("execline", &["execline"]),
    ("execline-cd", &["execline-cd / PROBE"]),
    ("execline-umask", &["execline-umask 0 PROBE"]),
    (
        "execlineb",
        &[
            "execlineb -c \"probe a b\" c",
            "execlineb -Pc \"probe a b\" c",
            "execlineb -pc \"probe a b\" c",
            "execlineb -S1 -c \"probe $1 $@\" x y",
            "execlineb -Wc \"probe\"",
            "execlineb -c \"{\"",
            "execlineb /nowhere",
        ],
    ),
    ("exit", &["exit 5", "exit"]),
    ("export", &["export A changed PROBE", "export A=B x PROBE", "export PATH /bin umask 0 PROBE"]),
    ("export-array", &["export-array -d: V { a b } PROBE"]),
    ("fdblock", &["fdblock -n 5 PROBE"]),
    ("fdclose", &["fdclose 0 PROBE", "fdclose 2 fdclose 1 PROBE", "fdclose 0 if { exit } PROBE"]),
    ("fdmove", &["fdmove 0 5 PROBE", "fdmove -c 2 1 PROBE", "fdmove 0 99 PROBE"]),
    ("fdreserve", &["fdreserve 2 PROBE"]),
    ("fdswap", &["fdswap 0 5 PROBE"]),
    ("foreground", &["foreground { exit 3 } PROBE", "foreground { nowhere } PROBE"]),
    ("getcwd", &["getcwd V PROBE", "getcwd -E V probe $V"]),
    ("getpid", &["getpid V PROBE", "getpid -PE V probe $V"]),
    ("heredoc", &["heredoc 8 text PROBE"]),
    ("homeof", &["homeof root PROBE", "homeof"]),
    ("if", &["if { exit } PROBE", "if { exit 3 } PROBE", "if -n { exit 3 } PROBE", "if -X { exit 3 } PROBE"]),
    ("ifelse", &["ifelse { exit 1 } { exit 2 } PROBE", "ifelse { exit 0 } { PROBE } exit"]),
    ("ifte", &["ifte { PROBE } { exit 1 } exit", "ifte { exit 1 } { PROBE } exit 4"]),
    ("ifthenelse", &["ifthenelse -s { exit 1 } { exit 2 } { exit 3 } PROBE"]),
    ("importas", &["importas -u V A probe $V", "importas -i V NONE probe", "importas -D d V NONE probe $V"]),
    ("logutil-service", &["logutil-service", "logutil-service /tmp/service"]),
    ("multidefine", &["multidefine -r \"a b c\" { X Y } PROBE"]),
    ("multisubstitute", &["multisubstitute { define X 1 importas Y A } probe $X $Y"]),
    ("pipeline", &["pipeline { s6-echo x } PROBE", "pipeline -w { s6-cat } PROBE"]),
    ("piperw", &["piperw 8 12 PROBE"]),
    ("posix-cd", &["posix-cd /proc PROBE", "posix-cd nowhere PROBE"]),
    ("posix-umask", &["posix-umask g=u PROBE", "posix-umask -S"]),
    ("printcontenv", &["printcontenv OF_CONTAINER", "printcontenv NONE"]),
    (
        "proxy-server",
        &["heredoc 0 \"PROXY UNKNOWN\\r\\n\" proxy-server PROBE", "heredoc 0 x proxy-server PROBE"],
    ),
    (
        "redirfd",
        &[
            "redirfd -w 1 /tmp/out PROBE",
            "redirfd -a 1 /nowhere/out PROBE",
            "redirfd -x 8 /tmp/three PROBE",
            "redirfd -nb 0 /etc/passwd PROBE",
            "redirfd -rnb 0 /tmp/dir PROBE",
        ],
    ),
    ("runblock", &["execlineb -c \"runblock 2\" { exit 1 } { PROBE }", "runblock 1"]),
    ("s6-applyuidgid", &["s6-applyuidgid -u 2 -g 3 -G 4,5 PROBE", "s6-applyuidgid -u x PROBE"]),
    ("s6-chroot", &["s6-chroot / PROBE", "s6-chroot /nowhere PROBE"]),
    ("s6-connlimit", &["s6-connlimit PROBE"]),
    ("s6-env", &["s6-env X=1 A= PROBE", "s6-env -i X=1 PROBE"]),
    ("s6-envdir", &["s6-envdir /tmp/dir PROBE", "s6-envdir -fn /tmp/dir PROBE", "s6-envdir /nowhere PROBE"]),
    ("s6-envuidgid", &["s6-envuidgid nobody PROBE", "s6-envuidgid nosuch PROBE"]),
    (
        "s6-fdholder-daemon",
        &["s6-fdholder-daemon /nowhere/socket", "s6-fdholder-daemon -i /tmp /nowhere/socket"],
    ),
    ("s6-fdholder-delete", &["HOLDER s6-fdholder-delete /tmp/held a", "s6-fdholder-delete /nowhere a"]),
    (
        "s6-fdholder-getdump",
        &["HOLDER s6-fdholder-getdump /tmp/held PROBE", "s6-fdholder-getdump /nowhere PROBE"],
    ),
    ("s6-fdholder-list", &["HOLDER s6-fdholder-list /tmp/held", "s6-fdholder-list"]),
    (
        "s6-fdholder-retrieve",
        &[
            "HOLDER s6-fdholder-retrieve /tmp/held a PROBE",
            "HOLDER s6-fdholder-retrieve /tmp/held none PROBE",
        ],
    ),
    ("s6-fdholder-setdump", &["HOLDER s6-fdholder-getdump /tmp/held s6-fdholder-setdump /tmp/held"]),
    (
        "s6-fdholder-store",
        &["HOLDER s6-fdholder-store -d 3 /tmp/held c", "HOLDER s6-fdholder-store /tmp/held a"],
    ),
    ("s6-fdholder-transferdump", &["HOLDER s6-fdholder-transferdump /tmp/held /tmp/held"]),
    ("s6-getservbyname", &["s6-getservbyname 25 tcp", "s6-getservbyname none tcp"]),
    ("s6-ipcclient", &["s6-ipcclient /nowhere PROBE"]),
    ("s6-ipcserver", &["s6-ipcserver -x", "s6-ipcserver /nowhere/socket PROBE"]),
    ("s6-ipcserver-access", &["s6-ipcserver-access -i /tmp PROBE"]),
    ("s6-ipcserver-socketbinder", &["s6-ipcserver-socketbinder /tmp/socket PROBE"]),
    ("s6-linux-utils", &["s6-linux-utils"]),
    ("s6-nice", &["s6-nice -n 5 PROBE", "s6-nice"]),
    // Neither goes on anywhere but in a service directory; the container tests have such.
    ("s6-overlay-attended", &["s6-overlay-attended PROBE"]),
    ("s6-overlay-instance", &["s6-overlay-instance PROBE"]),
    ("s6-overlay-stat", &["s6-overlay-stat", "s6-overlay-stat /etc/passwd"]),
    ("s6-permafailon", &["s6-permafailon 60 3 1 PROBE", "s6-permafailon 60 3 x PROBE"]),
    ("s6-pivotchroot", &["s6-pivotchroot PROBE"]),
    ("s6-portable-utils", &["s6-portable-utils"]),
    ("s6-setlock", &["s6-setlock /tmp/lock PROBE", "s6-setlock -n /nowhere/lock PROBE"]),
    ("s6-setsid", &["s6-setsid PROBE", "s6-setsid -b PROBE"]),
    ("s6-setuidgid", &["s6-setuidgid nobody PROBE", "s6-setuidgid nosuch PROBE"]),
    ("s6-softlimit", &["s6-softlimit -o 50 PROBE", "s6-softlimit -c 0 -a 800000000 PROBE"]),
    ("s6-sudo", &["s6-sudo /nowhere a b", "s6-sudo -t x /nowhere"]),
    ("s6-test", &["s6-test 1 -eq 2", "s6-test -n x"]),
    ("s6-tcpclient", &["s6-tcpclient -H 127.0.0.1 1 PROBE", "s6-tcpclient -H name 1 PROBE"]),
    ("s6-tcpserver", &["s6-tcpserver -x", "s6-tcpserver nowhere 1 PROBE"]),
    (
        "s6-tcpserver-access",
        &[
            "s6-tcpserver-access PROBE",
            "s6-env PROTO=X XLOCALIP=::1 XLOCALPORT=1 XREMOTEIP=::1 XREMOTEPORT=2 s6-tcpserver-access -v0 -H PROBE",
        ],
    ),
    (
        "s6-tcpserver-socketbinder",
        &["s6-tcpserver-socketbinder 0.0.0.0 0 PROBE", "s6-tcpserver-socketbinder x 0 PROBE"],
    ),
    ("shift", &["shift PROBE", "shift -n 9 PROBE"]),
    (
        "tryexec",
        &["tryexec { nowhere } PROBE", "tryexec -n { PROBE } umask 0 nowhere", "tryexec -c { PROBE } exit"],
    ),
    ("umask", &["umask 0 PROBE", "umask 8 PROBE"]),
    ("unexport", &["unexport A PROBE", "unexport PATH umask 0 PROBE"]),
    ("wait", &["background { exit 3 } wait { } PROBE", "background { exit 3 } wait -o { } PROBE"]),
    ("with-contenv", &["with-contenv PROBE"]),
    ("withstdinas", &["heredoc 0 \"a\\nb\\n\" withstdinas V PROBE", "heredoc 0 x withstdinas -E V probe $V"]),
];

/// What comes before each of them; its words change nothing that the next command could object to.
const BEFORE: &str = "export A 1 redirfd -r 5 /etc/passwd export EMPTY \"\" fdmove -c 6 5";

/// The two ways; each is a tree that is laid over the root.
#[derive(Clone)]
struct Images {
    base: PathBuf,
    distribution: PathBuf,
    entered: PathBuf,
    executed: PathBuf,
}

fn main() {
    sandbox::enter_stage();
    let code = run().unwrap_or_else(|why| {
        eprintln!("chains: {why}");
        2
    });
    std::process::exit(code)
}

fn run() -> Result<i32, String> {
    let arguments = Arguments::from_args();
    let top = tempfile::tempdir().map_err(|why| format!("unable to make a directory: {why}"))?;
    let images = Arc::new(if arguments.list { None } else { Some(images(top.path())?) });
    let mut trials = vec![
        Trial::test("every_command_that_may_be_entered_has_a_script", || Ok(complete()?)),
        with(&images, "one_way_enters_the_other_executes".into(), differ),
    ];
    for (name, scripts) in SCRIPTS {
        for (number, script) in scripts.iter().enumerate() {
            trials.push(with(&images, format!("{name}::{}", number + 1), move |i| agree(i, script)));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    Ok(if conclusion.has_failed() { 101 } else { 0 })
}

fn with(
    images: &Arc<Option<Images>>,
    name: String,
    test: impl Fn(&Images) -> Result<(), String> + Send + 'static,
) -> Trial {
    let images = Arc::clone(images);
    Trial::test(name, move || {
        test(images.as_ref().as_ref().ok_or("there are no images")?).map_err(Failed::from)
    })
}

fn images(top: &Path) -> Result<Images, String> {
    if !rustix::process::geteuid().is_root() {
        return Err("these tests need root: some commands change ids".into());
    }
    let [base, entered, executed] = ["base", "entered", "executed"].map(|name| top.join(name));
    let distribution = image::distribution()?;
    let lay_out = || -> std::io::Result<()> {
        fs::create_dir_all(&base)?;
        let program = fs::canonicalize(distribution.join("command/execlineb"))?;
        let inside = Path::new("/").join(program.strip_prefix(&distribution).unwrap_or(&program));
        for tree in [&entered, &executed] {
            fs::create_dir_all(tree.join("chain"))?;
        }
        for name in chained().keys() {
            symlink(&inside, entered.join("chain").join(name))?;
            fs::copy(&program, executed.join("chain").join(name))?;
        }
        Ok(())
    };
    lay_out().map_err(|why| format!("unable to lay out the two ways: {why}"))?;
    image::busybox(&base)?;
    for (name, text) in [("probe", PROBE), ("parent", PARENT)] {
        let path = base.join("bin").join(name);
        let write = || -> std::io::Result<()> {
            fs::write(&path, text)?;
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        };
        write().map_err(|why| format!("unable to write {}: {why}", path.display()))?;
    }
    Ok(Images { base, distribution, entered, executed })
}

/// All commands that may be entered without exec.
fn chained() -> BTreeMap<&'static str, &'static Tool> {
    multicall::SUITES
        .iter()
        .copied()
        .flatten()
        .filter(|t| t.role == Role::Chain)
        .map(|t| (t.name, *t))
        .collect()
}

fn complete() -> Result<(), String> {
    let without: Vec<_> =
        chained().into_keys().filter(|name| SCRIPTS.iter().all(|(n, _)| n != name)).collect();
    let strangers: Vec<_> = SCRIPTS.iter().map(|(n, _)| *n).filter(|n| !chained().contains_key(n)).collect();
    match (without.is_empty(), strangers.is_empty()) {
        (true, true) => Ok(()),
        _ => Err(format!("without a script: {without:?}; with one, but never entered: {strangers:?}")),
    }
}

/// Runs a script with this way laid over the root.
fn outcome(images: &Images, way: &Path, script: &str) -> Result<Output, String> {
    let script = script.replace("HOLDER", HOLDER).replace("PROBE", "probe a \"b c\" \"\" { \" block\" }");
    let container = Sandbox::new(&images.base, ["/bin/sh", "-c", START])
        .layer(&images.distribution)
        .layer(way)
        .env("PATH", "/chain:/command:/bin")
        .env("Z", "1")
        .file("/script", format!("{BEFORE} {script}").as_bytes())
        .streams(Streams::Together)
        .start();
    container.and_then(|c| c.output(LIMIT)).map_err(|why| why.to_string())
}

/// A container's output, without the numbers of pipes and sockets.
fn said(output: &Output) -> String {
    let mut text = String::new();
    for (index, part) in case::printable(&output.stdout).split(":[").enumerate() {
        match part.split_once(']') {
            Some((number, rest)) if index > 0 && number.bytes().all(|b| b.is_ascii_digit()) => {
                text += ":[]";
                text += rest;
            }
            _ if index > 0 => text += &format!(":[{part}"),
            _ => text += part,
        }
    }
    text
}

fn agree(images: &Images, script: &str) -> Result<(), String> {
    let entered = said(&outcome(images, &images.entered, script)?);
    let executed = said(&outcome(images, &images.executed, script)?);
    if !entered.contains("code ") {
        return Err(format!("the script didn't come to its end:\n{entered}"));
    }
    if entered == executed {
        return Ok(());
    }
    let diff = TextDiff::from_lines(&executed, &entered);
    Err(format!("{script}\n{}", diff.unified_diff().header("executed", "entered")))
}

/// The command line of the process that runs a command is that of the last program that was executed.
fn differ(images: &Images) -> Result<(), String> {
    for (way, program) in [(&images.entered, "execlineb\n"), (&images.executed, "foreground\n")] {
        let said = said(&outcome(images, way, "umask 0 foreground { parent } exit")?);
        if !said.starts_with(program) {
            return Err(format!("the command line of {program:?} expected, got\n{said}"));
        }
    }
    Ok(())
}
