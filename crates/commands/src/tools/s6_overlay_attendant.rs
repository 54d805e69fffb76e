//! `s6-overlay-attendant`: answers questions about the services, without process 1.
//!
//! Process 1 starts it if a variable asks for it.  Code 0 means that there is nothing for it to do.

use crate::attendant::answer::Site;
use crate::attendant::attend;
use crate::attendant::server::{Http, open};
use overlay::environment::settings::Settings;
use overlay::environment::variables::{S6_HTTP, S6_STATUS_MODE};
use rustix::io::Errno;
use supervision::board::BOARD;
use sys::credential::give_up_all;
use tool::{Call, Fatal, Next, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-overlay-attendant",
    summary: "answer probes, and tell the state of the services, over HTTP",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

/// The user and group that it becomes: nobody's.
const NOBODY: u32 = 65534;

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let settings = Settings::of_container(&call.env);
    let Some(place) = settings.http()? else { return Err(Fatal::usage()) };
    let value = settings.given(S6_HTTP).unwrap_or_default();
    let shown = diag::show(&value);
    let warn = |what: std::fmt::Arguments<'_>, why: Errno| {
        if settings.verbosity() > 0 {
            call.warn(format_args!("unable to {what}, so nothing answers there: {}", sys::strerror(why)));
        }
        Ok(Next::SUCCESS)
    };
    // Who may read the board may ask.
    let readers = settings.umask(S6_STATUS_MODE)?.as_raw_mode() & 0o444;
    let socket = match open(&place, readers | readers >> 1) {
        Ok(socket) => socket,
        Err(why) => return warn(format_args!("listen at {shown} ({S6_HTTP})"), why),
    };
    let is_closed = sys::fs::stat(BOARD).is_ok_and(|st| st.st_mode & 0o004 == 0);
    if let Err(why) = give_up_all(Some(NOBODY).filter(|_| !is_closed)) {
        return warn(format_args!("give up privileges for {shown} ({S6_HTTP})"), why);
    }
    let mut http = Http::new(socket, Site::here(settings.etc()));
    Err(Fatal::unable("wait for requests", attend(&mut [&mut http])))
}
