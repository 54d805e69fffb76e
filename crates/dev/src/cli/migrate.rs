//! `migrate`.

use super::outcome::{FAILED, Outcome};
use crate::migrate::{Migrated, migrate};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The options of `migrate`.
#[derive(Debug, clap::Args)]
pub struct Migrate {
    /// The directory that the image copies to its root
    #[arg(long, value_name = "DIR", default_value = "rootfs")]
    root: PathBuf,
    /// Write what is reported
    #[arg(long)]
    write: bool,
    /// Files below the root that have no first line of a script, such as a Dockerfile
    files: Vec<OsString>,
}

impl Migrate {
    /// Reports, and writes if it may.
    pub fn run(self) -> Outcome {
        let files: Vec<Vec<u8>> = self.files.into_iter().map(OsString::into_vec).collect();
        // All users may read new folders.
        rustix::process::umask(rustix::fs::Mode::from(0o022));
        match migrate(&self.root, &files, self.write) {
            Ok(Migrated { report, faults }) => {
                let code = if faults.is_empty() { 0 } else { FAILED };
                Outcome { out: report, err: faults, code }
            }
            Err(why) => Outcome::failed(FAILED, why),
        }
    }
}
