//! What services have to do with each other, as a graph that can be read: its parts, and what is left out of them.

use commands::status::word::{Word, standing};
use commands::status::{Kind, Service, Snapshot};
use overlay::legacy::idle;
use s6_rc::database::{Body, Database};
use std::collections::{BTreeMap, BTreeSet};
use tool::diag::show;

/// The bundle of what prepares a container, which nearly everything needs.
const BASE: &str = "base";
/// Of more services, no edges are left out: nobody reads that many, and it would take memory as the square of their number.
const REDUCED_MAX: usize = 10_000;
/// The bundle of everything that starts.
const TOP: &str = "top";

/// A service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name, as it is shown.
    pub name: String,
    /// Whether it is a daemon.
    pub is_longrun: bool,
    /// What it needs.
    pub needs: BTreeSet<usize>,
    /// What it starts after, if that starts, too.
    pub wants: BTreeSet<usize>,
    /// What reads its output.
    pub consumer: Option<usize>,
    /// How it is, in a container that runs.
    pub state: Option<State>,
}

impl Node {
    /// What it has an edge to, but for its consumer.
    pub(crate) fn edges(&self) -> impl Iterator<Item = &usize> {
        self.needs.union(&self.wants)
    }

    /// A service of a container that runs.
    fn live(all: &Snapshot, service: &Service) -> Self {
        let standing = standing(all, service);
        let look = match standing.word {
            _ if standing.needs_attention() => Look::Bad,
            Word::Waiting | Word::Starting | Word::Stopping => Look::Moving,
            word if word.is_good() => Look::Good,
            _ => Look::Down,
        };
        Self {
            name: show(&service.name).to_string(),
            is_longrun: service.kind == Kind::Longrun,
            needs: service.needs.iter().copied().collect(),
            wants: service.wants.iter().copied().collect(),
            consumer: service.logger,
            state: Some(State { word: standing.word.text(), look }),
        }
    }
}

/// How a service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// In a word.
    pub word: &'static str,
    /// What to think of that.
    pub look: Look,
}

/// What to think of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// It is as it should be.
    Good,
    /// It is on its way.
    Moving,
    /// It is down, as it should be.
    Down,
    /// It should be up, and won't be without a change.
    Bad,
}

impl Look {
    /// What it is called in pictures.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Moving => "moving",
            Self::Down => "down",
            Self::Bad => "bad",
        }
    }
}

/// Services by name, and bundles.
#[derive(Debug, Default)]
pub struct Graph {
    /// The services, sorted by name.
    pub nodes: Vec<Node>,
    /// The bundles with what is in them, sorted by name.
    pub bundles: BTreeMap<String, BTreeSet<usize>>,
}

/// What is shown of a graph.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Services and bundles; all, if there are none.
    pub names: Vec<String>,
    /// What they need, instead of everything around them.
    pub up: bool,
    /// What needs them.
    pub down: bool,
    /// How many steps away from them.
    pub depth: Option<usize>,
    /// Edges that follow from others, and those to base, too.
    pub all_edges: bool,
}

impl Graph {
    /// The graph of a database, without what the service manager has for itself.
    #[must_use]
    pub fn of(database: &Database) -> Self {
        let mut order: Vec<usize> = (0..database.len()).collect();
        order.retain(|at| database.services().get(*at).is_some_and(|service| !service.is_internal()));
        order.sort_by_key(|at| database.services().get(*at).map(|service| &service.name));
        let place: BTreeMap<usize, usize> = order.iter().enumerate().map(|(new, old)| (*old, new)).collect();
        let new = |id: &u32| place.get(&usize::try_from(*id).ok()?).copied();
        let nodes = order.iter().filter_map(|at| database.services().get(*at)).map(|service| {
            let consumer = match &service.body {
                Body::Longrun { consumer, .. } => consumer.as_ref().and_then(new),
                Body::Oneshot { .. } => None,
            };
            Node {
                name: show(&service.name).to_string(),
                is_longrun: service.is_longrun(),
                needs: service.dependencies.iter().filter_map(new).collect(),
                wants: service.wants.iter().filter_map(new).collect(),
                consumer,
                state: None,
            }
        });
        let bundles = database
            .bundles()
            .iter()
            .map(|bundle| (show(&bundle.name).to_string(), bundle.contents.iter().filter_map(new).collect()));
        Self { nodes: nodes.collect(), bundles: bundles.collect() }
    }

    /// The graph of a container that runs, with how everything is.
    #[must_use]
    pub fn live(all: &Snapshot) -> Self {
        let bundles = all
            .bundles
            .iter()
            .map(|(name, members)| (show(name).to_string(), members.iter().copied().collect()));
        Self {
            nodes: all.services.iter().map(|service| Node::live(all, service)).collect(),
            bundles: bundles.collect(),
        }
    }

    /// The part that is wanted.
    ///
    /// # Errors
    /// A name is no service's and no bundle's.
    pub fn select(mut self, selection: &Selection) -> Result<Self, String> {
        let mut chosen = BTreeSet::new();
        for name in &selection.names {
            match (self.nodes.iter().position(|node| node.name == *name), self.bundles.get(name)) {
                (Some(at), _) => {
                    chosen.insert(at);
                }
                (None, Some(contents)) => chosen.extend(contents),
                (None, None) => {
                    let names = self.nodes.iter().map(|node| node.name.as_bytes());
                    let names = names.chain(self.bundles.keys().map(String::as_bytes));
                    let meant = tool::similar(name.as_bytes(), names).map(|meant| show(meant).to_string());
                    let meant = meant.map(|meant| format!(": did you mean {meant}?")).unwrap_or_default();
                    return Err(format!("there is no service {name}{meant}"));
                }
            }
        }
        if !selection.names.is_empty() {
            let both = selection.up == selection.down;
            let depth = selection.depth.unwrap_or(usize::MAX);
            let mut kept = chosen.clone();
            for (wanted, forwards) in [(selection.up, true), (selection.down, false)] {
                if wanted || both {
                    kept.extend(self.around(&chosen, forwards, depth));
                }
            }
            self.keep(&kept);
        }
        if !selection.all_edges {
            self.reduce();
            if !selection.names.iter().any(|name| name == BASE || name.as_bytes() == idle::SERVICES) {
                self.leave_out_own();
            }
        }
        Ok(self)
    }

    /// What is reached from some services in so many steps.
    fn around(&self, from: &BTreeSet<usize>, forwards: bool, depth: usize) -> BTreeSet<usize> {
        let (mut all, mut edge) = (from.clone(), from.clone());
        for _ in 0..depth {
            let next: BTreeSet<usize> = match forwards {
                true => {
                    edge.iter().filter_map(|at| self.nodes.get(*at)).flat_map(Node::edges).copied().collect()
                }
                false => {
                    let needs = |node: &Node| node.edges().any(|need| edge.contains(need));
                    (0..self.nodes.len()).filter(|at| self.nodes.get(*at).is_some_and(needs)).collect()
                }
            };
            edge = next.difference(&all).copied().collect();
            if edge.is_empty() {
                break;
            }
            all.extend(&edge);
        }
        all
    }

    /// Leaves out all other services.
    fn keep(&mut self, kept: &BTreeSet<usize>) {
        let place: BTreeMap<usize, usize> = kept.iter().enumerate().map(|(new, old)| (*old, new)).collect();
        let moved = |at: &usize| place.get(at).copied();
        let nodes = kept.iter().filter_map(|at| self.nodes.get(*at)).map(|node| Node {
            needs: node.needs.iter().filter_map(moved).collect(),
            wants: node.wants.iter().filter_map(moved).collect(),
            consumer: node.consumer.as_ref().and_then(moved),
            ..node.clone()
        });
        self.nodes = nodes.collect();
        for contents in self.bundles.values_mut() {
            *contents = contents.iter().filter_map(moved).collect();
        }
        self.bundles.retain(|_, contents| !contents.is_empty());
    }

    /// What each service needs, itself or by others, as a set of bits; no services need each other.
    fn reached(&self) -> Vec<Vec<u64>> {
        let mut all: Vec<Vec<u64>> = vec![Vec::new(); self.nodes.len()];
        for start in 0..self.nodes.len() {
            // Not by recursion: a chain may be long.
            let mut left = vec![start];
            while let Some(at) = left.last().copied() {
                let Some(node) = self.nodes.get(at).filter(|_| all.get(at).is_some_and(Vec::is_empty)) else {
                    left.pop();
                    continue;
                };
                let before = left.len();
                left.extend(node.needs.iter().filter(|need| all.get(**need).is_some_and(Vec::is_empty)));
                if left.len() == before {
                    let bits = self.bits(node, &all);
                    all.get_mut(at).into_iter().for_each(|slot| slot.clone_from(&bits));
                    left.pop();
                }
            }
        }
        all
    }

    /// What a service needs, if that is known of all that it needs itself.
    fn bits(&self, node: &Node, all: &[Vec<u64>]) -> Vec<u64> {
        let mut bits = vec![0_u64; self.nodes.len().div_ceil(64)];
        for need in &node.needs {
            let below = all.get(*need).map(Vec::as_slice).unwrap_or_default();
            bits.iter_mut().zip(below).for_each(|(bits, below)| *bits |= below);
            bits.get_mut(need / 64).into_iter().for_each(|word| *word |= 1 << (need % 64));
        }
        bits
    }

    /// Leaves out the overlay's own services.
    fn leave_out_own(&mut self) {
        let base = self.bundles.remove(BASE).unwrap_or_default();
        let is_own = |at: &usize| {
            base.contains(at)
                || self.nodes.get(*at).is_some_and(|node| node.name.as_bytes() == idle::SERVICES)
        };
        let kept = (0..self.nodes.len()).filter(|at| !is_own(at)).collect();
        self.keep(&kept);
    }

    /// Leaves out what follows from other edges, and everything's need of what prepares the container.
    fn reduce(&mut self) {
        if self.nodes.len() > REDUCED_MAX {
            return;
        }
        let base = self.bundles.get(BASE).cloned().unwrap_or_default();
        let reached = self.reached();
        let is_implied = |needs: &BTreeSet<usize>, end: usize| {
            let leads = |at: &usize| *at != end && reached.get(*at).is_some_and(|reached| has(reached, end));
            needs.iter().any(leads)
        };
        for (at, node) in self.nodes.iter_mut().enumerate() {
            let needs = node.needs.clone();
            node.needs.retain(|need| {
                let prepares = base.contains(need) && !base.contains(&at);
                !is_implied(&needs, *need) && !prepares
            });
            node.wants
                .retain(|want| !needs.contains(want) && !is_implied(&needs, *want) && !base.contains(want));
        }
    }

    /// The bundles that an image fills or makes: not those of the overlay.
    pub fn shown_bundles(&self) -> impl Iterator<Item = (&String, &BTreeSet<usize>)> {
        self.bundles.iter().filter(|(name, contents)| *name != TOP && !contents.is_empty())
    }
}

/// Whether a number is in a set of bits.
fn has(bits: &[u64], number: usize) -> bool {
    bits.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
}
