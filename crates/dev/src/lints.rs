//! What is looked for.

mod account;
mod background;
mod compile;
mod config;
mod contenv;
mod daemon_user;
mod definitions;
mod dockerfile;
mod finish;
mod graph;
mod health;
mod legacy;
mod logging;
mod machine;
mod ports;
mod probes;
mod program;
mod readiness;
mod run;
mod scripts;
mod stop;
mod waiting;

use crate::finding::Finding;
use crate::image::Image;

/// A check of a whole image.
type Check = fn(&Image<'_>, &mut Vec<Finding>);

const CHECKS: &[Check] = &[
    compile::check,
    definitions::check,
    graph::check,
    scripts::check,
    run::check,
    finish::check,
    waiting::check,
    logging::check,
    account::check,
    machine::check,
    ports::check,
    probes::check,
    stop::check,
    config::check,
    legacy::check,
];

/// Everything that is found in an image, by file and place.
#[must_use]
pub fn findings(image: &Image<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for check in CHECKS {
        check(image, &mut found);
    }
    // What is below has been checked by who made it.
    found.retain(|finding| finding.path.is_empty() || image.tree.is_uppermost(&finding.path));
    found.sort_by(|a, b| a.order().cmp(&b.order()));
    found.dedup_by(|a, b| (a.code, &a.path, a.span) == (b.code, &b.path, b.span));
    found
}
