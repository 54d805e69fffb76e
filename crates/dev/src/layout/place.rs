//! Coordinates.

use super::order::{Order, Token};
use super::plan::{Layout, Line, Plan, Point, Rect};

/// Around everything.
const MARGIN: i32 = 24;
/// Between nodes.
const NODES: i32 = 28;
/// Between a node or the side of a box and an edge that passes.
const PASSING: i32 = 16;
/// Between edges that pass.
const EDGES: i32 = 12;
/// Between a box and what is in it, or beside it.
const PADDING: i32 = 16;
/// For the label of a box, above what is in it.
const LABEL: i32 = 26;
/// Between rows, at least.
const ROWS: i32 = 44;
/// Between rows with many edges, at most.
const ROWS_MAX: i32 = 140;
/// Between the ends of edges at a node.
const ENDS: i32 = 14;
/// From the corner of a node to the end of an edge.
const CORNER: i32 = 12;
/// How often everything is moved to where it would like to be.
const MOVES: usize = 100;

/// Places everything.
pub(super) fn place(plan: &Plan, order: &Order) -> Layout {
    let x = Columns::new(plan, order).solve();
    let (tops, height) = heights(plan, order);
    let left = x.iter().min().copied().unwrap_or_default() - MARGIN;
    let right = x.iter().max().copied().unwrap_or_default();
    let ends = order.items.iter().zip(&x).map(|(item, x)| x + item.width / 2);
    let first = order.items.iter().zip(&x).map(|(item, x)| x - item.width / 2).min();
    let left = left.min(first.unwrap_or_default() - MARGIN);
    let right = ends.max().unwrap_or_default().max(right) + MARGIN;
    let x: Vec<i32> = x.iter().map(|x| x - left).collect();
    let nodes: Vec<Point> = plan
        .nodes
        .iter()
        .enumerate()
        .map(|(at, _)| Point { x: x[at], y: tops[order.items[at].row] + plan.height / 2 })
        .collect();
    let sides = |group: usize| (x[order.items.len() + 2 * group], x[order.items.len() + 2 * group + 1]);
    let groups = (0..plan.groups.len()).map(|group| {
        let Some((first, last)) = order.spans[group] else { return Rect::default() };
        let (left, right) = sides(group);
        let top = tops[first] - LABEL * depth(plan, order, group, |(first, _)| first);
        let bottom = tops[last] + plan.height + PADDING * depth(plan, order, group, |(_, last)| last);
        Rect { at: Point { x: left, y: top }, size: Point { x: right - left, y: bottom - top } }
    });
    let groups = groups.collect();
    let lines = lines(plan, order, &x, &tops);
    Layout { nodes, groups, lines, size: Point { x: right - left, y: height } }
}

/// How many boxes begin, or end, at the same row, from this one inwards.
fn depth(plan: &Plan, order: &Order, group: usize, side: fn((usize, usize)) -> usize) -> i32 {
    let own = order.spans[group].map(side);
    // Parents are before what is in them.
    let mut deep = vec![0; plan.groups.len()];
    for at in (group..plan.groups.len()).rev().filter(|at| order.spans[*at].map(side) == own) {
        deep[at] += 1;
        if let Some(parent) = plan.groups[at].parent {
            deep[parent] = deep[parent].max(deep[at]);
        }
    }
    deep[group]
}

/// The upper sides of the nodes of each row, and the height of all.
fn heights(plan: &Plan, order: &Order) -> (Vec<i32>, i32) {
    let mut between = vec![0; order.rows.len()];
    order.links.keys().for_each(|(from, _)| between[order.items[*from].row] += 1);
    let (mut above, mut below) = (vec![0; order.rows.len()], vec![0; order.rows.len()]);
    for (group, span) in order.spans.iter().enumerate() {
        let Some((first, last)) = *span else { continue };
        above[first] = above[first].max(depth(plan, order, group, |(first, _)| first));
        below[last] = below[last].max(depth(plan, order, group, |(_, last)| last));
    }
    let (mut tops, mut y) = (Vec::new(), MARGIN);
    for row in 0..order.rows.len() {
        y += LABEL * above[row];
        tops.push(y);
        y += plan.height + PADDING * below[row];
        if row + 1 < order.rows.len() {
            y += (ROWS + between[row]).min(ROWS_MAX);
        }
    }
    (tops, y + MARGIN)
}

/// Where everything is from left to right: items, then the two sides of each box.
struct Columns<'a> {
    order: &'a Order,
    /// What is to the left of each, and how far at least; and likewise to the right.
    before: Vec<Vec<(usize, f64)>>,
    after: Vec<Vec<(usize, f64)>>,
    /// From left to right.
    sequence: Vec<usize>,
    /// What each is joined with, and how strongly.
    joined: Vec<Vec<(usize, f64)>>,
}

impl<'a> Columns<'a> {
    fn new(plan: &Plan, order: &'a Order) -> Self {
        let items = order.items.len();
        let all = items + 2 * plan.groups.len();
        let mut new = Self {
            order,
            before: vec![Vec::new(); all],
            after: vec![Vec::new(); all],
            sequence: Vec::new(),
            joined: vec![Vec::new(); all],
        };
        let of = |token: &Token| match token {
            Token::Item(at) => *at,
            Token::Open(group) => items + 2 * group,
            Token::Close(group) => items + 2 * group + 1,
        };
        for row in &order.rows {
            for pair in row.windows(2) {
                if let [left, right] = pair {
                    new.keep(of(left), of(right), new.distance(*left, *right));
                }
            }
        }
        for (group, about) in plan.groups.iter().enumerate().filter(|(at, _)| order.spans[*at].is_some()) {
            new.keep(items + 2 * group, items + 2 * group + 1, about.label + 2 * PADDING);
        }
        for (from, to) in order.links.keys() {
            // Straight ways before short ones.
            let weight = match (order.items[*from].width == 0, order.items[*to].width == 0) {
                (true, true) => 30.0,
                (true, false) | (false, true) => 2.0,
                (false, false) => 1.0,
            };
            new.joined[*from].push((*to, weight));
            new.joined[*to].push((*from, weight));
        }
        new.sort();
        new
    }

    fn keep(&mut self, left: usize, right: usize, distance: i32) {
        self.before[right].push((left, f64::from(distance)));
        self.after[left].push((right, f64::from(distance)));
    }

    /// How far neighbours are from each other at least.
    fn distance(&self, left: Token, right: Token) -> i32 {
        let half = |token| match token {
            Token::Item(at) => self.order.items[at].width / 2,
            _ => 0,
        };
        let passes = |token| matches!(token, Token::Item(at) if self.order.items[at].width == 0);
        let is_node = |token| matches!(token, Token::Item(_)) && !passes(token);
        let gap = match (passes(left), passes(right)) {
            (true, true) => EDGES,
            (true, false) | (false, true) => PASSING,
            (false, false) if is_node(left) && is_node(right) => NODES,
            (false, false) => PADDING,
        };
        half(left) + gap + half(right)
    }

    /// Finds an order in which everything to the left comes first.
    fn sort(&mut self) {
        let mut waits: Vec<usize> = self.before.iter().map(Vec::len).collect();
        let mut sequence: Vec<usize> = (0..waits.len()).filter(|at| waits[*at] == 0).collect();
        let mut next = 0;
        while let Some(at) = sequence.get(next).copied() {
            for (after, _) in &self.after[at] {
                waits[*after] -= 1;
                if waits[*after] == 0 {
                    sequence.push(*after);
                }
            }
            next += 1;
        }
        self.sequence = sequence;
    }

    /// As far to the left as it goes, and then again and again each to the middle of what it is joined with, as far as its
    /// neighbours let it.
    fn solve(&self) -> Vec<i32> {
        let mut x = vec![0.0_f64; self.before.len()];
        for at in &self.sequence {
            x[*at] = self.lowest(&x, *at).unwrap_or_default();
        }
        for turn in 0..MOVES {
            let mut one = |at: usize| {
                let (low, high) = (self.lowest(&x, at), self.highest(&x, at));
                let wanted = self.wanted(&x, at).unwrap_or(x[at]);
                x[at] = wanted.min(high.unwrap_or(f64::MAX)).max(low.unwrap_or(f64::MIN));
            };
            match turn % 2 {
                0 => self.sequence.iter().rev().for_each(|at| one(*at)),
                _ => self.sequence.iter().for_each(|at| one(*at)),
            }
        }
        x.iter().map(|x| x.round() as i32).collect()
    }

    fn lowest(&self, x: &[f64], at: usize) -> Option<f64> {
        self.before[at].iter().map(|(left, distance)| x[*left] + distance).reduce(f64::max)
    }

    fn highest(&self, x: &[f64], at: usize) -> Option<f64> {
        self.after[at].iter().map(|(right, distance)| x[*right] - distance).reduce(f64::min)
    }

    /// Where something would like to be: sides of boxes near what is inside.
    fn wanted(&self, x: &[f64], at: usize) -> Option<f64> {
        if at >= self.order.items.len() {
            let is_left = (at - self.order.items.len()).is_multiple_of(2);
            return if is_left { self.highest(x, at) } else { self.lowest(x, at) };
        }
        let weights: f64 = self.joined[at].iter().map(|(_, weight)| weight).sum();
        let sum: f64 = self.joined[at].iter().map(|(other, weight)| x[*other] * weight).sum();
        (weights > 0.0).then(|| sum / weights)
    }
}

/// How far from the middle of an item each of so many ends of edges is.
fn end(width: i32, number: usize, count: usize) -> i32 {
    if width == 0 {
        return 0;
    }
    let (number, count) = (i32::try_from(number).unwrap_or_default(), i32::try_from(count).unwrap_or(1));
    let room = (width - 2 * CORNER).max(0);
    let all = (ENDS * (count - 1)).min(room);
    if count < 2 { 0 } else { all * number / (count - 1) - all / 2 }
}

fn lines(plan: &Plan, order: &Order, x: &[i32], tops: &[i32]) -> Vec<Line> {
    // The links of each item, by where they come from and where they go to.
    let (mut out, mut into) = (vec![Vec::new(); order.items.len()], vec![Vec::new(); order.items.len()]);
    for (from, to) in order.links.keys() {
        out[*from].push((x[*to], *to));
        into[*to].push((x[*from], *from));
    }
    out.iter_mut().chain(&mut into).for_each(|list| list.sort_unstable());
    let place = |list: &[(i32, usize)], at: usize, width: i32| {
        let number = list.iter().position(|(_, other)| *other == at).unwrap_or_default();
        end(width, number, list.len())
    };
    let line = |(&(from, to), edges): (&(usize, usize), &Vec<usize>)| {
        let (upper, lower) = (&order.items[from], &order.items[to]);
        let (start, end) = (place(&out[from], to, upper.width), place(&into[to], from, lower.width));
        let node = |at: usize, from_middle| (at < plan.nodes.len()).then_some((at, from_middle));
        Line {
            edges: edges.clone(),
            start: node(from, start),
            end: node(to, end),
            from: Point { x: x[from] + start, y: tops[upper.row] + plan.height },
            to: Point { x: x[to] + end, y: tops[lower.row] },
            on: if to < plan.nodes.len() { 0 } else { plan.height },
        }
    };
    order.links.iter().map(line).collect()
}
