//! A container of an engine, from the outside.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::client::{self, Client};
use crate::engine::Engine;
use crate::images::Base;

/// Where a test runs.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The engine.
    pub engine: Engine,
    /// The base of the image.
    pub base: Base,
}

impl Place {
    /// Makes a container of the image, with options of `create` and the words of its CMD.
    pub fn create(self, options: &[&str], command: &[&str]) -> Result<Container, String> {
        let image = self.base.image(self.engine)?;
        self.create_of(&image, options, command)
    }

    /// The same of another image.
    fn create_of(self, image: &str, options: &[&str], command: &[&str]) -> Result<Container, String> {
        let container = self.unmade();
        self.engine.succeed(&container.making(image, options, command))?;
        Ok(container)
    }

    /// A container that isn't made yet.
    fn unmade(self) -> Container {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        Container { engine: self.engine, name }
    }

    /// Makes a container with podman and starts it, for a manager that wants to hear at this socket.
    pub fn start_notifying(self, socket: &str, options: &[&str]) -> Result<(Container, Client), String> {
        let image = self.base.image(self.engine)?;
        let container = self.unmade();
        client::succeed(&self.engine.notifying(socket, &container.making(&image, options, &[])))?;
        let client = Client::start(&self.engine.notifying(socket, &["start", "--attach", &container.name]))?;
        Ok((container, client))
    }

    /// Makes a container and starts it.
    pub fn start(self, options: &[&str], command: &[&str]) -> Result<(Container, Client), String> {
        let container = self.create(options, command)?;
        let client = container.start()?;
        Ok((container, client))
    }

    /// Makes a container of another image and starts it.
    pub fn start_of(
        self,
        image: &str,
        options: &[&str],
        command: &[&str],
    ) -> Result<(Container, Client), String> {
        let container = self.create_of(image, options, command)?;
        let client = container.start()?;
        Ok((container, client))
    }

    /// Runs a container to its end; gives its exit code and its output.
    pub fn run(self, options: &[&str], command: &[&str]) -> Result<(i32, String), String> {
        let (_container, mut client) = self.start(options, command)?;
        let code = client.finish()?;
        Ok((code, client.said.text()))
    }
}

/// A container, running or not.  It is removed when this goes out of scope.
pub struct Container {
    engine: Engine,
    /// Its name.
    pub name: String,
}

impl Container {
    /// The command that makes it.
    fn making<'a>(&'a self, image: &'a str, options: &[&'a str], command: &[&'a str]) -> Vec<&'a str> {
        let words = ["create", "--network", "none", "--name", self.name.as_str()];
        [&words, self.engine.run_options(), options, &[image], command].concat()
    }

    /// Starts it; the client prints its output, and ends with its exit code.
    pub fn start(&self) -> Result<Client, String> {
        self.engine.start(&["start", "--attach", &self.name])
    }

    /// What users do to stop it; the time-out is one that no test reaches.
    pub fn stop(&self) -> Result<(), String> {
        self.engine.succeed(&["stop", "-t", "150", &self.name]).map(|_| ())
    }

    /// A command of the engine on it.
    pub fn command(&self, command: &str) -> Result<String, String> {
        let words: Vec<&str> = command.split(' ').chain([self.name.as_str()]).collect();
        self.engine.succeed(&words)
    }

    /// What the engine has kept of its output, with this redirection by a shell.
    pub fn logs(&self, redirection: &str) -> Result<String, String> {
        let script = format!("exec \"$@\" {redirection}");
        let mut words = ["sh", "-c", &script, "sh"].map(str::to_owned).to_vec();
        words.extend(self.engine.words());
        words.extend(["logs", &self.name].map(str::to_owned));
        client::succeed(&words).map(|text| text + "\n")
    }

    /// Runs a program in it; gives its exit code and its output.
    pub fn exec(&self, words: &[&str]) -> Result<(i32, String), String> {
        self.engine.run(&[&["exec", self.name.as_str()], words].concat())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.engine.run(&["rm", "-f", "-v", &self.name]);
    }
}
