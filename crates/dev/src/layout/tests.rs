//! What holds for every drawing.

use super::layout;
use super::plan::{Edge, Group, Layout, Node, Plan, Point, Rect};
use proptest::prelude::*;

const HEIGHT: i32 = 34;

/// A plan: nodes of these widths and boxes, edges from lower numbers to higher ones, boxes in earlier boxes.
fn plan(nodes: &[(i32, usize)], edges: &[(usize, usize, u8)], parents: &[usize]) -> Plan {
    let group = |at: usize, most: usize| (at < most).then_some(at);
    let count = nodes.len();
    let edges = edges.iter().filter(|_| count > 1).map(|(from, to, kind)| {
        let (from, to) = (from % count, to % count);
        Edge { from: from.min(to), to: from.max(to), kind: *kind }
    });
    Plan {
        nodes: nodes
            .iter()
            .map(|(width, at)| Node { width: 2 * width, group: group(*at, parents.len()) })
            .collect(),
        height: HEIGHT,
        groups: parents
            .iter()
            .enumerate()
            .map(|(at, parent)| Group { parent: group(*parent, at), label: 50 })
            .collect(),
        edges: edges.filter(|edge| edge.from != edge.to).collect(),
    }
}

fn rect(plan: &Plan, layout: &Layout, at: usize) -> Rect {
    let (place, width) = (layout.nodes[at], plan.nodes[at].width);
    Rect {
        at: Point { x: place.x - width / 2, y: place.y - HEIGHT / 2 },
        size: Point { x: width, y: HEIGHT },
    }
}

/// How far two rectangles are from each other, from side to side or from top to bottom; negative if they overlap.
fn gap(a: Rect, b: Rect) -> i32 {
    let apart = |a: i32, a_size: i32, b: i32, b_size: i32| (b - a - a_size).max(a - b - b_size);
    apart(a.at.x, a.size.x, b.at.x, b.size.x).max(apart(a.at.y, a.size.y, b.at.y, b.size.y))
}

fn holds(outer: Rect, inner: Rect, edge: i32) -> bool {
    let side = |outer: i32, outer_size: i32, inner: i32, size: i32| {
        inner >= outer + edge && inner + size + edge <= outer + outer_size
    };
    side(outer.at.x, outer.size.x, inner.at.x, inner.size.x)
        && side(outer.at.y, outer.size.y, inner.at.y, inner.size.y)
}

/// The boxes around something, the innermost first.
fn around(plan: &Plan, group: Option<usize>) -> Vec<usize> {
    std::iter::successors(group, |at| plan.groups[*at].parent).collect()
}

fn check(plan: &Plan) {
    let layout = layout(plan);
    let all = Rect { at: Point::default(), size: layout.size };
    let rects: Vec<Rect> = (0..plan.nodes.len()).map(|at| rect(plan, &layout, at)).collect();
    for edge in &plan.edges {
        let between = rects[edge.to].at.y - rects[edge.from].at.y - HEIGHT;
        assert!(between >= 40, "an edge goes downwards: {edge:?}");
    }
    for (at, one) in rects.iter().enumerate() {
        assert!(holds(all, *one, 20), "node {at} is in the picture: {one:?} {all:?}");
        for (number, other) in rects.iter().enumerate().skip(at + 1) {
            assert!(gap(*one, *other) >= 28, "nodes {at} and {number} are apart: {one:?} {other:?}");
        }
    }
    let is_empty = |group: usize| {
        let mut nodes = plan.nodes.iter();
        !nodes.any(|node| around(plan, node.group).contains(&group))
    };
    for (group, outer) in layout.groups.iter().enumerate().filter(|(at, _)| !is_empty(*at)) {
        assert!(outer.size.x >= plan.groups[group].label + 32, "the label of box {group} fits");
        for (at, node) in rects.iter().enumerate() {
            match around(plan, plan.nodes[at].group).contains(&group) {
                true => assert!(holds(*outer, *node, 16), "node {at} is in box {group}: {outer:?} {node:?}"),
                false => assert!(gap(*outer, *node) >= 16, "node {at} isn't in box {group}"),
            }
        }
        for (other, inner) in layout.groups.iter().enumerate().filter(|(at, _)| *at > group && !is_empty(*at))
        {
            match around(plan, Some(other)).contains(&group) {
                true => assert!(holds(*outer, *inner, 16), "box {other} is in box {group}"),
                false => assert!(gap(*outer, *inner) >= 16, "boxes {group} and {other} are apart"),
            }
        }
    }
    lines(plan, &layout, &rects);
}

/// Lines lead from each edge's beginning to its end, and none lies on a node.
fn lines(plan: &Plan, layout: &Layout, rects: &[Rect]) {
    for (number, edge) in plan.edges.iter().enumerate() {
        let own: Vec<_> = layout.lines.iter().filter(|line| line.edges.contains(&number)).collect();
        let (mut at, mut end) = (Some(own.iter().find(|line| line.start.is_some()).unwrap()), None);
        assert_eq!(at.unwrap().start.unwrap().0, edge.from, "edge {number} begins where it should");
        while let Some(line) = at {
            end = line.end;
            let below = Point { y: line.to.y + line.on, ..line.to };
            at = own.iter().find(|next| next.start.is_none() && next.from == below && line.end.is_none());
        }
        assert_eq!(end.map(|(at, _)| at), Some(edge.to), "edge {number} ends where it should");
    }
    for line in &layout.lines {
        assert!(line.from.y < line.to.y);
        for (node, x) in line.start.iter().chain(&line.end) {
            assert!(2 * x.abs() <= plan.nodes[*node].width, "an edge ends at its node");
        }
        let passes = Rect { at: line.to, size: Point { x: 0, y: line.on } };
        for rect in rects.iter().filter(|_| line.on > 0) {
            assert!(gap(passes, *rect) >= 12, "an edge passes beside nodes");
        }
    }
}

proptest! {
    #[test]
    fn nothing_overlaps_and_edges_go_downwards(
        nodes in proptest::collection::vec((32..90_i32, 0..8_usize), 0..60),
        edges in proptest::collection::vec((0..60_usize, 0..60_usize, 0..2_u8), 0..90),
        parents in proptest::collection::vec(0..8_usize, 0..5),
    ) {
        check(&plan(&nodes, &edges, &parents));
    }
}

#[test]
fn many_of_a_kind_are_in_several_rows() {
    // Three hundred that need the same, and as many that need nothing.
    let nodes: Vec<(i32, usize)> = (0..601).map(|_| (60, 9)).collect();
    let edges: Vec<(usize, usize, u8)> = (0..300).map(|at| (at, 300, 0)).collect();
    let plan = plan(&nodes, &edges, &[]);
    check(&plan);
    let size = layout(&plan).size;
    assert!(size.x < 3 * size.y && size.y < 3 * size.x, "{size:?}");
}

#[test]
fn a_tree_has_no_crossings_and_short_edges() {
    // 0 needs 1 and 2; 3 needs 2 only, and stands next to it; 4 to 6 are a chain.
    let edges = [(0, 1, 0), (0, 2, 0), (1, 4, 0), (4, 5, 0), (2, 6, 0), (3, 6, 0)];
    let plan = plan(&[(40, 9); 7], &edges, &[]);
    check(&plan);
    let layout = layout(&plan);
    let row = |at: usize| layout.nodes[at].y;
    assert_eq!((row(3), row(1)), (row(2), row(2)), "what only needs something is just above that");
    let left = |a: usize, b: usize| layout.nodes[a].x < layout.nodes[b].x;
    assert_eq!(left(1, 2), left(4, 6), "no edges cross");
    assert_eq!(layout.nodes[4].x, layout.nodes[5].x, "a chain is straight");
}

#[test]
fn edges_to_the_same_node_share_their_way() {
    // Two chains down to the last one, and edges from their heads past them.
    let edges = [(0, 2, 0), (2, 4, 0), (1, 3, 0), (3, 4, 0), (4, 5, 0), (0, 5, 0), (1, 5, 0), (1, 5, 1)];
    let plan = plan(&[(40, 9); 6], &edges, &[]);
    check(&plan);
    let shared = layout(&plan).lines.iter().filter(|line| line.edges == [5, 6]).count();
    assert_eq!(shared, 2, "from the second row on; an edge of another kind goes by itself");
}
