//! The store of an fd holder, and one client's session with it: requests in, replies out, without any system call.

use super::Rights;
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use wire::fdholder::{Entry, Request, encode_dump, encode_entries, encode_list, encode_parts};
use wire::tai::Tai64n;
use wire::unix_message::MAX_FDS;

/// A message for a client: its content and its descriptors.
#[derive(Debug)]
pub struct Reply<F> {
    /// The content.
    pub bytes: Vec<u8>,
    /// The descriptors, which the store may have let go of meanwhile.
    pub fds: Vec<Rc<F>>,
}

impl<F> Reply<F> {
    fn plain(bytes: Vec<u8>) -> Vec<Self> {
        vec![Self { bytes, fds: Vec::new() }]
    }

    fn ok() -> Vec<Self> {
        Self::plain(vec![0])
    }

    /// The answer that says why not.
    #[must_use]
    pub fn error(e: Errno) -> Vec<Self> {
        Self::plain(vec![u8::try_from(e.raw_os_error()).unwrap_or(u8::MAX)])
    }
}

#[derive(Debug)]
struct Held<F> {
    id: Rc<[u8]>,
    limit: Tai64n,
    fd: Rc<F>,
}

/// Descriptors by name, in the order in which they came.
#[derive(Debug)]
pub struct Store<F> {
    most: usize,
    next: u64,
    held: BTreeMap<u64, Held<F>>,
    by_id: HashMap<Rc<[u8]>, u64>,
    by_limit: BTreeSet<(Tai64n, u64)>,
}

impl<F> Store<F> {
    /// An empty one with room for so many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, next: 0, held: BTreeMap::new(), by_id: HashMap::new(), by_limit: BTreeSet::new() }
    }

    /// How many it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// When the next one is to go.
    #[must_use]
    pub fn next_limit(&self) -> Option<Tai64n> {
        self.by_limit.first().map(|(limit, _)| *limit)
    }

    /// Lets go of all whose time has come.
    pub fn expire(&mut self, now: Tai64n) {
        while let Some((limit, number)) = self.by_limit.first().copied() {
            if limit > now {
                break;
            }
            self.remove(number);
        }
    }

    fn remove(&mut self, number: u64) {
        if let Some(held) = self.held.remove(&number) {
            self.by_id.remove(&held.id);
            self.by_limit.remove(&(held.limit, number));
        }
    }

    fn get(&self, id: &[u8]) -> Option<(u64, Rc<F>)> {
        let number = *self.by_id.get(id)?;
        Some((number, Rc::clone(&self.held.get(&number)?.fd)))
    }

    fn insert(&mut self, entry: Entry, fd: F) {
        let number = self.next;
        self.next += 1;
        let id: Rc<[u8]> = entry.id.into();
        self.by_id.insert(Rc::clone(&id), number);
        self.by_limit.insert((entry.limit, number));
        self.held.insert(number, Held { id, limit: entry.limit, fd: Rc::new(fd) });
    }

    fn dump(&self) -> Option<Vec<Reply<F>>> {
        let mut replies = Reply::plain(encode_dump(self.len())?);
        let all: Vec<_> = self.held.values().collect();
        for part in all.chunks(MAX_FDS) {
            let bytes = encode_entries(part.iter().map(|h| (h.limit, h.id.as_ref())))?;
            replies.push(Reply { bytes, fds: part.iter().map(|h| Rc::clone(&h.fd)).collect() });
        }
        Some(replies)
    }
}

/// What is known about one client.
#[derive(Debug)]
pub struct Session {
    rights: Rights,
    /// How many descriptors of an announced dump are still to come.
    to_come: usize,
}

impl Session {
    /// Of a client with these rights.
    #[must_use]
    pub fn new(rights: Rights) -> Self {
        Self { rights, to_come: 0 }
    }

    /// Whether a dump has begun and isn't complete.
    #[must_use]
    pub fn is_amid_dump(&self) -> bool {
        self.to_come > 0
    }

    /// The most descriptors that a message of this client may have.
    #[must_use]
    pub fn most_fds(&self) -> usize {
        if self.rights.set_dump { MAX_FDS } else { 1 }
    }

    /// Does what a client asks for.
    ///
    /// # Errors
    /// `PROTO`: that is no request, or not one at this moment.  The client is to be disconnected.
    pub fn take<F>(
        &mut self,
        store: &mut Store<F>,
        bytes: &[u8],
        mut fds: Vec<F>,
    ) -> Result<Vec<Reply<F>>, Errno> {
        let request = Request::decode(bytes).ok_or(Errno::PROTO)?;
        if fds.len() != request.descriptors() || (self.to_come > 0) != matches!(request, Request::Part(_)) {
            return Err(Errno::PROTO);
        }
        Ok(match request {
            Request::Store(entry) => {
                let fd = fds.pop().ok_or(Errno::PROTO)?;
                if !self.rights.may_store(&entry.id) {
                    return Ok(Reply::error(Errno::PERM));
                }
                if store.len() >= store.most {
                    return Ok(Reply::error(Errno::NFILE));
                }
                if store.by_id.contains_key(entry.id.as_slice()) {
                    return Ok(Reply::error(Errno::BUSY));
                }
                store.insert(entry, fd);
                Reply::ok()
            }
            Request::Delete(id) => {
                if !self.rights.may_store(&id) {
                    return Ok(Reply::error(Errno::PERM));
                }
                match store.get(&id) {
                    None => Reply::error(Errno::NOENT),
                    Some((number, _)) => {
                        store.remove(number);
                        Reply::ok()
                    }
                }
            }
            Request::Retrieve { id, delete } => {
                if !self.rights.may_retrieve(&id) || (delete && !self.rights.may_store(&id)) {
                    return Ok(Reply::error(Errno::PERM));
                }
                match store.get(&id) {
                    None => Reply::error(Errno::NOENT),
                    Some((number, fd)) => {
                        if delete {
                            store.remove(number);
                        }
                        vec![Reply { bytes: vec![0], fds: vec![fd] }]
                    }
                }
            }
            Request::List if self.rights.list => {
                Reply::plain(encode_list(store.held.values().map(|h| h.id.as_ref())).ok_or(Errno::PROTO)?)
            }
            Request::GetDump if self.rights.get_dump => store.dump().ok_or(Errno::PROTO)?,
            Request::SetDump(count) if self.rights.set_dump => {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                if count > store.most.saturating_sub(store.len()) {
                    return Ok(Reply::error(Errno::NFILE));
                }
                self.to_come = count;
                Reply::plain(encode_parts(count).ok_or(Errno::PROTO)?)
            }
            Request::List | Request::GetDump | Request::SetDump(_) => Reply::error(Errno::PERM),
            Request::Part(entries) => self.take_part(store, entries, fds)?,
        })
    }

    fn take_part<F>(
        &mut self,
        store: &mut Store<F>,
        entries: Vec<Entry>,
        fds: Vec<F>,
    ) -> Result<Vec<Reply<F>>, Errno> {
        self.to_come = self.to_come.checked_sub(fds.len()).ok_or(Errno::PROTO)?;
        // Others may have stored something since the dump was announced.
        let new = entries.iter().filter(|e| !store.by_id.contains_key(e.id.as_slice())).count();
        if new > store.most.saturating_sub(store.len()) {
            self.to_come = 0;
            return Ok(Reply::error(Errno::NFILE));
        }
        for (entry, fd) in entries.into_iter().zip(fds) {
            if let Some((old, _)) = store.get(&entry.id) {
                store.remove(old);
            }
            store.insert(entry, fd);
        }
        Ok(if self.to_come > 0 { Reply::error(Errno::AGAIN) } else { Reply::ok() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::rights::tests::rights;
    use super::*;

    const ALL: &[(&str, &str)] =
        &[("STORE_REGEX", "."), ("RETRIEVE_REGEX", "."), ("LIST", ""), ("GETDUMP", ""), ("SETDUMP", "")];

    fn entry(id: &str, limit: u64) -> Entry {
        Entry { limit: Tai64n { seconds: limit, nanos: 0 }, id: id.as_bytes().to_vec() }
    }

    /// What the first reply begins with, and the descriptors of all replies.
    fn ask(
        session: &mut Session,
        store: &mut Store<u32>,
        request: &Request,
        fds: &[u32],
    ) -> Result<(u8, Vec<u32>), Errno> {
        let replies = session.take(store, &request.encode().unwrap(), fds.to_vec())?;
        Ok((replies[0].bytes[0], replies.iter().flat_map(|r| &r.fds).map(|fd| **fd).collect()))
    }

    fn code(e: Errno) -> u8 {
        u8::try_from(e.raw_os_error()).unwrap()
    }

    #[test]
    fn a_descriptors_life() {
        let (mut store, mut session) = (Store::new(2), Session::new(rights(ALL).unwrap()));
        let mut run = |request: Request, fds: &[u32]| ask(&mut session, &mut store, &request, fds).unwrap();
        assert_eq!(run(Request::Store(entry("a", 9)), &[1]).0, 0);
        assert_eq!(run(Request::Store(entry("a", 9)), &[2]).0, code(Errno::BUSY));
        assert_eq!(run(Request::Store(entry("b", 5)), &[2]).0, 0);
        assert_eq!(run(Request::Store(entry("c", 5)), &[3]).0, code(Errno::NFILE));
        assert_eq!(run(Request::Retrieve { id: b"a".to_vec(), delete: false }, &[]), (0, vec![1]));
        assert_eq!(run(Request::GetDump, &[]), (0, vec![1, 2]));
        assert_eq!(run(Request::Retrieve { id: b"a".to_vec(), delete: true }, &[]), (0, vec![1]));
        assert_eq!(run(Request::Delete(b"a".to_vec()), &[]).0, code(Errno::NOENT));
        let listed = session.take(&mut store, b"L", Vec::new()).unwrap();
        assert_eq!(listed[0].bytes, b"\0\0\0\0\x01b\0");
        assert_eq!(store.next_limit().unwrap().seconds, 5);
        store.expire(Tai64n { seconds: 5, nanos: 0 });
        assert!(store.is_empty() && store.by_id.is_empty() && store.by_limit.is_empty());
    }

    #[test]
    fn each_right_counts_for_itself() {
        let requests = |fresh: &str| {
            [
                (Request::Store(entry(fresh, 9)), 1),
                (Request::Delete(b"x".to_vec()), 0),
                (Request::Retrieve { id: b"x".to_vec(), delete: false }, 0),
                (Request::List, 0),
                (Request::GetDump, 0),
                (Request::SetDump(0), 0),
            ]
        };
        for (right, allowed) in [
            (&[][..], [false; 6]),
            (&ALL[..1], [true, true, false, false, false, false]),
            (&ALL[1..2], [false, false, true, false, false, false]),
            (&ALL[2..3], [false, false, false, true, false, false]),
            (&ALL[3..4], [false, false, false, false, true, false]),
            (&ALL[4..], [false, false, false, false, false, true]),
        ] {
            let (mut store, mut session) = (Store::new(9), Session::new(rights(right).unwrap()));
            for ((request, fds), allowed) in requests("y").into_iter().zip(allowed) {
                let got = ask(&mut session, &mut store, &request, &[7][..fds]).unwrap().0;
                assert_eq!(got != code(Errno::PERM), allowed, "{right:?} {request:?}");
            }
        }
        // To retrieve and delete takes both.
        let (mut store, mut session) = (Store::new(9), Session::new(rights(&ALL[1..2]).unwrap()));
        let both = Request::Retrieve { id: b"x".to_vec(), delete: true };
        assert_eq!(ask(&mut session, &mut store, &both, &[]).unwrap().0, code(Errno::PERM));
    }

    #[test]
    fn a_dump_comes_in_parts_and_replaces() {
        let (mut store, mut session) = (Store::new(3), Session::new(rights(ALL).unwrap()));
        ask(&mut session, &mut store, &Request::Store(entry("a", 9)), &[1]).unwrap();
        assert_eq!(ask(&mut session, &mut store, &Request::SetDump(3), &[]).unwrap().0, code(Errno::NFILE));
        assert_eq!(ask(&mut session, &mut store, &Request::SetDump(2), &[]).unwrap().0, 0);
        assert_eq!(ask(&mut session, &mut store, &Request::List, &[]), Err(Errno::PROTO));
        let part = |id: &str| Request::Part(vec![entry(id, 9)]);
        assert_eq!(ask(&mut session, &mut store, &part("a"), &[2]).unwrap().0, code(Errno::AGAIN));
        assert!(session.is_amid_dump());
        assert_eq!(ask(&mut session, &mut store, &part("b"), &[3]).unwrap().0, 0);
        assert_eq!(ask(&mut session, &mut store, &part("c"), &[4]), Err(Errno::PROTO));
        assert_eq!(ask(&mut session, &mut store, &Request::GetDump, &[]).unwrap().1, [2, 3]);
    }

    #[test]
    fn one_that_stores_meanwhile_can_fill_the_store() {
        let (mut store, mut session) = (Store::new(1), Session::new(rights(ALL).unwrap()));
        let mut other = Session::new(rights(ALL).unwrap());
        ask(&mut session, &mut store, &Request::SetDump(1), &[]).unwrap();
        ask(&mut other, &mut store, &Request::Store(entry("x", 9)), &[1]).unwrap();
        let part = Request::Part(vec![entry("y", 9)]);
        assert_eq!(ask(&mut session, &mut store, &part, &[2]).unwrap().0, code(Errno::NFILE));
        assert!(!session.is_amid_dump());
    }

    #[test]
    fn descriptors_must_fit_the_request() {
        let (mut store, mut session) = (Store::new(3), Session::new(rights(ALL).unwrap()));
        assert_eq!(ask(&mut session, &mut store, &Request::List, &[1]), Err(Errno::PROTO));
        assert_eq!(ask(&mut session, &mut store, &Request::Store(entry("a", 9)), &[]), Err(Errno::PROTO));
    }
}
