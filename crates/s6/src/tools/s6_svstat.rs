//! `s6-svstat`: prints the state of a supervised service, as a summary or field by field for scripts.

use crate::service_options::STATUS;
use rustix::fs::Access;
use rustix::io::Errno;
use supervision::control::join;
use supervision::naming::advised;
use tool::clock;
use tool::{Call, Fatal, OrUnable, Out, Outcome, Role, Tool, diag};
use wire::svstatus::Status;
use wire::tai::Tai64n;

pub static TOOL: Tool = Tool {
    name: "s6-svstat",
    summary: "print the state of a service",
    operands: "servicedir",
    options: STATUS,
    role: Role::Stay,
    main,
};

/// At most this many fields are printed.
const FIELDS_LIMIT: usize = 16;

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mut fields = Vec::new();
    for (option, value) in options.iter() {
        match option {
            'o' => fields.extend(named_fields(value)?),
            letter => fields.extend(Field::of_letter(letter)),
        }
    }
    if fields.len() > FIELDS_LIMIT {
        return Err(Fatal::user("too many fields"));
    }
    let dir = call.shift()?;
    print_state(&dir, &fields, options.has('n')).map_err(|fatal| advised(fatal, TOOL.name, &[dir]))
}

/// The fields of a list.  A comma may follow the last one.
fn named_fields(list: &[u8]) -> Result<Vec<Field>, Fatal> {
    let list = list.strip_suffix(b",").filter(|l| !l.is_empty()).unwrap_or(list);
    if list.is_empty() {
        return Ok(Vec::new());
    }
    let invalid = |name: &[u8]| match name {
        b"" => Fatal::user(format_args!("empty field in the list {}", diag::show(list))),
        name => Fatal::user(format_args!("invalid field: {}", diag::show(name))),
    };
    list.split(|b| *b == b',').map(|name| Field::named(name).ok_or_else(|| invalid(name))).collect()
}

/// Reads the service's state and prints it: the fields, or the summary if there are none.
fn print_state(dir: &[u8], fields: &[Field], numeric: bool) -> Outcome {
    let name = || diag::show(dir);
    if !supervision::control::is_supervised(dir).or_unable(|| format!("check {}", name()))? {
        let text = format!("unable to read status for {}: s6-supervise not running", name());
        return Err(Fatal::new(1, text));
    }
    let status = supervision::status::read_status(dir).or_unable(|| format!("read status for {}", name()))?;
    let down = join(dir, &[b"down"]);
    let normally_up = match sys::fs::access(&down, Access::EXISTS) {
        Ok(()) => false,
        Err(Errno::NOENT) => true,
        Err(e) => return Err(Fatal::unable(format_args!("access {}", diag::show(&down)), e)),
    };
    let state = State { status, normally_up, now: clock::wall() };
    let mut out = Out::new();
    if fields.is_empty() {
        out.line(state.summary(numeric).as_bytes())?;
    } else {
        let values: Vec<_> = fields.iter().map(|f| state.field(*f)).collect();
        out.line(values.join(" ").as_bytes())?;
    }
    out.finish()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Up,
    WantedUp,
    NormallyUp,
    Ready,
    Paused,
    Pid,
    ExitCode,
    Signal,
    SignalNumber,
    Since,
    ReadySince,
    For,
    ReadyFor,
}

impl Field {
    fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"up" => Self::Up,
            b"wantedup" => Self::WantedUp,
            b"normallyup" => Self::NormallyUp,
            b"ready" => Self::Ready,
            b"paused" => Self::Paused,
            // A service leads its own process group.
            b"pid" | b"pgid" => Self::Pid,
            b"exitcode" => Self::ExitCode,
            b"signal" => Self::Signal,
            b"signum" => Self::SignalNumber,
            b"updownsince" => Self::Since,
            b"readysince" => Self::ReadySince,
            b"updownfor" => Self::For,
            b"readyfor" => Self::ReadyFor,
            _ => return None,
        })
    }

    fn of_letter(letter: char) -> Option<Self> {
        Some(match letter {
            'u' => Self::Up,
            'w' => Self::WantedUp,
            'N' => Self::NormallyUp,
            'r' => Self::Ready,
            'p' | 'g' => Self::Pid,
            'e' => Self::ExitCode,
            's' => Self::Signal,
            't' => Self::For,
            _ => return None,
        })
    }
}

struct State {
    status: Status,
    normally_up: bool,
    now: Tai64n,
}

fn signal_name(number: u8) -> String {
    let number = i32::from(number);
    sys::signal::name(number).unwrap_or_else(|| format!("SIG{number}"))
}

impl State {
    /// Whether the supervisor has not tried to start `run` yet.
    fn untried(&self) -> bool {
        self.status.pid == 0 && self.status.paused
    }

    fn dead(&self) -> bool {
        !self.status.is_up() && !self.untried()
    }

    fn exit_code(&self) -> Option<u8> {
        self.status.exit_code().filter(|_| self.dead())
    }

    fn term_signal(&self) -> Option<u8> {
        self.status.term_signal().filter(|_| self.dead())
    }

    /// Whole seconds since then; 0 for a moment in the future.
    fn seconds(&self, since: Tai64n) -> u64 {
        let whole = self.now.seconds.saturating_sub(since.seconds);
        whole.saturating_sub(u64::from(self.now.nanos < since.nanos))
    }

    fn field(&self, field: Field) -> String {
        let or_minus = |n: Option<u8>| n.map_or(String::from("-1"), |n| n.to_string());
        let label = |t: Tai64n| String::from_utf8_lossy(&t.label()).into_owned();
        let s = &self.status;
        match field {
            Field::Up => s.is_up().to_string(),
            Field::WantedUp => s.want_up.to_string(),
            Field::NormallyUp => self.normally_up.to_string(),
            Field::Ready => s.ready.to_string(),
            Field::Paused => (s.paused && s.pid != 0).to_string(),
            Field::Pid if s.is_up() => s.pid.to_string(),
            Field::Pid => String::from("-1"),
            Field::ExitCode => or_minus(self.exit_code()),
            Field::Signal => self.term_signal().map_or(String::from("NA"), signal_name),
            Field::SignalNumber => or_minus(self.term_signal()),
            Field::Since => label(s.stamp),
            Field::ReadySince => label(s.ready_stamp),
            Field::For => self.seconds(s.stamp).to_string(),
            Field::ReadyFor => self.seconds(s.ready_stamp).to_string(),
        }
    }

    fn summary(&self, numeric: bool) -> String {
        let s = &self.status;
        let (up, untried) = (s.is_up(), self.untried());
        let mut text = if up {
            format!("up (pid {0} pgid {0})", s.pid)
        } else if untried {
            String::from("down (not started yet)")
        } else if let Some(signal) = s.term_signal() {
            let signal = if numeric { signal.to_string() } else { signal_name(signal) };
            format!("down (signal {signal})")
        } else {
            format!("down (exitcode {})", s.exit_code().unwrap_or_default())
        };
        if !untried {
            text.push_str(&format!(" {} seconds", self.seconds(s.stamp)));
        }
        let notes = [
            (up && !self.normally_up, ", normally down"),
            (!up && self.normally_up, ", normally up"),
            (up && s.paused, ", paused"),
            (!up && s.want_up, ", want up"),
            (up && !s.want_up, ", want down"),
        ];
        text.extend(notes.into_iter().filter(|(is, _)| *is).map(|(_, note)| note));
        if s.ready && !untried {
            text.push_str(&format!(", ready {} seconds", self.seconds(s.ready_stamp)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(pid: u32, wstat: u16) -> State {
        let stamp = Tai64n::from_unix(1000, 500);
        let (finishing, paused) = (false, false);
        let status =
            Status { stamp, ready_stamp: stamp, pid, wstat, paused, finishing, want_up: true, ready: false };
        State { status, normally_up: true, now: Tai64n::from_unix(1010, 400) }
    }

    #[test]
    fn summaries() {
        assert_eq!(state(7, 0).summary(false), "up (pid 7 pgid 7) 9 seconds");
        assert_eq!(state(0, 15).summary(false), "down (signal SIGTERM) 9 seconds, normally up, want up");
        assert_eq!(state(0, 15).summary(true), "down (signal 15) 9 seconds, normally up, want up");
        let mut untried = state(0, 0);
        untried.status.paused = true;
        untried.status.ready = true;
        assert_eq!(untried.summary(false), "down (not started yet), normally up, want up");
    }

    #[test]
    fn a_list_has_no_empty_field() {
        use Field::{Ready, Up};
        let fields = |list: &[u8]| named_fields(list).map_err(|e| (e.code(), e.message().to_owned()));
        assert_eq!(fields(b"up,ready"), Ok(vec![Up, Ready]));
        assert_eq!(fields(b"up,"), Ok(vec![Up]));
        assert_eq!(fields(b""), Ok(vec![]));
        for list in ["up,,ready", ",up", "up,,", ","] {
            assert_eq!(fields(list.as_bytes()).unwrap_err().0, 100, "{list}");
        }
        assert_eq!(fields(b"up,upp").unwrap_err(), (100, "invalid field: upp".to_owned()));
    }

    #[test]
    fn what_is_hidden_while_up() {
        for (field, up, down) in
            [(Field::ExitCode, "-1", "-1"), (Field::Signal, "NA", "SIGKILL"), (Field::Pid, "7", "-1")]
        {
            assert_eq!(state(7, 9).field(field), up);
            assert_eq!(state(0, 9).field(field), down);
        }
        assert_eq!(state(0, 3 << 8).field(Field::ExitCode), "3");
    }
}
