//! Which row each node is in.

use super::plan::Plan;

/// Between nodes of a row.
const GAP: i32 = 28;

/// The width that a row may have in any drawing.
const WIDTH: i32 = 1000;

/// The height of a row, about.
const HEIGHT: f64 = 100.0;

/// How much wider than high a drawing of many nodes is, about.
const ASPECT: f64 = 1.6;

/// The row of each node, from the top.
pub(super) fn rows(plan: &Plan) -> Vec<usize> {
    let order = order(plan);
    let mut rows = vec![0_usize; plan.nodes.len()];
    let below = neighbours(plan, |edge| (edge.from, edge.to));
    let above = neighbours(plan, |edge| (edge.to, edge.from));
    for at in &order {
        rows[*at] = above[*at].iter().map(|above| rows[*above] + 1).max().unwrap_or_default();
    }
    // Most of its edges are shorter then.
    for at in order.iter().rev().filter(|at| below[**at].len() > above[**at].len()) {
        let lowest = below[*at].iter().map(|below| rows[*below].saturating_sub(1)).min();
        rows[*at] = lowest.unwrap_or_default().max(rows[*at]);
    }
    let alone = |at: &usize| below[*at].is_empty() && above[*at].is_empty();
    let (alone, joined): (Vec<usize>, Vec<usize>) = (0..plan.nodes.len()).partition(alone);
    let width = widest(plan);
    let mut used = split(plan, &joined, &below, width, &mut rows);
    fill(plan, &alone, &mut used, width, &mut rows);
    rows
}

/// The nodes at the other ends of each node's edges.
fn neighbours(plan: &Plan, ends: fn(&super::plan::Edge) -> (usize, usize)) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new(); plan.nodes.len()];
    for (at, other) in plan.edges.iter().map(ends) {
        all[at].push(other);
    }
    all.iter_mut().for_each(|list| {
        list.sort_unstable();
        list.dedup();
    });
    all
}

/// The nodes in an order in which all edges go forwards.
fn order(plan: &Plan) -> Vec<usize> {
    let below = neighbours(plan, |edge| (edge.from, edge.to));
    let mut waits = vec![0_usize; plan.nodes.len()];
    below.iter().flatten().for_each(|at| waits[*at] += 1);
    let mut order: Vec<usize> = (0..plan.nodes.len()).filter(|at| waits[*at] == 0).collect();
    let mut next = 0;
    while let Some(at) = order.get(next).copied() {
        for below in &below[at] {
            waits[*below] -= 1;
            if waits[*below] == 0 {
                order.push(*below);
            }
        }
        next += 1;
    }
    order
}

/// How wide a row may be.
fn widest(plan: &Plan) -> i32 {
    let all: f64 = plan.nodes.iter().map(|node| f64::from(node.width + GAP)).sum();
    ((all * HEIGHT * ASPECT).sqrt() as i32).max(WIDTH)
}

/// Makes several rows of one that is too wide, none of whose nodes have to do with each other; gives the rows' widths.
fn split(plan: &Plan, nodes: &[usize], below: &[Vec<usize>], width: i32, rows: &mut [usize]) -> Vec<i32> {
    let count = nodes.iter().map(|at| rows[*at] + 1).max().unwrap_or_default();
    let mut members = vec![Vec::new(); count];
    nodes.iter().for_each(|at| members[rows[*at]].push(*at));
    let mut used = Vec::new();
    for mut row in members {
        // Those of a box, and those that need the same, stay together.
        row.sort_by_key(|at| (plan.nodes[*at].group, &below[*at], *at));
        let all: i32 = row.iter().map(|at| plan.nodes[*at].width + GAP).sum();
        let parts = (all + width - 1) / width.max(1);
        let part = all / parts.max(1);
        let mut sum = 0;
        used.push(0);
        for at in row {
            if sum > part && parts > 1 {
                sum = 0;
                used.push(0);
            }
            sum += plan.nodes[at].width + GAP;
            rows[at] = used.len() - 1;
            used.last_mut().into_iter().for_each(|used| *used = sum);
        }
    }
    used
}

/// Puts nodes without edges where there is room, in further rows in the end.
fn fill(plan: &Plan, alone: &[usize], used: &mut Vec<i32>, width: i32, rows: &mut [usize]) {
    let mut alone = alone.to_vec();
    alone.sort_by_key(|at| (plan.nodes[*at].group, *at));
    let mut row = 0;
    for at in alone {
        let own = plan.nodes[at].width + GAP;
        while used.get(row).is_some_and(|used| used + own > width) {
            row += 1;
        }
        if row == used.len() {
            used.push(0);
        }
        used[row] += own;
        rows[at] = row;
    }
}
