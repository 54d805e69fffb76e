//! A graph of services as text, in forms for people and for programs.

mod dot;
mod json;
mod mermaid;
mod svg;
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
    /// A picture
    Svg,
    /// For Markdown that draws pictures
    Mermaid,
    /// For programs
    Json,
}

/// A graph in a form.
///
/// # Errors
/// There is too much for that form, and what to do about it.
pub fn print(graph: &Graph, form: Form) -> Result<String, String> {
    match form {
        Form::Text => Ok(text::print(graph)),
        Form::Dot => Ok(dot::print(graph)),
        Form::Mermaid => Ok(mermaid::print(graph)),
        Form::Svg => svg::print(graph),
        Form::Json => Ok(json::print(graph)),
    }
}
