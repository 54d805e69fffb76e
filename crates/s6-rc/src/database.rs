//! The service database: atomic services, bundles, and the graph between them.
//!
//! Services have numbers: first the longruns, the two internal ones ahead of the others, then the oneshots, each
//! group sorted by name.  What services depend on and want forms no cycle; whoever has a [`Database`] may rely on that.

use crate::direction::Direction;
use crate::order::walk;
use std::fmt;
use tool::sorted::Map;

/// The number of an atomic service.
pub type Id = u32;

/// The name that all oneshots depend on.
pub(crate) const ONESHOT_RUNNER: &[u8] = b"s6rc-oneshot-runner";

/// The name that all members of pipelines depend on.
pub(crate) const FDHOLDER: &[u8] = b"s6rc-fdholder";

/// [`Service::flags`]: not stopped without force.
pub(crate) const ESSENTIAL: u32 = 1;

/// [`Service::flags`]: enabled in new sets of a repository.
pub(crate) const RECOMMENDED: u32 = 2;

/// An atomic service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: Vec<u8>,
    /// Bits: 1 essential, 2 recommended.
    pub flags: u32,
    /// The longest that a start may take, in milliseconds; 0 for no limit.
    pub timeout_up: u32,
    /// The longest that a stop may take, in milliseconds; 0 for no limit.
    pub timeout_down: u32,
    /// What must be up for it to be up, directly; sorted.
    pub dependencies: Vec<Id>,
    /// What depends on it directly; sorted.
    pub dependents: Vec<Id>,
    /// What it starts after and stops before, if that is to start or stop, too; sorted, without its dependencies.
    pub wants: Vec<Id>,
    /// What wants it; sorted.
    pub wanted_by: Vec<Id>,
    /// What depends on the kind.
    pub body: Body,
}

/// Longrun or oneshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A supervised daemon, and its neighbours in the pipeline.
    Longrun {
        /// The service that reads its output.
        consumer: Option<Id>,
        /// The services whose output it reads; sorted.
        producers: Vec<Id>,
    },
    /// Scripts: each a command line, empty if there is nothing to do.
    Oneshot {
        /// To start it.
        up: Vec<Vec<u8>>,
        /// To stop it.
        down: Vec<Vec<u8>>,
        /// To reload it.
        reload: Vec<Vec<u8>>,
    },
}

impl Default for Body {
    fn default() -> Self {
        Self::Longrun { consumer: None, producers: Vec::new() }
    }
}

impl Service {
    /// Whether it is a longrun.
    #[must_use]
    pub fn is_longrun(&self) -> bool {
        matches!(self.body, Body::Longrun { .. })
    }

    /// Whether it exists as a name only: it has no service directory and no process.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.name == ONESHOT_RUNNER || self.name == FDHOLDER
    }

    /// Whether it is marked as essential.
    #[must_use]
    pub fn is_essential(&self) -> bool {
        self.flags & ESSENTIAL != 0
    }
}

/// A name for several services.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Its name.
    pub name: Vec<u8>,
    /// The atomic services in it, nested bundles resolved; sorted.
    pub contents: Vec<Id>,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entity {
    /// An atomic service.
    Atomic(Id),
    /// A bundle, by its place in [`Database::bundles`].
    Bundle(u32),
}

/// Why services and bundles make no database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inconsistent {
    /// A reference to a service number that doesn't exist.
    NoSuchService,
    /// A name that can't be a file's.
    Name(Vec<u8>),
    /// The same name twice.
    Duplicate(Vec<u8>),
    /// A list of services that isn't sorted, or a oneshot before a longrun.
    NotSorted,
    /// Services that wait for each other, as a path; the first one depends on the second or wants it, the last the first.
    Cycle(Vec<Id>),
    /// Producers and consumer that disagree.
    Pipeline(Id),
}

impl fmt::Display for Inconsistent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchService => "no service has such a number",
            Self::Name(name) => return write!(f, "{} is no name", tool::diag::show(name)),
            Self::Duplicate(name) => return write!(f, "{} is there twice", tool::diag::show(name)),
            Self::NotSorted => "a list isn't sorted",
            Self::Cycle(_) => "services wait for each other",
            Self::Pipeline(_) => "ends of a pipe don't match",
        })
    }
}

/// A service database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Database {
    services: Vec<Service>,
    bundles: Vec<Bundle>,
    names: Map<Vec<u8>, Entity>,
}

/// Whether it can be the name of a service directory: never a way out of the directory that holds them.
fn is_file_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|b| b"/\0\n".contains(b))
}

fn is_set_below(list: &[Id], count: usize) -> Result<(), Inconsistent> {
    if list.last().is_some_and(|last| *last as usize >= count) {
        return Err(Inconsistent::NoSuchService);
    }
    let ascending = list.windows(2).all(|w| matches!(w, [a, b] if a < b));
    if ascending { Ok(()) } else { Err(Inconsistent::NotSorted) }
}

impl Database {
    /// Checks and joins services and bundles; [`Service::dependents`] and [`Service::wanted_by`] are computed here.
    ///
    /// # Errors
    /// What is inconsistent.
    pub fn new(mut services: Vec<Service>, bundles: Vec<Bundle>) -> Result<Self, Inconsistent> {
        let count = services.len();
        let mut names = Map::new();
        for (id, service) in (0..).zip(&services) {
            if !is_file_name(&service.name) {
                return Err(Inconsistent::Name(service.name.clone()));
            }
            if names.set(service.name.clone(), Entity::Atomic(id)).is_some() {
                return Err(Inconsistent::Duplicate(service.name.clone()));
            }
            is_set_below(&service.dependencies, count)?;
            is_set_below(&service.wants, count)?;
        }
        for (at, bundle) in (0..).zip(&bundles) {
            if names.set(bundle.name.clone(), Entity::Bundle(at)).is_some() {
                return Err(Inconsistent::Duplicate(bundle.name.clone()));
            }
            is_set_below(&bundle.contents, count)?;
        }
        if !services.is_sorted_by_key(|s| !s.is_longrun()) {
            return Err(Inconsistent::NotSorted);
        }
        check_pipelines(&services)?;
        let dependents = reversed(&services, |service| &service.dependencies)?;
        let wanted_by = reversed(&services, |service| &service.wants)?;
        for ((service, dependents), wanted_by) in services.iter_mut().zip(dependents).zip(wanted_by) {
            service.dependents = dependents;
            service.wanted_by = wanted_by;
        }
        match cycles(&services).into_iter().next() {
            Some(cycle) => Err(Inconsistent::Cycle(cycle)),
            None => Ok(Self { services, bundles, names }),
        }
    }

    /// All atomic services, by number.
    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// All bundles, sorted by name.
    #[must_use]
    pub fn bundles(&self) -> &[Bundle] {
        &self.bundles
    }

    /// How many atomic services there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.services.len()
    }

    /// Whether there is no service at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// A service by its number.
    #[must_use]
    pub fn service(&self, id: Id) -> Option<&Service> {
        self.services.get(id as usize)
    }

    /// The name of a service; empty if there is none of that number.
    #[must_use]
    pub fn name(&self, id: Id) -> &[u8] {
        self.service(id).map_or(&[], |s| &s.name)
    }

    /// What a name stands for.
    #[must_use]
    pub(crate) fn find(&self, name: &[u8]) -> Option<Entity> {
        self.names.get(name).copied()
    }

    /// The atomic services that a name stands for.
    #[must_use]
    pub fn atomics(&self, name: &[u8]) -> Option<Vec<Id>> {
        Some(match self.find(name)? {
            Entity::Atomic(id) => vec![id],
            Entity::Bundle(at) => self.bundles.get(at as usize)?.contents.clone(),
        })
    }

    /// `: did you mean NAME?` if a service or bundle has a name that resembles this one, otherwise nothing.
    #[must_use]
    pub fn did_you_mean(&self, name: &[u8]) -> String {
        let services = self.services.iter().filter(|service| !service.is_internal()).map(|s| &s.name);
        let names = services.chain(self.bundles.iter().map(|bundle| &bundle.name));
        let meant = tool::similar(name, names.map(Vec::as_slice));
        meant.map_or(String::new(), |meant| format!(": did you mean {}?", tool::diag::show(meant)))
    }

    /// Adds to a selection (one flag for each service) what must go along with it, recursively: upwards all
    /// dependencies, downwards all dependents.
    pub fn close(&self, selection: &mut [bool], direction: Direction) {
        let mut todo: Vec<Id> = (0..).zip(selection.iter()).filter(|(_, s)| **s).map(|(i, _)| i).collect();
        while let Some(service) = todo.pop().and_then(|id| self.service(id)) {
            let next = match direction {
                Direction::Up => &service.dependencies,
                Direction::Down => &service.dependents,
            };
            for id in next {
                if let Some(slot) = selection.get_mut(*id as usize).filter(|s| !**s) {
                    *slot = true;
                    todo.push(*id);
                }
            }
        }
    }
}

/// For each service those that have it in their list.
fn reversed(services: &[Service], list: fn(&Service) -> &Vec<Id>) -> Result<Vec<Vec<Id>>, Inconsistent> {
    let mut found = vec![Vec::new(); services.len()];
    for (id, service) in (0..).zip(services) {
        for other in list(service) {
            found.get_mut(*other as usize).ok_or(Inconsistent::NoSuchService)?.push(id);
        }
    }
    Ok(found)
}

/// The first cycles of services that wait for each other, as [`Walk`](crate::order::Walk) has them.
pub(crate) fn cycles(services: &[Service]) -> Vec<Vec<Id>> {
    let before: Vec<Vec<Id>> =
        services.iter().map(|service| [&*service.dependencies, &*service.wants].concat()).collect();
    let count = Id::try_from(services.len()).unwrap_or(Id::MAX);
    walk(count, |id| before.get(id as usize).map_or(&[], Vec::as_slice)).cycles
}

/// Each consumer lists each of its producers, and nobody else.
fn check_pipelines(services: &[Service]) -> Result<(), Inconsistent> {
    for (id, service) in (0..).zip(services) {
        let Body::Longrun { consumer, producers } = &service.body else { continue };
        is_set_below(producers, services.len())?;
        if let Some(consumer) = consumer {
            let to = services.get(*consumer as usize).ok_or(Inconsistent::NoSuchService)?;
            let listed =
                matches!(&to.body, Body::Longrun { producers, .. } if producers.binary_search(&id).is_ok());
            if !listed {
                return Err(Inconsistent::Pipeline(id));
            }
        }
        for producer in producers {
            let from = services.get(*producer as usize).ok_or(Inconsistent::NoSuchService)?;
            if !matches!(&from.body, Body::Longrun { consumer: Some(c), .. } if *c == id) {
                return Err(Inconsistent::Pipeline(id));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Oneshots with these dependencies, named `0`, `1`, ….
    pub(crate) fn oneshots(dependencies: &[&[Id]]) -> Vec<Service> {
        let body = Body::Oneshot { up: Vec::new(), down: Vec::new(), reload: Vec::new() };
        let named = dependencies.iter().enumerate();
        named
            .map(|(i, d)| Service {
                name: i.to_string().into_bytes(),
                dependencies: d.to_vec(),
                body: body.clone(),
                ..Service::default()
            })
            .collect()
    }

    #[test]
    fn flags_and_internal_names_are_part_of_the_format() {
        assert_eq!((ESSENTIAL, RECOMMENDED), (1, 2));
        assert_eq!((ONESHOT_RUNNER, FDHOLDER), (&b"s6rc-oneshot-runner"[..], &b"s6rc-fdholder"[..]));
    }

    #[test]
    fn closures_go_both_ways() {
        let db = Database::new(oneshots(&[&[], &[0], &[1], &[0]]), Vec::new()).unwrap();
        let mut up = vec![false, false, true, false];
        db.close(&mut up, Direction::Up);
        assert_eq!(up, [true, true, true, false]);
        let mut down = vec![false, true, false, false];
        db.close(&mut down, Direction::Down);
        assert_eq!(down, [false, true, true, false]);
        assert_eq!(db.service(0).unwrap().dependents, [1, 3]);
    }

    #[test]
    fn what_is_wanted_is_known_from_both_ends_and_pulls_nothing() {
        let mut services = oneshots(&[&[], &[], &[0]]);
        services[2].wants = vec![1];
        let db = Database::new(services, Vec::new()).unwrap();
        assert_eq!(db.service(1).unwrap().wanted_by, [2]);
        for (direction, selected) in [(Direction::Up, 2), (Direction::Down, 1)] {
            let mut closed = vec![false; 3];
            closed[selected] = true;
            db.close(&mut closed, direction);
            assert_eq!(closed[1], selected == 1);
        }
    }

    #[test]
    fn a_misspelt_name_leads_to_the_one_that_was_meant() {
        let mut services = oneshots(&[&[], &[0]]);
        services[1].name = b"mailer".to_vec();
        let bundle = Bundle { name: b"backend".to_vec(), contents: vec![1] };
        let db = Database::new(services, vec![bundle]).unwrap();
        for (name, meant) in
            [("mialer", ": did you mean mailer?"), ("bakend", ": did you mean backend?"), ("cron", "")]
        {
            assert_eq!(db.did_you_mean(name.as_bytes()), meant, "{name}");
        }
    }

    #[test]
    fn what_is_inconsistent_is_refused() {
        let make = |d: &[&[Id]]| Database::new(oneshots(d), Vec::new()).unwrap_err();
        assert_eq!(make(&[&[1]]), Inconsistent::NoSuchService);
        assert_eq!(make(&[&[], &[], &[1, 0]]), Inconsistent::NotSorted);
        assert_eq!(make(&[&[1], &[0]]), Inconsistent::Cycle(vec![0, 1]));
        let mut wants = oneshots(&[&[], &[0]]);
        wants[0].wants = vec![1];
        let cycle = Database::new(wants.clone(), Vec::new()).unwrap_err();
        assert_eq!(cycle, Inconsistent::Cycle(vec![0, 1]));
        wants[0].wants = vec![2];
        assert_eq!(Database::new(wants, Vec::new()).unwrap_err(), Inconsistent::NoSuchService);
        let bundle = Bundle { name: b"0".to_vec(), contents: vec![0] };
        let twice = Database::new(oneshots(&[&[]]), vec![bundle]).unwrap_err();
        assert_eq!(twice, Inconsistent::Duplicate(b"0".to_vec()));
        let mut broken = oneshots(&[&[]]);
        broken[0].body = Body::Longrun { consumer: Some(0), producers: Vec::new() };
        assert_eq!(Database::new(broken, Vec::new()).unwrap_err(), Inconsistent::Pipeline(0));
    }
}
