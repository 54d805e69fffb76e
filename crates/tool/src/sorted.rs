//! Small maps and sets: a vector in the order of its keys.
//!
//! They take a fraction of the code of the standard library's trees, which are better from some ten thousand entries on:
//! an insertion here moves what follows.

use std::borrow::Borrow;
use std::collections::TryReserveError;

/// A map; its entries are in the order of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map<K, V>(Vec<(K, V)>);

/// A set; its members are in order.
pub type Set<K> = Map<K, ()>;

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> Map<K, V> {
    /// An empty one, which allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.0.binary_search_by(|(known, _)| known.borrow().cmp(key))
    }

    /// Allocates what so many more entries take.
    ///
    /// # Errors
    /// There is no memory.
    pub fn try_reserve(&mut self, more: usize) -> Result<(), TryReserveError> {
        self.0.try_reserve(more)
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a key.
    #[must_use]
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().and_then(|at| self.0.get(at)).map(|(_, value)| value)
    }

    /// The value of a key.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let at = self.find(key).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    /// Whether there is an entry for a key.
    #[must_use]
    pub fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_ok()
    }

    /// Sets the value of a key; gives the former one.
    pub fn set(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(at) => self.0.get_mut(at).map(|(_, old)| std::mem::replace(old, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Removes a key; gives its value.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let at = self.find(key).ok()?;
        Some(self.0.remove(at).1)
    }

    /// The entries.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = &K> + Clone {
        self.0.iter().map(|(key, _)| key)
    }

    /// The values.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The keys, without the values.
    pub fn into_keys(self) -> impl Iterator<Item = K> {
        self.0.into_iter().map(|(key, _)| key)
    }

    /// The values, without the keys.
    pub fn into_values(self) -> impl Iterator<Item = V> {
        self.0.into_iter().map(|(_, value)| value)
    }

    /// Keeps the entries that this says.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) {
        self.0.retain(|(key, value)| keep(key, value));
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        entries.into_iter().for_each(|(key, value)| drop(map.set(key, value)));
        map
    }
}

impl<K: Ord> Set<K> {
    /// Adds a member; whether it wasn't one.
    pub fn insert(&mut self, key: K) -> bool {
        self.set(key, ()).is_none()
    }

    /// Adds members.
    pub fn extend(&mut self, keys: impl IntoIterator<Item = K>) {
        for key in keys {
            self.insert(key);
        }
    }

    /// The first member.
    #[must_use]
    pub fn first(&self) -> Option<&K> {
        self.0.first().map(|(key, ())| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// The same as the standard library's.
        #[test]
        fn a_map_is_a_tree(steps in prop::collection::vec((0_u8..3, 0_u8..12, any::<u16>()), 0..60)) {
            let (mut map, mut tree) = (Map::new(), BTreeMap::new());
            for (step, key, value) in steps {
                match step {
                    0 => prop_assert_eq!(map.set(key, value), tree.insert(key, value), "set"),
                    1 => prop_assert_eq!(map.remove(&key), tree.remove(&key), "remove"),
                    _ => {
                        map.retain(|k, v| *k > key || *v > value);
                        tree.retain(|k, v| *k > key || *v > value);
                    }
                }
                prop_assert_eq!((map.get(&key), map.contains(&key)), (tree.get(&key), tree.contains_key(&key)), "get");
                prop_assert_eq!((map.len(), map.is_empty()), (tree.len(), tree.is_empty()), "length");
                prop_assert!(map.iter().eq(tree.iter()) && map.keys().eq(tree.keys()) && map.values().eq(tree.values()));
            }
            prop_assert_eq!(map.clone().into_keys().collect::<Vec<_>>(), tree.clone().into_keys().collect::<Vec<_>>());
            prop_assert_eq!(map.into_values().collect::<Vec<_>>(), tree.into_values().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_set_has_each_member_once_and_in_order() {
        let mut set = Set::new();
        assert!(set.insert(3) && set.insert(1) && !set.insert(3));
        set.extend([2, 1]);
        assert_eq!((set.first(), set.clone().into_keys().collect::<Vec<_>>()), (Some(&1), vec![1, 2, 3]));
        set.set(4, ());
        if let Some(value) = set.get_mut(&4) {
            *value = ();
        }
        assert_eq!(set.len(), 4);
    }
}
