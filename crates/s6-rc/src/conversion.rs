//! From one database to another: which services must stop, which keep running, which must start.
//!
//! A service is "the same" in the other database if it has the same name, unless a conversion says otherwise.  It keeps running if it can.  A
//! service stops if it is gone, has become something else, is to be restarted or depends on something that isn't up;
//! everything that depends on it stops, too.

use crate::database::{Database, Entity, Id};
use crate::direction::Direction;
use tool::sorted::Map;
use tool::{Fatal, diag::show};

/// What a conversion file says about an old service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Conversion {
    pub(crate) new_name: Option<Vec<u8>>,
    pub(crate) restart: bool,
}

/// By old service.
pub(crate) type Conversions = Map<Id, Conversion>;

/// Parses a conversion file: lines of words in execline's syntax, `OLD [ -> NEW ] [ restart ]`.
///
/// # Errors
/// Code 100 for a syntax error, 3 for an unknown old service, 5 for a bundle, 6 for a service that comes twice.
pub(crate) fn parse(text: &[u8], old: &Database) -> Result<Conversions, Fatal> {
    let mut found = Conversions::new();
    for (number, line) in (1..).zip(text.split(|b| *b == b'\n')) {
        let wrong =
            |code: u8, what: String| Fatal::new(code, format_args!("conversion file, line {number}: {what}"));
        let words = execline::parse(line).map_err(|e| wrong(100, e.fault.to_string()))?;
        let Some((name, rest)) = words.split_first() else { continue };
        let id = match old.find(name) {
            Some(Entity::Atomic(id)) => id,
            Some(Entity::Bundle(_)) => return Err(wrong(5, format!("{} is a bundle", show(name)))),
            None => return Err(wrong(3, format!("{} is not a service of the current database", show(name)))),
        };
        let mut conversion = Conversion::default();
        let mut rest = rest.iter();
        while let Some(word) = rest.next() {
            match word.as_slice() {
                b"->" if conversion.new_name.is_none() && !conversion.restart => {
                    let name = rest.next().ok_or_else(|| wrong(100, "-> without a name".into()))?;
                    conversion.new_name = Some(name.clone());
                }
                b"restart" => conversion.restart = true,
                other => {
                    return Err(wrong(
                        100,
                        format!("{} is not an instruction: write -> NAME or restart", show(other)),
                    ));
                }
            }
        }
        if found.set(id, conversion).is_some() {
            return Err(wrong(6, format!("{} comes more than once", show(name))));
        }
    }
    Ok(found)
}

/// What an old service becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Becomes {
    /// Nothing.
    Gone,
    /// A service of the same kind, which may keep running.
    Same(Id),
    /// Something else: these services.
    Other(Vec<Id>),
}

/// The relation between two databases.
#[derive(Debug)]
pub(crate) struct Mapping<'a> {
    old: &'a Database,
    new: &'a Database,
    becomes: Vec<Becomes>,
    /// The old service that a new one is the same as.
    origin: Vec<Option<Id>>,
    restart: Vec<bool>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transitions {
    /// Old services to stop.
    pub(crate) stop: Vec<bool>,
    /// New services to start.
    pub(crate) start: Vec<bool>,
    /// For each new service, the old one that keeps running as it.
    pub(crate) keep: Vec<Option<Id>>,
}

fn at<T: Clone + Default>(list: &[T], id: Id) -> T {
    list.get(id as usize).cloned().unwrap_or_default()
}

fn set<T>(list: &mut [T], id: Id, value: T) {
    if let Some(slot) = list.get_mut(id as usize) {
        *slot = value;
    }
}

impl<'a> Mapping<'a> {
    /// Relates the services of two databases.
    ///
    /// # Errors
    /// Code 4 for a new name that isn't in the new database, 6 if two old services become the same new one.
    pub(crate) fn new(
        old: &'a Database,
        new: &'a Database,
        conversions: &Conversions,
    ) -> Result<Self, Fatal> {
        let mut becomes = Vec::with_capacity(old.len());
        let mut origin = vec![None; new.len()];
        let mut restart = vec![false; old.len()];
        for (id, service) in (0..).zip(old.services()) {
            let conversion = conversions.get(&id);
            let renamed = conversion.and_then(|c| c.new_name.as_ref());
            let name = renamed.unwrap_or(&service.name);
            let found = match new.find(name) {
                None if renamed.is_some() => {
                    let text = format!("{} is not a service of the new database", show(name));
                    return Err(Fatal::new(4, text));
                }
                None => Becomes::Gone,
                Some(Entity::Bundle(_)) => Becomes::Other(new.atomics(name).unwrap_or_default()),
                Some(Entity::Atomic(to)) => {
                    if let Some(other) = at(&origin, to) {
                        let pair = format!("{} and {}", show(old.name(other)), show(&service.name));
                        return Err(Fatal::new(6, format_args!("{pair} both become {}", show(name))));
                    }
                    set(&mut origin, to, Some(id));
                    let same = new.service(to).is_some_and(|s| s.is_longrun() == service.is_longrun());
                    if same { Becomes::Same(to) } else { Becomes::Other(vec![to]) }
                }
            };
            becomes.push(found);
            set(&mut restart, id, conversion.is_some_and(|c| c.restart));
        }
        Ok(Self { old, new, becomes, origin, restart })
    }

    /// The new services that follow from the old ones: those that keep running, and those to be started.
    fn carry_over(&self, up: &[bool], stopped: &[bool]) -> (Vec<Option<Id>>, Vec<bool>) {
        let mut keep = vec![None; self.new.len()];
        let mut wanted = vec![false; self.new.len()];
        for (id, becomes) in (0..).zip(&self.becomes).filter(|(id, _)| at(up, *id)) {
            match becomes {
                Becomes::Gone => {}
                Becomes::Same(to) if !at(stopped, id) => set(&mut keep, *to, Some(id)),
                Becomes::Same(to) => set(&mut wanted, *to, true),
                Becomes::Other(all) => all.iter().for_each(|to| set(&mut wanted, *to, true)),
            }
        }
        (keep, wanted)
    }

    /// The new services that must be up and aren't.
    fn missing(&self, keep: &[Option<Id>], wanted: &[bool]) -> Vec<bool> {
        let mut needed: Vec<bool> = keep.iter().zip(wanted).map(|(k, w)| k.is_some() || *w).collect();
        self.new.close(&mut needed, Direction::Up);
        needed.iter().zip(keep).map(|(n, k)| *n && k.is_none()).collect()
    }

    /// The transitions that are necessary while these old services are up.
    pub(crate) fn transitions(&self, up: &[bool]) -> Transitions {
        let mut restart = self.restart.clone();
        loop {
            let changes = |id: Id| !matches!(self.becomes.get(id as usize), Some(Becomes::Same(_)));
            let mut stop: Vec<bool> =
                (0..).zip(up).map(|(id, up)| *up && (at(&restart, id) || changes(id))).collect();
            self.old.close(&mut stop, Direction::Down);
            stop.iter_mut().zip(up).for_each(|(stop, up)| *stop &= up);
            let (keep, wanted) = self.carry_over(up, &stop);
            let start = self.missing(&keep, &wanted);
            // A service that keeps running must not depend on one that is started only later.
            let mut late = start.clone();
            self.new.close(&mut late, Direction::Down);
            let mut settled = true;
            for old in keep.iter().zip(&late).filter(|(_, late)| **late).filter_map(|(k, _)| *k) {
                settled = false;
                set(&mut restart, old, true);
            }
            if settled {
                return Transitions { stop, start, keep };
            }
        }
    }

    /// The transitions that remain once the old services have been stopped: `up` were up before, `still_up` still are (an
    /// essential service isn't stopped without force).
    pub(crate) fn after_stop(&self, up: &[bool], still_up: &[bool]) -> Transitions {
        let stopped: Vec<bool> = still_up.iter().map(|l| !l).collect();
        let (keep, wanted) = self.carry_over(up, &stopped);
        let start = self.missing(&keep, &wanted);
        Transitions { stop: stopped, start, keep }
    }

    /// The old service whose directory a new longrun takes over, running or not.
    pub(crate) fn origin(&self, new: Id) -> Option<Id> {
        at(&self.origin, new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::tests::oneshots;
    use crate::database::{Body, Bundle, Service};

    fn named(services: &[(&str, &[Id])]) -> Vec<Service> {
        let lists: Vec<&[Id]> = services.iter().map(|(_, d)| *d).collect();
        let mut made = oneshots(&lists);
        made.iter_mut().zip(services).for_each(|(s, (name, _))| s.name = name.as_bytes().to_vec());
        made
    }

    fn database(services: &[(&str, &[Id])]) -> Database {
        Database::new(named(services), Vec::new()).unwrap()
    }

    fn transitions(old: &Database, new: &Database, up: &[bool], file: &str) -> Transitions {
        let conversions = parse(file.as_bytes(), old).unwrap();
        Mapping::new(old, new, &conversions).unwrap().transitions(up)
    }

    #[test]
    fn the_same_database_changes_nothing() {
        let db = database(&[("a", &[]), ("b", &[0])]);
        let t = transitions(&db, &db, &[true, true], "");
        assert_eq!((t.stop, t.start), (vec![false; 2], vec![false; 2]));
        assert_eq!(t.keep, [Some(0), Some(1)]);
    }

    #[test]
    fn a_restart_spreads_to_dependents() {
        let db = database(&[("a", &[]), ("b", &[0]), ("o", &[])]);
        let t = transitions(&db, &db, &[true, true, true], "# why\n\n a restart # not");
        assert_eq!((t.stop, t.start), (vec![true, true, false], vec![true, true, false]));
        let t = transitions(&db, &db, &[true, false, true], "a restart");
        assert_eq!(t.start, [true, false, false]);
    }

    #[test]
    fn a_new_dependency_restarts_unless_it_is_up() {
        let old = database(&[("a", &[]), ("base", &[])]);
        let new = database(&[("base", &[]), ("a", &[0])]);
        let t = transitions(&old, &new, &[true, false], "");
        assert_eq!((t.stop, t.start), (vec![true, false], vec![true, true]));
        let t = transitions(&old, &new, &[true, true], "");
        assert_eq!((t.stop, t.start), (vec![false; 2], vec![false; 2]));
    }

    #[test]
    fn what_is_gone_or_something_else_stops() {
        let old = database(&[("a", &[]), ("b", &[0]), ("c", &[])]);
        let bundle = Bundle { name: b"c".to_vec(), contents: vec![0] };
        let new = Database::new(named(&[("x", &[])]), vec![bundle]).unwrap();
        let t = transitions(&old, &new, &[true, true, true], "");
        assert_eq!((t.stop, t.start), (vec![true; 3], vec![true]));
        let mut longrun = named(&[("a", &[])]);
        longrun[0].body = Body::Longrun { consumer: None, producers: Vec::new() };
        let t = transitions(&old, &Database::new(longrun, Vec::new()).unwrap(), &[true, false, false], "");
        assert_eq!((t.stop, t.start), (vec![true, false, false], vec![true]));
    }

    #[test]
    fn a_renamed_service_keeps_running() {
        let (old, new) = (database(&[("a", &[])]), database(&[("b", &[])]));
        let t = transitions(&old, &new, &[true], "a -> b");
        assert_eq!((t.stop, t.start, t.keep), (vec![false], vec![false], vec![Some(0)]));
        let t = transitions(&old, &new, &[true], "a -> b restart");
        assert_eq!((t.stop, t.start), (vec![true], vec![true]));
    }

    #[test]
    fn errors_have_their_codes() {
        let bundle = Bundle { name: b"x".to_vec(), contents: vec![0] };
        let db = Database::new(named(&[("a", &[]), ("b", &[])]), vec![bundle]).unwrap();
        let code = |file: &str| match parse(file.as_bytes(), &db) {
            Err(e) => e.code(),
            Ok(c) => Mapping::new(&db, &db, &c).map_or_else(|e| e.code(), |_| 0),
        };
        for (file, expected) in [
            ("ghost restart", 3),
            ("x restart", 5),
            ("a restart\na restart", 6),
            ("a nonsense", 100),
            ("a -> ghost", 4),
            ("a -> b", 6),
            ("a \"restart", 100),
            ("a { restart", 100),
            ("a { restart }", 100),
            ("a ->", 100),
            ("a -> b\nb -> a", 0),
        ] {
            assert_eq!(code(file), expected, "{file}");
        }
    }
}
