//! The pages as texts.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use tests::image::workspace;
use tests::page::{Scope, markdown, quotes};
use tests::pattern;

/// The page with the table of variables.
const VARIABLES: &str = "docs/guide/variables.md";

/// Where recipes are: each of their pages is one example, which the test `engines` plays.
const RECIPES: &str = "docs/recipes/";

/// The pages in the project's own folder, the guide, the recipes, and the page about moving.
pub fn pages() -> Result<Vec<PathBuf>, String> {
    let others = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/moving.md"];
    let mut pages: Vec<PathBuf> = others.iter().map(|page| workspace().join(page)).collect();
    for folder in ["docs/guide", RECIPES] {
        let folder = workspace().join(folder);
        let entries = fs::read_dir(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
        let files = entries.flatten().map(|entry| entry.path());
        pages.extend(files.filter(|path| path.extension().is_some_and(|e| e == "md")));
    }
    pages.sort();
    Ok(pages)
}

/// What one example of a page is.
pub fn scope(name: &str) -> Scope {
    if name.starts_with(RECIPES) { Scope::Page } else { Scope::Section }
}

/// A page's path in the project.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(workspace()).unwrap_or(path).display().to_string()
}

/// The tests that need no container.
pub fn trials(pages: &[PathBuf]) -> Vec<Trial> {
    let pages = pages.to_vec();
    vec![
        Trial::test("links", move || links(&pages).map_err(Into::into)),
        Trial::test("variables", || variables().map_err(Into::into)),
        Trial::test("quotes", || quoted("README.md").map_err(Into::into)),
    ]
}

/// What a page quotes from another one is what that one's sessions print.
fn quoted(page: &str) -> Result<(), String> {
    let read =
        |page: &str| fs::read_to_string(workspace().join(page)).map_err(|why| format!("{page}: {why}"));
    let quotes = quotes(&read(page)?);
    if quotes.is_empty() {
        return Err(format!("{page} quotes nothing: this test has nothing to look at"));
    }
    for (source, lines) in quotes {
        let printed: Vec<String> = read(&source)?.lines().map(str::to_owned).collect();
        for line in lines {
            let same = |shown: &String| {
                shown != "..."
                    && pattern::matches(std::slice::from_ref(shown), std::slice::from_ref(&line.text))
            };
            if !printed.iter().any(same) {
                return Err(crate::at(page, line.number, format_args!("{source} doesn't have this line")));
            }
        }
    }
    Ok(())
}

/// Every link within the project leads to a file, and to a heading in it.
fn links(pages: &[PathBuf]) -> Result<(), String> {
    let mut wrong = Vec::new();
    for page in pages {
        let text = fs::read_to_string(page).map_err(|why| why.to_string())?;
        for event in Parser::new_ext(&text, markdown()) {
            let Event::Start(Tag::Link { dest_url, .. }) = event else { continue };
            if dest_url.contains("://") {
                continue;
            }
            let (file, heading) = dest_url.split_once('#').unwrap_or((&dest_url, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().unwrap_or(page).join(file),
            };
            let found = target.exists()
                && (heading.is_empty()
                    || fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(heading)));
            if !found {
                wrong.push(format!("{}: {dest_url}", shown(page)));
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("links to nowhere:\n{}", wrong.join("\n"))) }
}

/// The anchors that GitHub gives headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, markdown()) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(words) | Event::Code(words) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&words);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let text = heading.take().unwrap_or_default().to_lowercase().replace(' ', "-");
                found.insert(text.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect());
            }
            _ => {}
        }
    }
    found
}

/// The table has every variable that the overlay reads, and no other.
fn variables() -> Result<(), String> {
    let text =
        fs::read_to_string(workspace().join(VARIABLES)).map_err(|why| format!("{VARIABLES}: {why}"))?;
    let table = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let described: BTreeSet<String> =
        table.map(|(name, _)| name.to_owned()).filter(|name| name.starts_with("S6_")).collect();
    let mut read = BTreeSet::new();
    sources(&workspace().join("crates/overlay/src"), &mut read)?;
    let without =
        |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>().join(" ");
    let (missing, unknown) = (without(&read, &described), without(&described, &read));
    if missing.is_empty() && unknown.is_empty() {
        return Ok(());
    }
    Err(format!("not in the table of {VARIABLES}: {missing}\nin the table, but never read: {unknown}"))
}

/// Collects the names of variables that the sources name, in messages and comments, too.
fn sources(folder: &Path, names: &mut BTreeSet<String>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, names)?;
            continue;
        }
        // Names that are like those of the table, on purpose; what programs are told; what only the command `s6-overlay`
        // looks at, which its own page tells.
        let others = [
            "variables/misspelt.rs",
            "tools/s6_overlay_consequence.rs",
            "steer/reload.rs",
            "status/place.rs",
        ];
        if others.iter().any(|other| path.ends_with(other)) {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|why| why.to_string())?;
        let words = text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
        names.extend(words.filter(|word| word.starts_with("S6_")).map(str::to_owned));
    }
    Ok(())
}
