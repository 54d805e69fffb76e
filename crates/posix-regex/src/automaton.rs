//! The deterministic automaton of a program, whose states are computed when a text first reaches them.
//!
//! A state is the set of steps that the text so far leads to, before conditions are looked at, and the last
//! byte as far as conditions depend on it.  The transition for a byte looks at the conditions with both
//! neighbours known, then takes the byte.

use crate::parse::{Place, Set, is_word};
use crate::program::Step;

/// Not computed yet.
const UNKNOWN: u32 = 0;
/// The expression has matched, whatever follows.
const MATCHED: u32 = 1;
/// No text that follows can make it match.
const DEAD: u32 = 2;
const FIRST_STATE: u32 = 3;

/// The limit of numbers (4 bytes each) in all states; when it is reached, states are dropped and computed again.
const TABLE_LIMIT: usize = 256 * 1024;

/// What conditions need of the byte before a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Before {
    Start,
    Word,
    Other,
}

impl Before {
    fn byte(self) -> Option<u8> {
        match self {
            Self::Start => None,
            Self::Word => Some(b'a'),
            Self::Other => Some(b' '),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    steps: Box<[u32]>,
    before: Before,
}

/// The automaton with the states that are computed so far.
#[derive(Debug)]
pub(super) struct Automaton {
    program: Vec<Step>,
    /// The class of each byte: the program treats all bytes of a class the same.
    class: [u8; 256],
    /// A byte of each class.
    example: Vec<u8>,
    /// Whether conditions on words occur, so that states contain [`Before`].
    words: bool,
    /// Whether it can only match from the start of the text.
    anchored: bool,
    states: Vec<State>,
    /// The numbers of the states, in the order of the states.
    numbers: Vec<u32>,
    /// For each state a row of one transition for each class, then the one for the end of the text.
    table: Vec<u32>,
    /// The count of numbers in the states, without the table.
    held: usize,
    /// Whether states were dropped.
    has_dropped_states: bool,
    /// The count of steps of the program that were examined.
    #[cfg(test)]
    pub(super) examined: std::cell::Cell<usize>,
}

impl Automaton {
    pub(super) fn new(program: Vec<Step>) -> Self {
        let mut sets: Vec<Set> =
            program.iter().filter_map(|s| if let Step::Byte(set) = s { Some(*set) } else { None }).collect();
        sets.sort_unstable();
        sets.dedup();
        let words = program
            .iter()
            .any(|s| matches!(s, Step::At(p) if !matches!(p, Place::TextStart | Place::TextEnd)));
        let (class, example) = classes(&sets, words);
        let mut automaton = Self {
            anchored: anchored(&program),
            program,
            class,
            example,
            words,
            states: Vec::new(),
            numbers: Vec::new(),
            table: Vec::new(),
            held: 0,
            has_dropped_states: false,
            #[cfg(test)]
            examined: std::cell::Cell::default(),
        };
        automaton.drop_states();
        automaton
    }

    /// Whether states were dropped because there were too many.
    pub(super) fn has_dropped_states(&self) -> bool {
        self.has_dropped_states
    }

    /// Length of a row of the table.
    fn width(&self) -> usize {
        self.example.len() + 1
    }

    /// Drops all states but the first.
    fn drop_states(&mut self) {
        self.states.clear();
        self.numbers.clear();
        self.table.clear();
        self.held = 0;
        self.number(State { steps: Box::new([0]), before: Before::Start });
    }

    /// The number of a state, which gives the place of its row; a new state gets one.
    fn number(&mut self, state: State) -> u32 {
        let row = |number: u32| (number - FIRST_STATE) as usize / self.width();
        let found = self.numbers.binary_search_by(|number| self.states.get(row(*number)).cmp(&Some(&state)));
        let place = match found {
            Ok(at) => return self.numbers.get(at).copied().unwrap_or(FIRST_STATE),
            Err(at) => at,
        };
        let number = FIRST_STATE + u32::try_from(self.table.len()).unwrap_or(u32::MAX - FIRST_STATE);
        self.held += 2 * state.steps.len();
        self.states.push(state);
        self.numbers.insert(place, number);
        self.table.resize(self.table.len() + self.width(), UNKNOWN);
        number
    }

    pub(super) fn is_match(&mut self, text: &[u8]) -> bool {
        let mut state = FIRST_STATE;
        for byte in text {
            let column = usize::from(self.class[usize::from(*byte)]);
            let mut next = self.entry(state, column);
            if next < FIRST_STATE {
                if next == UNKNOWN {
                    next = self.step(state, column);
                }
                if next < FIRST_STATE {
                    return next == MATCHED;
                }
            }
            state = next;
        }
        let end = self.width() - 1;
        match self.entry(state, end) {
            UNKNOWN => self.step(state, end) == MATCHED,
            next => next == MATCHED,
        }
    }

    fn entry(&self, state: u32, column: usize) -> u32 {
        self.table.get((state - FIRST_STATE) as usize + column).copied().unwrap_or(UNKNOWN)
    }

    /// Computes a transition and stores it in the table.
    fn step(&mut self, from: u32, column: usize) -> u32 {
        let row = (from - FIRST_STATE) as usize;
        let Some(state) = self.states.get(row / self.width()).cloned() else { return DEAD };
        let byte = self.example.get(column).copied();
        let next = match self.advance(&state, byte) {
            None => MATCHED,
            Some(steps) if steps.is_empty() => DEAD,
            Some(steps) => {
                let before = match byte {
                    Some(b) if self.words && is_word(b) => Before::Word,
                    _ => Before::Other,
                };
                if self.table.len() + self.held >= TABLE_LIMIT {
                    self.drop_states();
                    self.has_dropped_states = true;
                    return self.number(State { steps: steps.into(), before });
                }
                self.number(State { steps: steps.into(), before })
            }
        };
        if let Some(slot) = self.table.get_mut(row + column) {
            *slot = next;
        }
        next
    }

    /// The steps that a byte (or the end of the text) leads to; `None` if the expression has matched.
    fn advance(&self, state: &State, byte: Option<u8>) -> Option<Vec<u32>> {
        let mut seen = vec![false; self.program.len()];
        let mut open: Vec<u32> = state.steps.to_vec();
        let mut next = Vec::new();
        while let Some(number) = open.pop() {
            #[cfg(test)]
            self.examined.update(|n| n + 1);
            let at = number as usize;
            let Some(mark) = seen.get_mut(at) else { continue };
            if std::mem::replace(mark, true) {
                continue;
            }
            match self.program.get(at) {
                Some(Step::Match) => return None,
                Some(Step::Byte(set)) if byte.is_some_and(|b| set.contains(b)) => next.push(number + 1),
                Some(Step::Byte(_)) | None => {}
                Some(Step::At(place)) => {
                    if place.holds(state.before.byte(), byte) {
                        open.push(number + 1);
                    }
                }
                Some(Step::Split(a, b)) => open.extend([index(*a), index(*b)]),
                Some(Step::Jump(a)) => open.push(index(*a)),
                Some(Step::Note(_) | Step::Moved(_) | Step::Back(_)) => open.push(number + 1),
            }
        }
        if byte.is_some() && !self.anchored {
            next.push(0);
        }
        next.sort_unstable();
        next.dedup();
        Some(next)
    }
}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Whether every path through the program begins with the condition "start of the text".
fn anchored(program: &[Step]) -> bool {
    let mut seen = vec![false; program.len()];
    let mut open = vec![0];
    while let Some(at) = open.pop() {
        let Some(mark) = seen.get_mut(at) else { return false };
        if std::mem::replace(mark, true) {
            continue;
        }
        match program.get(at) {
            Some(Step::At(Place::TextStart)) => {}
            Some(Step::Split(a, b)) => open.extend([*a, *b]),
            Some(Step::Jump(a)) => open.push(*a),
            _ => return false,
        }
    }
    true
}

/// Sorts the bytes into classes: two bytes are in one class if they are in the same sets and, if conditions on words
/// occur, both belong to words or both don't.
fn classes(sets: &[Set], words: bool) -> ([u8; 256], Vec<u8>) {
    let mut class = [0; 256];
    let mut example = vec![0];
    // Each set splits the classes that it contains in part; the number of classes only grows, to 256 at most.
    let split = |class: &mut [u8; 256], example: &mut Vec<u8>, member: &dyn Fn(u8) -> bool| {
        let mut inside: [Option<u8>; 256] = [None; 256];
        for byte in 0..=u8::MAX {
            let slot = &mut class[usize::from(byte)];
            let old = usize::from(*slot);
            let of_old = example.get(old).copied().unwrap_or_default();
            if member(byte) == member(of_old) {
                continue;
            }
            let moved = *inside[old].get_or_insert_with(|| {
                example.push(byte);
                u8::try_from(example.len() - 1).unwrap_or(u8::MAX)
            });
            *slot = moved;
        }
    };
    for set in sets {
        split(&mut class, &mut example, &|b| set.contains(b));
    }
    if words {
        split(&mut class, &mut example, &is_word);
    }
    (class, example)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Syntax;
    use crate::parse::parse;
    use crate::program::compile;

    /// Time is measured in steps that are examined, memory in numbers that are stored.
    #[test]
    fn time_is_linear_and_memory_bounded() {
        let text: Vec<u8> = (0_u32..60_000)
            .map(|i| if i.wrapping_mul(2_654_435_761) >> 20 & 1 == 1 { b'a' } else { b'b' })
            .collect();
        for expression in [
            "(a|b)*a(a|b){14}c",
            "(a*)*(b*)*c",
            "((a?b?)*)*c",
            "(a|a)*(b|ab)*c",
            "(x+x+)+y|\\<.{30}a\\>$",
            "(.*.*.*)=x",
        ] {
            let program = compile(&parse(expression.as_bytes(), Syntax::Extended, false).unwrap()).unwrap();
            let steps = program.len();
            let mut automaton = Automaton::new(program);
            assert!(!automaton.is_match(&text), "{expression}");
            // For each byte, every step is examined once, on at most two paths.
            let examined = automaton.examined.get();
            assert!(examined <= (text.len() + 1) * (2 * steps + 1), "{expression}: {examined}");
            let held = automaton.table.len() + automaton.held;
            assert!(held <= TABLE_LIMIT + automaton.width() + 2 * steps, "{expression}: {held}");
        }
    }
}
