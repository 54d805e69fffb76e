//! `boot`.

use super::outcome::{FAILED, Outcome};
use crate::container::{Container, OWN_RUN};
use crate::timeline::parts::Timeline;
use crate::timeline::{Form, print};
use std::path::{Path, PathBuf};

/// The options of `boot`.
#[derive(Debug, clap::Args)]
pub struct Boot {
    /// A copy of a container's /run or /run/s6-overlay: a directory, a tar archive (-: on standard input), or the record in
    /// it; without one, the container that this runs in
    path: Option<PathBuf>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Form,
    /// Columns of a chart of text
    #[arg(long, value_name = "N", default_value_t = 80)]
    width: usize,
}

impl Boot {
    /// Reads a start, and draws it.
    pub fn run(&self) -> Result<Outcome, Outcome> {
        let failed = |why| Outcome::failed(FAILED, why);
        let container = match &self.path {
            Some(path) => Container::copied(path).map_err(failed)?,
            None => Container::live(Path::new(OWN_RUN)).map_err(failed)?,
        };
        let (all, record) = container.look().map_err(failed)?;
        let timeline = Timeline::of(&all, &record).ok_or_else(|| {
            failed("when the container began isn't in its record of events any more".to_owned())
        })?;
        Ok(Outcome { out: print(&timeline, self.format, self.width), ..Outcome::default() })
    }
}
