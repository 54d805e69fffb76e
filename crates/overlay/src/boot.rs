//! From the engine's start of `/init` to the CMD.
//!
//! | module | what it is |
//! |---|---|
//! | [`run_verdict`] | pure: whether /run is fit for the container |
//! | [`prepare`] | makes it so, and clears what an earlier container left |
//! | [`closing_fd`] | the wait for the engine's permission to begin |
//! | [`stand_in`] | what is different where `/init` isn't process 1 |
//! | [`saved`] | what a container has in /run from its start |
//! | [`search_path`] | pure: the PATH that everything gets |
//! | [`catch_all`] | the logger of S6_LOGGING |
//! | [`stage2`], [`hook`], [`sources`], [`services`], [`command`] | the boot child: brings the services up and becomes the CMD |
//! | [`omissions`] | what the image's definitions seem to have left out |

pub(crate) mod catch_all;
pub(crate) mod closing_fd;
mod command;
mod hook;
mod omissions;
pub(crate) mod prepare;
pub(crate) mod run_verdict;
pub(crate) mod saved;
pub(crate) mod search_path;
mod services;
mod sources;
pub(crate) mod stage2;
pub(crate) mod stand_in;
