//! Where a container's files are, and how changes there are waited for.

use overlay::layout::{EXAMINED, KEPT_LOGS, RUN as RUN_DIR};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use tool::clock::{self, Moment};
use tool::path::join;
use tool::{Call, Opt, Options};
use wire::attended::FOLDER;

/// The option that says where a container's files are.
pub(crate) const RUN: Opt =
    Opt::value('R', "dir", "the container's directory of volatile files, by default $S6_OVERLAY_RUN or /run")
        .long("run");

/// How often it is looked where nothing tells of a change: at files of an image without a board.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The directory of a container's volatile files, `/run` most often.
#[derive(Debug)]
pub struct Place(Vec<u8>);

impl Place {
    /// The one that a call means.
    pub(crate) fn of(call: &Call, options: &Options) -> Self {
        let from_env = || call.env.get(b"S6_OVERLAY_RUN").filter(|dir| !dir.is_empty());
        Self(options.get('R').or_else(from_env).unwrap_or(RUN_DIR.as_bytes()).to_vec())
    }

    /// That of the container which this process is in.
    pub(crate) fn here() -> Self {
        Self::at(RUN_DIR.as_bytes())
    }

    /// The one in this directory.
    #[must_use]
    pub fn at(dir: &[u8]) -> Self {
        Self(dir.to_vec())
    }

    /// The directory itself.
    pub fn dir(&self) -> &[u8] {
        &self.0
    }

    /// The scan directory.
    pub(crate) fn scandir(&self) -> Vec<u8> {
        join(&self.0, b"service")
    }

    /// The live state of s6-rc.
    pub(crate) fn live(&self) -> Vec<u8> {
        join(&self.0, b"s6-rc")
    }

    /// The status board.
    pub fn board(&self) -> Vec<u8> {
        join(&self.0, b"s6-overlay/board")
    }

    /// The record of events.
    pub fn record(&self) -> Vec<u8> {
        join(&self.0, b"s6-overlay/record")
    }

    /// What was found out about services that have conditions or aren't in the container.
    pub(crate) fn examined(&self) -> Vec<u8> {
        self.below(EXAMINED)
    }

    /// The place of what is at this path in a container.
    fn below(&self, path: &str) -> Vec<u8> {
        let below = path.strip_prefix(RUN_DIR).unwrap_or_default().trim_start_matches('/');
        join(&self.0, below.as_bytes())
    }

    /// The folder of what the attendant has found out.
    pub(crate) fn attended(&self) -> Vec<u8> {
        self.below(FOLDER)
    }

    /// The directory of kept lines.
    pub(crate) fn kept(&self) -> Vec<u8> {
        join(&self.0, &[b"s6-overlay/", KEPT_LOGS.as_bytes()].concat())
    }

    /// Begins to notice changes: of the board, the record, the live state and of what the attendant finds out.
    pub(crate) fn changes(&self) -> Changes {
        let notify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok();
        let files = [self.board(), self.record(), join(&self.live(), b"state")];
        let watched = files.iter().filter(|file| {
            let added = notify.as_ref().map(|n| inotify::add_watch(n, file.as_slice(), WatchFlags::MODIFY));
            added.is_some_and(|added| added.is_ok())
        });
        // Without one of them the container has only begun, or is of an image that has none.
        let is_whole = watched.count() == files.len();
        if let Some(notify) = &notify {
            let how = WatchFlags::MOVED_TO | WatchFlags::DELETE | WatchFlags::ONLYDIR;
            let _ = inotify::add_watch(notify, self.attended(), how);
        }
        Changes { notify, is_whole }
    }
}

/// What tells of changes.
#[derive(Debug)]
pub(crate) struct Changes {
    notify: Option<OwnedFd>,
    is_whole: bool,
}

impl Changes {
    /// Waits until something has changed since this began, `also` can be read, or the deadline has passed.
    pub(crate) fn wait(&self, also: Option<&dyn AsFd>, deadline: Option<Moment>) {
        let again = (!self.is_whole).then(|| clock::now().saturating_add(LOOK_AGAIN));
        let until = deadline.into_iter().chain(again).min();
        let notify = self.notify.as_ref().map(AsFd::as_fd);
        let fds = notify.into_iter().chain(also.map(AsFd::as_fd));
        let mut fds: Vec<_> = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        // A failure shows at the next look.
        let _ = clock::poll_until(&mut fds, until);
    }
}
