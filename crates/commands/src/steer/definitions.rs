//! The definitions of a running container, compiled again: what has changed, and the switch to them.
//!
//! Circle: `scale` calls for new definitions, and has a word at each step of the switch to them.

use super::scale::Scale;
use super::{access, is_caller, legacy, listed, look, take_turn};
use crate::status::TIMED_OUT;
use files::{open_dir, remove_tree, replace_link, same_tree, version_name};
use overlay::boot::definitions::Wishes;
use overlay::boot::facts::Container;
use overlay::boot::{conditions, probes};
use overlay::environment::settings::Settings;
use overlay::layout::{DATABASE, LIVE, RUN_S6};
use overlay::legacy::idle;
use rustix::fs::CWD;
use s6_rc::change_options::ChangeOptions;
use s6_rc::compile::ServiceDir;
use s6_rc::database::{Body, Database, Id, Service};
use s6_rc::init::Compiled;
use s6_rc::interrupts::Interrupts;
use s6_rc::live::Live;
use s6_rc::update::{UpdateOptions, stopped_by, update};
use tool::clock::Moment;
use tool::diag::{self, show, shown};
use tool::path::{join, split};
use tool::{Call, Fatal, Next, OrUnable, Out, Outcome};

/// What is different in other definitions, one line each.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Differences {
    pub(super) added: Vec<Vec<u8>>,
    pub(super) removed: Vec<Vec<u8>>,
    /// With what of them has changed.
    pub(super) changed: Vec<(Vec<u8>, Vec<String>)>,
}

/// What is done about definitions that are different, once that is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Nothing.
    Nothing,
    /// The switch to them, in the background.
    SwitchInBackground,
    /// The switch to them.
    Switch,
}

/// Compiles the definitions as a boot does, prints what is different, and switches to them, or whatever is to be done `then`.
///
/// # Errors
/// Code 1: the definitions are invalid, or a service couldn't be stopped or started.  99: the time was over.  111: the system.
pub(crate) fn renew(call: &Call, then: Then, deadline: Option<Moment>) -> Outcome {
    replace(call, then, None, deadline)
}

/// The same with other numbers of instances, if they are given.
///
/// # Errors
/// As of [`renew`].
pub(super) fn replace(call: &Call, then: Then, scale: Option<&Scale>, deadline: Option<Moment>) -> Outcome {
    let live = look()?;
    access::check_container()?;
    let folder = open_dir(CWD, RUN_S6.as_bytes()).or_unable_to("open", RUN_S6.as_bytes())?;
    let env = Settings::new(&call.env).all()?;
    let settings = Settings::of_container(&env);
    let fresh = version_name(split(DATABASE.as_bytes()).1, "reload");
    let path = join(RUN_S6.as_bytes(), &fresh);
    let found = Wishes::read(&settings).and_then(|wishes| {
        let how = (settings.etc(), settings.verbosity());
        let container = Container::new(settings, None);
        let container = match scale {
            Some(scale) => container.scaled_to(scale.all.clone()),
            None => container,
        };
        let found = wishes.compile(&path, &settings, (&how.0, how.1), &container)?;
        if let Some(scale) = scale {
            scale.check(&container, live.database(), &found.compiled.database)?;
        }
        wishes.check_again(&found.compiled.database, &found.examined, &settings)?;
        Ok(found)
    });
    let done = match found {
        Ok(found) => {
            let how = (then, scale);
            match switch(call, live, &found.compiled, &path, how, deadline).transpose() {
                // What was compiled is the other process's now.
                None => return Ok(Next::SUCCESS),
                Some(done) => {
                    if current().as_deref() == Some(&path) {
                        conditions::write(&found.examined, false, &settings);
                    }
                    done
                }
            }
        }
        Err(why) if why.code() == 1 || scale.is_some() => Err(why.and(": nothing was changed")),
        Err(why) => Err(why),
    };
    let current = current();
    if current.as_deref() != Some(&path) {
        let _ = remove_tree(&folder, &fresh);
    }
    done
}

/// The compiled database of the live state.
fn current() -> Option<Vec<u8>> {
    sys::fs::readlink(join(LIVE.as_bytes(), b"compiled"), Vec::new()).ok().map(|path| path.into_bytes())
}

/// Prints what is different in the database that was compiled to `path`, and switches to it; `None` if another process does that.
fn switch(
    call: &Call,
    live: Live,
    compiled: &Compiled,
    path: &[u8],
    (then, scale): (Then, Option<&Scale>),
    deadline: Option<Moment>,
) -> Result<Option<Next>, Fatal> {
    let new = &*compiled.database;
    let is_probed = compiled.servicedirs.iter().any(ServiceDir::is_probed);
    let old = current().ok_or_else(|| Fatal::new(111, "the live state has no database"))?;
    let mut differences = Differences::between(live.database(), new, &|name| changed_files(&old, path, name));
    if let Some(scale) = scale {
        scale.check_others(&differences, live.database(), new)?;
        differences.changed.clear();
    }
    let mut out = Out::new();
    differences.lines().iter().try_for_each(|line| out.line(line.as_bytes()))?;
    if differences == Differences::default() && scale.is_none() {
        out.line(b"no definition has changed")?;
        return out.finish().map(Some);
    }
    let going_down = stopped_by(&live, new)?;
    out.put(downs(&going_down, then).as_bytes())?;
    out.flush()?;
    drop(live);
    match then {
        Then::Nothing => return Ok(Some(Next::SUCCESS)),
        Then::SwitchInBackground if is_caller(call)? => return Ok(None),
        _ => {}
    }
    let interrupts = Interrupts::trap()?;
    drop(take_turn(call, &interrupts, deadline)?);
    let how = ChangeOptions { deadline, ..interrupts.change_options(call, 1) };
    if is_probed && let Err(why) = probes::ensure(None) {
        call.warn(why.message());
    }
    let mut code = update_to(path, &how, scale)?;
    if current().as_deref() == Some(path) {
        release(&old, path);
        if let Some(scale) = scale {
            scale.note();
            if code == 0 {
                code = scale.start(&mut take_turn(call, &interrupts, deadline)?, &how)?;
            }
        }
        differences.print_hints(new, &going_down)?;
    }
    Ok(Some(Next::Exit(match code {
        0 => 0,
        2 | 10 => TIMED_OUT,
        _ => 1,
    })))
}

/// Switches to the database at `path`, and gives the exit code of that.  Numbers that were asked for count before it, so that they
/// aren't lost with this process.
fn update_to(path: &[u8], how: &ChangeOptions<'_>, scale: Option<&Scale>) -> Result<u8, Fatal> {
    let what = UpdateOptions {
        live: LIVE.as_bytes().to_vec(),
        compiled: path.to_vec(),
        conversions: None,
        block: false,
    };
    if let Some(scale) = scale {
        scale.keep(true)?;
    }
    let done = update(&what, how);
    if let Some(scale) = scale.filter(|_| current().as_deref() != Some(path)) {
        scale.keep(false)?;
    }
    done
}

/// A line that says what goes down, if anything does.
fn downs(names: &[Vec<u8>], then: Then) -> String {
    let mut stopped = Vec::new();
    for name in names {
        match name.as_slice() {
            idle::SERVICES => stopped.extend(legacy()),
            _ => stopped.push(name.clone()),
        }
    }
    if stopped.is_empty() {
        return String::new();
    }
    let what = if then == Then::Nothing { "would go down for that" } else { "goes down for that" };
    format!("{what}, and comes back if it is still there: {}\n", listed(&stopped))
}

/// Removes the former database, and makes the path of the boot's one lead to the current one.
fn release(old: &[u8], path: &[u8]) {
    let Ok(folder) = open_dir(CWD, RUN_S6.as_bytes()) else { return };
    if split(old).0 == RUN_S6.as_bytes() {
        let _ = remove_tree(&folder, split(old).1);
    }
    let _ = replace_link(&folder, split(path).1, split(DATABASE.as_bytes()).1);
}

/// The files of a service directory that differ in two compiled databases.
fn changed_files(old: &[u8], new: &[u8], name: &[u8]) -> Vec<String> {
    let dirs = [old, new].map(|database| join(&join(database, b"servicedirs"), name));
    let mut names: Vec<Vec<u8>> =
        dirs.iter().flat_map(|dir| files::names_at(CWD, dir).unwrap_or_default()).collect();
    names.sort_unstable();
    names.dedup();
    let [old, new] = dirs;
    // Before an instance's program stands how many there are, which isn't the definition's.
    let is_told = |file: &[u8]| names.contains(&[file, b".instance"].concat());
    let differs = |file: &&Vec<u8>| {
        !is_told(file) && !same_tree(CWD, &join(&old, file), &join(&new, file)).unwrap_or(false)
    };
    // Where probes are asked for, and where there are several of a service, the definition's programs have other names.
    let named = |file: &Vec<u8>| {
        let file = shown(file);
        file.trim_end_matches(".instance").trim_end_matches(".user").to_owned()
    };
    let mut files: Vec<_> = names.iter().filter(differs).map(named).collect();
    files.dedup();
    files
}

impl Differences {
    /// What is different between two databases; `files` gives the files of a longrun that differ.
    fn between(old: &Database, new: &Database, files: &dyn Fn(&[u8]) -> Vec<String>) -> Self {
        let mut found = Self::default();
        for (id, service) in (0..).zip(new.services()).filter(|(_, service)| !service.is_internal()) {
            match atomic(old, &service.name) {
                None => found.added.push(service.name.clone()),
                Some(before) => {
                    let mut what = changed_parts((old, before), (new, id));
                    if service.is_longrun() {
                        what.extend(files(&service.name));
                    }
                    if !what.is_empty() {
                        found.changed.push((service.name.clone(), what));
                    }
                }
            }
        }
        let gone = old.services().iter().filter(|service| atomic(new, &service.name).is_none());
        found.removed = gone.map(|service| service.name.clone()).collect();
        for bundle in new.bundles() {
            let contents = |database: &Database| -> Option<Vec<Vec<u8>>> {
                let bundle = database.bundles().iter().find(|other| other.name == bundle.name)?;
                Some(names(database, &bundle.contents))
            };
            if contents(old) != contents(new) {
                found.changed.push((bundle.name.clone(), vec!["contents".to_owned()]));
            }
        }
        found
    }

    /// Prints what to do for the changes to take effect, now that `new` is the database.
    fn print_hints(&self, new: &Database, went_down: &[Vec<u8>]) -> Result<(), Fatal> {
        let up = look()?.up();
        let is_up = |name: &[u8]| {
            let id = atomic(new, name).and_then(|id| usize::try_from(id).ok());
            id.is_some_and(|id| up.get(id) == Some(&true))
        };
        let ran_before = |name: &[u8]| is_up(name) && !went_down.iter().any(|gone| gone == name);
        self.hints(&is_up, &ran_before).iter().for_each(|hint| diag::line(hint));
        Ok(())
    }

    fn lines(&self) -> Vec<String> {
        let line = |name: &[u8], what: &str| format!("{}: {what}", show(name));
        let added = self.added.iter().map(|name| line(name, "added"));
        let removed = self.removed.iter().map(|name| line(name, "removed"));
        let changed = self.changed.iter();
        let changed = changed.map(|(name, what)| line(name, &format!("changed ({})", what.join(", "))));
        added.chain(removed).chain(changed).collect()
    }

    /// What to do for the changes to take effect; `ran_before`: a service is up, and has been since before them.
    fn hints(&self, is_up: &dyn Fn(&[u8]) -> bool, ran_before: &dyn Fn(&[u8]) -> bool) -> Vec<String> {
        let words = |names: Vec<Vec<u8>>| listed(&names).replace(", ", " ");
        let down: Vec<_> = self.added.iter().filter(|name| !is_up(name)).cloned().collect();
        let changed = self.changed.iter().map(|(name, _)| name);
        let old: Vec<_> = changed.filter(|name| ran_before(name)).cloned().collect();
        let mut hints = Vec::new();
        if !down.is_empty() {
            hints.push(format!("to start what was added: s6-overlay start {}", words(down)));
        }
        if !old.is_empty() {
            hints.push(format!("to restart what has changed: s6-overlay restart {}", words(old)));
        }
        hints
    }
}

/// The number of an atomic service.
fn atomic(database: &Database, name: &[u8]) -> Option<Id> {
    let ids = database.atomics(name)?;
    ids.first().copied().filter(|id| database.name(*id) == name)
}

/// The names of services.
fn names(database: &Database, ids: &[Id]) -> Vec<Vec<u8>> {
    let mut names: Vec<_> = ids.iter().map(|id| database.name(*id).to_vec()).collect();
    names.sort_unstable();
    names
}

/// Whether command lines are the same, but for how many instances there are.
fn is_same_script(old: &[Vec<u8>], new: &[Vec<u8>]) -> bool {
    let is_number = |word: &[u8]| word.starts_with(b"INSTANCES=");
    let mut both = old.iter().zip(new);
    old.len() == new.len() && both.all(|(old, new)| old == new || (is_number(old) && is_number(new)))
}

/// What of the database's entry of a service differs.
fn changed_parts((old, before): (&Database, Id), (new, after): (&Database, Id)) -> Vec<String> {
    let (Some(one), Some(other)) = (old.service(before), new.service(after)) else { return Vec::new() };
    let needs = |database: &Database, service: &Service| names(database, &service.dependencies);
    let wants = |database: &Database, service: &Service| names(database, &service.wants);
    let scripts = match (&one.body, &other.body) {
        (
            Body::Oneshot { up, down, reload },
            Body::Oneshot { up: new_up, down: new_down, reload: new_reload },
        ) => {
            [(up, new_up), (down, new_down), (reload, new_reload)].map(|(old, new)| !is_same_script(old, new))
        }
        _ => [false; 3],
    };
    let rows = [
        ("type", one.is_longrun() != other.is_longrun()),
        ("dependencies", needs(old, one) != needs(new, other)),
        ("wants", wants(old, one) != wants(new, other)),
        ("flags", one.flags != other.flags),
        ("timeout-up", one.timeout_up != other.timeout_up),
        ("timeout-down", one.timeout_down != other.timeout_down),
        ("up", matches!(scripts, [true, ..])),
        ("down", matches!(scripts, [_, true, _])),
        ("reload", matches!(scripts, [.., true])),
    ];
    rows.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use s6_rc::database::Bundle;

    #[test]
    fn what_is_different() {
        let longrun = |name: &str, dependencies: &[Id]| Service {
            name: name.into(),
            dependencies: dependencies.to_vec(),
            ..Service::default()
        };
        let oneshot = |name: &str, up: &str| Service {
            body: Body::Oneshot { up: vec![up.into()], down: Vec::new(), reload: Vec::new() },
            ..longrun(name, &[])
        };
        let bundle = |contents: &[Id]| vec![Bundle { name: b"user".to_vec(), contents: contents.to_vec() }];
        let old = vec![longrun("db", &[]), longrun("web", &[0]), longrun("x", &[]), oneshot("prepare", "a")];
        let old = Database::new(old, bundle(&[0, 1])).unwrap();
        let new = vec![
            Service { timeout_up: 5, ..longrun("cron", &[]) },
            Service { timeout_up: 5, ..longrun("db", &[]) },
            longrun("web", &[1]),
            oneshot("prepare", "b"),
            oneshot("x", "a"),
        ];
        let new = Database::new(new, bundle(&[0, 1, 2])).unwrap();
        let run = |name: &[u8]| if name == b"web" { vec!["run".to_owned()] } else { Vec::new() };
        let differences = Differences::between(&old, &new, &run);
        let hints = differences.hints(&|_| false, &|name| name == b"web");
        let lines = [differences.lines(), hints].concat().join("\n");
        insta::assert_snapshot!(lines);
        assert_eq!(Differences::between(&old, &old, &|_| Vec::new()), Differences::default());
    }
}
