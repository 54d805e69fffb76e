//! Directed graphs: a topological order, and the cycles that stand in its way.

/// The limit of cycles that are reported: a dense graph has more of them than fit into memory.
const CYCLE_LIMIT: usize = 16;

/// What a depth-first walk over a whole graph found.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// All nodes, each after everything that it leads to (edges of cycles apart).
    pub(crate) order: Vec<u32>,
    /// The first cycles, all if there are few: each leads from a node over others back to itself, which is named once, at the start.
    pub(crate) cycles: Vec<Vec<u32>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    Open,
    Done,
}

/// Walks the graph of the nodes `0..count`; `next(node)` are the nodes that it leads to, all below `count`.
/// Without recursion: the depth of the graph costs no stack.
pub(crate) fn walk<'a>(count: u32, next: impl Fn(u32) -> &'a [u32]) -> Walk {
    let mut found = Walk::default();
    let mut marks = vec![Mark::New; count as usize];
    let mut path: Vec<(u32, usize)> = Vec::new();
    for root in 0..count {
        if marks.get(root as usize) != Some(&Mark::New) {
            continue;
        }
        path.push((root, 0));
        set(&mut marks, root, Mark::Open);
        while let Some((node, at)) = path.last_mut() {
            let node = *node;
            let Some(&to) = next(node).get(*at) else {
                set(&mut marks, node, Mark::Done);
                found.order.push(node);
                path.pop();
                continue;
            };
            *at += 1;
            match marks.get(to as usize) {
                Some(Mark::New) => {
                    set(&mut marks, to, Mark::Open);
                    path.push((to, 0));
                }
                Some(Mark::Open) if found.cycles.len() < CYCLE_LIMIT => {
                    let start = path.iter().position(|(n, _)| *n == to).unwrap_or(0);
                    found.cycles.push(path.iter().skip(start).map(|(n, _)| *n).collect());
                }
                Some(Mark::Open | Mark::Done) | None => {}
            }
        }
    }
    found
}

fn set(marks: &mut [Mark], node: u32, mark: Mark) {
    if let Some(slot) = marks.get_mut(node as usize) {
        *slot = mark;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_comes_first() {
        let edges = [vec![1, 2], vec![2], vec![], vec![0]];
        let found = walk(4, |n| &edges[n as usize]);
        assert_eq!(found.order, [2, 1, 0, 3]);
        assert!(found.cycles.is_empty());
    }

    #[test]
    fn cycles_are_paths() {
        let edges = [vec![1], vec![2], vec![1, 3], vec![3]];
        let found = walk(4, |n| &edges[n as usize]);
        assert_eq!(found.cycles, [vec![1, 2], vec![3]]);
        assert_eq!(found.order.len(), 4);
    }

    #[test]
    fn at_most_16_cycles_are_found() {
        let edges: Vec<Vec<u32>> = (0..20).map(|n| vec![n]).collect();
        assert_eq!(walk(20, |n| &edges[n as usize]).cycles.len(), 16);
    }

    #[test]
    fn depth_costs_no_stack() {
        let edges: Vec<Vec<u32>> =
            (0..200_000).map(|n| if n < 199_999 { vec![n + 1] } else { vec![] }).collect();
        assert_eq!(walk(200_000, |n| &edges[n as usize]).order.first(), Some(&199_999));
    }
}
