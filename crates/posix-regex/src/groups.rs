//! The part of a text that an expression matches, and the part of that for each group.
//!
//! POSIX: the match that begins first, of those the longest; within it every part of the expression, from left
//! to right, takes as much as it can while the rest still fits.  Groups report their last repetition.
//!
//! The tree is walked down with the span of each node known.  For a row of nodes, a simulation of the rest of
//! the row, backwards from the span's end, gives the places where that rest may begin; a forward one of the node
//! finds the last of them that it reaches.  Both take time linear in the span and the program; only nodes that
//! have groups are looked into.

use crate::parse::Node;
use crate::program::{Step, compile};
use std::ops::Range;

/// A set of places in the text.
struct Places(Vec<u64>);

impl Places {
    fn none(text: &[u8]) -> Self {
        Self(vec![0; text.len() / 64 + 1])
    }

    fn all(text: &[u8]) -> Self {
        Self(vec![u64::MAX; text.len() / 64 + 1])
    }

    fn one(text: &[u8], at: usize) -> Self {
        let mut places = Self::none(text);
        places.add(at);
        places
    }

    fn add(&mut self, at: usize) {
        if let Some(word) = self.0.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|w| w >> (at % 64) & 1 == 1)
    }
}

/// The spans of the whole match and of each group; those that take no part are empty.
pub(super) fn find(tree: &Node, text: &[u8]) -> Result<Option<Vec<Range<usize>>>, String> {
    let all = Places::all(text);
    let starts = Walk { text, groups: Vec::new() }.starts(tree, 0..text.len(), &all)?;
    let Some(start) = (0..=text.len()).find(|at| starts.has(*at)) else { return Ok(None) };
    let mut walk = Walk { text, groups: vec![0..0; tree.groups() + 1] };
    let end = walk.longest(&compile(tree)?, start..text.len(), &all).unwrap_or(start);
    walk.set(0, start..end);
    walk.down(tree, start..end)?;
    Ok(Some(walk.groups))
}

struct Walk<'a> {
    text: &'a [u8],
    groups: Vec<Range<usize>>,
}

impl Walk<'_> {
    fn set(&mut self, group: usize, span: Range<usize>) {
        if let Some(slot) = self.groups.get_mut(group) {
            *slot = span;
        }
    }

    /// Empties the groups in a node: it may be a repetition, and those that take no part in it keep nothing of the one
    /// before.
    fn reset(&mut self, node: &Node) {
        node.group_numbers().into_iter().for_each(|group| self.set(group, 0..0));
    }

    /// Stores the spans of the groups in a node whose match is `span`.
    fn down(&mut self, node: &Node, span: Range<usize>) -> Result<(), String> {
        if node.groups() == 0 {
            return Ok(());
        }
        match node {
            Node::Byte(_) | Node::At(_) | Node::Back(_) => Ok(()),
            Node::Group(number, inside) => {
                self.set(*number, span.clone());
                self.down(inside, span)
            }
            Node::Either(nodes) => {
                let end = Places::one(self.text, span.end);
                for node in nodes {
                    if self.longest(&compile(node)?, span.clone(), &end).is_some() {
                        return self.down(node, span);
                    }
                }
                Ok(())
            }
            Node::Row(nodes) => {
                let parts: Vec<Node> = nodes
                    .chunk_by(|a, b| a.groups() == 0 && b.groups() == 0)
                    .map(|run| if let [one] = run { one.clone() } else { Node::Row(run.to_vec()) })
                    .collect();
                self.row(&parts.iter().collect::<Vec<_>>(), span)
            }
            Node::Repeat(inside, min, max) => {
                let maybe = Node::Repeat(inside.clone(), 0, max.map(|_| 1));
                let optional = max.map_or(1, |max| max.saturating_sub(*min));
                match (min, max) {
                    (0, None) => self.star(node, inside, span),
                    (0, Some(1)) if span.is_empty() => Ok(()),
                    (0, Some(1)) => self.down(inside, span),
                    _ => {
                        let mut parts = vec![&**inside; *min as usize];
                        parts.resize(parts.len() + optional as usize, &maybe);
                        self.row(&parts, span)
                    }
                }
            }
        }
    }

    fn row(&mut self, nodes: &[&Node], span: Range<usize>) -> Result<(), String> {
        // The places where the nodes after each node may begin, last node first.
        let mut rests = vec![Places::one(self.text, span.end)];
        for node in nodes.iter().skip(1).rev() {
            if let Some(rest) = rests.last() {
                rests.push(self.starts(node, span.clone(), rest)?);
            }
        }
        let mut at = span.start;
        for node in nodes {
            let Some(rest) = rests.pop() else { break };
            let Some(end) = self.longest(&compile(node)?, at..span.end, &rest) else { break };
            // A repetition that takes nothing keeps the groups of the one before.
            if at < end || !matches!(node, Node::Repeat(..)) {
                self.reset(node);
                self.down(node, at..end)?;
            }
            at = end;
        }
        Ok(())
    }

    fn star(&mut self, node: &Node, inside: &Node, span: Range<usize>) -> Result<(), String> {
        let rest = self.starts(node, span.clone(), &Places::one(self.text, span.end))?;
        let program = compile(inside)?;
        let mut last = None;
        let mut at = span.start;
        while at < span.end {
            let Some(end) = self.longest(&program, at..span.end, &rest).filter(|end| *end > at) else {
                break;
            };
            last = Some(at..end);
            at = end;
        }
        last.map_or(Ok(()), |last| self.down(inside, last))
    }

    /// The last of `ends` that a match reaches from the start of the span without leaving it.
    fn longest(&self, program: &[Step], span: Range<usize>, ends: &Places) -> Option<usize> {
        let mut found = None;
        let mut threads = Threads::new(program);
        threads.now.push(0);
        for at in span.clone() {
            if threads.close(self.text, at) && ends.has(at) {
                found = Some(at);
            }
            if !threads.take(self.text.get(at)) {
                return found;
            }
        }
        if threads.close(self.text, span.end) && ends.has(span.end) { Some(span.end) } else { found }
    }

    /// The places of the span from which a match leads to one of `ends`.
    fn starts(&self, node: &Node, span: Range<usize>, ends: &Places) -> Result<Places, String> {
        let program = compile(&mirrored(node))?;
        let mut found = Places::none(self.text);
        let mut threads = Threads::new(&program);
        for at in (span.start..=span.end).rev() {
            if ends.has(at) {
                threads.now.push(0);
            }
            if threads.close(self.text, at) {
                found.add(at);
            }
            threads.take(at.checked_sub(1).and_then(|before| self.text.get(before)));
        }
        Ok(found)
    }
}

/// All paths through a program at once.
struct Threads<'a> {
    program: &'a [Step],
    now: Vec<usize>,
    /// The steps that take a byte, among `now` and those reached from it.
    takers: Vec<usize>,
    seen: Vec<bool>,
}

impl<'a> Threads<'a> {
    fn new(program: &'a [Step]) -> Self {
        Self { program, now: Vec::new(), takers: Vec::new(), seen: vec![false; program.len()] }
    }

    /// Follows the steps that take no byte; `true` if the program's end is reached.
    fn close(&mut self, text: &[u8], at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|i| text.get(i)).copied();
        let after = text.get(at).copied();
        let mut matched = false;
        self.seen.fill(false);
        self.takers.clear();
        while let Some(step) = self.now.pop() {
            if self.seen.get_mut(step).is_none_or(|seen| std::mem::replace(seen, true)) {
                continue;
            }
            match self.program.get(step) {
                Some(Step::Match) => matched = true,
                Some(Step::Byte(_)) => self.takers.push(step),
                Some(Step::At(place)) if place.holds(before, after) => self.now.push(step + 1),
                Some(Step::Split(a, b)) => self.now.extend([*a, *b]),
                Some(Step::Jump(to)) => self.now.push(*to),
                _ => {}
            }
        }
        matched
    }

    /// Takes a byte; `true` if any path continues.
    fn take(&mut self, byte: Option<&u8>) -> bool {
        for step in &self.takers {
            if let (Some(Step::Byte(set)), Some(byte)) = (self.program.get(*step), byte)
                && set.contains(*byte)
            {
                self.now.push(step + 1);
            }
        }
        !self.now.is_empty()
    }
}

/// The expression that matches the reversed texts.
fn mirrored(node: &Node) -> Node {
    match node {
        Node::Byte(_) | Node::At(_) | Node::Back(_) => node.clone(),
        Node::Row(nodes) => Node::Row(nodes.iter().rev().map(mirrored).collect()),
        Node::Either(nodes) => Node::Either(nodes.iter().map(mirrored).collect()),
        Node::Repeat(node, min, max) => Node::Repeat(Box::new(mirrored(node)), *min, *max),
        Node::Group(number, node) => Node::Group(*number, Box::new(mirrored(node))),
    }
}
