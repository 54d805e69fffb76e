//! For Markdown that draws pictures.

use crate::graph::Graph;

fn label(text: &str) -> String {
    text.replace('#', "#35;").replace('"', "#quot;").replace(['<', '>'], "_")
}

pub(super) fn print(graph: &Graph) -> String {
    let mut out = String::from("flowchart LR\n");
    for (at, node) in graph.nodes.iter().enumerate() {
        let name = label(&node.name);
        out.push_str(&match node.is_longrun {
            true => format!("  s{at}[\"{name}\"]\n"),
            false => format!("  s{at}([\"{name}\"])\n"),
        });
    }
    for (number, (name, contents)) in graph.shown_bundles().enumerate() {
        out.push_str(&format!("  subgraph b{number}[\"{}\"]\n", label(name)));
        for at in contents {
            out.push_str(&format!("    s{at}\n"));
        }
        out.push_str("  end\n");
    }
    for (at, node) in graph.nodes.iter().enumerate() {
        for need in node.needs.iter().filter(|need| Some(**need) != node.consumer) {
            out.push_str(&format!("  s{at} --> s{need}\n"));
        }
        for want in &node.wants {
            out.push_str(&format!("  s{at} -.-> s{want}\n"));
        }
        out.extend(node.consumer.map(|consumer| format!("  s{at} ==> s{consumer}\n")));
    }
    out
}
