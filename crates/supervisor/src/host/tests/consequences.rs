//! What is done about services that aren't started again.

use super::*;
use crate::service::over::Over;
use wire::restart_policy::{Consequence, FILE, Limit, Restart, RestartPolicy};

impl Scandir {
    /// With a service that is over with its first end, and this follows.
    fn with_over(on_failure: Consequence, on_success: Consequence) -> Self {
        let mut s = Self::new();
        s.make(&["a"]);
        let (restart, limit) = (Restart::OnFailure, Some(Limit { count: 1, window: None }));
        let policy = RestartPolicy { restart, limit, on_failure, on_success, ..RestartPolicy::default() };
        std::fs::write(s.path("a").join(FILE), policy.pack().unwrap()).unwrap();
        assert_eq!(s.scan(), ["start a/run: 1001"]);
        s
    }

    /// A turn of the host with this policy; gives what was done.
    fn turn(&mut self, policy: &mut dyn Policy) -> Vec<String> {
        self.host.see_to_ends(policy);
        self.done()
    }
}

/// Sees to ends itself, or doesn't.
struct Seeing {
    handled: Handled,
    seen: Vec<Over>,
}

impl Policy for Seeing {
    fn over(&mut self, _host: &mut Host, over: &Over) -> Handled {
        self.seen.push(over.clone());
        self.handled
    }

    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }
}

fn run() -> Consequence {
    Consequence::Run(vec![b"/x".to_vec()])
}

const STARTED: &str = "start /proc/self/exe: 1002";

const FAILED: &str =
    "s6-supervise a: warning: has failed for good: it ended with exit code 3; on-failure: runs /x";

#[test]
fn a_program_is_started_once_for_an_end() {
    let mut s = Scandir::with_over(run(), Consequence::Nothing);
    assert_eq!(s.end(1001, Ended::Exited(3)), [FAILED]);
    assert_eq!(s.turn(&mut Plain), [STARTED]);
    assert_eq!(s.turn(&mut Plain), [""; 0]);
    // Another life, another end.
    assert_eq!(s.command("a", b"u"), ["start a/run: 1003"]);
    assert_eq!(s.end(1003, Ended::Exited(3)), [FAILED]);
    assert_eq!(s.turn(&mut Plain), [STARTED.replace("1002", "1004")]);
}

#[test]
fn a_success_has_a_consequence_of_its_own() {
    let mut s = Scandir::with_over(Consequence::Nothing, run());
    assert_eq!(s.end(1001, Ended::Exited(0)), [""; 0]);
    assert_eq!(s.turn(&mut Plain), [STARTED]);
    let mut s = Scandir::with_over(run(), Consequence::Nothing);
    s.end(1001, Ended::Exited(0));
    assert_eq!(s.turn(&mut Plain), [""; 0]);
}

#[test]
fn what_cannot_be_started_is_tried_again() {
    let mut s = Scandir::with_over(run(), Consequence::Nothing);
    s.end(1001, Ended::Exited(3));
    s.system.refuses.set(Some(Errno::AGAIN));
    let refused = "s6-svscan: warning: unable to do what the restart policy of a says, trying again: \
                   Resource temporarily unavailable";
    assert_eq!(s.turn(&mut Plain), ["refused /proc/self/exe", refused]);
    s.system.set(1999);
    s.system.refuses.set(None);
    assert_eq!(s.turn(&mut Plain), [""; 0]);
    s.system.set(2000);
    assert_eq!(s.turn(&mut Plain), [STARTED]);
    assert_eq!(s.host.over_at, None);
}

#[test]
fn the_policy_may_see_to_it() {
    for (handled, done) in [(Handled::Yes, &[][..]), (Handled::No, &[STARTED])] {
        let mut s = Scandir::with_over(Consequence::Stop(None), Consequence::Nothing);
        s.end(1001, Ended::Killed(9));
        let mut policy = Seeing { handled, seen: Vec::new() };
        s.done();
        assert_eq!(s.turn(&mut policy), done);
        s.turn(&mut policy);
        let [over] = &policy.seen[..] else { panic!("{:?}", policy.seen) };
        assert_eq!((over.name.as_slice(), over.how, over.code()), (&b"a"[..], Ended::Killed(9), Some(137)));
        assert_eq!((over.has_failed, over.failures, over.cause), (true, 1, "signal"));
    }
}

#[test]
fn what_is_unhealthy_has_a_consequence_whatever_its_end() {
    let mut s = Scandir::with_over(run(), Consequence::Nothing);
    s.command("a", b"!");
    s.end(1001, Ended::Exited(0));
    let done = s.turn(&mut Plain);
    assert_eq!(done, [STARTED]);
    // The container stops whatever the policy has for a failure.
    let mut s = Scandir::with_over(run(), Consequence::Nothing);
    s.command("a", b"Z");
    s.end(1001, Ended::Exited(0));
    let mut policy = Seeing { handled: Handled::Yes, seen: Vec::new() };
    s.turn(&mut policy);
    let [over] = &policy.seen[..] else { panic!("{:?}", policy.seen) };
    assert_eq!((over.code(), over.cause, over.has_failed), (Some(1), "unhealthy", true));
}

#[test]
fn a_stop_and_a_person_switch_it_off() {
    let mut s = Scandir::with_over(run(), Consequence::Nothing);
    s.end(1001, Ended::Exited(3));
    s.host.stopping = true;
    assert_eq!(s.turn(&mut Plain), [""; 0]);
    for letter in *b"ud" {
        let mut s = Scandir::with_over(run(), Consequence::Nothing);
        assert_eq!(s.command("a", &[letter]).len(), if letter == b'd' { 2 } else { 0 });
        s.end(1001, Ended::Exited(3));
        let done = s.turn(&mut Plain);
        assert_eq!(
            done.len(),
            if letter == b'd' { 0 } else { 1 },
            "an end that was asked for has no consequence"
        );
    }
    let mut s = Scandir::with_over(run(), Consequence::Nothing);
    s.end(1001, Ended::Exited(3));
    s.command("a", b"u");
    assert_eq!(s.turn(&mut Plain), [""; 0], "it has been started again");
}
