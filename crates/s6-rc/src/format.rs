//! The compiled database as a file.
//!
//! All numbers are little-endian; a *list* is a 32-bit count and that many items, a *string* a list of bytes.
//!
//! | bytes | what |
//! |---|---|
//! | 0–7 | `s6rc-rs` and the version of the format: 1, or 2 if a service wants another one |
//! | 8–15 | FNV-1a, 64 bits, of everything after it, in words of 8 bytes (the last one filled up with zeros) |
//! | 16– | list of services, list of bundles; in version 2 the list of what services want; nothing after them |
//!
//! A service: its name (string), flags (32 bits), time-outs up and down (32 bits each, ms), list of dependencies
//! (service numbers, 32 bits), kind (one byte).  Kind 0, a longrun, is followed by the number of its consumer plus
//! one (32 bits, 0 for none) and the list of its producers; kind 1, a oneshot, by the command lines up, down and
//! reload, each a list of strings.  A bundle: its name and the list of its services.  What a service wants: its number, and a
//! list of numbers, which isn't empty; sorted by the service.
//!
//! A file that is damaged in any way is an error: the checksum, then every length, number and rule of
//! [`Database::new`] are checked.

use crate::database::{Body, Bundle, Database, Inconsistent, Service};

const MAGIC: &[u8; 7] = b"s6rc-rs";

/// The versions, without and with a list of what services want.
const PLAIN: u8 = 1;
const WANTS: u8 = 2;

/// Why a file is no database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// Another kind of file, or another version of the format.
    Foreign,
    /// The checksum doesn't match: changed or cut off.
    Checksum,
    /// A length or a kind that can't be.
    Malformed,
    /// It can be read, but what it says can't be.
    Inconsistent(Inconsistent),
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Foreign => {
                f.write_str("not a compiled database of this version, compile the sources again")
            }
            Self::Checksum => f.write_str("damaged: the checksum doesn't match"),
            Self::Malformed => f.write_str("damaged: a record is malformed"),
            Self::Inconsistent(why) => write!(f, "inconsistent: {why}"),
        }
    }
}

fn checksum(data: &[u8]) -> u64 {
    data.chunks(8).fold(0xcbf2_9ce4_8422_2325, |hash, chunk| {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        let mixed: u64 = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x0000_0100_0000_01b3);
        // The product carries upwards only: bring the high bits down, so that each word reaches all bits.
        mixed ^ (mixed >> 32)
    })
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, n: u32) {
        self.0.extend_from_slice(&n.to_le_bytes());
    }

    fn count(&mut self, n: usize) {
        self.number(u32::try_from(n).unwrap_or(u32::MAX));
    }

    fn string(&mut self, s: &[u8]) {
        self.count(s.len());
        self.0.extend_from_slice(s);
    }

    fn strings(&mut self, list: &[Vec<u8>]) {
        self.count(list.len());
        list.iter().for_each(|s| self.string(s));
    }

    fn numbers(&mut self, list: &[u32]) {
        self.count(list.len());
        list.iter().for_each(|n| self.number(*n));
    }
}

/// The file of a database.
#[must_use]
pub fn encode(database: &Database) -> Vec<u8> {
    let mut out = Writer(Vec::with_capacity(64 * database.len() + 64));
    out.count(database.len());
    for service in database.services() {
        out.string(&service.name);
        out.number(service.flags);
        out.number(service.timeout_up);
        out.number(service.timeout_down);
        out.numbers(&service.dependencies);
        match &service.body {
            Body::Longrun { consumer, producers } => {
                out.0.push(0);
                out.number(consumer.map_or(0, |c| c + 1));
                out.numbers(producers);
            }
            Body::Oneshot { up, down, reload } => {
                out.0.push(1);
                [up, down, reload].into_iter().for_each(|argv| out.strings(argv));
            }
        }
    }
    out.count(database.bundles().len());
    for bundle in database.bundles() {
        out.string(&bundle.name);
        out.numbers(&bundle.contents);
    }
    let wanting = || (0..).zip(database.services()).filter(|(_, service)| !service.wants.is_empty());
    let count = wanting().count();
    if count == 0 {
        return seal(PLAIN, &out.0);
    }
    out.count(count);
    for (id, service) in wanting() {
        out.number(id);
        out.numbers(&service.wants);
    }
    seal(WANTS, &out.0)
}

/// The file of this version with this content: its first 16 bytes and what follows them.
#[must_use]
pub fn seal(version: u8, content: &[u8]) -> Vec<u8> {
    [MAGIC, &[version][..], &checksum(content).to_le_bytes(), content].concat()
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, n: usize) -> Result<&'a [u8], Damage> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or(Damage::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, Damage> {
        self.bytes(4)?.try_into().map(u32::from_le_bytes).map_err(|_| Damage::Malformed)
    }

    fn byte(&mut self) -> Result<u8, Damage> {
        self.bytes(1)?.first().copied().ok_or(Damage::Malformed)
    }

    /// A list whose items take at least `least` bytes each: a count that can't be is refused before it is believed.
    fn list<T>(
        &mut self,
        least: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, Damage>,
    ) -> Result<Vec<T>, Damage> {
        let count = self.number()? as usize;
        if count > self.0.len() / least {
            return Err(Damage::Malformed);
        }
        (0..count).map(|_| item(self)).collect()
    }

    fn string(&mut self) -> Result<Vec<u8>, Damage> {
        let length = self.number()? as usize;
        self.bytes(length).map(<[u8]>::to_vec)
    }

    fn strings(&mut self) -> Result<Vec<Vec<u8>>, Damage> {
        self.list(4, Self::string)
    }

    fn numbers(&mut self) -> Result<Vec<u32>, Damage> {
        self.list(4, Self::number)
    }

    fn service(&mut self) -> Result<Service, Damage> {
        Ok(Service {
            name: self.string()?,
            flags: self.number()?,
            timeout_up: self.number()?,
            timeout_down: self.number()?,
            dependencies: self.numbers()?,
            dependents: Vec::new(),
            wants: Vec::new(),
            wanted_by: Vec::new(),
            body: match self.byte()? {
                0 => Body::Longrun { consumer: self.number()?.checked_sub(1), producers: self.numbers()? },
                1 => Body::Oneshot { up: self.strings()?, down: self.strings()?, reload: self.strings()? },
                _ => return Err(Damage::Malformed),
            },
        })
    }

    fn bundle(&mut self) -> Result<Bundle, Damage> {
        Ok(Bundle { name: self.string()?, contents: self.numbers()? })
    }
}

/// The database of a file.
///
/// # Errors
/// What is wrong with the file.
pub fn decode(file: &[u8]) -> Result<Database, Damage> {
    let (version, rest) = file.strip_prefix(MAGIC).and_then(<[u8]>::split_first).ok_or(Damage::Foreign)?;
    if ![PLAIN, WANTS].contains(version) {
        return Err(Damage::Foreign);
    }
    let (sum, body) = rest.split_at_checked(8).ok_or(Damage::Malformed)?;
    if sum != checksum(body).to_le_bytes() {
        return Err(Damage::Checksum);
    }
    let mut reader = Reader(body);
    let mut services = reader.list(25, Reader::service)?;
    let bundles = reader.list(8, Reader::bundle)?;
    if *version == WANTS {
        let mut next = 0;
        let found = reader.list(12, |reader| {
            let (id, wants) = (reader.number()?, reader.numbers()?);
            let service = services.get_mut(id as usize).filter(|_| id >= next && !wants.is_empty());
            service.ok_or(Damage::Malformed)?.wants = wants;
            next = id.saturating_add(1);
            Ok(())
        })?;
        if found.is_empty() {
            return Err(Damage::Malformed);
        }
    }
    if !reader.0.is_empty() {
        return Err(Damage::Malformed);
    }
    Database::new(services, bundles).map_err(Damage::Inconsistent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Database {
        let mut services = crate::database::tests::oneshots(&[&[], &[], &[0], &[1, 2]]);
        services[0].body = Body::Longrun { consumer: None, producers: vec![1] };
        services[1].body = Body::Longrun { consumer: Some(0), producers: vec![] };
        services[3].timeout_down = 7;
        services[3].wants = vec![0];
        if let Body::Oneshot { up, .. } = &mut services[3].body {
            *up = vec![b"echo".to_vec(), Vec::new()];
        }
        Database::new(services, vec![Bundle { name: b"b".to_vec(), contents: vec![1, 3] }]).unwrap()
    }

    #[test]
    fn reads_what_it_wrote() {
        assert_eq!(decode(&encode(&sample())), Ok(sample()));
    }

    #[test]
    fn known_bytes() {
        let empty = encode(&Database::default());
        assert_eq!(empty.len(), 24);
        assert_eq!(&empty[..8], b"s6rc-rs\x01");
        assert_eq!(&empty[16..], [0; 8]);
    }

    #[test]
    fn a_database_has_known_bytes() {
        let mut services = crate::database::tests::oneshots(&[&[], &[0]]);
        services[0] = Service {
            name: b"web".to_vec(),
            flags: 0x0201,
            timeout_up: 7,
            timeout_down: 8,
            ..Service::default()
        };
        services[1].body =
            Body::Oneshot { up: vec![b"a".to_vec()], down: vec![], reload: vec![b"".to_vec()] };
        let bundle = Bundle { name: b"all".to_vec(), contents: vec![0, 1] };
        let file = encode(&Database::new(services, vec![bundle]).unwrap());
        let number = |n: u32| n.to_le_bytes().to_vec();
        let web = [number(3), b"web".to_vec(), number(0x0201), number(7), number(8), number(0)].concat();
        let one = [number(1), b"1".to_vec(), number(0), number(0), number(0), number(1), number(0)].concat();
        let scripts = [number(1), number(1), b"a".to_vec(), number(0), number(1), number(0)].concat();
        let all = [number(1), number(3), b"all".to_vec(), number(2), number(0), number(1)].concat();
        let longrun = [vec![0], number(0), number(0)].concat();
        let content = [number(2), web, longrun, one, vec![1], scripts, all].concat();
        assert_eq!(file[16..], content);
        assert_eq!(&file[..8], b"s6rc-rs\x01");
    }

    #[test]
    fn what_services_want_makes_version_2() {
        let mut services = crate::database::tests::oneshots(&[&[], &[], &[0]]);
        let plain = encode(&Database::new(services.clone(), Vec::new()).unwrap());
        services[2].wants = vec![1];
        let database = Database::new(services, Vec::new()).unwrap();
        let file = encode(&database);
        assert_eq!(decode(&file), Ok(database));
        assert_eq!(&file[..8], b"s6rc-rs\x02");
        let list = [1, 2, 1, 1].map(u32::to_le_bytes).concat();
        assert_eq!(file[16..], [&plain[16..], &list].concat());
        let with = |list: &[u32]| {
            let list = list.iter().copied().flat_map(u32::to_le_bytes).collect();
            decode(&seal(WANTS, &[plain[16..].to_vec(), list].concat()))
        };
        for list in
            [&[0][..], &[1, 9, 1, 1], &[1, 2, 0], &[2, 2, 1, 1, 2, 1, 0], &[1, 2, 1, 1, 7], &[9, 2, 1, 1]]
        {
            assert_eq!(with(list), Err(Damage::Malformed), "{list:?}");
        }
        assert!(matches!(with(&[1, 0, 1, 2]), Err(Damage::Inconsistent(_))), "a cycle");
        let mut newer = file;
        newer[7] = 3;
        assert_eq!(decode(&newer), Err(Damage::Foreign));
    }

    #[test]
    fn the_checksum_is_the_one_of_version_1() {
        assert_eq!(checksum(b""), 0xcbf2_9ce4_8422_2325);
        let word: u64 = (0xcbf2_9ce4_8422_2325_u64 ^ 0x61).wrapping_mul(0x0000_0100_0000_01b3);
        assert_eq!(checksum(b"a"), word ^ (word >> 32));
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let file = encode(&sample());
        for at in 0..file.len() {
            let mut other = file.clone();
            other[at] ^= 0x40;
            assert!(decode(&other).is_err(), "byte {at}");
            assert!(decode(&file[..at]).is_err(), "cut at {at}");
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_behind_a_right_checksum_do_no_harm(body in prop::collection::vec(any::<u8>(), 0..300), good in 0..200_usize) {
            let mut file = encode(&sample());
            let keep = 16 + good.min(file.len() - 16);
            file.truncate(keep);
            file.extend(body);
            for version in [PLAIN, WANTS] {
                let _ = decode(&seal(version, &file[16..]));
            }
        }
    }
}
