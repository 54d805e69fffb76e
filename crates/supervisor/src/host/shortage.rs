//! What a host leaves for later while memory is short: new services.  Those that it has are served out of the reserve.

use super::Host;
use super::scan::back_off;
use super::scan::{each_candidate, open_service};
use crate::service::hold::refuse;
use rustix::fs::{Access, AtFlags};
use std::os::fd::AsFd;
use std::time::Duration;
use supervision::control::REFUSED;

/// From this look on the services that wait are marked as refused: a shortage that passes at once delays nobody.
const REFUSED_FROM: u32 = 1;

/// A shortage, from its report on.
#[derive(Debug)]
pub(super) struct Shortage {
    /// How often the host has looked whether it is over.
    looked: u32,
    /// Whether it was reported that services were marked.
    is_marked: bool,
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
            self.shortage = Some(Shortage { looked: 0, is_marked: false });
        }
    }

    /// Whether a scan would find memory for new services.
    pub(super) fn may_scan(&mut self) -> bool {
        if let Some(shortage) = &mut self.shortage {
            shortage.looked = shortage.looked.saturating_add(1);
        }
        if !self.is_short() {
            return true;
        }
        if self.shortage.as_ref().is_some_and(|shortage| shortage.looked >= REFUSED_FROM) {
            self.refuse_waiting();
        }
        false
    }

    /// Marks the services that wait, so that those who wait for them go on.  Their supervision removes the mark.
    fn refuse_waiting(&mut self) {
        let mut marked = 0_u32;
        // What can't be read now is marked after the next look.
        let _ = files::open_dir(&self.dir, b".").and_then(|dir| {
            each_candidate(dir, self.config.others, &mut |name| {
                let Ok((dir, identity)) = open_service(self.dir.as_fd(), name) else { return };
                let slot = self.roster.find(identity).and_then(|number| self.roster.get(number));
                let is_held = slot.is_some_and(|slot| slot.is_held());
                let is_marked = sys::fs::accessat(&dir, REFUSED, Access::EXISTS, AtFlags::empty()).is_ok();
                if !is_held && !is_marked {
                    refuse(dir.as_fd());
                    marked = marked.saturating_add(1);
                }
            })
        });
        if marked > 0
            && let Some(shortage) = &mut self.shortage
            && !std::mem::replace(&mut shortage.is_marked, true)
        {
            self.warn(format_args!(
                "memory stays short: services that wait for it are refused for now: {marked}"
            ));
        }
    }

    /// From one look to the next one.
    pub(super) fn shortage_pause(&self) -> Duration {
        back_off(self.shortage.as_ref().map_or(0, |shortage| shortage.looked.min(6)))
    }
}
