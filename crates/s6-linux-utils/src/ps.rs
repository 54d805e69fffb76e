//! The process list of s6-ps: reads processes, defines the fields, formats values, and orders the tree.

pub(crate) mod field;
pub(crate) mod process;
pub(crate) mod symbols;
pub(crate) mod text;
pub(crate) mod tree;
pub(crate) mod tty;
