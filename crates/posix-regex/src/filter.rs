//! A quick test that refuses most texts that can't match.
//!
//! Every match of an expression contains what its required parts match.  Of those, one *window* is chosen: up to
//! three sets of bytes in a row, one byte of each of which is in every match.  Each branch of an alternative adds windows.
//! A text without any window needs no automaton.

use crate::bytes::{HIGH, eight, zeros};
use crate::parse::{Node, Place, Set};
use std::ops::ControlFlow;

/// The limit of sets in a window.
const WINDOW_MAX: usize = 3;

/// The limit of windows of an expression.
const WINDOW_LIMIT: usize = 64;

/// The limit of visits to nodes; repeated nodes are visited more than once.
const NODE_LIMIT: u32 = 2000;

/// Up to this many windows are searched one after the other, more of them all at once.
const SINGLE_SEARCH_LIMIT: usize = 3;

/// The frequency of a set that contains all bytes.
const FREQUENCY_MAX: u64 = 1 << 10;

/// Where in a text a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Anywhere,
    Start,
    End,
}

#[derive(Debug, Clone)]
struct Window {
    sets: Vec<Set>,
    place: Where,
}

impl Window {
    /// A rough measure of how many texts contain the window; at most [`FREQUENCY_MAX`] to the power of [`WINDOW_MAX`].
    fn frequency(&self) -> u64 {
        let sets: u64 = self.sets.iter().map(|set| frequency(*set)).product();
        let missing = u32::try_from(WINDOW_MAX.saturating_sub(self.sets.len())).unwrap_or(0);
        let one = sets.saturating_mul(FREQUENCY_MAX.pow(missing));
        if self.place == Where::Anywhere { one } else { one / 64 }
    }

    fn is_at_start(&self, text: &[u8]) -> bool {
        text.len() >= self.sets.len() && self.sets.iter().zip(text).all(|(set, byte)| set.contains(*byte))
    }

    /// The bytes of the window, if each set has only one.
    fn bytes(&self) -> Option<[u8; WINDOW_MAX]> {
        let bytes: Option<Vec<u8>> = self.sets.iter().map(|set| set.only()).collect();
        bytes?.try_into().ok()
    }
}

/// The frequency of the bytes of a set in logs, of [`FREQUENCY_MAX`].
fn frequency(set: Set) -> u64 {
    let of = |byte: u8| match byte {
        b' ' | b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 60,
        b'a'..=b'z' => 20,
        b'0'..=b'9' => 25,
        b'!'..=b'~' => 10,
        _ => 1,
    };
    (0..=u8::MAX).filter(|b| set.contains(*b)).map(of).sum::<u64>().min(FREQUENCY_MAX)
}

/// The windows of an expression, if there are good ones: a text without any of them doesn't match.
#[derive(Debug)]
pub(super) struct Filter {
    anywhere: Anywhere,
    starts: Vec<Window>,
    ends: Vec<Window>,
}

/// Windows that may be anywhere in a text.
#[derive(Debug)]
enum Anywhere {
    /// Windows of single bytes.
    Few(Vec<[u8; WINDOW_MAX]>),
    Many(Box<Tables>),
}

/// For each place in a window and each byte: a bit for each of eight groups of windows.
#[derive(Debug)]
struct Tables {
    bits: [[u8; 256]; WINDOW_MAX],
    /// At each place: groups with a window that ended before it.
    ended: [u8; WINDOW_MAX],
}

impl Filter {
    pub(super) fn new(tree: &Node) -> Option<Self> {
        let mut budget = NODE_LIMIT;
        let windows = windows(tree, &mut budget)?;
        let of = |place| windows.iter().filter(|w| w.place == place).cloned().collect::<Vec<_>>();
        let anywhere = of(Where::Anywhere);
        let few = anywhere.iter().map(Window::bytes).collect::<Option<Vec<_>>>();
        let anywhere = match few.filter(|few| few.len() <= SINGLE_SEARCH_LIMIT) {
            Some(few) => Anywhere::Few(few),
            None => Anywhere::Many(Box::new(Tables::new(&anywhere))),
        };
        Some(Self { anywhere, starts: of(Where::Start), ends: of(Where::End) })
    }

    /// Whether the text may match.
    pub(super) fn passes(&self, text: &[u8]) -> bool {
        let ends = |w: &Window| {
            text.len()
                .checked_sub(w.sets.len())
                .is_some_and(|at| w.is_at_start(text.get(at..).unwrap_or_default()))
        };
        self.starts.iter().any(|w| w.is_at_start(text))
            || self.ends.iter().any(ends)
            || match &self.anywhere {
                Anywhere::Few(windows) => windows.iter().any(|window| contains(text, *window)),
                Anywhere::Many(tables) => tables.any_in(text),
            }
    }
}

impl Tables {
    fn new(windows: &[Window]) -> Self {
        let mut tables = Self { bits: [[0; 256]; WINDOW_MAX], ended: [0; WINDOW_MAX] };
        for (number, window) in windows.iter().enumerate() {
            let group = 1 << (number % 8);
            let places = tables.bits.iter_mut().zip(&mut tables.ended).enumerate();
            for (place, (bits, ended)) in places {
                match window.sets.get(place) {
                    Some(set) => (0..=u8::MAX)
                        .zip(bits)
                        .filter(|(byte, _)| set.contains(*byte))
                        .for_each(|(_, bits)| *bits |= group),
                    None => {
                        bits.iter_mut().for_each(|bits| *bits |= group);
                        *ended |= group;
                    }
                }
            }
        }
        tables
    }

    fn any_in(&self, text: &[u8]) -> bool {
        let [first, second, third] = &self.bits;
        let bits = |table: &[u8; 256], byte: u8| table[usize::from(byte)];
        let mut at = 0;
        // The third byte is tested only if the first two match.
        while let Some([a, b, c, d, e, f]) = text.get(at..).and_then(|t| t.first_chunk()) {
            let found = (bits(first, *a) & bits(second, *b))
                | (bits(first, *b) & bits(second, *c))
                | (bits(first, *c) & bits(second, *d))
                | (bits(first, *d) & bits(second, *e));
            if found != 0 {
                let three = |a: u8, b: u8, c: u8| bits(first, a) & bits(second, b) & bits(third, c);
                if three(*a, *b, *c) | three(*b, *c, *d) | three(*c, *d, *e) | three(*d, *e, *f) != 0 {
                    return true;
                }
            }
            at += 4;
        }
        let [_, ended_1, ended_2] = self.ended;
        let mut rest = text.get(at..).unwrap_or_default();
        while let Some((byte, after)) = rest.split_first() {
            let next = after.first().map_or(ended_1, |b| bits(second, *b));
            let last = after.get(1).map_or(ended_2, |b| bits(third, *b));
            if bits(first, *byte) & next & last != 0 {
                return true;
            }
            rest = after;
        }
        false
    }
}

/// Whether the text contains these bytes in a row: eight places at a time, by the first and the last of them.
fn contains(text: &[u8], window: [u8; WINDOW_MAX]) -> bool {
    let [first, _, last] = window.map(eight);
    let Some(end) = text.len().checked_sub(10) else {
        return text.windows(WINDOW_MAX).any(|w| w == window);
    };
    let mut at = 0;
    while let Some(block) = text.get(at..).and_then(|t| t.first_chunk::<10>()) {
        // Two patterns: functions of slices and arrays may become calls and loops.
        let ([here @ .., _, _], [_, _, later @ ..]) = (block, block);
        let (here, later) = (u64::from_ne_bytes(*here) ^ first, u64::from_ne_bytes(*later) ^ last);
        // Some marks are false: blocks with marks are searched byte by byte.
        if zeros(here) & zeros(later) & HIGH != 0 && block.windows(WINDOW_MAX).any(|w| w == window) {
            return true;
        }
        if at == end {
            break;
        }
        // The last block ends with the text, and so overlaps the one before.
        at = (at + 8).min(end);
    }
    false
}

/// Windows one of which is in every match; `None` if there are none, or too many.
fn windows(node: &Node, budget: &mut u32) -> Option<Vec<Window>> {
    let mut search = Search { best: None, run: Vec::new(), at_start: false, budget };
    let _ = search.visit(node);
    search.end_run(false);
    let (frequency, windows) = search.best?;
    (frequency < FREQUENCY_MAX.pow(3) / 2).then_some(windows)
}

/// A walk through what is required.
struct Search<'a> {
    /// The windows, and the sum of their frequencies.
    best: Option<(u64, Vec<Window>)>,
    /// Sets of adjacent bytes.
    run: Vec<Set>,
    /// Whether the run begins at the start of the text.
    at_start: bool,
    budget: &'a mut u32,
}

impl Search<'_> {
    fn offer(&mut self, windows: Vec<Window>) {
        let frequency = windows.iter().map(Window::frequency).fold(0, u64::saturating_add);
        if windows.len() <= WINDOW_LIMIT && self.best.as_ref().is_none_or(|(best, _)| frequency < *best) {
            self.best = Some((frequency, windows));
        }
    }

    /// Ends the run: what follows needn't be adjacent to it.
    fn end_run(&mut self, at_end: bool) {
        let run = std::mem::take(&mut self.run);
        let part =
            |at: usize| run.get(at..).map(|r| r.get(..WINDOW_MAX).unwrap_or(r).to_vec()).unwrap_or_default();
        if std::mem::take(&mut self.at_start) && !run.is_empty() {
            self.offer(vec![Window { sets: part(0), place: Where::Start }]);
        }
        let last = run.len().saturating_sub(WINDOW_MAX);
        if at_end && !run.is_empty() {
            self.offer(vec![Window { sets: part(last), place: Where::End }]);
        }
        for at in 0..=last {
            let sets = part(at);
            if !sets.is_empty() {
                self.offer(vec![Window { sets, place: Where::Anywhere }]);
            }
        }
    }

    fn visit(&mut self, node: &Node) -> ControlFlow<()> {
        let Some(left) = self.budget.checked_sub(1) else {
            // The nodes that are skipped may match anything.
            self.end_run(false);
            return ControlFlow::Break(());
        };
        *self.budget = left;
        match node {
            Node::Byte(set) => self.run.push(*set),
            Node::At(Place::TextStart) => {
                self.end_run(false);
                self.at_start = true;
            }
            Node::At(Place::TextEnd) => self.end_run(true),
            Node::At(_) => {}
            Node::Row(nodes) => nodes.iter().try_for_each(|node| self.visit(node))?,
            Node::Group(_, node) => self.visit(node)?,
            Node::Repeat(node, least @ 1..=3, most) if *most == Some(*least) => {
                (0..*least).try_for_each(|_| self.visit(node))?;
            }
            Node::Repeat(node, 1.., _) => {
                // The first repetition follows the run; the last one begins a new run.
                self.visit(node)?;
                self.end_run(false);
                self.visit(node)?;
            }
            Node::Either(nodes) => {
                self.end_run(false);
                let all = nodes.iter().map(|node| windows(node, self.budget)).collect::<Option<Vec<_>>>();
                if let Some(all) = all {
                    self.offer(all.concat());
                }
            }
            Node::Repeat(..) | Node::Back(_) => self.end_run(false),
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Syntax;
    use crate::parse::parse;
    use proptest::prelude::*;

    fn filter(expression: &str) -> Option<Filter> {
        Filter::new(&parse(expression.as_bytes(), Syntax::Extended, false).unwrap())
    }

    /// Each line: the expression, texts that need the automaton, texts that don't.
    #[test]
    fn what_is_looked_for() {
        for (expression, pass, refused) in [
            ("error.[0-9]+", &["an error", "xerr"][..], &["", "er", "eror"][..]),
            ("^error", &["error", "errx"], &["an error", "er", ""]),
            ("failed$", &["has failed", "led"], &["failed.", "ed", ""]),
            ("[0-9]+ files? left", &["fil", "lef"], &["12 fi", "le"]),
            ("x|(warn|^err)ing", &["x", "ing"], &["warn", "in"]),
            ("e1+x", &["1x", "e1"], &["1", "e"]),
            ("(ab){2}", &["aba", "bab"], &["ab"]),
            ("(a+b)+c", &["abc"], &["ab", "bc"]),
        ] {
            let filter = filter(expression).unwrap();
            let passes = |text: &&&str| filter.passes(text.as_bytes());
            assert_eq!(refused.iter().find(passes), None, "{expression}");
            // Which window is chosen isn't specified: one of the texts contains it.
            assert!(pass.iter().any(|text| passes(&text)), "{expression}");
        }
        for none in ["", "a*", "...", "a|", "^", "(|b)", "[^a].*", "x|.", "$"] {
            assert!(filter(none).is_none(), "{none}");
        }
    }

    #[test]
    fn hostile_expressions_are_cheap() {
        let nested = ["(".repeat(190).as_str(), "ab", &")+".repeat(190)].concat();
        let mut budget = NODE_LIMIT;
        let tree = parse(nested.as_bytes(), Syntax::Extended, false).unwrap();
        assert!(windows(&tree, &mut budget).is_some_and(|w| w.len() == 1));
        assert_eq!(budget, 0);
        // Too many alternatives, and as many as there may be.
        let words = |n: usize| (0..n).map(|i| format!("w{i:03}x")).collect::<Vec<_>>().join("|");
        assert!(filter(&words(WINDOW_LIMIT + 1)).is_none());
        let filter = filter(&words(WINDOW_LIMIT)).unwrap();
        assert!(filter.passes(b"at last w063x"));
        assert!(!filter.passes(b"at last x06w"));
    }

    fn naive(text: &[u8], windows: &[Window]) -> bool {
        (0..text.len()).any(|at| windows.iter().any(|w| w.is_at_start(&text[at..])))
    }

    proptest! {
        #![proptest_config(crate::differential::config())]

        /// Bytes that differ by one or by the high bit are where tricks with words go wrong.
        #[test]
        fn a_window_is_found_wherever_it_is(
            text in prop::collection::vec(prop::sample::select(vec![0, 1, b'`', b'a', b'b', 0x7f, 0x80, 0xff]), 0..40),
            window: [prop::sample::Index; 3],
        ) {
            let bytes = window.map(|i| *i.get(&[0, 1, b'`', b'a', b'b', 0x80]));
            prop_assert_eq!(contains(&text, bytes), text.windows(3).any(|w| w == bytes), "the search for three bytes finds what a plain search finds");
            let at = window[0].index(text.len() + 1);
            let with = [&text[..at], &bytes, &text[at..]].concat();
            prop_assert!(contains(&with, bytes), "bytes that are there are found");
        }

        #[test]
        fn tables_find_what_is_there(
            windows in prop::collection::vec(prop::collection::vec("[a-f]", 1..4), 1..8),
            text in "[a-h]{0,30}",
        ) {
            let set = |byte: &String| Set::of(byte.as_bytes()[0]);
            let windows: Vec<Window> = windows
                .iter()
                .map(|sets| Window { sets: sets.iter().map(set).collect(), place: Where::Anywhere })
                .collect();
            // Up to eight windows don't share a group.
            prop_assert_eq!(Tables::new(&windows).any_in(text.as_bytes()), naive(text.as_bytes(), &windows), "the tables find what a plain search finds");
        }
    }
}
