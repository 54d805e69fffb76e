//! One call of a tool.

use crate::{Env, Fatal, Options, Tool, diag};

/// Name, arguments and environment of a call.
#[derive(Debug)]
pub struct Call {
    /// The tool that was called.
    pub tool: &'static Tool,
    /// argv[0] as it was given.
    pub argv0: Vec<u8>,
    /// The arguments after argv[0]; [`Call::options`] takes the options off.
    pub args: Vec<Vec<u8>>,
    /// The environment.
    pub env: Env,
    /// Where the next program is looked up: the PATH that this call began with, whatever it does to `env`.
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

    /// Takes the environment, for the program that comes next.
    #[must_use]
    pub fn take_env(&mut self) -> Env {
        std::mem::take(&mut self.env)
    }

    /// Prints `TOOL: warning: TEXT`.
    pub fn warn(&self, text: &str) {
        diag::warn(self.tool.name, text);
    }

    /// Prints `TOOL: info: TEXT`.
    pub fn info(&self, text: &str) {
        diag::info(self.tool.name, text);
    }
}
