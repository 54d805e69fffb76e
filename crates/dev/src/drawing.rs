//! A graph of services as text, in forms for people and for programs.

mod dot;
mod json;
mod mermaid;
mod text;

use crate::graph::Graph;

/// A form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Form {
    /// A tree, for people
    #[default]
    Text,
    /// For graphviz
    Dot,
    /// For Markdown that draws pictures
    Mermaid,
    /// For programs
    Json,
}

/// A graph in a form.
#[must_use]
pub fn print(graph: &Graph, form: Form) -> String {
    match form {
        Form::Text => text::print(graph),
        Form::Dot => dot::print(graph),
        Form::Mermaid => mermaid::print(graph),
        Form::Json => json::print(graph),
    }
}
