//! `s6-overlay-dev`: finds mistakes in images before they run, of this project and of the C overlay.
//!
//! | module | what it is |
//! |---|---|
//! | [`tree`], [`archive`] | the files of an image: directories one over another, and what archives hold |
//! | [`image`], [`config`], [`dockerfile`] | what an image says about its services, and what it is started with |
//! | [`compiled`], [`presence`] | what the compiler makes of the definitions, and which services a container would have |
//! | [`shell`], [`variables`] | a small reader of shell scripts, and of what they read |
//! | [`lints`], [`registry`] | what is looked for, and what there is to know about it |
//! | [`finding`], [`fix`], [`diff`] | what was found, what fixes it, and what that would change |
//! | [`silence`], [`settings`] | what is left out |
//! | [`report`], [`format`](mod@format) | what is said of it, and how it is printed |
//! | [`graph`], [`drawing`], [`layout`], [`svg`] | what needs what, and how it is drawn |
//! | [`container`], [`timeline`] | what a container says of itself, and its start as a picture |
//! | [`new`], [`migrate`] | new definitions, and those of version 2 in their new form |
//! | [`cli`] | the command line |
//!
//! It shares the compiler of service definitions with the program that runs in containers, and nothing else needs to be fast or
//! small here.

pub mod archive;
pub mod cli;
pub mod compiled;
pub mod config;
pub mod container;
pub mod diff;
pub mod dockerfile;
pub mod drawing;
pub mod example;
pub mod finding;
pub mod fix;
pub mod format;
pub mod graph;
pub mod image;
pub mod layout;
pub mod lints;
pub mod migrate;
pub mod new;
pub mod presence;
pub mod registry;
pub mod report;
pub mod settings;
pub mod shell;
pub mod silence;
pub mod svg;
mod text;
pub mod timeline;
pub mod tree;
pub mod variables;
