//! A search that tries one way after the other, for expressions with back-references.

use crate::program::Step;

/// A program with slots.
#[derive(Debug)]
pub(super) struct Search {
    program: Vec<Step>,
    slots: usize,
    ignore_case: bool,
}

/// What to do when a way leads nowhere.
enum Else {
    /// Go on there.
    Try { step: usize, at: usize },
    /// Put a slot's old value back, and look further.
    Restore { slot: usize, value: usize },
}

impl Search {
    pub(super) fn new((program, slots): (Vec<Step>, usize), ignore_case: bool) -> Self {
        Self { program, slots, ignore_case }
    }

    /// The slots of the first match that is found: two for each group, those of the first for the whole.
    pub(super) fn find(&self, text: &[u8]) -> Option<Vec<usize>> {
        (0..=text.len()).find_map(|start| self.find_at(text, start))
    }

    fn find_at(&self, text: &[u8], start: usize) -> Option<Vec<usize>> {
        // A slot that was never written is the empty text at the start.
        let mut slots = vec![start; self.slots];
        let mut pending = vec![Else::Try { step: 0, at: start }];
        while let Some(next) = pending.pop() {
            match next {
                Else::Restore { slot, value } => write(&mut slots, slot, value),
                Else::Try { step, at } => {
                    if self.follow(text, step, at, &mut slots, &mut pending) {
                        return Some(slots);
                    }
                }
            }
        }
        None
    }

    /// Follows one way to its end.
    fn follow(
        &self,
        text: &[u8],
        mut step: usize,
        mut at: usize,
        slots: &mut [usize],
        pending: &mut Vec<Else>,
    ) -> bool {
        let slot = |slots: &[usize], n: usize| slots.get(n).copied().unwrap_or(0);
        loop {
            let Some(now) = self.program.get(step) else { return false };
            step += 1;
            match now {
                Step::Match => {
                    write(slots, 1, at);
                    return true;
                }
                Step::Byte(set) => match text.get(at) {
                    Some(byte) if set.contains(*byte) => at += 1,
                    _ => return false,
                },
                Step::At(place) => {
                    let before = at.checked_sub(1).and_then(|i| text.get(i)).copied();
                    if !place.holds(before, text.get(at).copied()) {
                        return false;
                    }
                }
                Step::Split(first, second) => {
                    pending.push(Else::Try { step: *second, at });
                    step = *first;
                }
                Step::Jump(to) => step = *to,
                Step::Note(n) => {
                    pending.push(Else::Restore { slot: *n, value: slot(slots, *n) });
                    write(slots, *n, at);
                }
                Step::Moved(n) if slot(slots, *n) == at => return false,
                Step::Moved(_) => {}
                Step::Back(group) => {
                    let (from, to) = (slot(slots, 2 * group), slot(slots, 2 * group + 1));
                    let taken = text.get(from..to).unwrap_or_default();
                    let here = text.get(at..).and_then(|rest| rest.get(..taken.len()));
                    let same = here.is_some_and(|here| {
                        if self.ignore_case { here.eq_ignore_ascii_case(taken) } else { here == taken }
                    });
                    if !same {
                        return false;
                    }
                    at += taken.len();
                }
            }
        }
    }
}

fn write(slots: &mut [usize], n: usize, value: usize) {
    if let Some(slot) = slots.get_mut(n) {
        *slot = value;
    }
}
