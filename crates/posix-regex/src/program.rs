//! From the tree of an expression to the steps of an automaton.

use crate::parse::{Node, Place, Set};

/// One step of the automaton; numbers are places in the program.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// Takes one byte of the set, goes to the next step.
    Byte(Set),
    /// Continues if the condition is true.
    At(Place),
    /// Continues at both places.
    Split(usize, usize),
    /// Continues at that place.
    Jump(usize),
    /// Stores the place in the text in this slot.
    Note(usize),
    /// Continues if the place in the text differs from the slot's.
    Moved(usize),
    /// Takes the text between the slots of the group, `2 * group` and the one after it.
    Back(usize),
    /// The expression has matched.
    Match,
}

/// The limit of steps, for expressions such as `(((a{255}){255}){255})`.
const STEP_LIMIT: usize = 20_000;

/// Compiles a tree without back-references; the program starts at 0 and has no steps about slots.
pub(super) fn compile(tree: &Node) -> Result<Vec<Step>, String> {
    let mut compiler = Compiler { steps: Vec::new(), slots: None };
    compiler.emit(tree)?;
    compiler.steps.push(Step::Match);
    Ok(compiler.steps)
}

/// Compiles a tree with back-references; returns also the number of slots.
pub(super) fn compile_with_slots(tree: &Node) -> Result<(Vec<Step>, usize), String> {
    let mut compiler = Compiler { steps: Vec::new(), slots: Some(2 * (tree.groups() + 1)) };
    compiler.emit(tree)?;
    compiler.steps.push(Step::Match);
    Ok((compiler.steps, compiler.slots.unwrap_or(0)))
}

struct Compiler {
    steps: Vec<Step>,
    /// The number of slots; `None` for a program without slots.
    slots: Option<usize>,
}

impl Compiler {
    fn push(&mut self, step: Step) -> Result<usize, String> {
        if self.steps.len() >= STEP_LIMIT {
            return Err(String::from("too big"));
        }
        self.steps.push(step);
        Ok(self.steps.len() - 1)
    }

    fn set(&mut self, at: usize, step: Step) {
        if let Some(slot) = self.steps.get_mut(at) {
            *slot = step;
        }
    }

    fn emit(&mut self, node: &Node) -> Result<(), String> {
        match node {
            Node::Byte(bytes) => self.push(Step::Byte(*bytes)).map(drop),
            Node::At(place) => self.push(Step::At(*place)).map(drop),
            Node::Row(nodes) => nodes.iter().try_for_each(|n| self.emit(n)),
            Node::Back(group) => self.push(Step::Back(*group)).map(drop),
            Node::Group(_, node) if self.slots.is_none() => self.emit(node),
            Node::Group(number, node) => {
                self.push(Step::Note(2 * number))?;
                self.emit(node)?;
                self.push(Step::Note(2 * number + 1)).map(drop)
            }
            Node::Either(nodes) => self.either(nodes),
            Node::Repeat(node, min, max) => {
                for _ in 0..*min {
                    self.round(node)?;
                }
                match max {
                    None => self.star(node),
                    Some(max) => self.maybe(node, max.saturating_sub(*min)),
                }
            }
        }
    }

    /// One repetition of a node.  Its groups keep nothing of the repetition before.
    fn round(&mut self, node: &Node) -> Result<(), String> {
        if self.slots.is_some() {
            for group in node.group_numbers() {
                self.push(Step::Note(2 * group))?;
                self.push(Step::Note(2 * group + 1))?;
            }
        }
        self.emit(node)
    }

    fn either(&mut self, nodes: &[Node]) -> Result<(), String> {
        let mut ends = Vec::new();
        for (i, node) in nodes.iter().enumerate() {
            if i + 1 == nodes.len() {
                self.emit(node)?;
                break;
            }
            let split = self.push(Step::Match)?;
            self.emit(node)?;
            ends.push(self.push(Step::Match)?);
            self.set(split, Step::Split(split + 1, self.steps.len()));
        }
        let end = self.steps.len();
        ends.into_iter().for_each(|at| self.set(at, Step::Jump(end)));
        Ok(())
    }

    fn star(&mut self, node: &Node) -> Result<(), String> {
        let split = self.push(Step::Match)?;
        // Without the slot, a search would loop for ever if the inside matches the empty text.
        let slot = self.slots;
        if let Some(slot) = slot {
            self.slots = Some(slot + 1);
            self.push(Step::Note(slot))?;
        }
        self.round(node)?;
        if let Some(slot) = slot {
            self.push(Step::Moved(slot))?;
        }
        self.push(Step::Jump(split))?;
        self.set(split, Step::Split(split + 1, self.steps.len()));
        Ok(())
    }

    fn maybe(&mut self, node: &Node, times: u32) -> Result<(), String> {
        let mut splits = Vec::new();
        for _ in 0..times {
            splits.push(self.push(Step::Match)?);
            self.round(node)?;
        }
        let end = self.steps.len();
        splits.into_iter().for_each(|at| self.set(at, Step::Split(at + 1, end)));
        Ok(())
    }
}
