//! `explain`.

use super::outcome::{Outcome, USAGE};
use crate::registry;

/// The options of `explain`.
#[derive(Debug, clap::Args)]
pub struct Explain {
    /// Such as SO105; without one, all codes are listed
    code: Option<String>,
}

impl Explain {
    /// Prints the page of a code, or what there is.
    pub fn run(self) -> Outcome {
        let Some(code) = self.code else {
            let line = |lint: &registry::Lint| {
                format!("{} {:7} {}\n", lint.code, registry::word(lint.severity), lint.title)
            };
            return Outcome { out: registry::LINTS.iter().map(line).collect(), ..Outcome::default() };
        };
        match registry::named(&code) {
            Some(lint) => Outcome { out: lint.page.to_owned(), ..Outcome::default() },
            None => {
                let text = format_args!("there is no lint {code}: s6-overlay-dev explain lists all");
                Outcome::failed(USAGE, text)
            }
        }
    }
}
