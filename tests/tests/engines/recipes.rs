//! The pages of docs/recipes, followed word for word: each is an image that is built and run.
//!
//! What a reader has and the stage hasn't is in [`base`] and [`programs`]: an archive of Debian, and a network.

mod base;
mod programs;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use tests::image;
use tests::page::{self, Scope, Step};
use tests::pattern;

use crate::client::{self, Client};
use crate::engine::Engine;
use crate::images::Base;
use crate::stage::HOME;
use crate::{Outcome, pod};

/// The engines that play them.
const ENGINES: [Engine; 2] = [Engine::Docker, Engine::Podman];

/// The first argument of this program when a page calls the checker.
pub const CHECKER: &str = "s6-overlay-dev";

/// Runs the checker with its name and arguments; gives its exit code.
pub fn run_checker(words: &[String]) -> i32 {
    let outcome = dev::cli::run(words.iter().map(Into::into));
    let _ = std::io::stdout().write_all(outcome.out.as_bytes());
    let _ = std::io::stderr().write_all(outcome.err.as_bytes());
    outcome.code.into()
}

/// The tests.
pub fn trials() -> Result<Vec<Trial>, String> {
    let mut trials = Vec::new();
    for page in pages()? {
        let recipe = Recipe::read(&page)?;
        for engine in ENGINES.into_iter().filter(|engine| recipe.calls(engine.program())) {
            let (name, recipe) = (format!("recipes::{}::{}", engine.name(), recipe.name), recipe.clone());
            trials.push(Trial::test(name, move || recipe.follow(engine)));
        }
    }
    Ok(trials)
}

/// The recipes' pages; the first one is their list.
fn pages() -> Result<Vec<PathBuf>, String> {
    let folder = image::workspace().join("docs/recipes");
    let entries = fs::read_dir(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    let files = entries.flatten().map(|entry| entry.path());
    let mut pages: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|e| e == "md") && !path.ends_with("README.md"))
        .collect();
    pages.sort();
    Ok(pages)
}

/// A page.
#[derive(Clone)]
struct Recipe {
    page: PathBuf,
    name: String,
    steps: Vec<Step>,
}

impl Recipe {
    fn read(page: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(page).map_err(|why| format!("{}: {why}", page.display()))?;
        let name = page.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let steps = page::examples(&text, Scope::Page).into_iter().flat_map(|example| example.steps);
        Ok(Self { page: page.to_owned(), name, steps: steps.collect() })
    }

    /// Whether its commands are an engine's.  What is written for docker is for podman, too, but for compose: Debian's podman-compose
    /// gives each container a network, which can't be had here.
    fn calls(&self, program: &str) -> bool {
        let commands = || self.steps.iter().map(|step| step.command.text.as_str());
        let mut words = commands().flat_map(str::split_whitespace);
        let is_composed = commands().any(|text| text.starts_with("docker compose "));
        words.any(|word| word == program || word == "docker" && !is_composed)
    }

    /// Does what the page says.
    fn follow(&self, engine: Engine) -> Outcome {
        engine.prepare()?;
        let place = PathBuf::from(format!("{HOME}/recipes/{}/{}", engine.name(), self.name));
        self.lay_out(engine, &place)?;
        let mut session =
            Session { engine, place, code: 0, containers: BTreeSet::new(), unheard: String::new() };
        for step in &self.steps {
            session.play(step).map_err(|why| {
                let Step { command: page::Line { number, text }, .. } = step;
                format!("{}:{number}: $ {text}\n{why}\n{}", self.page.display(), session.logs())
            })?;
        }
        Ok(())
    }

    /// Writes the page's files as its reader does, and puts the release beside them.
    fn lay_out(&self, engine: Engine, place: &Path) -> Result<(), String> {
        let unpack = image::workspace().join("docs/recipes/unpack");
        let words = [&unpack, &self.page, place].map(|path| path.display().to_string());
        client::succeed(&words)?;
        let failed = |why: std::io::Error| format!("{}: {why}", place.display());
        for name in image::TARBALLS {
            fs::copy(image::tarballs()?.join(name), place.join(name)).map_err(failed)?;
        }
        let dockerfile = place.join("Dockerfile");
        let mut text = fs::read_to_string(&dockerfile).map_err(failed)?;
        if text.contains("FROM busybox\n") || self.name == "sidecar" {
            Base::Busybox.import(engine)?;
        }
        if text.contains(base::FROM) {
            base::make(engine)?;
            text = text.replace(base::FROM, &format!("FROM {}", base::IMAGE));
            fs::write(&dockerfile, text).map_err(failed)?;
        }
        for (file, adapt) in
            [("pod.yaml", pod::without_a_cluster as fn(&str) -> String), ("compose.yaml", without_a_network)]
        {
            let file = place.join(file);
            if file.exists() {
                let text = fs::read_to_string(&file).map_err(failed)?;
                fs::write(&file, adapt(&text)).map_err(failed)?;
            }
        }
        programs::make(engine, place)
    }
}

/// The compose file without published ports, which `curl` doesn't need here.
fn without_a_network(text: &str) -> String {
    let lines = text.lines().map(|line| match line.trim_start().starts_with("ports:") {
        true => "    network_mode: none",
        false => line,
    });
    lines.map(|line| format!("{line}\n")).collect()
}

/// A shell in the page's directory.
struct Session {
    engine: Engine,
    place: PathBuf,
    /// `$?`
    code: i32,
    /// The names of those that were made.
    containers: BTreeSet<String>,
    /// What commands have said that isn't compared, for failures.
    unheard: String,
}

impl Session {
    fn play(&mut self, step: &Step) -> Result<(), String> {
        let command = step.command.text.replace("docker ", &format!("{} ", self.engine.program()));
        let words: Vec<&str> = command.split_whitespace().collect();
        // `run --name NAME`, and `exec NAME`, of one that something else has made.
        if let Some(at) = words.iter().position(|word| ["--name", "exec"].contains(word)) {
            self.containers.extend(words.get(at + 1).map(|name| (*name).to_owned()));
        }
        match words.as_slice() {
            // What is still to come is waited for.
            [_, "logs", name] => self
                .client(&command.replace(name, &format!("-f {name}")))?
                .said
                .wait_until(|lines| pattern::matches(&step.says, lines)),
            _ => {
                let mut client = self.client(&command)?;
                self.code = client.finish()?;
                let hushed = step.says.is_empty() && is_chatty(&words);
                if hushed && self.code != 0 {
                    return Err(format!("exit code {}:\n{}", self.code, client.said.text()));
                }
                if hushed {
                    self.unheard = client.said.text();
                }
                if hushed || pattern::matches(&step.says, client.said.so_far()) {
                    return Ok(());
                }
                Err(format!("expected:\n{}\n\nsaid:\n{}", step.says.join("\n"), client.said.text()))
            }
        }
    }

    /// What all containers have said.
    fn logs(&self) -> String {
        let said = |name| self.engine.run(&["logs", name]).map_or_else(|why| why, |(_, text)| text);
        let of_each = self.containers.iter().map(|name| format!("-- {name}:\n{}\n", said(name)));
        of_each.chain([format!("-- before:\n{}", self.unheard)]).collect()
    }

    fn client(&self, command: &str) -> Result<Client, String> {
        let place = self.place.display();
        // The code of the command before is `$?`.
        let script = format!("cd {place}\nPATH={place}/bin:$PATH\n(exit {})\n{command}", self.code);
        Client::start(&["sh", "-c", &script].map(str::to_owned))
    }
}

/// Whether a command says what doesn't matter, such as the steps of a build or a container's id, and must succeed.
fn is_chatty(words: &[&str]) -> bool {
    match words {
        [_, "build" | "play" | "volume" | "rm", ..] => true,
        [_, "run", ..] => words.contains(&"-d"),
        [_, "compose", rest @ ..] => rest.contains(&"up") || rest.contains(&"down"),
        _ => false,
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let names = self.containers.iter().map(String::as_str);
        let _ = self.engine.run(&["rm", "-f", "-v"].into_iter().chain(names).collect::<Vec<_>>());
    }
}
