//! What the tortured container does, and what must hold whatever fails in it.
//!
//! Everything leaves marks in `/marks`, a directory of the test's that outlives the container: a line in `events` for
//! what happens once, and the counted lines of a pipeline.  A daemon that starts while a former one runs leaves a
//! mark, too.  Nothing sleeps: each step waits for the one before.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use sandbox::Sandbox;
use tests::services::{DEFINITIONS, Services};

/// The exit code of the CMD.
const CODE: u8 = 7;

/// How many lines the pipeline counts.
const COUNTED: u32 = 15;
/// How many of them were read by the logger before it was restarted.
const LOGGED: u32 = 5;
/// How many lines a service writes to the container's output.
const TALK: u32 = 20;

/// How often a service fails before something is done about it.
const FAILURES: usize = 2;

/// How often each daemon starts.
const STARTS: [(&str, usize); 7] = [
    ("ready", 3),
    ("producer", 1),
    ("counter", 1),
    ("logger", 2),
    ("talk", 1),
    ("failing", FAILURES),
    ("later", 1),
];
/// What else happens once.
const ONCE: [&str; 7] =
    ["up once", "command", "over failing", "up later-once", "down later-once", "down once", "finish"];

/// The start of each daemon's script: looks whether a former one still runs, leaves marks.
fn daemon(name: &str, rest: &str) -> String {
    format!(
        "#!/bin/sh\n[ -e /marks/pid.{name} ] && read pid </marks/pid.{name} && [ -e /proc/$pid/exe ] && \
         echo 'double {name}' >>/marks/events\necho $$ >/marks/pid.{name}\n\
         echo 'start {name}' >>/marks/events\n{rest}"
    )
}

const PRODUCER: &str = "\
exec 4<>/marks/ask
n=0
while read x <&4; do n=$((n+1)); echo line $n; done
";

/// Counts lines and passes them on; answers each fifth.
const COUNTER: &str = "\
exec 5<>/marks/answer
while read line; do
  echo $line >>/marks/lines
  echo $line
  case $line in *[05]) echo $line >&5;; esac
done
";

const COMMAND: &str = "\
#!/bin/sh
scan=/run/service
say() { echo \"$*\" >>/marks/events; }
# A letter that waits for a supervisor that is killed is lost, and so is an event that can't be sent: who waits asks again,
# as s6-rc does, when there is a supervisor again.
svc() {
  s6-svc -T 4000 \"$@\" || { supervised; s6-svc -T 8000 \"$@\"; }
}
supervised() { until s6-svok $scan/logger && s6-svok $scan/ready; do usleep 10000; done; }
# Between a supervisor that is killed and the next one there is nobody, and s6-svstat says so.
status() {
  s6-svstat -o $1 $scan/$2 || { until s6-svok $scan/$2; do usleep 10000; done; s6-svstat -o $1 $scan/$2; }
}
ask() {
  echo >&4; echo >&4; echo >&4; echo >&4; echo >&4
  read -t 12 answer <&5 || say 'late: the lines'
}
exec 4<>/marks/ask 5<>/marks/answer
say command
n=0
until grep -q '^over failing' /marks/events || [ $n = 1200 ]; do usleep 10000; n=$((n+1)); done
if [ -e /marks/held ]; then exec 6<>/marks/held 7<>/marks/go; echo >&6; read x <&7; fi
s6-svwait -U -t 12000 $scan/ready || say 'late: ready'
ask
svc -wD -d $scan/logger || say 'late: the end of logger'
ask
svc -wU -u $scan/logger || say 'late: logger'
ask
s6-rc -t 12000 -u change later-once later || say 'late: the change'
svc -wD -d $scan/ready || say 'late: the end of ready'
svc -wU -u $scan/ready || say 'late: ready again'
old=$(status pid ready)
s6-svc -wR -T 4000 -k $scan/ready || \
  { supervised; [ $(status pid ready) != $old ] && s6-svwait -U -t 8000 $scan/ready; } || \
  s6-svc -wR -T 8000 -k $scan/ready || say 'late: the restart of ready'
supervised
for s in producer counter logger ready talk later; do
  up=$(status up,ready $s)
  case \"$s $up\" in *'ready true true' | *'logger true true' | *'later true true' | *'true false') ;; *) say \"status $s $up\";; esac
done
exit 7
";

/// The services of the scenario.
pub fn services() -> io::Result<Services> {
    let s = Services::new()?;
    let once =
        |name: &str, way: &str| format!("/command/redirfd -a 1 /marks/events /bin/echo {way} {name}\n");
    s.oneshot("once", &["base"], &once("once", "up"), &once("once", "down"))?;
    s.longrun("ready", &["once"], &daemon("ready", "echo >&3\nexec sleep 100000 3>&-\n"))?.define(
        "ready",
        "notification-fd",
        "3\n",
    )?;
    s.longrun("producer", &["once"], &daemon("producer", PRODUCER))?.define(
        "producer",
        "producer-for",
        "counter\n",
    )?;
    s.longrun("counter", &["once"], &daemon("counter", COUNTER))?
        .define("counter", "consumer-for", "producer\n")?
        .define("counter", "producer-for", "logger\n")?;
    s.longrun("logger", &["once"], &daemon("logger", "exec s6-log -d 3 n2 s100000 /marks/log\n"))?
        .define("logger", "consumer-for", "counter\n")?
        .define("logger", "pipeline-name", "counted\n")?
        .define("logger", "notification-fd", "3\n")?;
    let talk =
        format!("n=0\nwhile [ $n -lt {TALK} ]; do n=$((n+1)); echo talk $n; done\nexec sleep 100000\n");
    s.longrun("talk", &["ready"], &daemon("talk", &talk))?;
    s.longrun("failing", &["once"], &daemon("failing", "exit 3\n"))?
        .define("failing", "restart-limit", &format!("{FAILURES}\n"))?
        .define("failing", "restart-delay", "0\n")?
        .define("failing", "on-failure", "run /etc/test/over\n")?;
    s.script("/etc/test/over", "#!/bin/sh\necho over failing >>/marks/events\n")?;
    // Not in the bundle: brought up by the CMD.
    s.define("later-once", "type", "oneshot\n")?
        .define("later-once", "up", &once("later-once", "up"))?
        .define("later-once", "down", &once("later-once", "down"))?;
    s.define("later", "type", "longrun\n")?
        .define("later", "dependencies.d/later-once", "")?
        .define("later", "notification-fd", "3\n")?
        .script(
            &format!("{DEFINITIONS}/later/run"),
            &daemon("later", "echo >&3\nexec sleep 100000 3>&-\n"),
        )?;
    s.script("/etc/cont-finish.d/mark", "#!/bin/sh\necho finish >>/marks/events\n")?;
    s.script("/etc/test/command", COMMAND)?;
    Ok(s)
}

/// Makes the directory for the marks ready.
pub fn prepare(marks: &Path, layout: Layout) -> io::Result<()> {
    let names = ["ask", "answer", "held", "go"];
    // The CMD waits where it is to be held.
    for name in if layout == Layout::Supervisor { &names[..] } else { &names[..2] } {
        rustix::fs::mkfifoat(rustix::fs::CWD, marks.join(name), rustix::fs::Mode::RWXU)?;
    }
    fs::create_dir(marks.join("log"))
}

/// What kind of container is tortured, and who in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Pid 1, which supervises all services itself.
    One,
    /// Pid 1, with a supervisor process for each service.
    Processes,
    /// Pid 1, which supervises all services itself, with a relay for their output.
    Relay,
    /// The supervisor process of one service, from the CMD's start on.
    Supervisor,
}

impl Layout {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::One, Self::Processes, Self::Relay, Self::Supervisor];

    /// Its name in the names of points.
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Processes => "processes",
            Self::Relay => "relay",
            Self::Supervisor => "supervisor",
        }
    }

    /// The container with the directory of its marks; pid 1 is held.
    pub fn sandbox(self, busybox: &Path, distribution: &Path, services: &Services, marks: &Path) -> Sandbox {
        let sandbox = Sandbox::new(busybox, ["/init", "/etc/test/command"])
            .layer(distribution)
            .layer(services.path())
            .bind(marks, "/marks")
            .env("PATH", "/command:/bin:/usr/bin:/sbin")
            .env("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "0")
            .held();
        match self {
            Self::One => sandbox.env("S6_SUPERVISE_PROCESSES", "0"),
            Self::Processes | Self::Supervisor => sandbox.env("S6_SUPERVISE_PROCESSES", "1"),
            Self::Relay => sandbox.env("S6_SUPERVISE_PROCESSES", "0").env("S6_LOG_PREFIX", "1"),
        }
    }
}

/// What is wrong with a container that was tortured: a class for the figures, and what exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// One of [`CLASSES`].
    pub class: &'static str,
    /// For people.
    pub text: String,
}

/// The classes of flaws, the worst first.
pub const CLASSES: [&str; 8] = ["hang", "end", "double", "order", "lines", "service", "late", "unsaid"];

/// What a container left behind: its exit code (`None`: its time was over), its output and its marks.
pub struct Remains<'a> {
    pub code: Option<u8>,
    pub said: &'a str,
    pub marks: &'a Path,
    /// Whether pid 1 faulted, so that it has to say so.
    pub faulted: bool,
    /// Whether the fault hit before pid 1 had started any process, so that it may refuse to boot.
    pub may_refuse: bool,
}

impl Remains<'_> {
    /// What doesn't hold.
    pub fn flaws(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        let mut flaw = |class, text: String| flaws.push(Flaw { class, text });
        let read = |name: &str| fs::read_to_string(self.marks.join(name)).unwrap_or_default();
        let events = read("events");
        let count = |line: &str| events.lines().filter(|event| *event == line).count();
        let Some(code) = self.code else {
            flaw("hang", format!("the container didn't end; marks: {}", events.replace('\n', "; ")));
            return flaws;
        };
        if self.may_refuse && code != CODE && events.is_empty() {
            if !self.said.contains("fatal: ") {
                flaw("unsaid", format!("refused with {code} and without a reason"));
            }
            return flaws;
        }
        if code != CODE {
            flaw("end", format!("exit code {code}"));
        }
        for once in ONCE {
            if count(once) != 1 {
                flaw("order", format!("{once:?} happened {} times", count(once)));
            }
        }
        for (name, starts) in STARTS {
            let n = count(&format!("start {name}"));
            if n != starts {
                flaw("service", format!("{name} started {n} times instead of {starts}"));
            }
            if count(&format!("double {name}")) != 0 {
                flaw("double", format!("two daemons of {name} at the same time"));
            }
        }
        for event in events.lines().filter(|event| event.starts_with("late: ")) {
            flaw("late", event.to_owned());
        }
        for event in events.lines().filter(|event| event.starts_with("status ")) {
            flaw("service", event.to_owned());
        }
        if read("lines") != lines("line", COUNTED) {
            flaw("lines", format!("counted: {}", read("lines").replace('\n', "; ")));
        }
        let log = read("log/current");
        if !lines("line", COUNTED).starts_with(&log) || !log.starts_with(&lines("line", LOGGED)) {
            flaw("lines", format!("logged: {}", log.replace('\n', "; ")));
        }
        let talk = self.said.lines().filter_map(|line| line.find("talk ").and_then(|at| line.get(at..)));
        let talk = talk.filter(|line| line.len() < 8).fold(String::new(), |text, line| text + line + "\n");
        if talk != lines("talk", TALK) {
            flaw("lines", format!("written: {}", talk.replace('\n', "; ")));
        }
        if self.faulted && !self.said.contains("fault") {
            flaw("unsaid", "no word about the fault".to_owned());
        }
        flaws
    }
}

/// Numbered lines.
fn lines(word: &str, last: u32) -> String {
    (1..=last).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "{word} {n}");
        text
    })
}
