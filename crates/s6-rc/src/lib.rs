//! The s6-rc suite: a service manager on top of the supervisor.
//!
//! [`compile`](mod@compile) turns source directories into a [`database`], [`init`] makes the live state from one,
//! [`change`] brings services up and down.  They are libraries first: the commands are thin, and a program that
//! boots a machine calls them without any exec.

mod by_name;
pub mod change;
pub mod change_options;
pub mod changed;
mod common_options;
pub mod compile;
pub mod condition;
mod consistency;
mod conversion;
pub mod database;
pub mod definition_reader;
pub mod diagnostic;
pub mod direction;
pub mod directory;
mod dry_run;
mod effects;
mod engine;
pub mod failure;
mod folder;
pub mod format;
mod graph;
pub mod init;
pub mod instances;
pub mod interrupts;
pub mod live;
mod longrun;
mod oneshot;
mod order;
mod pipeline;
pub mod plan;
pub mod probes;
pub mod reload;
mod reminder;
mod repo;
mod report;
pub mod reporter;
mod resolve;
pub mod restart_policy;
mod runner;
mod running;
mod script;
mod service_set;
mod shortage;
mod source;
mod source_definition;
mod standing;
mod text;
mod tools;
pub mod update;
mod word_files;
mod work;

pub use tools::TOOLS;
