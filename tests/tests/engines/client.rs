//! A running command, and its output.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tests::lines::Lines;

/// How long a test waits for what has to come.  Nothing takes that long, so a test that reaches the limit fails.
const LIMIT: Duration = Duration::from_secs(180);

/// A running command.  It is killed when this goes out of scope.
pub struct Client {
    child: Child,
    /// Both its outputs, in their order.
    pub said: Lines,
}

impl Client {
    /// Starts a command, with nothing to read.
    pub fn start(words: &[String]) -> Result<Self, String> {
        let (program, arguments) = words.split_first().ok_or("there is no command")?;
        let start = || {
            let (reader, writer) = std::io::pipe()?;
            let child = Command::new(program)
                .args(arguments)
                // Not every user may be where this program is.
                .current_dir("/")
                .stdin(Stdio::null())
                .stdout(writer.try_clone()?)
                .stderr(writer)
                .spawn()?;
            Ok(Self { child, said: Lines::new(Some(reader.into()), LIMIT) })
        };
        start().map_err(|why: std::io::Error| format!("unable to run {program}: {why}"))
    }

    /// Waits for the end; gives the exit code.
    pub fn finish(&mut self) -> Result<i32, String> {
        self.said.to_end()?;
        let status = self.child.wait().map_err(|why| why.to_string())?;
        status.code().ok_or_else(|| format!("ended by {status}:\n{}", self.said.text()))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end; gives its exit code and its output.
pub fn run(words: &[String]) -> Result<(i32, String), String> {
    let mut client = Client::start(words)?;
    let code = client.finish()?;
    Ok((code, client.said.text()))
}

/// Runs a command that must succeed; gives its output.
pub fn succeed(words: &[String]) -> Result<String, String> {
    let (code, text) = run(words)?;
    if code == 0 { Ok(text) } else { Err(format!("{}: exit code {code}:\n{text}", words.join(" "))) }
}
