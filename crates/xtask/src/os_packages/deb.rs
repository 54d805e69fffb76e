//! A package for dpkg, by deb(5) and deb-control(5).

use std::io;

use super::ar;
use super::facts::{NAME, SUMMARY, VERSION};
use crate::arch::Arch;
use crate::release_file::{gz, xz};
use crate::tree::{Directories, Node, Tree};

/// The file's name, as Debian's archive would have it.
pub fn file_name(arch: &Arch) -> String {
    format!("{NAME}_{VERSION}_{}.deb", arch.debian)
}

/// The bytes of the package.
pub fn pack(arch: &Arch, tree: &Tree) -> io::Result<Vec<u8>> {
    let mut control = Tree::default();
    let mut add = |name: &str, text: String| {
        control.add(name, Node::File { content: text.into_bytes(), mode: 0o644 });
    };
    add("control", describe(arch, tree));
    // Settings of the machine's administrator, which an update doesn't overwrite.
    add(
        "conffiles",
        tree.files()
            .filter(|path| path.starts_with("etc"))
            .map(|path| format!("/{}\n", path.display()))
            .collect(),
    );
    let control = gz(&control.tar()?)?;
    let data = xz(&tree.tar_with(Directories::All)?)?;
    Ok(ar::archive(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &control), ("data.tar.xz", &data)]))
}

fn describe(arch: &Arch, tree: &Tree) -> String {
    format!(
        "Package: {NAME}\nVersion: {VERSION}\nArchitecture: {}\nMaintainer: the developers of {NAME}\n\
         Installed-Size: {}\nSection: admin\nPriority: optional\nDescription: {SUMMARY}\n",
        arch.debian,
        tree.size().div_ceil(1024)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os_packages::tests::{entries, sample};

    #[test]
    fn what_dpkg_reads_of_it() {
        let arch = crate::arch::named("amd64").unwrap();
        let package = pack(arch, &sample()).unwrap();
        assert!(package.starts_with(b"!<arch>\ndebian-binary   "));
        let text = describe(arch, &sample());
        assert!(text.contains("\nArchitecture: amd64\n") && text.contains("\nInstalled-Size: 1\n"), "{text}");
        assert_eq!(file_name(arch), format!("s6-overlay-rs_{VERSION}_amd64.deb"));
    }

    #[test]
    fn every_directory_of_a_file_comes_before_it() {
        let data = entries(&sample().tar_with(Directories::All).unwrap());
        for directory in ["usr/", "usr/bin/", "etc/", "command/"] {
            assert_eq!(data[directory].0, 'd', "{directory}");
        }
        assert_eq!(data["usr/bin/program"], ('f', 0o4755, "program".into()));
    }
}
