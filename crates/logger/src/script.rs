//! The logging script: from directives to stages of selections and actions.

use posix_regex::Regex;
use std::time::Duration;
use tool::diag;
use wire::number;

/// A whole script.
#[derive(Debug, Default)]
pub struct Script {
    pub(crate) stages: Vec<Stage>,
    /// Whether directives after the last action have no effect.
    has_trailing: bool,
}

impl Script {
    /// Whether directives after the last action have no effect.
    #[must_use]
    pub fn has_trailing(&self) -> bool {
        self.has_trailing
    }
}

/// Selections, and the actions on what they select.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    pub(crate) selections: Vec<Selection>,
    pub(crate) actions: Vec<Action>,
}

/// Changes which lines are selected.
#[derive(Debug)]
pub(crate) enum Selection {
    /// Exactly those that no action has got yet.
    Rest,
    /// Also those that match.
    Select(Regex),
    /// Not those that match.
    Deselect(Regex),
}

/// Where a line goes, and what comes before it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Action {
    pub(crate) tai: bool,
    pub(crate) iso: bool,
    pub(crate) prefix: Vec<u8>,
    pub(crate) to: Target,
}

/// Where a line goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Stdout,
    /// Standard error; at most so many bytes of the line, 0: all of them.
    Alert(usize),
    /// A file that has the last line, padded to so many bytes, 0: not padded.
    Status(Vec<u8>, usize),
    Dir(DirSpec),
}

/// A log directory and its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DirSpec {
    pub(crate) path: Vec<u8>,
    /// How many archives are kept.
    pub(crate) archives: u32,
    /// How many bytes of archives are kept; 0: no limit.
    pub(crate) total: u64,
    /// A file has at most so many bytes, if no line is longer than `tolerance`.
    pub(crate) size: u64,
    /// How much earlier it may be ended.
    pub(crate) tolerance: u64,
    /// How long to wait after an error.
    pub(crate) cooldown: Duration,
    /// How often to rotate in any case.
    pub(crate) period: Option<Duration>,
    pub(crate) processor: Option<Processor>,
}

/// A command that archives go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Processor {
    Execline(Vec<u8>),
    Shell(Vec<u8>),
}

/// Bounds of a file's size, in bytes; what is asked for beyond them is the bound.
const SIZE_LIMITS: (u64, u64) = (4096, 268_435_455);

/// Bytes of a line that an alert shows, unless `E` says otherwise.
const DEFAULT_ALERT_SIZE: usize = 200;

/// The size of a status file, unless `^` says otherwise.
const DEFAULT_STATUS_SIZE: usize = 1001;

impl Default for DirSpec {
    /// What holds for a directory before any directive.
    fn default() -> Self {
        Self {
            path: Vec::new(),
            archives: 10,
            total: 0,
            size: 99_999,
            tolerance: 2000,
            cooldown: Duration::from_secs(2),
            period: None,
            processor: None,
        }
    }
}

/// Parses the directives.
pub fn parse(words: &[Vec<u8>]) -> Result<Script, String> {
    let mut parser = Parser::new();
    for word in words {
        parser.directive(word).map_err(|e| match e {
            None => format!("unrecognized directive: {}", diag::show(word)),
            Some(why) => format!("in directive {}: {why}", diag::show(word)),
        })?;
    }
    let last = parser.stage;
    let has_trailing = if last.actions.is_empty() {
        true
    } else {
        parser.script.stages.push(last);
        parser.pending
    };
    if parser.script.stages.is_empty() {
        return Err(String::from("the script has no action"));
    }
    Ok(Script { has_trailing, ..parser.script })
}

struct Parser {
    script: Script,
    stage: Stage,
    tai: bool,
    iso: bool,
    prefix: Vec<u8>,
    alert: usize,
    status: usize,
    dir: DirSpec,
    /// Whether a control directive waits for an action.
    pending: bool,
}

/// Why a directive is wrong; without words: it is not a directive.
type Wrong = Option<String>;

fn number_of<T: std::str::FromStr>(word: &[u8]) -> Result<T, Wrong> {
    number::decimal(word).ok_or(None)
}

impl Parser {
    fn new() -> Self {
        Self {
            script: Script::default(),
            stage: Stage::default(),
            tai: false,
            iso: false,
            prefix: Vec::new(),
            alert: DEFAULT_ALERT_SIZE,
            status: DEFAULT_STATUS_SIZE,
            dir: DirSpec::default(),
            pending: false,
        }
    }

    fn directive(&mut self, word: &[u8]) -> Result<(), Wrong> {
        let (letter, rest) = word.split_first().ok_or(None)?;
        if matches!(letter, b'f' | b't' | b'T' | b'1' | b'2') && !rest.is_empty() {
            return Err(None);
        }
        self.pending = true;
        match letter {
            b'f' => self.select(Selection::Rest),
            b'+' => self.select(Selection::Select(Regex::extended(rest)?)),
            b'-' => self.select(Selection::Deselect(Regex::extended(rest)?)),
            b'n' => self.dir.archives = number_of(rest)?,
            b's' => self.dir.size = number_of::<u64>(rest)?.clamp(SIZE_LIMITS.0, SIZE_LIMITS.1),
            b'S' => self.dir.total = number_of(rest)?,
            b'l' => {
                self.dir.tolerance = number_of(rest)?;
                if self.dir.tolerance > self.dir.size / 2 {
                    return Err(Some(String::from("the tolerance is more than half of the file size")));
                }
            }
            b'r' => self.dir.cooldown = Duration::from_millis(number_of::<u32>(rest)?.into()),
            b'R' => {
                let seconds: u32 = number_of(rest)?;
                self.dir.period = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
            }
            b'E' => self.alert = number_of::<u32>(rest)? as usize,
            b'^' => self.status = number_of::<u32>(rest)? as usize,
            b'p' => self.prefix = rest.to_vec(),
            b'!' => self.dir.processor = (!rest.is_empty()).then(|| Processor::Execline(rest.to_vec())),
            b'?' => self.dir.processor = (!rest.is_empty()).then(|| Processor::Shell(rest.to_vec())),
            b't' => self.tai = true,
            b'T' => self.iso = true,
            b'1' => self.act(Target::Stdout),
            b'2' => self.act(Target::Alert(self.alert)),
            b'=' if !rest.is_empty() => self.act(Target::Status(rest.to_vec(), self.status)),
            b'.' | b'/' => {
                // A file size that was given later than a tolerance may be too small for it.
                let tolerance = self.dir.tolerance.min(self.dir.size / 2);
                self.act(Target::Dir(DirSpec { path: word.to_vec(), tolerance, ..self.dir.clone() }));
            }
            _ => return Err(None),
        }
        Ok(())
    }

    fn select(&mut self, selection: Selection) {
        if !self.stage.actions.is_empty() {
            self.script.stages.push(std::mem::take(&mut self.stage));
        }
        self.stage.selections.push(selection);
    }

    fn act(&mut self, to: Target) {
        let (tai, iso) = (self.tai, self.iso);
        (self.tai, self.iso, self.pending) = (false, false, false);
        self.stage.actions.push(Action { tai, iso, prefix: self.prefix.clone(), to });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(words: &[&str]) -> Result<Script, String> {
        parse(&words.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>())
    }

    fn only_dir(words: &[&str]) -> DirSpec {
        let mut script = script(words).unwrap();
        match script.stages.remove(0).actions.remove(0).to {
            Target::Dir(spec) => spec,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn settings_stay_and_stamps_do_not() {
        let script = script(&["n3", "t", "px", "./a", "T", "1", "p", "/b"]).unwrap();
        let actions = &script.stages[0].actions;
        let heads: Vec<_> = actions.iter().map(|a| (a.tai, a.iso, a.prefix.as_slice())).collect();
        assert_eq!(heads, [(true, false, &b"x"[..]), (false, true, b"x"), (false, false, b"")]);
        assert!(matches!(&actions[2].to, Target::Dir(spec) if spec.archives == 3 && spec.path == b"/b"));
        assert!(!script.has_trailing());
    }

    #[test]
    fn a_selection_after_an_action_begins_a_stage() {
        let script = script(&["-", "+a", "1", "2", "f", "1", "n5"]).unwrap();
        let shape: Vec<_> = script.stages.iter().map(|s| (s.selections.len(), s.actions.len())).collect();
        assert_eq!(shape, [(2, 2), (1, 1)]);
        assert!(script.has_trailing());
    }

    #[test]
    fn a_tolerance_is_at_most_half_of_the_size() {
        assert_eq!(only_dir(&["l3000", "s5000", "./a"]).tolerance, 2500);
        assert_eq!(only_dir(&["s5000", "l2500", "./a"]).tolerance, 2500);
        assert!(script(&["s5000", "l2501", "1"]).is_err());
    }

    fn target(to: &Target) -> String {
        let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match to {
            Target::Stdout => String::from("standard output"),
            Target::Alert(size) => format!("alert, {size} bytes"),
            Target::Status(file, size) => format!("status file {}, {size} bytes", show(file)),
            Target::Dir(spec) => {
                let DirSpec { path, archives, total, size, tolerance, cooldown, period, processor } = spec;
                let mut text = format!(
                    "directory {}, {archives} archives of {total} bytes, file {size} - {tolerance} bytes, \
                     cool-down {cooldown:?}",
                    show(path)
                );
                if let Some(period) = period {
                    text += &format!(", every {period:?}");
                }
                match processor {
                    None => {}
                    Some(Processor::Execline(words)) => text += &format!(", execline {:?}", show(words)),
                    Some(Processor::Shell(words)) => text += &format!(", shell {:?}", show(words)),
                }
                text
            }
        }
    }

    /// Each directive and what the action after it becomes; the defaults are in the first lines.
    #[test]
    fn directives() {
        let mut table = String::new();
        for words in [
            "1",
            "2",
            "=file",
            "./d",
            "/d",
            "t 1",
            "T 1",
            "t T 1",
            "pword 1",
            "p 1",
            "t pword 1",
            "E0 2",
            "E50 2",
            "^0 =f",
            "^300 =f",
            "n0 ./d",
            "n20 ./d",
            "s0 ./d",
            "s4095 ./d",
            "s4096 ./d",
            "s268435455 ./d",
            "s268435456 ./d",
            "S0 ./d",
            "S1000000 ./d",
            "l0 ./d",
            "l49999 ./d",
            "r0 ./d",
            "r1 ./d",
            "R0 ./d",
            "R60 ./d",
            "!gzip ./d",
            "!gzip ! ./d",
            "?gzip ./d",
            "?gzip ? ./d",
            "s50000 n3 S9 l7 r8 R9 !x ./d",
        ] {
            let script = script(&words.split(' ').collect::<Vec<_>>()).unwrap();
            for Action { tai, iso, prefix, to } in &script.stages[0].actions {
                let head =
                    [(*tai, "TAI64N "), (*iso, "ISO 8601 ")].map(|(on, name)| if on { name } else { "" });
                let prefix = match prefix.as_slice() {
                    b"" => String::new(),
                    text => format!("prefix {} ", String::from_utf8_lossy(text)),
                };
                table += &format!("{words:<28} {}{prefix}to {}\n", head.concat(), target(to));
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn what_is_wrong() {
        for bad in [
            "", "t", "n5", "+a", "x", "11", "2x", "tt", "T1", "f1", "=", "nx", "s12x", "S", "lx", "rx", "Rx",
            "Ex", "^x", "+(", "-[", "-a{2,1}", "n-1",
        ] {
            assert!(script(&[bad]).is_err(), "{bad}");
        }
        assert!(script(&[]).is_err());
        for bad in ["nx", "+(", "x", "="] {
            assert!(script(&[bad, "1"]).is_err(), "{bad} 1");
        }
    }
}
