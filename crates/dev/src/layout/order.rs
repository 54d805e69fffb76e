//! From left to right.

use super::plan::{Edge, Plan};
use std::collections::BTreeMap;

/// How often the rows are gone through, down and up.
const SWEEPS: usize = 12;

/// What has a place in a row: a node, or a point where an edge passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) row: usize,
    pub(super) width: i32,
    pub(super) group: Option<usize>,
}

/// A row from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// The left side of a box.
    Open(usize),
    Item(usize),
    /// The right side of a box.
    Close(usize),
}

/// Everything in its order.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The nodes, and after them the points where edges pass.
    pub(super) items: Vec<Item>,
    /// From an item to one of the next row, with the edges that go there.
    pub(super) links: BTreeMap<(usize, usize), Vec<usize>>,
    /// The rows that each box reaches over.
    pub(super) spans: Vec<Option<(usize, usize)>>,
    pub(super) rows: Vec<Vec<Token>>,
}

/// Orders each row.
pub(super) fn order(plan: &Plan, rows: &[usize]) -> Order {
    let mut order = Order::default();
    order.items.extend(rows.iter().zip(&plan.nodes).map(|(row, node)| Item {
        row: *row,
        width: node.width,
        group: node.group,
    }));
    order.lead(plan);
    order.span(plan);
    let mut sorter = Sorter::new(plan, &order);
    let mut best = (usize::MAX, Vec::new());
    for sweep in 0..=SWEEPS {
        let rows = sorter.arrange();
        let crossings = crossings(&order, &rows);
        if crossings < best.0 {
            best = (crossings, rows);
        }
        sorter.sweep(sweep % 2 == 0);
    }
    order.rows = best.1;
    order
}

/// The boxes that are around this one, itself first.
fn around(plan: &Plan, group: Option<usize>) -> impl Iterator<Item = usize> {
    std::iter::successors(group, |at| plan.groups[*at].parent)
}

/// The innermost box that both are in.
fn common(plan: &Plan, a: Option<usize>, b: Option<usize>) -> Option<usize> {
    around(plan, a).find(|group| around(plan, b).any(|other| other == *group))
}

impl Order {
    /// Makes points where edges pass.
    fn lead(&mut self, plan: &Plan) {
        let mut points = BTreeMap::new();
        for (number, Edge { from, to, kind }) in plan.edges.iter().copied().enumerate() {
            let group = common(plan, plan.nodes[from].group, plan.nodes[to].group);
            let mut last = from;
            for row in self.items[from].row + 1..self.items[to].row {
                let items = &mut self.items;
                let next = *points.entry((row, to, kind, group)).or_insert_with(|| {
                    items.push(Item { row, width: 0, group });
                    items.len() - 1
                });
                self.links.entry((last, next)).or_default().push(number);
                last = next;
            }
            self.links.entry((last, to)).or_default().push(number);
        }
    }

    /// Finds the rows of the boxes.
    fn span(&mut self, plan: &Plan) {
        self.spans = vec![None; plan.groups.len()];
        for item in &self.items {
            for group in around(plan, item.group) {
                let (first, last) = self.spans[group].unwrap_or((item.row, item.row));
                self.spans[group] = Some((first.min(item.row), last.max(item.row)));
            }
        }
    }
}

/// Orders rows by where the neighbours of their items are.
struct Sorter<'a> {
    plan: &'a Plan,
    order: &'a Order,
    rows: usize,
    above: Vec<Vec<usize>>,
    below: Vec<Vec<usize>>,
    /// Where each item is in its row: its number, from the middle.
    position: Vec<f64>,
    /// The items of each row.
    members: Vec<Vec<usize>>,
}

impl<'a> Sorter<'a> {
    fn new(plan: &'a Plan, order: &'a Order) -> Self {
        let rows = order.items.iter().map(|item| item.row + 1).max().unwrap_or_default();
        let mut members = vec![Vec::new(); rows];
        order.items.iter().enumerate().for_each(|(at, item)| members[item.row].push(at));
        let (mut above, mut below) =
            (vec![Vec::new(); order.items.len()], vec![Vec::new(); order.items.len()]);
        for (from, to) in order.links.keys() {
            above[*to].push(*from);
            below[*from].push(*to);
        }
        let mut sorter =
            Self { plan, order, rows, above, below, position: vec![0.0; order.items.len()], members };
        sorter.begin();
        sorter
    }

    /// What hangs together begins side by side: items in the order in which a walk from above meets them.
    fn begin(&mut self) {
        let mut seen = vec![false; self.order.items.len()];
        let mut next = vec![0.0; self.rows];
        for start in (0..self.order.items.len()).filter(|at| self.above[*at].is_empty()) {
            let mut left = vec![start];
            while let Some(at) = left.pop() {
                if std::mem::replace(&mut seen[at], true) {
                    continue;
                }
                let row = self.order.items[at].row;
                self.position[at] = next[row];
                next[row] += 1.0;
                left.extend(self.below[at].iter().rev());
            }
        }
    }

    /// The mean of some items' positions.
    fn mean(&self, of: &[usize]) -> Option<f64> {
        let sum: f64 = of.iter().map(|at| self.position[*at]).sum();
        (!of.is_empty()).then(|| sum / of.len() as f64)
    }

    /// The rows, by their items' positions, and their boxes' means.
    fn arrange(&mut self) -> Vec<Vec<Token>> {
        let mut of_box: Vec<Vec<usize>> = vec![Vec::new(); self.plan.groups.len()];
        for (at, item) in self.order.items.iter().enumerate() {
            around(self.plan, item.group).for_each(|group| of_box[group].push(at));
        }
        let means: Vec<f64> = of_box.iter().map(|of| self.mean(of).unwrap_or_default()).collect();
        let mut rows = Vec::new();
        for row in 0..self.rows {
            let mut tokens = Vec::new();
            self.inside(None, row, &means, &mut tokens);
            let items = tokens.iter().filter_map(|token| match token {
                Token::Item(at) => Some(*at),
                _ => None,
            });
            let middle = (self.members[row].len() as f64 - 1.0) / 2.0;
            items.enumerate().for_each(|(number, at)| self.position[at] = number as f64 - middle);
            rows.push(tokens);
        }
        rows
    }

    /// What is directly in a box, in a row.
    fn inside(&self, group: Option<usize>, row: usize, means: &[f64], out: &mut Vec<Token>) {
        let items = self.members[row].iter().filter(|at| self.order.items[**at].group == group);
        let mut all: Vec<(f64, Token)> = items.map(|at| (self.position[*at], Token::Item(*at))).collect();
        let in_row = |at: &usize| {
            let reaches = |(first, last): (usize, usize)| first <= row && row <= last;
            self.plan.groups[*at].parent == group && self.order.spans[*at].is_some_and(reaches)
        };
        all.extend((0..means.len()).filter(in_row).map(|at| (means[at], Token::Open(at))));
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (_, token) in all {
            out.push(token);
            if let Token::Open(at) = token {
                self.inside(Some(at), row, means, out);
                out.push(Token::Close(at));
            }
        }
    }

    /// Moves the items of each row to the means of what they are joined with in the one before, or after.
    fn sweep(&mut self, down: bool) {
        for step in 0..self.rows {
            let row = if down { step } else { self.rows - 1 - step };
            let neighbours = if down { &self.above } else { &self.below };
            let means: Vec<Option<f64>> =
                self.members[row].iter().map(|at| self.mean(&neighbours[*at])).collect();
            for (at, mean) in self.members[row].iter().zip(means) {
                self.position[*at] = mean.unwrap_or(self.position[*at]);
            }
        }
    }
}

/// How many edges cross.
fn crossings(order: &Order, rows: &[Vec<Token>]) -> usize {
    let mut number = vec![0_usize; order.items.len()];
    for row in rows {
        let items = row.iter().filter_map(|token| match token {
            Token::Item(at) => Some(*at),
            _ => None,
        });
        items.enumerate().for_each(|(place, at)| number[at] = place);
    }
    let mut between = vec![Vec::new(); rows.len()];
    for (from, to) in order.links.keys() {
        between[order.items[*from].row].push((number[*from], number[*to]));
    }
    between.into_iter().map(inversions).sum()
}

/// How many pairs of edges have their ends the other way round than their beginnings.
fn inversions(mut edges: Vec<(usize, usize)>) -> usize {
    edges.sort_unstable();
    let size = edges.iter().map(|(_, to)| to + 1).max().unwrap_or_default();
    // Sums of counts, as a tree of Fenwick.
    let mut tree = vec![0_usize; size + 1];
    let mut found = 0;
    for (seen, (_, to)) in edges.into_iter().enumerate() {
        let (mut at, mut not_after) = (to + 1, 0);
        while at > 0 {
            not_after += tree[at];
            at &= at - 1;
        }
        found += seen - not_after;
        at = to + 1;
        while at <= size {
            tree[at] += 1;
            at += at & at.wrapping_neg();
        }
    }
    found
}
