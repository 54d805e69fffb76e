//! A tree for each bundle: below a service stands what it needs, and, behind other signs, what it wants.

use crate::graph::{Graph, Look, Node};
use std::collections::BTreeSet;

/// Deeper parts of a tree aren't shown: `…` stands for them.
const DEPTH_MAX: usize = 64;

/// The tree's signs: an entry, the last one, and what is below them.
const SIGNS: [&str; 4] = ["├─ ", "└─ ", "│  ", "   "];

/// The same for an entry that is only wanted.
const WANTED: [&str; 2] = ["├╌ ", "└╌ "];

pub(super) fn print(graph: &Graph) -> String {
    let mut out = String::new();
    let mut told = BTreeSet::new();
    for (name, contents) in graph.shown_bundles() {
        out.push_str(&format!("{name}\n"));
        branches(graph, &heads(graph, contents), "", &mut told, &mut out);
    }
    let in_bundles: BTreeSet<usize> =
        graph.shown_bundles().flat_map(|(_, contents)| contents).copied().collect();
    let rest: BTreeSet<usize> =
        (0..graph.nodes.len()).filter(|at| !in_bundles.contains(at) && !told.contains(at)).collect();
    if !rest.is_empty() {
        out.push_str("(in no bundle)\n");
        branches(graph, &heads(graph, &rest), "", &mut told, &mut out);
    }
    out
}

/// Those of some services that no other one of them needs or wants: the others stand below them.
fn heads(graph: &Graph, services: &BTreeSet<usize>) -> Vec<(usize, bool)> {
    let nodes = services.iter().filter_map(|at| graph.nodes.get(*at));
    let needed: BTreeSet<usize> = nodes.flat_map(Node::edges).copied().collect();
    services.difference(&needed).map(|at| (*at, true)).collect()
}

/// Adds services, each with whether it is needed, rather than wanted.
fn branches(
    graph: &Graph,
    nodes: &[(usize, bool)],
    indent: &str,
    told: &mut BTreeSet<usize>,
    out: &mut String,
) {
    let [entry, last, goes_on, nothing] = SIGNS;
    for (place, (at, is_needed)) in nodes.iter().enumerate() {
        let Some(node) = graph.nodes.get(*at) else { continue };
        let is_last = place + 1 == nodes.len();
        let is_known = !told.insert(*at);
        let kind = if node.is_longrun { "" } else { " (oneshot)" };
        let pipe = node.consumer.and_then(|consumer| graph.nodes.get(consumer));
        let pipe = pipe.map(|consumer| format!(" ⇒ {}", consumer.name)).unwrap_or_default();
        let has_more = node.edges().next().is_some();
        let again = if is_known && has_more { " ↑" } else { "" };
        let state = match &node.state {
            Some(state) if state.look == Look::Bad => format!(" · {} !", state.word),
            Some(state) => format!(" · {}", state.word),
            None => String::new(),
        };
        out.push_str(&format!(
            "{indent}{}{}{kind}{pipe}{state}{again}\n",
            match (is_needed, is_last) {
                (true, false) => entry,
                (true, true) => last,
                (false, _) => WANTED[usize::from(is_last)],
            },
            node.name
        ));
        if !is_known && indent.chars().count() / 3 >= DEPTH_MAX && has_more {
            out.push_str(&format!("{indent}{}…\n", if is_last { nothing } else { goes_on }));
        } else if !is_known {
            let below = format!("{indent}{}", if is_last { nothing } else { goes_on });
            let needs = node.needs.iter().filter(|need| Some(**need) != node.consumer);
            let needs = needs.map(|need| (*need, true));
            let all: Vec<_> = needs.chain(node.wants.iter().map(|want| (*want, false))).collect();
            branches(graph, &all, &below, told, out);
        }
    }
}
