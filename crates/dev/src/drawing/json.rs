//! For programs.

use crate::graph::{Graph, Look};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) fn print(graph: &Graph) -> String {
    let names = |list: &BTreeSet<usize>| -> Vec<&str> {
        list.iter().filter_map(|at| Some(graph.nodes.get(*at)?.name.as_str())).collect()
    };
    let services: Vec<Value> = graph
        .nodes
        .iter()
        .map(|node| {
            let consumer =
                node.consumer.and_then(|consumer| graph.nodes.get(consumer)).map(|node| &node.name);
            let kind = if node.is_longrun { "longrun" } else { "oneshot" };
            let [needs, wants] = [&node.needs, &node.wants].map(names);
            let mut about = json!({ "name": node.name, "kind": kind, "needs": needs, "wants": wants, "consumer": consumer });
            if let (Some(state), Some(about)) = (&node.state, about.as_object_mut()) {
                about.insert("state".to_owned(), state.word.into());
                about.insert("attention".to_owned(), (state.look == Look::Bad).into());
            }
            about
        })
        .collect();
    let bundles: Vec<Value> = graph
        .bundles
        .iter()
        .map(|(name, contents)| json!({ "name": name, "contents": names(contents) }))
        .collect();
    let document = json!({ "schema": "s6-overlay-dev.graph/1", "services": services, "bundles": bundles });
    format!("{document:#}\n")
}
