//! What becomes of a line: the script applied, the outputs filled.

use super::lines::Line;
use super::script::{Action, Script, Selection, Target};
use super::stamp::{self, Clock};
use files::Queue;
use posix_regex::{AnyOf, Regex};
use std::ops::Range;
use tool::Buffer;
use wire::tai::Tai64n;

/// Bytes for each output, waiting to be written.
#[derive(Debug, Default)]
pub struct Outputs {
    pub(crate) stdout: Queue,
    pub(crate) alerts: Vec<u8>,
    /// One for each status file; the last line counts.
    pub(crate) statuses: Vec<Status>,
    /// One for each log directory.
    pub(crate) dirs: Vec<Waiting>,
}

/// What waits for a log directory.
#[derive(Debug, Default)]
pub struct Waiting {
    /// These bytes first.
    pub(crate) bytes: Buffer,
    /// Then this part of what was read, as it stands there.
    pub(crate) run: Range<usize>,
}

/// A status file.
#[derive(Debug)]
pub struct Status {
    pub(crate) file: Vec<u8>,
    /// Its size; 0: as long as the line.
    pub(crate) size: usize,
    /// What it shall contain, if that has changed.
    pub(crate) content: Option<Vec<u8>>,
    /// Whether it couldn't be written the last time.
    pub(crate) failing: bool,
}

/// Where an action's lines go.
#[derive(Debug, Clone, Copy)]
enum Sink {
    Stdout,
    Alert(usize),
    Status(usize),
    Dir(usize),
}

#[derive(Debug)]
struct Route {
    tai: bool,
    iso: bool,
    prefix: Vec<u8>,
    /// Stamps and prefix as they are printed.
    head: Vec<u8>,
    sink: Sink,
}

/// Selections in a row that are alike.
#[derive(Debug)]
enum Rule {
    /// Exactly those lines that no action has got yet.
    Rest,
    /// Lines that match are selected, or aren't any more.
    Matching(AnyOf, bool),
}

/// A script with its outputs numbered.
#[derive(Debug)]
pub struct Feed {
    stages: Vec<(Vec<Rule>, Vec<Route>)>,
    clock: Clock,
    stamped: bool,
}

impl Feed {
    /// `dir_index` gives the number of the log directory of each action that has one, in their order.
    pub fn new(script: Script, mut dir_index: impl Iterator<Item = usize>, outputs: &mut Outputs) -> Self {
        let mut sink = |to: Target| match to {
            Target::Stdout => Sink::Stdout,
            Target::Alert(size) => Sink::Alert(size),
            Target::Status(file, size) => {
                outputs.statuses.push(Status { file, size, content: None, failing: false });
                Sink::Status(outputs.statuses.len() - 1)
            }
            Target::Dir(_) => Sink::Dir(dir_index.next().unwrap_or(usize::MAX)),
        };
        let mut route = |action: Action| {
            let mut prefix = action.prefix;
            if !prefix.is_empty() {
                prefix.push(b' ');
            }
            Route { tai: action.tai, iso: action.iso, head: prefix.clone(), prefix, sink: sink(action.to) }
        };
        let stages: Vec<_> = script
            .stages
            .into_iter()
            .map(|s| (rules(s.selections), s.actions.into_iter().map(&mut route).collect::<Vec<_>>()))
            .collect();
        let stamped = stages.iter().any(|(_, routes)| routes.iter().any(|r| r.tai || r.iso));
        Self { stages, clock: Clock::new(stamp::local_or_utc), stamped }
    }

    /// Whether lines get time stamps.
    pub fn is_stamped(&self) -> bool {
        self.stamped
    }

    /// The lines that follow were read at this moment.
    pub fn set_time(&mut self, now: Tai64n) {
        for (_, routes) in &mut self.stages {
            for route in routes.iter_mut().filter(|r| r.tai || r.iso) {
                route.head.clear();
                if route.tai {
                    route.head.extend(now.label());
                    route.head.push(b' ');
                }
                if route.iso {
                    route.head.extend_from_slice(self.clock.iso(now).unwrap_or_default());
                    route.head.extend(b"  ");
                }
                route.head.extend_from_slice(&route.prefix);
            }
        }
    }

    /// Applies the script to a line.
    pub fn line(&mut self, line: Line<'_>, outputs: &mut Outputs) {
        let (mut selected, mut acted) = (true, false);
        for (rules, routes) in &mut self.stages {
            selected = is_selected(rules, line.text, selected, acted);
            if selected {
                acted = true;
                routes.iter().for_each(|route| route.put(line, outputs));
            }
        }
    }
}

/// Joins what can be looked for at once.
fn rules(selections: Vec<Selection>) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut alike: (Vec<Regex>, bool) = (Vec::new(), true);
    let end = |alike: &mut (Vec<Regex>, bool), rules: &mut Vec<Rule>| {
        let regexes = std::mem::take(&mut alike.0);
        if !regexes.is_empty() {
            rules.push(Rule::Matching(AnyOf::new(regexes), alike.1));
        }
    };
    for selection in selections {
        let (regex, selects) = match selection {
            Selection::Select(regex) => (regex, true),
            Selection::Deselect(regex) => (regex, false),
            Selection::Rest => {
                end(&mut alike, &mut rules);
                rules.push(Rule::Rest);
                continue;
            }
        };
        if alike.1 != selects {
            end(&mut alike, &mut rules);
            alike.1 = selects;
        }
        alike.0.push(regex);
    }
    end(&mut alike, &mut rules);
    rules
}

/// The last rule that says something about a line decides, so that one is asked first.
fn is_selected(rules: &mut [Rule], line: &[u8], before: bool, acted: bool) -> bool {
    for rule in rules.iter_mut().rev() {
        match rule {
            Rule::Rest => return !acted,
            Rule::Matching(any, selects) => {
                if any.is_match(line) {
                    return *selects;
                }
            }
        }
    }
    before
}

impl Route {
    fn put(&self, line: Line<'_>, outputs: &mut Outputs) {
        let (text, end) = line.ended.map_or((line.text, &b"\n"[..]), |all| (all, b""));
        match self.sink {
            Sink::Stdout => self.append(text, end, &mut outputs.stdout.bytes),
            Sink::Dir(index) => {
                let Some(out) = outputs.dirs.get_mut(index) else { return };
                // Lines that stand one after the other needn't be copied one by one.
                if self.head.is_empty() && end.is_empty() {
                    out.add_run(line.at..line.at + text.len(), line.read);
                } else {
                    out.end_run(line.read);
                    out.bytes.append(&self.head, text);
                    if !end.is_empty() {
                        out.bytes.append(end, b"");
                    }
                }
            }
            Sink::Alert(size) => {
                let line = line.text;
                outputs.alerts.extend(b"s6-log: alert: ");
                // An ellipsis that saves nothing isn't worth it.
                match line.get(..size) {
                    Some(start) if size > 0 && size + 3 < line.len() => {
                        self.append(start, b"...\n", &mut outputs.alerts);
                    }
                    _ => self.append(line, b"\n", &mut outputs.alerts),
                }
            }
            Sink::Status(index) => {
                if let Some(status) = outputs.statuses.get_mut(index) {
                    let content = status.content.get_or_insert_default();
                    content.clear();
                    self.append(line.text, b"\n", content);
                    if status.size > 0 {
                        content.resize(status.size, b'\n');
                    }
                }
            }
        }
    }

    fn append(&self, line: &[u8], end: &[u8], out: &mut Vec<u8>) {
        out.reserve(self.head.len() + line.len() + end.len());
        out.extend_from_slice(&self.head);
        out.extend_from_slice(line);
        out.extend_from_slice(end);
    }
}

impl Waiting {
    /// Adds a part of what was read.
    fn add_run(&mut self, span: Range<usize>, read: &[u8]) {
        if self.run.end != span.start {
            self.end_run(read);
            self.run.start = span.start;
        }
        self.run.end = span.end;
    }

    /// Copies the part of what was read.
    pub fn end_run(&mut self, read: &[u8]) {
        let run = std::mem::take(&mut self.run);
        self.bytes.append(read.get(run).unwrap_or_default(), b"");
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::Lines;
    use super::super::script::parse;
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::Config;

    fn feed(words: &[&str], dir_index: impl Iterator<Item = usize>) -> (Feed, Outputs) {
        let script = parse(&words.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>()).unwrap();
        let mut outputs =
            Outputs { dirs: (0..16).map(|_| Waiting::default()).collect(), ..Outputs::default() };
        let mut feed = Feed::new(script, dir_index, &mut outputs);
        feed.set_time(Tai64n::from_unix(0, 5));
        (feed, outputs)
    }

    fn run(words: &[&str], lines: &[&str]) -> Outputs {
        run_with(words, 0.., lines)
    }

    fn run_with(words: &[&str], dir_index: impl Iterator<Item = usize>, lines: &[&str]) -> Outputs {
        let (mut feed, mut outputs) = feed(words, dir_index);
        lines.iter().for_each(|l| feed.line(Line::alone(l.as_bytes()), &mut outputs));
        outputs
    }

    fn dirs(outputs: &Outputs) -> Vec<String> {
        outputs.dirs.iter().map(|d| String::from_utf8_lossy(d.bytes.bytes()).replace('\n', "|")).collect()
    }

    #[test]
    fn selections_carry_over() {
        let out = run(&["-^b", "./1", "-b", "./2", "+", "./3"], &["aa", "ab", "bb"]);
        assert_eq!(dirs(&out)[..4], ["aa|ab|", "aa|", "aa|ab|bb|", ""]);
    }

    #[test]
    fn the_rest_is_what_no_action_got() {
        let out = run(&["-", "+a", "./1", "f", "-c", "./2", "f", "./3"], &["a", "b", "c"]);
        assert_eq!(dirs(&out)[..4], ["a|", "b|", "c|", ""]);
    }

    proptest! {
        #![proptest_config(Config { cases: 1000, ..Config::default() })]

        /// The same as one selection after the other.
        #[test]
        fn the_last_selection_that_says_something_decides(
            words in prop::collection::vec(prop::sample::select(vec!["-", "+", "-a", "+a", "-b$", "+^b", "+c", "-ab", "f", "./1"]), 0..12),
            line in "[abc]{0,4}",
        ) {
            let words = [&words[..], &["./2"]].concat();
            let mut expected = Vec::new();
            let (mut selected, mut acted) = (true, false);
            for word in &words {
                let (how, expression) = word.split_at(1);
                let matched = || Regex::extended(expression.as_bytes()).unwrap().is_match(line.as_bytes());
                match how {
                    "+" => selected |= matched(),
                    "-" => selected &= !matched(),
                    "f" => selected = !acted,
                    _ if selected => expected.push(line.clone() + "|"),
                    _ => {}
                }
                // What a stage's first action takes is taken for the stages that follow.
                acted |= how == "." && selected;
            }
            prop_assert_eq!(dirs(&run(&words, &[&line])).concat(), expected.concat(), "the last selection that says something decides");
        }

        /// Whatever is copied at once and whatever line by line: what comes out is the lines.
        #[test]
        fn runs_are_the_same_as_lines(
            words in prop::collection::vec(prop::sample::select(vec!["-", "+", "-a", "+b", "f", "./1", "./2", "px", "p", "t"]), 0..8),
            text in "[abc\0\n]{0,60}",
            limit in prop::sample::select(vec![0_usize, 3, 5]),
        ) {
            let words = [&words[..], &["./3"]].concat();
            let mut lines = Lines::new(limit);
            lines.room()[..text.len()].copy_from_slice(text.as_bytes());
            lines.filled(text.len());
            // Directories that several actions fill, too.
            let (mut feed, mut outputs) = feed(&words, (0..).map(|n| n % 2));
            let mut each = Vec::new();
            while let Some(line) = lines.next() {
                each.push(String::from_utf8(line.text.to_vec()).unwrap());
                feed.line(line, &mut outputs);
            }
            outputs.dirs.iter_mut().for_each(|d| d.end_run(lines.read()));
            let each: Vec<&str> = each.iter().map(String::as_str).collect();
            prop_assert_eq!(dirs(&outputs), dirs(&run_with(&words, (0..).map(|n| n % 2), &each)), "what is copied at once comes out as the same lines");
        }
    }

    #[test]
    fn lines_are_stamped_if_an_action_wants_that() {
        for (words, stamped) in [(&["1"][..], false), (&["t", "1"], true), (&["1", "T", "./1"], true)] {
            assert_eq!(feed(words, 0..).0.is_stamped(), stamped, "{words:?}");
        }
    }

    #[test]
    fn stamps_then_prefix() {
        let out = run(&["pP:", "t", "1", "2"], &["x"]);
        assert_eq!(out.stdout.bytes, b"@400000000000000a00000005 P: x\n");
        assert_eq!(out.alerts, b"s6-log: alert: P: x\n");
    }

    #[test]
    fn a_date_is_followed_by_two_spaces() {
        for (words, before) in [(&["pP:", "T", "1"][..], 0), (&["pP:", "t", "T", "1"], 26)] {
            let out = run(words, &["x"]).stdout.bytes;
            let (label, rest) = out.split_at(before);
            assert!(label.is_empty() || label == b"@400000000000000a00000005 ");
            // The date is local time, which is the machine's.
            let (date, rest) = rest.split_at("1970-01-01 00:00:00.000000005".len());
            assert!(date.ends_with(b".000000005"), "{date:?}");
            assert_eq!(rest, b"  P: x\n");
        }
    }

    #[test]
    fn alerts_are_cut() {
        let out = run(&["E3", "2", "E0", "2"], &["abcdef", "abcdefg"]);
        let text =
            b"s6-log: alert: abcdef\ns6-log: alert: abcdef\ns6-log: alert: abc...\ns6-log: alert: abcdefg\n";
        assert_eq!(out.alerts, text);
    }

    #[test]
    fn statuses_are_cut_or_padded() {
        let out = run(&["^4", "=a", "^8", "=b", "^0", "=c", "^5", "=d"], &["x", "abcde"]);
        let contents: Vec<_> = out.statuses.iter().map(|s| s.content.clone().unwrap()).collect();
        assert_eq!(contents, [&b"abcd"[..], b"abcde\n\n\n", b"abcde\n", b"abcde"]);
    }
}
