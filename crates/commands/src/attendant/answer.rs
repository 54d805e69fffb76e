//! What is answered to each path: what `s6-overlay health` and `s6-overlay status --json` say, and metrics.  Logs are nobody's
//! business here.

use super::http::response;
use super::metrics::{self, metrics};
use crate::status::Snapshot;
use crate::status::gather::{gather, host_state};
use crate::status::health::Asked;
use crate::status::place::Place;
use crate::subcommands::{health, status, version};

/// The media type of a line for people.
const TEXT: &str = "text/plain; charset=utf-8";

/// The longest content, in bytes: what tens of thousands of services take.
const CONTENT_MAX: usize = 8 << 20;

/// The paths of probes.
const PROBES: [(&[u8], Asked); 3] =
    [(b"/livez", Asked::Live), (b"/readyz", Asked::Ready), (b"/startupz", Asked::Started)];

/// The container that is asked about.
pub(crate) struct Site {
    place: Place,
    /// The folder of the image's files.
    etc: Vec<u8>,
}

impl Site {
    /// The container that this process is in; `etc` is the folder of the image's files.
    pub(crate) fn here(etc: Vec<u8>) -> Self {
        Self { place: Place::here(), etc }
    }

    /// The response for a path; `None` if process 1 may hang, which another look a second later tells: that one is the second.
    pub(crate) fn answer(&self, path: &[u8], is_head: bool, is_second: bool) -> Option<Vec<u8>> {
        let refused = |status, text: &str| Some(response(status, TEXT, text.as_bytes(), is_head));
        let probe = PROBES.iter().find(|(probe, _)| *probe == path).map(|(_, asked)| *asked);
        if probe.is_none() && path != b"/status.json" && path != b"/metrics" {
            return refused(404, "there are /livez, /readyz, /startupz, /status.json and /metrics\n");
        }
        let all = match gather(&self.place, probe.is_none()) {
            Ok(all) => all,
            Err(why) => return refused(503, &format!("{}\n", why.message())),
        };
        let (status, kind, content) = match probe {
            Some(asked) => {
                let host = if asked == Asked::Live { host_state(&all) } else { b'S' };
                if host == b'D' && !is_second {
                    return None;
                }
                let found = health::of_all(&all, &self.etc, asked, host);
                let status = if found.is_empty() { 200 } else { 503 };
                (status, TEXT, health::lines(asked, &found).into_bytes())
            }
            None if path == b"/metrics" => (200, metrics::TYPE, self.metrics(&all).into_bytes()),
            None => {
                let mut content = status::whole(&all, &self.etc);
                content.push(b'\n');
                (200, "application/json", content)
            }
        };
        if content.len() > CONTENT_MAX {
            return refused(503, "there is too much to tell\n");
        }
        Some(response(status, kind, &content, is_head))
    }

    fn metrics(&self, all: &Snapshot) -> String {
        let host = host_state(all);
        let is = |asked| health::of_all(all, &self.etc, asked, host).is_empty();
        metrics(all, [Asked::Ready, Asked::Live, Asked::Started].map(is), &version::labels())
    }
}
