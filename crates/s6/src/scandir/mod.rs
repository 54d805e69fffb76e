//! The host of a scan directory: every service of the directory under supervision, in this one process.
//!
//! [`Host`] is the event loop of `s6-svscan`, as a library: one thread that waits for signals, letters in
//! control FIFOs, readiness notifications and deadlines, and feeds the services' state machines.  A program
//! around it says with a [`Policy`] what is different from plain `s6-svscan`; the overlay's pid 1 is such a
//! program.
//!
//! The directory is the reference's: `.s6-svscan/{lock,control,finish,crash,SIG*}`, a service directory (or a link
//! to one) for each service, `NAME/log` for its logger.  Beyond it:
//!
//! - A service directory may have a file `pipe-out` or `pipe-in` that holds a name.  The host keeps one pipe for
//!   each name, as long as a service that names it is loaded, and gives the service the write end as
//!   standard output, or the read end as standard input, at every start.
//! - `.s6-svscan/oneshot` is a stream socket for this user: for each connection the host starts
//!   `s6-rc-oneshot-run` with the connection as standard input and its own environment.
//!
//! - The control letter `R` (`s6-svscanctl -R`) makes the host execute its own program anew, in the same process, and
//!   so does a fault: the next host goes on with the same services.
//!
//! What a service costs: three descriptors, and one more for each end of a logger's pipe; nothing while nothing
//! happens.
//!
//! Nothing here panics and no error ends the loop that another try could mend: these modules run in pid 1.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod host;
mod oneshot;
mod pipes;
mod policy;
mod resume;
mod roster;
mod scan;

pub use host::{Config, Host, Leave};
pub use policy::{Handled, Plain, Policy};
pub use resume::{Left, Reexec, take_memo};
