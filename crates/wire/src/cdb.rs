//! cdb, the constant database.  All numbers are 32 bits, little-endian.
//!
//! | place | what |
//! |---|---|
//! | 0–2047 | 256 pairs: place and number of slots of each hash table |
//! | then | records: length of key, length of data, key, data |
//! | then | the hash tables: pairs of a hash and the place of its record; place 0: free |
//!
//! The hash begins with 5381; each byte makes it `(hash * 33) ^ byte`.  Its low 8 bits choose the table, the others the
//! slot at which a search begins.

const HEADER: usize = 2048;

fn hash(key: &[u8]) -> u32 {
    key.iter().fold(5381, |h: u32, b| h.wrapping_mul(33) ^ u32::from(*b))
}

fn number(cdb: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(cdb.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn place(cdb: &[u8], at: usize) -> Option<usize> {
    usize::try_from(number(cdb, at)?).ok()
}

/// Key and data of the record at a place, and the place after it.
fn record(cdb: &[u8], at: usize) -> Option<(&[u8], &[u8], usize)> {
    let (key, data) = (place(cdb, at)?, place(cdb, at + 4)?);
    let start = at + 8;
    let middle = start.checked_add(key)?;
    let end = middle.checked_add(data)?;
    Some((cdb.get(start..middle)?, cdb.get(middle..end)?, end))
}

/// The data of the first record with that key.
#[must_use]
pub fn find<'a>(cdb: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let hash = hash(key);
    let head = (hash & 255) as usize * 8;
    let (table, slots) = (place(cdb, head)?, place(cdb, head + 4)?);
    // A damaged header may announce more slots than the file has bytes.
    if slots == 0 || slots > cdb.len() / 8 {
        return None;
    }
    let first = (hash >> 8) as usize % slots;
    for i in 0..slots {
        let slot = table.checked_add((first + i) % slots * 8)?;
        let at = place(cdb, slot + 4)?;
        if at == 0 {
            return None;
        }
        if number(cdb, slot)? == hash {
            let (found, data, _) = record(cdb, at)?;
            if found == key {
                return Some(data);
            }
        }
    }
    None
}

/// All records in their order; `None` if the database is damaged.
#[must_use]
pub fn records(cdb: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut end = usize::MAX;
    for i in 0..256 {
        end = end.min(place(cdb, i * 8)?);
    }
    let mut found = Vec::new();
    let mut at = HEADER;
    while at < end {
        let (key, data, next) = record(cdb, at)?;
        found.push((key, data));
        at = next;
    }
    (at == end).then_some(found)
}

/// Makes a database; `None` if it would exceed 4 GiB.
#[must_use]
pub fn build(records: &[(Vec<u8>, Vec<u8>)]) -> Option<Vec<u8>> {
    let length = |n: usize| u32::try_from(n).ok().map(u32::to_le_bytes);
    let mut cdb = vec![0; HEADER];
    let mut tables: Vec<Vec<(u32, usize)>> = vec![Vec::new(); 256];
    for (key, data) in records {
        let hash = hash(key);
        tables.get_mut((hash & 255) as usize)?.push((hash, cdb.len()));
        cdb.extend(length(key.len())?);
        cdb.extend(length(data.len())?);
        cdb.extend_from_slice(key);
        cdb.extend_from_slice(data);
    }
    for (i, table) in tables.iter().enumerate() {
        // Twice as many slots as records: a search reaches a free one soon.
        let count = table.len() * 2;
        let head = [length(cdb.len())?, length(count)?].concat();
        cdb.get_mut(i * 8..i * 8 + 8)?.copy_from_slice(&head);
        let mut slots = vec![(0, 0); count];
        for (hash, at) in table {
            let first = (*hash >> 8) as usize % count;
            let free =
                (0..count).map(|i| (first + i) % count).find(|i| slots.get(*i).is_some_and(|s| s.1 == 0))?;
            *slots.get_mut(free)? = (*hash, *at);
        }
        for (hash, at) in slots {
            cdb.extend(hash.to_le_bytes());
            cdb.extend(length(at)?);
        }
    }
    length(cdb.len())?;
    Some(cdb)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(count: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        (0..count).map(|i| (format!("key {i}").into_bytes(), vec![b'x'; i % 50])).collect()
    }

    #[test]
    fn what_was_put_in_is_found() {
        for count in [0, 1, 3, 1000] {
            let records_in = sample(count);
            let cdb = build(&records_in).unwrap();
            for (key, data) in &records_in {
                assert_eq!(find(&cdb, key), Some(data.as_slice()));
            }
            assert_eq!(find(&cdb, b"other"), None);
            let all = records(&cdb).unwrap();
            assert_eq!(all.len(), count);
            assert!(all.iter().zip(&records_in).all(|(a, b)| a.0 == b.0 && a.1 == b.1));
        }
    }

    #[test]
    fn the_layout_is_that_of_cdb() {
        let cdb = build(&[(b"one".to_vec(), b"Hello".to_vec())]).unwrap();
        assert_eq!(&cdb[2048..2064], b"\x03\0\0\0\x05\0\0\0oneHello");
        assert_eq!(cdb.len(), 2048 + 16 + 16);
        assert_eq!([&b""[..], b"one", b"\xff\0"].map(hash), [5381, 193_420_161, 5_857_434]);
    }

    #[test]
    fn damage_is_survived() {
        let cdb = build(&sample(20)).unwrap();
        for at in (0..cdb.len()).step_by(3) {
            let mut damaged = cdb.clone();
            damaged[at] ^= 0xff;
            let _ = find(&damaged, b"key 7");
            let _ = records(&damaged);
            let _ = find(&cdb[..at], b"key 7");
            let _ = records(&cdb[..at]);
        }
    }
}
