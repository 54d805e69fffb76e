//! A container for tests and for `cargo xtask run`: a program as pid 1 of fresh namespaces, on a copy-on-write
//! view of any root file system.  No container engine, no image, no download; never shipped.
//!
//! What the program finds:
//! - mount, pid, ipc, uts and network namespaces, the network with only its loopback, which is up;
//! - as root file system the layers of the description, the first on top, under an empty writable layer
//!   on tmpfs: nothing that it does there lasts.  File systems mounted below a layer are not part of the view;
//! - fresh `/proc` (its `sys` read-only), `/run`, `/tmp`, `/dev` (null, zero, full, random, urandom, tty, its own
//!   pts, shm) and a read-only `/sys`;
//! - all signals at their defaults, umask 022, exactly the environment of the description, no descriptors but 0 to 2;
//! - all capabilities of the caller: this is a view to work in, not a wall against hostile programs.
//!
//! Without the privilege for that, the same happens in a user namespace where the caller is root and no other user
//! exists.
//!
//! What the caller can rely on: [`Container::wait`] returns once no process of the container is left, and when
//! the [`Container`] is dropped or the caller dies, all of them are killed.
//!
//! # How
//! A process that may have threads can't set namespaces up after a fork.  So the caller executes *itself*
//! again as a small single-threaded stage (see `stage`), which makes the namespaces, forks pid 1, waits for it and
//! exits with its code.  Programs that use this library call [`enter_stage`] first thing in `main`.  Stage and
//! caller talk over a socket: down go the description and signals, up come the pid, errors and the terminal.

mod container;
mod fault;
mod layers;
mod link;
pub mod loopback;
mod spec;
mod stage;
mod terminal;
mod view;

pub use container::{Container, Output};
pub use spec::{Network, Sandbox, Streams};
pub use stage::enter_stage;
pub use sys::seccomp::Denied;
