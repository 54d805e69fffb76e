//! `graph`.

use super::input::Input;
use super::outcome::{FAILED, FOUND, Outcome, USAGE};
use crate::config::Config;
use crate::drawing::{self, Form};
use crate::graph::{self, Graph};
use crate::image::{Image, Target, complete};
use std::fs;
use std::path::PathBuf;

/// The options of `graph`.
#[derive(Debug, clap::Args)]
pub struct Picture {
    #[command(flatten)]
    input: Input,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Form,
    /// Only what is around these services or bundles
    #[arg(long = "of", value_name = "NAME")]
    names: Vec<String>,
    /// With --of: what they need
    #[arg(long)]
    up: bool,
    /// With --of: what needs them
    #[arg(long)]
    down: bool,
    /// With --of: at most so many steps away
    #[arg(long, value_name = "N")]
    depth: Option<usize>,
    /// Show edges that follow from others, too, and those to base
    #[arg(long)]
    all_edges: bool,
    /// Fail if this file isn't what would be printed
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

impl Picture {
    /// Draws it, or compares it with a file.
    pub fn run(&self) -> Result<Outcome, Outcome> {
        let mut tree = self.input.tree()?;
        let is_whole = complete(&mut tree);
        let image = Image::read(&tree, Config::default(), Target::Rs, is_whole);
        let compiled = image.compiled().map_err(|e| Outcome::failed(FAILED, e))?;
        let Some(database) = &compiled.database else {
            let path = self.input.path.display();
            let text = format_args!("the definitions don't compile: s6-overlay-dev check {path} says why");
            return Err(Outcome::failed(FOUND, text));
        };
        let selection = graph::Selection {
            names: self.names.clone(),
            up: self.up,
            down: self.down,
            depth: self.depth,
            all_edges: self.all_edges,
        };
        let graph = Graph::of(database).select(&selection).map_err(|e| Outcome::failed(USAGE, e))?;
        let out = drawing::print(&graph, self.format);
        let Some(path) = &self.check else { return Ok(Outcome { out, ..Outcome::default() }) };
        let cannot = |e| Outcome::failed(FAILED, format_args!("unable to read {}: {e}", path.display()));
        match fs::read_to_string(path).map_err(cannot)? == out {
            true => Ok(Outcome::default()),
            false => {
                let text =
                    format_args!("{} isn't the graph of {}", path.display(), self.input.path.display());
                Err(Outcome::failed(FOUND, text))
            }
        }
    }
}
