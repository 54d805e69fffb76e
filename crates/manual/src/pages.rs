//! Which tools there are, by suite, each with the text beside its definition.

use std::fs;
use std::io::ErrorKind;

use installation::Names;
use tool::Tool;

/// Tools that are documented together.
pub struct Suite {
    /// Its name, which is the page's, too.
    pub name: &'static str,
    /// Its tools by name.
    pub pages: Vec<Page>,
}

/// What there is to know about a tool.
pub struct Page {
    /// Its definition.
    pub tool: &'static Tool,
    /// The section of the manual.
    pub section: u8,
    /// Markdown with headings of the second level; may be empty.
    pub extra: String,
}

impl Page {
    /// Its name as one word: a subcommand has two.
    pub fn file_name(&self) -> String {
        self.tool.name.replace(' ', "-")
    }
}

/// Suites that are for the system's administration, section 8 of the manual.
const ADMINISTRATION: &[&str] = &["s6-linux-init", "s6-linux-utils", "s6-overlay-helpers"];
/// Internal names that people call all the same: their link is in /run/s6/basedir/bin.
const FOR_PEOPLE: &[&str] = &["halt", "init", "poweroff", "reboot", "shutdown", "telinit"];

/// Every definition of both programs.
pub fn tables() -> impl Iterator<Item = &'static Tool> {
    let commands = commands::COMMANDS.iter().map(|command| command.tool);
    multicall::SUITES.iter().copied().chain([s6_tls::TOOLS]).flatten().copied().chain(commands)
}

/// All suites, in the order in which people look for them.
pub fn suites() -> Result<Vec<Suite>, String> {
    let names = Names::all()?;
    let mut of_overlay: Vec<&str> = FOR_PEOPLE.to_vec();
    of_overlay.extend(commands::COMMANDS.iter().map(|command| command.tool.name));
    let mut suites = Vec::new();
    for suite in &names.suites {
        let mut commands = suite.commands.clone();
        match suite.name {
            "s6-overlay" => commands.append(&mut of_overlay),
            "execline" => commands.extend(&names.added),
            _ => {}
        }
        suites.push((suite.name, commands));
    }
    suites.push(("s6-overlay-tls", names.tls.clone()));
    suites.sort_by_key(|(name, _)| *name != "s6-overlay");
    suites.into_iter().map(|(name, commands)| suite(name, commands)).collect()
}

fn suite(name: &'static str, mut commands: Vec<&str>) -> Result<Suite, String> {
    commands.sort_unstable();
    let found = |command: &&str| tables().find(|tool| tool.name == *command);
    let page = |tool: &'static Tool| {
        let system = ADMINISTRATION.contains(&name) || FOR_PEOPLE.contains(&tool.name);
        let extra = extra(&tool.name.replace(' ', "-"))?;
        Ok(Page { tool, section: if system { 8 } else { 1 }, extra })
    };
    let pages = commands.iter().filter_map(found).map(page).collect::<Result<_, String>>()?;
    Ok(Suite { name, pages })
}

/// The text on a tool beside its definition: empty for most.
pub fn extra(name: &str) -> Result<String, String> {
    let path = crate::files::docs().join("extra").join(format!("{name}.md"));
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(e) => Err(format!("unable to read {}: {e}", path.display())),
    }
}
