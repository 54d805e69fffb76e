//! The process list of s6-ps, in pure steps: a process's state, the fields that can be shown, the text of a value,
//! the order of a tree.  What reads /proc and prints is the tool.

pub(crate) mod field;
pub(crate) mod process;
pub(crate) mod symbols;
pub(crate) mod text;
pub(crate) mod tree;
pub(crate) mod tty;
