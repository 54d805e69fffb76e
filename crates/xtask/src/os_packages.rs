//! The program as a package of an image's own package manager: `.deb` for dpkg, `.apk` for Alpine's apk.
//!
//! Both hold what the `noarch` tarball and the architecture's hold.  They run nothing when they are installed or removed, depend on
//! nothing, and aren't signed: apk takes `--allow-untrusted`.

mod apk;
mod ar;
pub mod attempt;
mod deb;
mod facts;

use std::path::{Path, PathBuf};

use crate::arch::Arch;
use crate::failure::Failure;
use crate::release_file;
use crate::tree::Tree;

/// Where the packages are.
pub struct Made {
    /// The one for dpkg.
    pub deb: PathBuf,
    /// The one for apk.
    pub apk: PathBuf,
}

/// Makes both packages of `tree` in `out`.
pub fn publish(arch: &Arch, tree: &Tree, out: &Path) -> Result<Made, Failure> {
    let write = |name: String, content: Vec<u8>| {
        println!("{name}: {} bytes", content.len());
        release_file::publish(out, &name, "", &content)
    };
    let unable = |why| Failure(format!("unable to make the packages: {why}"));
    Ok(Made {
        deb: write(deb::file_name(arch), deb::pack(arch, tree).map_err(unable)?)?,
        apk: write(apk::file_name(arch), apk::pack(arch, tree).map_err(unable)?)?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use crate::tree::Node;

    use super::*;

    /// A file in /etc, a program in /usr, a link.
    pub fn sample() -> Tree {
        let mut tree = Tree::default();
        let file = |content: &[u8], mode| Node::File { content: content.to_vec(), mode };
        tree.add("etc/s6-overlay/type", file(b"bundle\n", 0o644));
        tree.add("usr/bin/program", file(b"program", 0o4755));
        tree.link("command/program", "../usr/bin/program");
        tree
    }

    /// The entries of an archive: kind, mode and content or target, by path.
    pub fn entries(tar: &[u8]) -> BTreeMap<String, (char, u32, String)> {
        let mut archive = tar::Archive::new(tar);
        let mut found = BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            if let Some(target) = entry.link_name().unwrap() {
                content = target.display().to_string();
            }
            let kind = match entry.header().entry_type() {
                tar::EntryType::Directory => 'd',
                tar::EntryType::Symlink => 'l',
                _ => 'f',
            };
            let path = entry.path().unwrap().display().to_string();
            found.insert(path, (kind, entry.header().mode().unwrap(), content));
        }
        found
    }

    #[test]
    fn packages_are_always_the_same() {
        let arch = crate::arch::named("arm64").unwrap();
        assert_eq!(deb::pack(arch, &sample()).unwrap(), deb::pack(arch, &sample()).unwrap());
        assert_eq!(apk::pack(arch, &sample()).unwrap(), apk::pack(arch, &sample()).unwrap());
    }
}
