//! The start of a container, from `/init` to the CMD.
//!
//! In the order in which they run:
//!
//! | module | what it is |
//! |---|---|
//! | [`stand_in`] | what `/init` does where it isn't process 1 |
//! | [`search_path`] | pure: the PATH of everything in the container |
//! | [`closing_fd`] | waits until the engine lets the container start |
//! | [`inherited`] | the descriptors that the container was started with, for the CMD |
//! | [`run_verdict`] | pure: whether /run is usable |
//! | [`var_run`] | /run and /var/run are one folder |
//! | [`prepare`] | makes it usable, and removes what an earlier container left |
//! | [`edits`] | what an image edited without effect |
//! | [`replaced`] | parts of the boot that an image replaced by programs of its own |
//! | [`saved`] | what the start saves or makes in /run |
//! | [`catch_all`] | the logger of S6_LOGGING |
//! | [`status_board`] | what everybody may know of the container |
//! | [`stage2`], [`hook`], [`sources`], [`services`], [`command`] | the boot child: brings the services up and becomes the CMD |
//! | [`definitions`] | compiles the definitions, without what isn't to be in the container |
//! | [`facts`], [`conditions`] | what conditions ask of a container; what was found out by them |
//! | [`omissions`] | what the image's definitions seem to have left out |

pub mod catch_all;
pub(crate) mod closing_fd;
pub(crate) mod command;
pub mod conditions;
mod cpus;
pub mod definitions;
pub(crate) mod edits;
pub mod facts;
mod hook;
pub(crate) mod inherited;
pub mod omissions;
pub(crate) mod prepare;
pub mod probes;
pub(crate) mod replaced;
pub(crate) mod run_verdict;
pub(crate) mod saved;
pub mod scaled;
pub(crate) mod search_path;
pub mod services;
pub mod sources;
pub(crate) mod stage2;
pub(crate) mod stand_in;
pub(crate) mod status_board;
mod var_run;
