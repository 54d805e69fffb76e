//! `new`.

use super::outcome::{FAILED, Outcome, USAGE};
use crate::new::{self, Readiness, Wanted};
use std::path::PathBuf;

/// The options of `new`.
#[derive(Debug, clap::Args)]
pub struct New {
    /// The service's name
    name: String,
    /// The directory that the image copies to its root
    #[arg(long, value_name = "DIR", default_value = "rootfs")]
    root: PathBuf,
    /// Something that is done once, not a daemon
    #[arg(long, conflicts_with_all = ["logger", "ready"])]
    oneshot: bool,
    /// With a logger
    #[arg(long)]
    logger: bool,
    /// With a check that says when it is ready: a line of its file ready, as --ready="listen 8080", any number of times; without
    /// a line, a script that s6-notifyoncheck runs
    #[arg(long, value_name = "LINE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    ready: Vec<String>,
    /// How many of it there are, for a name that ends in @: a number, cpus, names, or such as '${WORKERS:-2}'
    #[arg(long, value_name = "COUNT")]
    instances: Option<String>,
    /// Who it runs as
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

impl New {
    /// Writes the definition.
    pub fn run(self) -> Outcome {
        let Self { name, root, oneshot, logger, ready, instances, user } = self;
        let readiness = match ready.as_slice() {
            [] => Readiness::None,
            [line] if line.is_empty() => Readiness::Script,
            _ => Readiness::Lines(ready),
        };
        match new::write(&root, &Wanted { name, oneshot, logger, readiness, instances, user }) {
            Ok(out) => Outcome { out, ..Outcome::default() },
            Err(e) if e.kind() == std::io::ErrorKind::InvalidInput => Outcome::failed(USAGE, e),
            Err(e) => Outcome::failed(FAILED, e),
        }
    }
}
