//! For graphviz.

use crate::graph::Graph;

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

pub(super) fn print(graph: &Graph) -> String {
    let mut out = String::from("digraph services {\n  rankdir=LR;\n  node [shape=box];\n");
    for (number, (name, contents)) in graph.shown_bundles().enumerate() {
        out.push_str(&format!(
            "  subgraph cluster_{number} {{\n    label={};\n    style=rounded;\n",
            quoted(name)
        ));
        for node in contents.iter().filter_map(|at| graph.nodes.get(*at)) {
            out.push_str(&format!("    {};\n", quoted(&node.name)));
        }
        out.push_str("  }\n");
    }
    for node in &graph.nodes {
        let name = quoted(&node.name);
        if !node.is_longrun {
            out.push_str(&format!("  {name} [shape=ellipse];\n"));
        }
        for need in node.needs.iter().filter(|need| Some(**need) != node.consumer) {
            out.extend(graph.nodes.get(*need).map(|need| format!("  {name} -> {};\n", quoted(&need.name))));
        }
        for want in node.wants.iter().filter_map(|want| graph.nodes.get(*want)) {
            out.push_str(&format!("  {name} -> {} [style=dashed];\n", quoted(&want.name)));
        }
        let consumer = node.consumer.and_then(|consumer| graph.nodes.get(consumer));
        out.extend(
            consumer.map(|consumer| format!("  {name} -> {} [style=bold];\n", quoted(&consumer.name))),
        );
    }
    out + "}\n"
}
