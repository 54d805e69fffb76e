//! `graph`.

use super::input::{Input, Opened};
use super::outcome::{FAILED, FOUND, Outcome, USAGE};
use crate::config::Config;
use crate::container::{Container, OWN_RUN};
use crate::drawing::{self, Form};
use crate::graph::{self, Graph};
use crate::image::{Image, Target, complete};
use std::fs;
use std::path::{Path, PathBuf};

/// The options of `graph`.
#[derive(Debug, clap::Args)]
pub struct Picture {
    #[command(flatten)]
    input: Input,
    /// Of a container that runs, with how everything is: the one that this runs in, or the one whose /run this is
    #[arg(long, value_name = "RUN-DIR", num_args = 0..=1, default_missing_value = OWN_RUN, conflicts_with_all = ["path", "base", "check"])]
    live: Option<PathBuf>,
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
        let (graph, err) = match &self.live {
            Some(dir) => (self.live(dir)?, String::new()),
            None => self.defined()?,
        };
        let selection = graph::Selection {
            names: self.names.clone(),
            up: self.up,
            down: self.down,
            depth: self.depth,
            all_edges: self.all_edges,
        };
        let wrong = |e| Outcome::failed(USAGE, e);
        let out = drawing::print(&graph.select(&selection).map_err(wrong)?, self.format).map_err(wrong)?;
        let Some(path) = &self.check else { return Ok(Outcome { out, err, ..Outcome::default() }) };
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

    /// What an image defines, and what there is to say of the choice of it.
    fn defined(&self) -> Result<(Graph, String), Outcome> {
        let Opened { mut tree, notes, .. } = self.input.open()?;
        let is_whole = complete(&mut tree);
        let image = Image::read(&tree, Config::default(), Target::Rs, is_whole);
        let compiled = image.compiled().map_err(|e| Outcome::failed(FAILED, e))?;
        match &compiled.database {
            Some(database) => Ok((Graph::of(database), notes)),
            None => {
                let path = self.input.path.display();
                let text =
                    format_args!("the definitions don't compile: s6-overlay-dev check {path} says why");
                Err(Outcome::failed(FOUND, text))
            }
        }
    }

    /// What runs in a container.
    fn live(&self, dir: &Path) -> Result<Graph, Outcome> {
        if matches!(self.format, Form::Dot | Form::Mermaid) {
            let text = "--live is for --format text, svg and json: what changes from moment to moment isn't kept in a file";
            return Err(Outcome::failed(USAGE, text));
        }
        let failed = |e| Outcome::failed(FAILED, e);
        let (all, _) = Container::live(dir).map_err(failed)?.look().map_err(failed)?;
        Ok(Graph::live(&all))
    }
}
