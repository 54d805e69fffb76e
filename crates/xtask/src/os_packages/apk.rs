//! A package for Alpine's apk, of version 2: two tar archives, each compressed on its own, one after the other.
//!
//! The first has what describes it and no end, so that both are one archive; it has the digest of the second.  In the second each
//! file and link has its digest in a pax header.  There is no signature, which would be a third one before them.

use std::fmt::Write;
use std::io;

use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::facts::{LICENCE, NAME, SUMMARY, VERSION};
use crate::arch::Arch;
use crate::release_file::{gz, hex};
use crate::tree::{Directories, Node, TIME, Tree};

/// The pax header with a digest.
const CHECKSUM: &str = "APK-TOOLS.checksum.SHA1";
/// How many bytes of zeros end an archive.
const END: usize = 1024;

/// The file's name, as Alpine's repositories would have it, and the architecture, which it would have as a folder.
pub fn file_name(arch: &Arch) -> String {
    format!("{NAME}-{VERSION}-r0.{}.apk", arch.alpine)
}

/// The bytes of the package.
pub fn pack(arch: &Arch, tree: &Tree) -> io::Result<Vec<u8>> {
    let data = gz(&tree.tar_with(Directories::AllAndHeaders(&checksum))?)?;
    let text = describe(arch, tree.size(), &data);
    let mut control = Tree::default();
    control.add(".PKGINFO", Node::File { content: text.into_bytes(), mode: 0o644 });
    let mut control = control.tar()?;
    control.truncate(control.len() - END);
    let mut package = gz(&control)?;
    package.extend(data);
    Ok(package)
}

fn describe(arch: &Arch, size: usize, data: &[u8]) -> String {
    let mut text = String::new();
    for (key, value) in [
        ("pkgname", NAME),
        ("pkgver", &format!("{VERSION}-r0")),
        ("pkgdesc", SUMMARY),
        ("builddate", &TIME.to_string()),
        ("size", &size.to_string()),
        ("arch", arch.alpine),
        ("license", LICENCE),
        ("datahash", &hex(&Sha256::digest(data))),
    ] {
        let _ = writeln!(text, "{key} = {value}");
    }
    text
}

/// The digest of a file, or of a link's target; directories have none.
fn checksum(node: &Node) -> Option<(&'static str, String)> {
    use std::os::unix::ffi::OsStrExt;
    let bytes = match node {
        Node::Directory => return None,
        Node::File { content, .. } => content.as_slice(),
        Node::Link(target) => target.as_os_str().as_bytes(),
    };
    Some((CHECKSUM, hex(&Sha1::digest(bytes))))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::{GzDecoder, MultiGzDecoder};

    use super::*;
    use crate::os_packages::tests::{entries, sample};

    #[test]
    fn both_parts_are_one_archive_and_the_first_has_the_digest_of_the_second() {
        let arch = crate::arch::named("i686").unwrap();
        let package = pack(arch, &sample()).unwrap();
        let mut control = Vec::new();
        GzDecoder::new(package.as_slice()).read_to_end(&mut control).unwrap();
        let information = entries(&control)[".PKGINFO"].2.clone();
        let data = gz(&sample().tar_with(Directories::AllAndHeaders(&checksum)).unwrap()).unwrap();
        assert!(package.ends_with(&data));
        assert!(
            information.contains(&format!("datahash = {}\n", hex(&Sha256::digest(&data)))),
            "{information}"
        );
        assert!(information.contains("arch = x86\n"), "{information}");
        let mut whole = Vec::new();
        MultiGzDecoder::new(package.as_slice()).read_to_end(&mut whole).unwrap();
        let found = entries(&whole);
        assert_eq!(found["command/program"], ('l', 0o777, "../usr/bin/program".into()));
        assert!(found.contains_key(".PKGINFO") && found.contains_key("etc/s6-overlay/type"));
    }

    #[test]
    fn files_and_links_have_their_digests() {
        let tar = sample().tar_with(Directories::AllAndHeaders(&checksum)).unwrap();
        let mut archive = tar::Archive::new(tar.as_slice());
        let mut count = 0;
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let is_directory = entry.header().entry_type() == tar::EntryType::Directory;
            let headers: Vec<_> =
                entry.pax_extensions().unwrap().into_iter().flatten().map(Result::unwrap).collect();
            assert_eq!(headers.is_empty(), is_directory);
            for header in headers {
                assert_eq!((header.key().unwrap(), header.value().unwrap().len()), (CHECKSUM, 40));
                count += 1;
            }
        }
        assert_eq!(count, 3);
    }
}
