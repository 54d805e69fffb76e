//! What becomes of a line: the script applied, the outputs filled.

use super::script::{Action, Script, Selection, Target};
use super::stamp::Clock;
use crate::queue::Queue;
use wire::tai::Tai64n;

/// Bytes for each output, waiting to be written.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    pub(crate) stdout: Queue,
    pub(crate) alerts: Vec<u8>,
    /// One for each status file; the last line counts.
    pub(crate) statuses: Vec<Status>,
    /// One for each log directory.
    pub(crate) dirs: Vec<Vec<u8>>,
}

/// A status file.
#[derive(Debug)]
pub(crate) struct Status {
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

/// A script with its outputs numbered.
#[derive(Debug)]
pub(crate) struct Feed {
    stages: Vec<(Vec<Selection>, Vec<Route>)>,
    clock: Clock,
    stamped: bool,
}

impl Feed {
    /// `dir_index` gives the number of the log directory of each action that has one, in their order.
    pub(crate) fn new(
        script: Script,
        mut dir_index: impl Iterator<Item = usize>,
        outputs: &mut Outputs,
    ) -> Self {
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
            .map(|s| (s.selections, s.actions.into_iter().map(&mut route).collect::<Vec<_>>()))
            .collect();
        let stamped = stages.iter().any(|(_, routes)| routes.iter().any(|r| r.tai || r.iso));
        Self { stages, clock: Clock::default(), stamped }
    }

    /// Whether lines get time stamps.
    pub(crate) fn is_stamped(&self) -> bool {
        self.stamped
    }

    /// The lines that follow were read at this moment.
    pub(crate) fn set_time(&mut self, now: Tai64n) {
        let mut iso = None;
        for (_, routes) in &mut self.stages {
            for route in routes.iter_mut().filter(|r| r.tai || r.iso) {
                route.head.clear();
                if route.tai {
                    route.head.extend(now.label());
                    route.head.push(b' ');
                }
                if route.iso {
                    route.head.extend_from_slice(iso.get_or_insert_with(|| self.clock.iso(now)));
                    route.head.extend(b"  ");
                }
                route.head.extend_from_slice(&route.prefix);
            }
        }
    }

    /// Applies the script to a line.
    pub(crate) fn line(&mut self, line: &[u8], outputs: &mut Outputs) {
        let (mut selected, mut acted) = (true, false);
        for (selections, routes) in &mut self.stages {
            for selection in selections {
                match selection {
                    Selection::Rest => selected = !acted,
                    Selection::Select(regex) => selected = selected || regex.is_match(line),
                    Selection::Deselect(regex) => selected = selected && !regex.is_match(line),
                }
            }
            if selected {
                acted = true;
                routes.iter().for_each(|route| route.put(line, outputs));
            }
        }
    }
}

impl Route {
    fn put(&self, line: &[u8], outputs: &mut Outputs) {
        match self.sink {
            Sink::Stdout => self.append(line, b"\n", &mut outputs.stdout.bytes),
            Sink::Dir(index) => {
                if let Some(out) = outputs.dirs.get_mut(index) {
                    self.append(line, b"\n", out);
                }
            }
            Sink::Alert(size) => {
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
                    self.append(line, b"\n", content);
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

#[cfg(test)]
mod tests {
    use super::super::script::parse;
    use super::*;

    fn run(words: &[&str], lines: &[&str]) -> Outputs {
        let script = parse(&words.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>()).unwrap();
        let mut outputs = Outputs { dirs: vec![Vec::new(); 4], ..Outputs::default() };
        let mut feed = Feed::new(script, 0.., &mut outputs);
        feed.set_time(Tai64n::from_unix(0, 5));
        lines.iter().for_each(|l| feed.line(l.as_bytes(), &mut outputs));
        outputs
    }

    fn dirs(outputs: &Outputs) -> Vec<String> {
        outputs.dirs.iter().map(|d| String::from_utf8_lossy(d).replace('\n', "|")).collect()
    }

    #[test]
    fn selections_carry_over() {
        let out = run(&["-^b", "./1", "-b", "./2", "+", "./3"], &["aa", "ab", "bb"]);
        assert_eq!(dirs(&out), ["aa|ab|", "aa|", "aa|ab|bb|", ""]);
    }

    #[test]
    fn the_rest_is_what_no_action_got() {
        let out = run(&["-", "+a", "./1", "f", "-c", "./2", "f", "./3"], &["a", "b", "c"]);
        assert_eq!(dirs(&out), ["a|", "b|", "c|", ""]);
    }

    #[test]
    fn stamps_then_prefix() {
        let out = run(&["pP:", "t", "1", "2"], &["x"]);
        assert_eq!(out.stdout.bytes, b"@400000000000000a00000005 P: x\n");
        assert_eq!(out.alerts, b"s6-log: alert: P: x\n");
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
