//! Plays the sessions of an example: a little of what `docker` does, with the sandbox as the engine.
//!
//! Commands: `docker build`, `run`, `exec`, `logs`, `stop`, `kill`, `wait`, `rm`; `echo $?`.  A word that is no command
//! or option here fails the test, so nothing is skipped.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sandbox::{Sandbox, Streams};
use tempfile::TempDir;
use tests::page::{Example, Step};
use tests::pattern;
use tests::services::Services;
use tests::transcript::Transcript;

use crate::dockerfile::{self, Image};
use crate::{Bases, at};

/// The PATH that Docker gives if an image sets none.
const DOCKER_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long a command that entered from outside may take.  None takes that long, so one that reaches the limit fails.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs all that an example shows; `file` is its page.
pub fn play(bases: &Bases, file: &str, example: &Example) -> Result<(), String> {
    let image = dockerfile::read(&example.dockerfile, &bases.distribution)
        .map_err(|(line, why)| at(file, line, why))?;
    let mut stage = Stage::new(bases, example, image)?;
    for step in &example.steps {
        let failed = |why: String| at(file, step.command.number, format!("$ {}\n{why}", step.command.text));
        stage.play(step).map_err(failed)?;
    }
    Ok(())
}

/// A container that has been started in the background.
struct Running {
    transcript: Transcript,
    env: Vec<(String, String)>,
    stop_signal: String,
    /// It is known to have booted.
    booted: bool,
}

/// The image, and the containers that run.
struct Stage<'a> {
    bases: &'a Bases,
    services: Services,
    extras: Vec<TempDir>,
    image: Image,
    containers: BTreeMap<String, Running>,
    /// `$?`
    code: u8,
}

impl<'a> Stage<'a> {
    fn new(bases: &'a Bases, example: &Example, image: Image) -> Result<Self, String> {
        let services = Services::new().map_err(|why| why.to_string())?;
        for (path, content) in &example.files {
            let written = if content.starts_with("#!") {
                services.script(path, content)
            } else {
                services.file(path, content)
            };
            written.map_err(|why| format!("{path}: {why}"))?;
        }
        let mut extras = Vec::new();
        if let Some(place) = &image.single {
            let only = tempfile::tempdir().map_err(|why| why.to_string())?;
            let to = only.path().join(place.trim_start_matches('/'));
            fs::copy(bases.distribution.join("command/s6-overlay"), to).map_err(|why| why.to_string())?;
            extras.push(only);
        }
        for tarball in &image.extras {
            let place = tempfile::tempdir().map_err(|why| why.to_string())?;
            dockerfile::unpack(tarball, place.path())?;
            extras.push(place);
        }
        Ok(Self { bases, services, extras, image, containers: BTreeMap::new(), code: 0 })
    }

    fn play(&mut self, step: &Step) -> Result<(), String> {
        let words = shlex::split(&step.command.text).ok_or("not the words of a command")?;
        let [engine, verb, rest @ ..] = words.as_slice() else { return Err("not a command".into()) };
        match (engine.as_str(), verb.as_str()) {
            ("echo", "$?") if rest.is_empty() => compare(&step.says, &[self.code.to_string()]),
            ("docker" | "podman", "build") => compare(&step.says, &[]),
            ("docker" | "podman", "run") => self.run(rest, step),
            ("docker" | "podman", "exec") => self.exec(rest, step),
            ("docker" | "podman", "logs") => self.logs(rest, step),
            ("docker" | "podman", "stop" | "kill" | "wait" | "rm") => {
                let said = self.end(verb, rest)?;
                compare(&step.says, &said)
            }
            _ => Err(format!("the test doesn't know {engine} {verb}")),
        }
    }

    fn run(&mut self, words: &[String], step: &Step) -> Result<(), String> {
        let mut options = Options::new(&self.image);
        let command = options.read(words)?;
        let sandbox = self.sandbox(&options, command);
        let mut transcript = Transcript::start(&sandbox).map_err(|why| why.to_string())?;
        if let Some(name) = options.name.filter(|_| options.detached) {
            // The id that docker prints isn't the guide's matter.
            compare(&step.says, &[])?;
            let stop_signal = options.stop_signal;
            let running = Running { transcript, env: options.env, stop_signal, booted: false };
            self.containers.insert(name, running);
            return Ok(());
        }
        self.code = transcript.finish()?;
        compare(&step.says, transcript.lines())
    }

    fn sandbox(&self, options: &Options, command: &[String]) -> Sandbox {
        let base = if self.image.scratch { &self.bases.scratch } else { &self.bases.busybox };
        let command = if command.is_empty() { &self.image.command } else { command };
        let before: &[&str] = match (options.init, options.no_new_privileges) {
            // A shell stands in for the engine's init.
            (true, _) => &["/bin/sh", "-c", "\"$@\"; exit $?", "init"],
            (_, true) => &["/bin/setpriv", "--nnp"],
            _ => &[],
        };
        let words = before.iter().copied().chain(["/init"]).chain(command.iter().map(String::as_str));
        let mut sandbox = Sandbox::new(base.path(), words);
        if self.image.single.is_none() {
            sandbox = sandbox.layer(&self.bases.distribution);
        }
        for extra in &self.extras {
            sandbox = sandbox.layer(extra.path());
        }
        sandbox = sandbox.layer(self.services.path()).read_only(options.read_only);
        for (name, value) in &options.env {
            sandbox = sandbox.env(name, value);
        }
        if let Some(mount) = &options.run {
            sandbox = sandbox.run_options(mount);
        }
        if let Some((uid, gid)) = options.user {
            sandbox = sandbox.user(uid, gid);
        }
        if let Some(directory) = &self.image.directory {
            sandbox = sandbox.directory(directory);
        }
        if !self.image.run.is_empty() {
            sandbox = sandbox.prepare(&self.image.run);
        }
        sandbox
    }

    fn exec(&mut self, words: &[String], step: &Step) -> Result<(), String> {
        let [name, command @ ..] = words else { return Err("no container".into()) };
        let running = self.containers.get_mut(name).ok_or_else(|| format!("no container {name}"))?;
        if !running.booted {
            running.wait_for_boot()?;
            if !self.image.health.is_empty() {
                let end = Instant::now() + LIMIT;
                let (mut code, mut said) = running.enter(&self.image.health)?;
                // An engine asks again and again.
                while code != 0 && Instant::now() < end {
                    (code, said) = running.enter(&self.image.health)?;
                }
                if code != 0 {
                    return Err(format!("HEALTHCHECK: exit code {code}\n{}", said.join("\n")));
                }
            }
        }
        let end = Instant::now() + LIMIT;
        loop {
            let (code, said) = running.enter(command)?;
            self.code = code;
            let compared = compare(&step.says, &said);
            // What is expected may take its time: a service is up before its `run` has become the daemon.
            if compared.is_ok() || !only_looks(command) || Instant::now() > end {
                return compared;
            }
        }
    }

    fn logs(&mut self, words: &[String], step: &Step) -> Result<(), String> {
        let [name] = words else { return Err("one container".into()) };
        let running = self.containers.get_mut(name).ok_or_else(|| format!("no container {name}"))?;
        // What is expected may take its time.
        let waited = running.transcript.wait_until(|lines| pattern::matches(&step.says, lines));
        waited.map_err(|why| format!("expected:\n{}\n\n{why}", step.says.join("\n")))
    }

    /// What ends a container.
    fn end(&mut self, verb: &str, words: &[String]) -> Result<Vec<String>, String> {
        let (name, options) = words.split_last().ok_or("no container")?;
        let running = self.containers.get_mut(name).ok_or_else(|| format!("no container {name}"))?;
        let container = running.transcript.container();
        let signal = match (verb, options) {
            ("kill", [option, name]) if option == "-s" => name.clone(),
            ("stop", []) => running.stop_signal.clone(),
            ("wait", []) => String::new(),
            ("rm", [force]) if force == "-f" => {
                self.containers.remove(name);
                return Ok(vec![name.clone()]);
            }
            _ => return Err(format!("the test doesn't know these words of docker {verb}")),
        };
        if !signal.is_empty() {
            wait_for_init(container.pid());
            container.signal(signal_of(&signal)?).map_err(|why| why.to_string())?;
        }
        if verb == "kill" {
            return Ok(vec![name.clone()]);
        }
        self.code = 0;
        let code = running.transcript.finish()?;
        Ok(vec![if verb == "wait" { code.to_string() } else { name.clone() }])
    }
}

impl Running {
    /// Runs a command in it, as `docker exec` does: its code and its output.
    fn enter(&self, command: &[String]) -> Result<(u8, Vec<String>), String> {
        let mut inside = self.transcript.container().exec(command).streams(Streams::Together);
        for (name, value) in &self.env {
            inside = inside.env(name, value);
        }
        let output = inside.start().and_then(|c| c.output(LIMIT)).map_err(|why| why.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = text.lines().map(str::to_owned).collect();
        Ok((output.code.ok_or_else(|| format!("it doesn't end; it said:\n{text}"))?, said))
    }

    /// The boot holds the lock of the service manager's state while it starts services, and none is up before.
    fn wait_for_boot(&mut self) -> Result<(), String> {
        let script = "until [ -n \"$(/command/s6-rc -b -a list 2>/dev/null)\" ]; do usleep 2000; done";
        let (code, said) = self.enter(&["/bin/sh", "-c", script].map(str::to_owned))?;
        self.booted = code == 0;
        if self.booted { Ok(()) } else { Err(format!("it hasn't booted:\n{}", said.join("\n"))) }
    }
}

/// Waits until process 1 blocks the signals that it reads: the kernel drops what comes before, in the first moments after
/// its exec.
fn wait_for_init(pid: impl std::fmt::Display) {
    let blocks = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix("SigBlk:"))?;
        Some(u64::from_str_radix(line.trim(), 16).ok()? & (1 << (Signal::INT.as_raw() - 1)) != 0)
    };
    let file = format!("/proc/{pid}/status");
    while fs::read_to_string(&file).ok().and_then(blocks) == Some(false) {
        std::thread::yield_now();
    }
}

/// Whether a command changes nothing, and only shows a state.
fn only_looks(command: &[String]) -> bool {
    matches!(command, [name, ..] if matches!(name.as_str(), "ps" | "/command/s6-svstat" | "/command/s6-svdt" | "s6-overlay"))
}

fn signal_of(name: &str) -> Result<Signal, String> {
    Ok(match name.trim_start_matches("SIG") {
        "TERM" => Signal::TERM,
        "INT" => Signal::INT,
        "QUIT" => Signal::QUIT,
        "HUP" => Signal::HUP,
        "USR1" => Signal::USR1,
        "USR2" => Signal::USR2,
        "WINCH" => Signal::WINCH,
        other => return Err(format!("the test doesn't know the signal {other}")),
    })
}

/// The options of `docker run`.
struct Options {
    detached: bool,
    init: bool,
    no_new_privileges: bool,
    read_only: bool,
    name: Option<String>,
    user: Option<(u32, u32)>,
    /// How /run is mounted.
    run: Option<String>,
    stop_signal: String,
    env: Vec<(String, String)>,
}

impl Options {
    fn new(image: &Image) -> Self {
        let own = [("PATH", DOCKER_PATH), ("HOME", "/root"), ("HOSTNAME", "box")];
        let mut options = Self {
            detached: false,
            init: false,
            no_new_privileges: false,
            read_only: false,
            name: None,
            user: image.user,
            run: None,
            stop_signal: image.stop_signal.clone(),
            env: own.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        };
        image.env.iter().for_each(|(name, value)| options.set(name, value));
        options
    }

    fn set(&mut self, name: &str, value: &str) {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// Reads the options and the image's name; gives the rest, the command.
    fn read<'w>(&mut self, words: &'w [String]) -> Result<&'w [String], String> {
        let mut words = words;
        loop {
            let [word, rest @ ..] = words else { return Err("no image".into()) };
            words = rest;
            let mut value = || match words {
                [value, rest @ ..] => {
                    words = rest;
                    Ok(value.clone())
                }
                [] => Err(format!("{word} needs a value")),
            };
            match word.as_str() {
                "-d" => self.detached = true,
                "--rm" => {}
                "--init" => self.init = true,
                "--read-only" => self.read_only = true,
                "--name" => self.name = Some(value()?),
                "--stop-signal" => self.stop_signal = value()?,
                "--user" => self.user = Some(dockerfile::ids(&value()?).ok_or("--user takes numbers here")?),
                "--tmpfs" => self.run = Some(tmpfs(&value()?).ok_or("only /run is a tmpfs here")?),
                "--security-opt" if value()? == "no-new-privileges" => self.no_new_privileges = true,
                "-e" => {
                    let word = value()?;
                    let (name, value) = word.split_once('=').ok_or("-e takes K=V here")?;
                    self.set(name, value);
                }
                image if !image.starts_with('-') => return Ok(words),
                other => return Err(format!("the test doesn't know the option {other}")),
            }
        }
    }
}

/// The mount options of `--tmpfs /run[:OPTIONS]`, with those that Docker adds.
fn tmpfs(value: &str) -> Option<String> {
    let (place, given) = value.split_once(':').unwrap_or((value, ""));
    let given: Vec<&str> = given.split(',').filter(|word| !word.is_empty()).collect();
    let mut all = vec!["nosuid", "nodev"];
    if !given.contains(&"exec") {
        all.push("noexec");
    }
    if !given.iter().any(|word| word.starts_with("mode=")) {
        all.push("mode=1777");
    }
    all.extend(given);
    (Path::new(place) == Path::new("/run")).then(|| all.join(","))
}

fn compare(expected: &[String], said: &[String]) -> Result<(), String> {
    if pattern::matches(expected, said) {
        return Ok(());
    }
    Err(format!("expected:\n{}\n\nsaid:\n{}", expected.join("\n"), said.join("\n")))
}
