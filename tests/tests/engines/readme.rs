//! The code blocks of README.md and of the guide that an engine has to play: users do what is tested.

use std::fs;

use tests::image;

/// README.md's section about images.
const SECTION: (&str, &str) = ("README.md", "## Put it in an image");
/// The section with Dockerfiles of other images, whose blocks only engines play.
const OTHERS: (&str, &str) = ("docs/guide/install.md", "## Whole Dockerfiles");

/// A fenced block.
pub struct Block {
    /// What follows the fence in its line.
    pub language: String,
    /// What is in it.
    pub text: String,
}

/// The blocks of README.md's section about images, in their order.
pub fn blocks() -> Result<Vec<Block>, String> {
    section(SECTION.0, SECTION.1)
}

/// The blocks of a section of a page, in their order.
fn section(page: &str, title: &str) -> Result<Vec<Block>, String> {
    let path = image::workspace().join(page);
    let text = fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))?;
    let section = text.split_once(&format!("\n{title}\n")).map(|(_, rest)| rest);
    let section = section.ok_or_else(|| format!("{page} has no section {title:?}"))?;
    let end = section.find("\n## ").unwrap_or(section.len());
    Ok(fenced(section.get(..end).unwrap_or(section)))
}

/// The guide's `HEALTHCHECK`, and its probes of Kubernetes as lines of a container in a pod.
pub fn health_checks() -> Result<(String, String), String> {
    let blocks = section("docs/guide/status.md", "## Health checks")?;
    let check =
        blocks.iter().flat_map(|block| block.text.lines()).find(|line| line.starts_with("HEALTHCHECK "));
    let probes = blocks.iter().find(|block| block.language.starts_with("yaml"));
    let (check, probes) = check.zip(probes).ok_or("the guide has no HEALTHCHECK, or no probes")?;
    Ok((check.to_owned(), probes.text.clone()))
}

fn fenced(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else { continue };
        let content: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
        blocks.push(Block { language: language.to_owned(), text: content.join("\n") + "\n" });
    }
    blocks
}

/// The Dockerfile on this base.
pub fn dockerfile(base: &str) -> Result<String, String> {
    let first = format!("FROM {base}");
    let others = section(OTHERS.0, OTHERS.1)?;
    let found = blocks()?.into_iter().chain(others).find(|block| {
        block.language.starts_with("Dockerfile") && block.text.lines().next() == Some(first.as_str())
    });
    found.map(|block| block.text).ok_or_else(|| format!("no page has a Dockerfile with {first:?}"))
}
