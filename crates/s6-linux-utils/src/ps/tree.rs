//! Orders processes as a tree: each process is followed by its children; kernel threads come first.

use tool::sorted::Map;
use wire::proc_stat::Stat;

/// The indexes of the processes in the order of the tree, each with its depth.
///
/// A process whose parent isn't in the list is a root.  Siblings keep the order of the list.  The children of process 1
/// have its depth, as with `ps f`.
pub(crate) fn order(list: &[&Stat]) -> Vec<(usize, usize)> {
    let places: Map<u64, usize> = list.iter().enumerate().map(|(at, stat)| (stat.pid, at)).collect();
    let mut children = vec![Vec::new(); list.len()];
    let mut roots = Vec::new();
    for (at, stat) in list.iter().enumerate() {
        match places.get(&stat.ppid).and_then(|parent| children.get_mut(*parent)) {
            Some(siblings) => siblings.push(at),
            None => roots.push(at),
        }
    }
    roots.sort_by_key(|at| !list.get(*at).is_some_and(|stat| stat.is_of_kernel()));
    // The list is not a consistent snapshot: a reused process id may create a cycle.
    roots.extend(0..list.len());
    let mut is_found = vec![false; list.len()];
    let mut found = Vec::with_capacity(list.len());
    let mut waiting: Vec<(usize, usize)> = roots.into_iter().rev().map(|at| (at, 0)).collect();
    while let Some((at, depth)) = waiting.pop() {
        if is_found.get_mut(at).is_some_and(|seen| std::mem::replace(seen, true)) {
            continue;
        }
        found.push((at, depth));
        let children = children.get_mut(at).map(std::mem::take).unwrap_or_default();
        let below = depth + usize::from(list.get(at).is_none_or(|stat| stat.pid != 1));
        waiting.extend(children.into_iter().rev().map(|child| (child, below)));
    }
    found
}

/// The prefix of a command line at a depth of the tree.
pub(crate) fn branch(depth: usize) -> String {
    match depth.min(64).checked_sub(1) {
        None => String::new(),
        Some(above) => format!("{}\\_ ", " ".repeat(4 * above + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(list: &[(u64, u64)]) -> String {
        let stats: Vec<Stat> =
            list.iter().map(|(pid, ppid)| Stat { pid: *pid, ppid: *ppid, ..Stat::default() }).collect();
        let refs: Vec<&Stat> = stats.iter().collect();
        order(&refs).iter().map(|(at, depth)| format!("{}{}", "-".repeat(*depth), list[*at].0)).collect()
    }

    #[test]
    fn children_follow_their_parent() {
        assert_eq!(shown(&[(1, 0), (5, 1), (6, 5), (7, 1), (8, 5), (9, 99)]), "15-6-879");
        assert_eq!(shown(&[(3, 9), (9, 0), (4, 3)]), "9-3--4");
        let kernel = Stat { pid: 2, ppid: 9, flags: 0x0020_0000, ..Stat::default() };
        assert_eq!(order(&[&Stat::default(), &kernel]), [(1, 0), (0, 0)]);
    }

    #[test]
    fn a_cycle_loses_no_process() {
        assert_eq!(shown(&[(1, 2), (2, 1)]), "12");
        assert_eq!(shown(&[(3, 3), (4, 0)]), "43");
    }

    #[test]
    fn branches() {
        assert_eq!(branch(0), "");
        assert_eq!(branch(1), " \\_ ");
        assert_eq!(branch(2), "     \\_ ");
    }
}
