//! The ground floor for files: what the other crates read, write, replace, list, copy and remove files with.
//!
//! Everything works relative to a directory's descriptor, goes on after an interruption by a signal, and fails with
//! the system's error.  What takes more than one step is done under a temporary name (see [`is_temporary`]), so that
//! others see all of it or nothing.

mod copy;
mod dir;
mod link;
mod make;
mod queue;
mod read;
mod remove;
mod replace;
mod same;
mod temporary;
mod unfinished;
mod walk;
mod write;

pub use copy::{Owners, copy_content, copy_file, copy_tree, move_tree};
pub use dir::{
    Each, Entry, Kind, entries, follow, for_each_entry, for_each_kind, names, names_at, open_dir,
    open_dir_itself, own_dir,
};
pub use link::{exchange, rename_new, replace_link, replace_link_of};
pub use make::{Permissions, create, make_dir, write_file};
pub use queue::Queue;
pub use read::{
    open_file_itself, read_at_most, read_file, read_no_fifo, read_path, read_regular, read_regular_file,
};
pub use remove::remove_tree;
pub use replace::{Replace, Writers, Written, overwrite_at, replace_at, replace_or_overwrite};
pub use same::same_tree;
pub use temporary::{is_temporary, sole_name, unique_name, version_name};
pub use unfinished::Unfinished;
pub use walk::{Make, Walk, walk_in_root};
pub use write::write_all;
