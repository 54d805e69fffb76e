//! The execline suite: the language and its commands.
//!
//! A script is not interpreted: it becomes one command line ([`parse`]), a chain of programs each of which does
//! its work and goes on to the rest of its arguments.  Whatever a script can do is done by words: a [`block`] is
//! words with a space in front, [`substitute`] rewrites the words that follow, [`frame`] keeps the arguments of
//! scripts in the environment.

mod assignments;
mod binding;
pub mod block;
mod blocks;
mod child;
mod codes;
mod detach;
pub mod frame;
mod input;
pub mod lexer;
mod pool;
mod positional;
pub mod substitute;
mod syntax;
mod test_expression;
mod tools;
pub mod transform;
mod variable;
mod waiting;

pub use syntax::{Fault, MAX_SIZE, Position, SyntaxError, parse};
pub use tools::TOOLS;
