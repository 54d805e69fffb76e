//! The store of an fd holder, and one client's session with it: requests in, replies out, without any system call.

use super::Rights;
use rustix::io::Errno;
use std::rc::Rc;
use wire::fdholder::{Entry, Request, encode_dump, encode_entries, encode_list, encode_parts};
use wire::tai::Tai64n;
use wire::unix_message::MAX_FDS;

/// A message for a client: its content and its descriptors.
#[derive(Debug)]
pub struct Reply<F> {
    /// The content.
    pub bytes: Vec<u8>,
    /// The descriptors, which the store may have dropped meanwhile.
    pub fds: Vec<Rc<F>>,
}

impl<F> Reply<F> {
    fn plain(bytes: Vec<u8>) -> Vec<Self> {
        vec![Self { bytes, fds: Vec::new() }]
    }

    fn ok() -> Vec<Self> {
        Self::plain(vec![0])
    }

    /// The answer for a request that failed.
    #[must_use]
    pub fn error(e: Errno) -> Vec<Self> {
        Self::plain(vec![u8::try_from(e.raw_os_error()).unwrap_or(u8::MAX)])
    }
}

#[derive(Debug)]
struct Held<F> {
    entry: Entry,
    fd: Rc<F>,
}

/// Descriptors by name, in the order in which they were stored.
#[derive(Debug)]
pub struct Store<F> {
    limit: usize,
    held: Vec<Held<F>>,
}

impl<F> Store<F> {
    /// An empty store for at most `limit` descriptors.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, held: Vec::new() }
    }

    /// The number of descriptors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there is no descriptor.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The limit of the entry that expires first.
    #[must_use]
    pub fn next_limit(&self) -> Option<Tai64n> {
        self.held.iter().map(|held| held.entry.limit).min()
    }

    /// Drops the entries whose limit is not in the future.
    pub fn expire(&mut self, now: Tai64n) {
        self.held.retain(|held| held.entry.limit > now);
    }

    /// Removes an entry and returns its descriptor, if it was there.
    fn remove(&mut self, id: &[u8]) -> Option<Rc<F>> {
        let at = self.held.iter().position(|held| held.entry.id == id)?;
        Some(self.held.remove(at).fd)
    }

    fn get(&self, id: &[u8]) -> Option<Rc<F>> {
        self.held.iter().find(|held| held.entry.id == id).map(|held| Rc::clone(&held.fd))
    }

    fn insert(&mut self, entry: Entry, fd: F) {
        self.held.push(Held { entry, fd: Rc::new(fd) });
    }

    fn dump(&self) -> Option<Vec<Reply<F>>> {
        let mut replies = Reply::plain(encode_dump(self.len())?);
        for part in self.held.chunks(MAX_FDS) {
            let bytes = encode_entries(part.iter().map(|h| (h.entry.limit, h.entry.id.as_slice())))?;
            replies.push(Reply { bytes, fds: part.iter().map(|h| Rc::clone(&h.fd)).collect() });
        }
        Some(replies)
    }
}

/// The state of one client.
#[derive(Debug)]
pub struct Session {
    rights: Rights,
    /// The number of descriptors of an announced dump that are still missing.
    missing: usize,
}

impl Session {
    /// The session of a client with these rights.
    #[must_use]
    pub fn new(rights: Rights) -> Self {
        Self { rights, missing: 0 }
    }

    /// Whether a dump was announced and isn't complete.
    #[must_use]
    pub fn is_amid_dump(&self) -> bool {
        self.missing > 0
    }

    /// The limit of descriptors in a message of this client.
    #[must_use]
    pub fn fds_max(&self) -> usize {
        if self.rights.set_dump { MAX_FDS } else { 1 }
    }

    /// Carries out a request.
    ///
    /// # Errors
    /// `PROTO`: it is no request, or not one that is possible at this moment.  The client is to be disconnected.
    pub fn take<F>(
        &mut self,
        store: &mut Store<F>,
        bytes: &[u8],
        mut fds: Vec<F>,
    ) -> Result<Vec<Reply<F>>, Errno> {
        let request = Request::decode(bytes).ok_or(Errno::PROTO)?;
        if fds.len() != request.descriptors() || (self.missing > 0) != matches!(request, Request::Part(_)) {
            return Err(Errno::PROTO);
        }
        Ok(match request {
            Request::Store(entry) => {
                let fd = fds.pop().ok_or(Errno::PROTO)?;
                if !self.rights.may_store(&entry.id) {
                    return Ok(Reply::error(Errno::PERM));
                }
                if store.len() >= store.limit {
                    return Ok(Reply::error(Errno::NFILE));
                }
                if store.get(&entry.id).is_some() {
                    return Ok(Reply::error(Errno::BUSY));
                }
                store.insert(entry, fd);
                Reply::ok()
            }
            Request::Delete(id) => {
                if !self.rights.may_store(&id) {
                    return Ok(Reply::error(Errno::PERM));
                }
                match store.remove(&id) {
                    None => Reply::error(Errno::NOENT),
                    Some(_) => Reply::ok(),
                }
            }
            Request::Retrieve { id, delete } => {
                if !self.rights.may_retrieve(&id) || (delete && !self.rights.may_store(&id)) {
                    return Ok(Reply::error(Errno::PERM));
                }
                match if delete { store.remove(&id) } else { store.get(&id) } {
                    None => Reply::error(Errno::NOENT),
                    Some(fd) => vec![Reply { bytes: vec![0], fds: vec![fd] }],
                }
            }
            Request::List if self.rights.list => Reply::plain(
                encode_list(store.held.iter().map(|h| h.entry.id.as_slice())).ok_or(Errno::PROTO)?,
            ),
            Request::GetDump if self.rights.get_dump => store.dump().ok_or(Errno::PROTO)?,
            Request::SetDump(count) if self.rights.set_dump => {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                if count > store.limit.saturating_sub(store.len()) {
                    return Ok(Reply::error(Errno::NFILE));
                }
                self.missing = count;
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
        self.missing = self.missing.checked_sub(fds.len()).ok_or(Errno::PROTO)?;
        // Other clients may have stored entries since the dump was announced.
        let new = entries.iter().filter(|e| store.get(&e.id).is_none()).count();
        if new > store.limit.saturating_sub(store.len()) {
            self.missing = 0;
            return Ok(Reply::error(Errno::NFILE));
        }
        for (entry, fd) in entries.into_iter().zip(fds) {
            drop(store.remove(&entry.id));
            store.insert(entry, fd);
        }
        Ok(if self.missing > 0 { Reply::error(Errno::AGAIN) } else { Reply::ok() })
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
    fn an_entry_is_stored_retrieved_deleted_and_expires_at_its_limit() {
        let (mut store, mut session) = (Store::new(2), Session::new(rights(ALL).unwrap()));
        assert!(store.is_empty());
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
        assert!(!store.is_empty());
        store.expire(Tai64n { seconds: 5, nanos: 0 });
        assert!(store.is_empty());
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
        // Retrieving with deletion takes both rights.
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
    fn a_dump_is_refused_if_another_client_has_filled_the_store_meanwhile() {
        let (mut store, mut session) = (Store::new(1), Session::new(rights(ALL).unwrap()));
        let mut other = Session::new(rights(ALL).unwrap());
        ask(&mut session, &mut store, &Request::SetDump(1), &[]).unwrap();
        ask(&mut other, &mut store, &Request::Store(entry("x", 9)), &[1]).unwrap();
        let part = Request::Part(vec![entry("y", 9)]);
        assert_eq!(ask(&mut session, &mut store, &part, &[2]).unwrap().0, code(Errno::NFILE));
        assert!(!session.is_amid_dump());
    }

    #[test]
    fn a_part_may_fill_the_store() {
        let (mut store, mut session) = (Store::new(2), Session::new(rights(ALL).unwrap()));
        ask(&mut session, &mut store, &Request::SetDump(2), &[]).unwrap();
        let part = Request::Part(vec![entry("a", 9), entry("b", 9)]);
        assert_eq!(ask(&mut session, &mut store, &part, &[1, 2]).unwrap().0, 0);
        assert_eq!(store.len(), 2);
    }

    #[test]
    fn only_who_may_send_a_dump_sends_more_than_one_descriptor() {
        let fds_max = |all: &[(&str, &str)]| Session::new(rights(all).unwrap()).fds_max();
        assert_eq!([fds_max(&ALL[..4]), fds_max(ALL)], [1, MAX_FDS]);
    }

    #[test]
    fn descriptors_must_fit_the_request() {
        let (mut store, mut session) = (Store::new(3), Session::new(rights(ALL).unwrap()));
        assert_eq!(ask(&mut session, &mut store, &Request::List, &[1]), Err(Errno::PROTO));
        assert_eq!(ask(&mut session, &mut store, &Request::Store(entry("a", 9)), &[]), Err(Errno::PROTO));
    }
}
