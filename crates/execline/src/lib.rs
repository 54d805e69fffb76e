//! The execline suite: the language and its commands.
//!
//! A script is not interpreted: [`parse`] turns it into one command line for chain loading, in which each program does
//! its work and executes the rest of its arguments.  Everything is done with words: a `block` is words prefixed with a
//! space, [`substitute`] rewrites the words that follow, `frame` keeps the arguments of scripts in the environment.

mod assignments;
mod binding;
mod block;
mod blocks;
#[cfg(test)]
mod call_table;
mod child;
mod codes;
mod descriptor;
mod detach;
mod directives;
mod evaluation;
mod frame;
mod input;
mod items_loop;
mod lexer;
mod pool;
mod positional;
mod program;
pub mod substitute;
mod syntax;
mod syntax_error;
mod test_expression;
mod tools;
pub mod transform;
mod variable;
mod waiting;
mod working_directory;

pub use syntax::{MAX_SIZE, parse};
pub use syntax_error::{Fault, Position, SyntaxError};
pub use tools::TOOLS;
