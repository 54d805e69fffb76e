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

const SMALLEST: u64 = 4096;
const LARGEST: u64 = 268_435_455;

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

/// Why a directive is wrong; without words: it is none.
type Wrong = Option<String>;

fn number_of<T: std::str::FromStr>(word: &[u8]) -> Result<T, Wrong> {
    number::decimal(word).ok_or(None)
}

impl Parser {
    fn new() -> Self {
        let dir = DirSpec {
            path: Vec::new(),
            archives: 10,
            total: 0,
            size: 99_999,
            tolerance: 2000,
            cooldown: Duration::from_millis(2000),
            period: None,
            processor: None,
        };
        Self {
            script: Script::default(),
            stage: Stage::default(),
            tai: false,
            iso: false,
            prefix: Vec::new(),
            alert: 200,
            status: 1001,
            dir,
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
            b's' => self.dir.size = number_of::<u64>(rest)?.clamp(SMALLEST, LARGEST),
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
        assert!(!script.has_trailing);
    }

    #[test]
    fn a_selection_after_an_action_begins_a_stage() {
        let script = script(&["-", "+a", "1", "2", "f", "1", "n5"]).unwrap();
        let shape: Vec<_> = script.stages.iter().map(|s| (s.selections.len(), s.actions.len())).collect();
        assert_eq!(shape, [(2, 2), (1, 1)]);
        assert!(script.has_trailing);
    }

    #[test]
    fn sizes_are_clamped() {
        assert_eq!(only_dir(&["s10", "./a"]).size, 4096);
        assert_eq!(only_dir(&["s999999999999", "./a"]).size, LARGEST);
        assert_eq!(only_dir(&["l3000", "s5000", "./a"]).tolerance, 2500);
        assert!(script(&["s5000", "l2501", "1"]).is_err());
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
