//! One call of a tool.

use std::fmt::Display;

use crate::{Env, Fatal, Next, Options, Outcome, Program, Tool, diag, help};

/// Name, arguments and environment of a call.
#[derive(Debug)]
pub struct Call {
    /// The tool that was called.
    pub tool: &'static Tool,
    /// `argv[0]` as it was given.
    pub argv0: Vec<u8>,
    /// The arguments after `argv[0]`; [`Call::options`] removes the options.
    pub args: Vec<Vec<u8>>,
    /// The environment.
    pub env: Env,
    /// Where the next program is looked up: PATH at the start of this call, whatever becomes of `env`.
    pub path: Option<Vec<u8>>,
}

impl Call {
    /// Parses the options; the operands stay in `args`.
    ///
    /// # Errors
    /// A usage error.
    pub fn options(&mut self) -> Result<Options, Fatal> {
        Options::take(self.tool.options, &mut self.args)
    }

    /// The same for a command for people, whose options stand anywhere among its operands.
    ///
    /// # Errors
    /// What is wrong with an option, and what was probably meant.
    pub fn options_anywhere(&mut self) -> Result<Options, Fatal> {
        Options::take_anywhere(self.tool.options, &mut self.args)
    }

    /// The counterpart of [`Call::options`] for a tool without options: all words are operands, except a `--` before
    /// them.
    ///
    /// # Errors
    /// A usage error if the one word is `--help`.
    pub fn only_operands(&mut self) -> Result<(), Fatal> {
        if help::is_asked_for(&self.args) {
            return Err(Fatal::usage());
        }
        if self.args.first().is_some_and(|word| word == b"--") {
            self.args.remove(0);
        }
        Ok(())
    }

    /// Takes all operands.
    #[must_use]
    pub fn take_args(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.args)
    }

    /// Takes the first operand.
    ///
    /// # Errors
    /// A usage error if there is none.
    pub fn shift(&mut self) -> Result<Vec<u8>, Fatal> {
        if self.args.is_empty() { Err(Fatal::usage()) } else { Ok(self.args.remove(0)) }
    }

    /// Refuses operands, for an option that excludes them.
    ///
    /// # Errors
    /// A usage error that names the option and the first operand.
    pub fn refuse_operands(&self, option: &str) -> Result<(), Fatal> {
        match self.args.first() {
            None => Ok(()),
            Some(word) => {
                Err(Fatal::user(format_args!("{option} takes no operand, but {} is there", diag::show(word))))
            }
        }
    }

    /// Takes the environment, for the next program.
    #[must_use]
    pub fn take_env(&mut self) -> Env {
        std::mem::take(&mut self.env)
    }

    /// Runs the tool of `suite` that the first argument names; for a tool that is named after its suite.
    ///
    /// # Errors
    /// There is no argument, no such tool, or it is this tool itself: code 100.
    pub fn run_named(&mut self, suite: &[&'static Tool]) -> Outcome {
        let name = self.args.first().ok_or_else(Fatal::usage)?;
        let tool = suite
            .iter()
            .find(|t| t.name.as_bytes() == name && t.name != self.tool.name)
            .ok_or_else(|| Fatal::user(format_args!("no command is named {}", diag::show(name))))?;
        let file = crate::tool_file(tool.name);
        Ok(Next::Run(Program::new(file, self.take_args(), self.take_env())))
    }

    /// Prints `TOOL: warning: TEXT`.
    pub fn warn(&self, text: impl Display) {
        diag::warn(self.tool.name, text);
    }

    /// Prints `TOOL: info: TEXT`.
    pub fn info(&self, text: impl Display) {
        diag::info(self.tool.name, text);
    }
}
