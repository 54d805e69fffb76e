//! The page about reliability names the tests that show its promises: they are there.

use std::fs;

use tests::image;

use crate::{Images, Outcome, Test};

pub const TESTS: &[(&str, Test)] =
    &[("reliability::the_page_names_tests_that_exist", the_page_names_tests_that_exist)];

fn the_page_names_tests_that_exist(_: &Images) -> Outcome {
    let tests = image::workspace().join("tests/tests");
    let page = fs::read_to_string(image::workspace().join("docs/reliability.md"))?;
    // What is between backticks is every second part.
    let names = page.split('`').skip(1).step_by(2).filter_map(|word| word.split_once("::"));
    let missing: Vec<String> = names
        .filter(|(group, test)| {
            let source = fs::read_to_string(tests.join(format!("container/{group}.rs"))).unwrap_or_default();
            if *test == "*" { source.is_empty() } else { !source.contains(&format!("\"{group}::{test}\"")) }
        })
        .map(|(group, test)| format!("{group}::{test}"))
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("no such tests: {missing:?}").into()) }
}
