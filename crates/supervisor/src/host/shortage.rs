//! What a host leaves for later while memory is short: new services.  Those that it has are served out of the reserve.

use super::Host;
use super::scan::back_off;
use std::time::Duration;

/// A shortage, from its report on.
#[derive(Debug)]
pub(super) struct Shortage {
    /// How often the host has looked whether it is over.
    looked: u32,
}

impl Host {
    /// Whether memory is short; reports it, and sees to it that the host looks again later.
    pub(super) fn is_short(&mut self) -> bool {
        if self.launch.system.has_memory() {
            return false;
        }
        self.report_shortage();
        let at = self.launch.system.now().saturating_add(self.shortage_pause());
        self.scan_at = Some(self.scan_at.map_or(at, |s| s.min(at)));
        true
    }

    /// Reports a shortage of memory, once until a scan has found enough.
    pub(super) fn report_shortage(&mut self) {
        if self.shortage.is_none() {
            self.warn("memory is short: no new services are supervised until there is enough of it");
            self.shortage = Some(Shortage { looked: 0 });
        }
    }

    /// Whether a scan would find memory for new services.
    pub(super) fn may_scan(&mut self) -> bool {
        if let Some(shortage) = &mut self.shortage {
            shortage.looked = shortage.looked.saturating_add(1);
        }
        !self.is_short()
    }

    /// From one look to the next one.
    pub(super) fn shortage_pause(&self) -> Duration {
        back_off(self.shortage.as_ref().map_or(0, |shortage| shortage.looked.min(6)))
    }
}
