//! Processes that the kernel kills for lack of memory.

use super::*;
use std::io::{PipeReader, PipeWriter};

const KILLED: Ended = Ended::Killed(9);

#[test]
fn a_process_that_the_kernel_kills_is_reported_once_a_minute() {
    let mut s = Scandir::new();
    s.host.count_kills();
    let warnings = |s: &mut Scandir, ms, how, kills| {
        s.system.set(ms);
        s.system.kills.set(kills);
        s.end(0x3fff_fff0, how)
    };
    let text = "s6-svscan: warning: process 1073741808, which is no service's own, was killed by the kernel: the container's \
                memory limit of 64 MiB was reached (its own peak: 7 MiB)";
    assert!(warnings(&mut s, 2000, KILLED, 0).is_empty(), "somebody else did");
    assert!(warnings(&mut s, 3000, Ended::Killed(15), 1).is_empty());
    assert_eq!(warnings(&mut s, 4000, KILLED, 1), [text]);
    assert!(warnings(&mut s, 5000, KILLED, 2).is_empty());
    assert_eq!(warnings(&mut s, 64_000, KILLED, 3), [text]);
    s.host.stop_replacing();
    assert!(warnings(&mut s, 164_000, KILLED, 4).is_empty(), "everything is being killed");
}

/// A host that the kernel notifies, with what does that.
fn notified() -> (Scandir, PipeReader, PipeWriter) {
    let mut s = Scandir::with(|config| config.watches_kills = true);
    let (reader, writer) = std::io::pipe().unwrap();
    *s.system.watched.borrow_mut() = Some(reader.try_clone().unwrap().into());
    s.host.count_kills();
    s.host.scan_at = None;
    (s, reader, writer)
}

impl Scandir {
    /// Handles the events that are there at this time, and what is due.
    fn turn_at(&mut self, ms: u64) -> Vec<String> {
        let mut done = self.at(ms);
        self.host.wait(Some(Moment::ZERO), &mut Plain);
        self.host.catch_up(&mut Plain);
        done.extend(self.done());
        done
    }

    /// Has so many processes killed, in all, and is notified.
    fn kill(&self, count: u32, mut notify: &PipeWriter) {
        self.system.kills.set(count);
        std::io::Write::write_all(&mut notify, b"x").unwrap();
    }
}

#[test]
fn kills_that_no_end_tells_of_are_reported() {
    let (mut s, _reader, notify) = notified();
    assert_eq!(s.turn_at(1000), [""; 0]);
    s.kill(1, &notify);
    assert_eq!((s.turn_at(2000), s.host.kills_at()), (vec![], Some(Duration::from_secs(3))));
    s.kill(3, &notify);
    assert_eq!(s.turn_at(3000), [""; 0]);
    assert_eq!(s.turn_at(7999), [""; 0]);
    let why = "killed by the kernel because of the memory limit of 64 MiB; no service itself, maybe";
    assert_eq!(
        s.turn_at(9000),
        [format!("s6-svscan: warning: 3 processes of the container were {why} children of one")]
    );
    // At most once a minute.
    s.kill(4, &notify);
    s.turn_at(11_000);
    for ms in [15_000, 20_000, 40_000, 68_999] {
        assert_eq!(s.turn_at(ms), [""; 0]);
    }
    assert_eq!(
        s.turn_at(69_000),
        [format!("s6-svscan: warning: a process of the container was {why} a child of one")]
    );
}

#[test]
fn a_kill_that_an_end_tells_of_is_told_once() {
    let (mut s, _reader, notify) = notified();
    s.make(&["a"]);
    assert_eq!(s.scan(), ["start a/run: 1001"]);
    s.kill(1, &notify);
    s.turn_at(2000);
    let end = s.end(1001, KILLED);
    let text = "s6-supervise a: warning: was killed by the kernel: the container's memory limit of 64 MiB was reached (its own \
                peak: 7 MiB)";
    assert_eq!(end.first().map(String::as_str), Some(text));
    for ms in [3000, 8000, 9000, 70_000] {
        assert!(s.turn_at(ms).iter().all(|line| !line.contains("killed by the kernel")));
    }
}

#[test]
fn notifications_that_go_on_are_waited_for_less_and_less() {
    let (mut s, mut reader, notify) = notified();
    s.kill(0, &notify);
    let mut pauses = Vec::new();
    let mut ms = 1000;
    for _ in 0..9 {
        s.turn_at(ms);
        let at = u64::try_from(s.host.kills_at().unwrap().as_millis()).unwrap();
        pauses.push((at - ms) / 1000);
        ms = at;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    // Once there is none, the host only waits for the next one, which is soon followed by another look.
    std::io::Read::read_exact(&mut reader, &mut [0]).unwrap();
    s.turn_at(ms);
    assert_eq!(s.host.kills_at(), None);
    s.kill(0, &notify);
    s.turn_at(ms + 61_000);
    assert_eq!(s.host.kills_at(), Some(Duration::from_millis(ms + 62_000)));
}

#[test]
fn what_cannot_be_waited_for_is_left_alone() {
    let mut s = Scandir::with(|config| config.watches_kills = true);
    // A regular file, where somebody has put one in the place of the kernel's.
    std::fs::write(s.path(".events"), "").unwrap();
    *s.system.watched.borrow_mut() = Some(open(&s.path(".events")));
    s.host.count_kills();
    assert_eq!((s.host.kills_at(), s.host.poller.is_partial()), (None, false));
    // The others are told all the same.
    s.system.kills.set(2);
    s.system.set(2000);
    assert_eq!(s.end(0x3fff_fff0, KILLED).len(), 1);
    s.at(8000);
    assert_eq!(s.at(62_000).len(), 1);
    // Without that, nothing is waited for at all.
    let mut s = Scandir::new();
    *s.system.watched.borrow_mut() = Some(std::io::pipe().unwrap().0.into());
    s.host.count_kills();
    s.system.kills.set(2);
    s.end(0x3fff_fff0, KILLED);
    assert_eq!(s.host.kills_at(), None);
}
