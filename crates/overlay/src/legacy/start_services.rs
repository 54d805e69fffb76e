//! services.d: copies the service directories and puts the copies into the scandir.
//!
//! The copies are subscribed to before they are supervised, so no event is missed, and there is no race that
//! S6_SERVICES_READYTIME would have to bridge.

use crate::boot::facts::Container;
use crate::boot::{conditions, probes, sources};
use crate::environment::overrides::{overrides, switches};
use crate::environment::settings::{Behaviour, Settings};
use crate::environment::variables::{S6_CMD_WAIT_FOR_SERVICES, S6_CMD_WAIT_FOR_SERVICES_MAXTIME, S6_DISABLE};
use crate::layout::{LEGACY_SERVICES, SCANDIR};
use crate::legacy::scripts;
use crate::limits::SUPERVISION_LIMIT;
use files::{Kind, Owners, copy_tree, remove_tree};
use rustix::fs::{AtFlags, CWD, Mode};
use rustix::io::Errno;
use s6_rc::compile::print_report;
use s6_rc::condition::{Examined, Switches, examine, refusal, told};
use s6_rc::init::await_supervisor;
use s6_rc::restart_policy::{Checked, Overrides, check_directory, main_in, second_main};
use supervision::asking::Asking;
use supervision::attended;
use supervision::control;
use supervision::fifodir;
use supervision::status::read_status;
use supervision::watch::Watch;
use tool::clock::{self, Moment};
use tool::path::join;
use tool::{Call, Fatal, Next, OrUnable, Outcome, diag};
use wire::control::ScanCommand;
use wire::fifodir::ServiceEvent;

/// The copy of a service directory.
struct Copied {
    dir: Vec<u8>,
    name: Vec<u8>,
    /// Whether it notifies readiness.
    notifies: bool,
    /// Whether there is something to find out about it.
    is_probed: bool,
}

impl Copied {
    /// Whether it is up, or ready if it notifies readiness, by its status.
    fn is_up(&self) -> bool {
        read_status(&self.dir).is_ok_and(|status| status.is_up() && (status.ready || !self.notifies))
    }
}

/// The service directories that were copied.
struct Copies {
    /// Those to be supervised.
    sound: Vec<Copied>,
    /// The names of those whose files are wrong, which aren't started.
    broken: Vec<Vec<u8>>,
}

/// The exit code if a service isn't in the container that has to be.
pub(crate) const REFUSED: u8 = 98;

/// Starts the services and waits until they are supervised. With S6_CMD_WAIT_FOR_SERVICES it waits until each is ready, or
/// up if it doesn't notify readiness.
///
/// # Errors
/// Something can't be copied, linked or waited for: 111. A service is late, or its files are wrong, and
/// S6_BEHAVIOUR_IF_STAGE2_FAILS says that the container stops then: 1.  A service isn't in the container that has to be:
/// [`REFUSED`].
pub(crate) fn start_services(call: &Call) -> Outcome {
    // The copies are for everybody to read, whatever S6_UMASK is.
    rustix::process::umask(Mode::from(0o022));
    let settings = Settings::new(&call.env);
    let Copies { sound: copied, broken } = copy_all(call, &settings)?;
    let behaviour = settings.behaviour();
    if !broken.is_empty() && behaviour == Behaviour::Stop {
        return Err(Fatal::silent(1));
    }
    if copied.is_empty() {
        return Ok(Next::SUCCESS);
    }
    if copied.iter().any(|service| service.is_probed)
        && let Err(why) = probes::ensure(None)
    {
        call.warn(why.message());
    }
    let waits_until_up = settings.switch(S6_CMD_WAIT_FOR_SERVICES);
    let mut watch = Watch::new().or_unable(|| "make a poller")?;
    let mut listeners = Vec::new();
    if waits_until_up {
        for service in &copied {
            let event = join(&service.dir, b"event");
            fifodir::make(&event, Some(rustix::process::getegid().as_raw()), false)
                .or_unable_to("make", &event)?;
            // Without its events, its status has to do.
            listeners.push(watch.add(&event).ok());
        }
    }
    for service in &copied {
        link(service)?;
    }
    control::send_to_host(SCANDIR.as_bytes(), &[ScanCommand::Scan])
        .map_err(|_| Fatal::new(111, format_args!("nobody supervises {SCANDIR}")))?;
    let late = if waits_until_up {
        let limit = settings.limit(S6_CMD_WAIT_FOR_SERVICES_MAXTIME);
        wait_until_up(&copied, &mut watch, &listeners, limit.map(|l| clock::now().saturating_add(l)))?
    } else {
        await_supervisors(call, &copied);
        Vec::new()
    };
    if !late.is_empty() && behaviour != Behaviour::GoOn && settings.verbosity() >= 1 {
        call.warn(format_args!("not ready: {}", late.join(", ")));
    }
    if !late.is_empty() && behaviour == Behaviour::Stop { Err(Fatal::silent(1)) } else { Ok(Next::SUCCESS) }
}

/// Waits until commands such as s6-svstat can be used on the services, and on their loggers.
fn await_supervisors(call: &Call, copied: &[Copied]) {
    let deadline = clock::now().saturating_add(SUPERVISION_LIMIT);
    for service in copied {
        let log = Some(join(&service.dir, b"log")).filter(|log| is_directory(log));
        for dir in [Some(&service.dir), log.as_ref()].into_iter().flatten() {
            if let Err(why) = await_supervisor(dir, Some(deadline), None) {
                call.warn(why.message());
            }
        }
    }
}

fn is_directory(path: &[u8]) -> bool {
    files::follow(CWD, path) == Kind::Directory
}

/// Makes the folder of the copies, which isn't there yet.
///
/// # Errors
/// As mkdir(2).
pub(crate) fn make_folder() -> Result<(), Errno> {
    sys::fs::mkdir(LEGACY_SERVICES.as_bytes(), Mode::from(0o755))
}

/// Copies the service directories from scratch, each with the records of what its files say, without those that aren't to be in
/// the container.
fn copy_all(call: &Call, settings: &Settings<'_>) -> Result<Copies, Fatal> {
    let verbosity = settings.verbosity();
    let etc = settings.etc();
    let source = join(&etc, b"services.d");
    let target = LEGACY_SERVICES.as_bytes();
    remove_tree(CWD, target).and_then(|()| make_folder()).or_unable(|| format!("make {LEGACY_SERVICES}"))?;
    let overrides = overrides(settings).unwrap_or_else(|findings| {
        print_report(call.tool.name, verbosity, &findings);
        Overrides::default()
    });
    let disabled = settings.text(S6_DISABLE).unwrap_or_default();
    let mut presence = Presence {
        settings,
        disabled: Switches::new((S6_DISABLE.name, &disabled), ("", b""), ("", b"")),
        facts: Container::new(*settings, None),
        examined: Vec::new(),
        refusal: None,
    };
    let mut copies = Copies { sound: Vec::new(), broken: Vec::new() };
    let mut main = None;
    for name in scripts::list(&source).or_unable_to("read", &source)? {
        let (from, dir) = (join(&source, &name), join(target, &name));
        if !is_directory(&from) {
            continue;
        }
        copy_tree(CWD, &from, CWD, &dir, Owners::Kept).or_unable_to("copy", &from)?;
        let Some(checked) = write_records(call, (&etc, verbosity), &overrides, (&from, &dir), &mut main)?
        else {
            copies.broken.push(name);
            continue;
        };
        if !presence.decide(&name, &checked)? {
            remove_tree(CWD, &dir).or_unable_to("remove", &dir)?;
            continue;
        }
        let notifies = sys::fs::statat(CWD, join(&dir, b"notification-fd"), AtFlags::empty()).is_ok();
        if verbosity >= 2 {
            let note = if notifies { "" } else { " (no readiness notification)" };
            call.info(format_args!("copying legacy longrun {}{note}", diag::show(&name)));
        }
        copies.sound.push(Copied { dir, name, notifies, is_probed: checked.is_probed });
    }
    presence.tell(call, verbosity)?;
    Ok(copies)
}

/// Which services are in the container.
struct Presence<'a> {
    settings: &'a Settings<'a>,
    disabled: Switches,
    facts: Container<'a>,
    examined: Vec<Examined>,
    /// Why the container isn't to start, if it isn't.
    refusal: Option<String>,
}

impl Presence<'_> {
    /// Whether a service is to be in the container.
    fn decide(&mut self, name: &[u8], checked: &Checked) -> Result<bool, Fatal> {
        let (answers, absent) = match self.disabled.disables(name) {
            Some(reason) => (Vec::new(), Some(reason)),
            None => examine(&checked.conditions, &self.facts)?,
        };
        if let Some(reason) = &absent
            && let Some(why) = switches(self.settings).requires(name, checked.main)
        {
            self.refusal.get_or_insert_with(|| refusal(name, why, reason));
        }
        let is_there = absent.is_none();
        if !is_there || !answers.is_empty() {
            self.examined.push(Examined::legacy(name.to_vec(), absent, answers));
        }
        Ok(is_there)
    }

    /// Tells what was decided.
    fn tell(&self, call: &Call, verbosity: u32) -> Result<(), Fatal> {
        if !self.examined.is_empty() {
            conditions::write(&self.examined, true, self.settings);
        }
        if let Some(text) = told(&self.examined).filter(|_| verbosity >= 2) {
            call.info(text);
        }
        self.refusal.as_ref().map_or(Ok(()), |why| Err(Fatal::new(REFUSED, format_args!("{why}"))))
    }
}

/// Checks what a service's files, and its logger's, say about restarts and readiness, and puts the records into the copies.  Gives
/// nothing if they are wrong.  `main` is the path of the service that the container is for, `etc` the folder of the image's files.
fn write_records(
    call: &Call,
    (etc, verbosity): (&[u8], u32),
    overrides: &Overrides,
    (from, dir): (&[u8], &[u8]),
    main: &mut Option<Vec<u8>>,
) -> Result<Option<Checked>, Fatal> {
    let mut checked = check_directory(from, dir, Some(overrides))?;
    if checked.main {
        if main.is_none() {
            *main = main_in(&sources::services(etc))?;
        }
        if let Some(other) = main {
            checked.diagnostics.push(second_main(join(from, b"main"), other));
        }
        main.get_or_insert_with(|| from.to_vec());
    }
    let log = join(from, b"log");
    let of_log =
        if is_directory(&log) { Some(check_directory(&log, &join(dir, b"log"), None)?) } else { None };
    let mut is_sound = true;
    for checked in [Some(&checked), of_log.as_ref()].into_iter().flatten() {
        print_report(call.tool.name, verbosity.saturating_sub(1), &checked.diagnostics);
        is_sound &= checked.is_sound();
    }
    if !is_sound {
        call.warn(format_args!("{} is not started", diag::show(from)));
    }
    Ok(is_sound.then_some(checked))
}

/// Links the service into the scandir; replaces a link of that name.
fn link(service: &Copied) -> Result<(), Fatal> {
    let path = join(SCANDIR.as_bytes(), &service.name);
    let made = match sys::fs::symlink(service.dir.as_slice(), path.as_slice()) {
        Err(Errno::EXIST) => sys::fs::unlink(path.as_slice())
            .and_then(|()| sys::fs::symlink(service.dir.as_slice(), path.as_slice())),
        done => done,
    };
    made.or_unable_to("link", &path)
}

/// How a service stands that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Missing,
    Up,
    /// It failed permanently.
    Failed,
}

/// Waits until every service is up, or ready if it notifies readiness; names those that miss the deadline or fail
/// permanently, with what is known of why.
///
/// `listeners` has the index of each service's listener in the watch.
fn wait_until_up(
    copied: &[Copied],
    watch: &mut Watch,
    listeners: &[Option<usize>],
    deadline: Option<Moment>,
) -> Result<Vec<String>, Fatal> {
    let mut states: Vec<_> = copied.iter().map(|_| Awaited::Missing).collect();
    let mut asking = Asking::new(clock::now(), listeners.iter().all(Option::is_some));
    while states.contains(&Awaited::Missing) {
        let until = deadline.into_iter().chain([asking.at()]).min();
        let Some((index, letters)) = watch.next(until).or_unable(|| "wait for services")? else {
            let now = clock::now();
            if deadline.is_some_and(|at| at <= now) {
                break;
            }
            asking = asking.next(now);
            for (service, state) in copied.iter().zip(&mut states) {
                if *state == Awaited::Missing && service.is_up() {
                    *state = Awaited::Up;
                }
            }
            continue;
        };
        let number = listeners.iter().position(|own| *own == Some(index)).unwrap_or(usize::MAX);
        let notifies = copied.get(number).is_some_and(|c| c.notifies);
        let wanted = if notifies { ServiceEvent::Ready } else { ServiceEvent::Up };
        let Some(slot) = states.get_mut(number) else { continue };
        if wanted.is_in(&letters) {
            *slot = Awaited::Up;
        } else if ServiceEvent::PermanentFailure.is_in(&letters) {
            *slot = Awaited::Failed;
        }
    }
    let not_up = copied.iter().zip(states).filter(|(_, state)| *state != Awaited::Up);
    Ok(not_up.map(|(service, _)| attended::with_reason(diag::shown(&service.name), &service.dir)).collect())
}
