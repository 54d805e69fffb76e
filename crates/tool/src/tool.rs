//! An entry of the tool table.
//!
//! Circle: a [`Tool`] names the function that takes its [`Call`], and a call names its tool.

use crate::{Call, Opt, Outcome};

/// How a tool may be entered from another tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It changes the state of its process and runs another program, or answers and exits.  A chain of such tools runs in
    /// one process, without exec.
    Chain,
    /// It stays or works for long: it is always executed, so that `ps` shows its command line.
    Stay,
}

/// A command: one entry of the tool table.
#[derive(Debug)]
pub struct Tool {
    /// The exact basename that it is called by.
    pub name: &'static str,
    /// One line: what it does.
    pub summary: &'static str,
    /// The operands of the usage line, such as `file prog...`.
    pub operands: &'static str,
    /// The options, each defined once: parsing, usage line and documentation derive from them.
    pub options: &'static [Opt],
    /// How it may be entered.
    pub role: Role,
    /// The program.
    pub main: fn(&mut Call) -> Outcome,
}
