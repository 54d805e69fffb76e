//! A package for npm: a tar archive with everything in `package/`, one for each architecture.

use serde_json::json;

use super::content::{Content, LICENCE, LICENCE_TEXT, README, SUMMARY, VERSION};
use crate::arch::Arch;
use crate::build::CHECKER;
use crate::failure::Failure;
use crate::release_file::gz;
use crate::tree::{Node, Tree};

/// The package's name: npm's own names of the machine are in it, since a name has one package.
fn name(arch: &Arch) -> String {
    format!("{CHECKER}-linux-{}", arch.npm)
}

/// The file's name, as `npm pack` would have it.
pub fn file_name(arch: &Arch) -> String {
    format!("{}-{VERSION}.tgz", name(arch))
}

/// The bytes of the package.
pub fn pack(content: &Content<'_>) -> Result<Vec<u8>, Failure> {
    let manifest = json!({
        "name": name(content.arch),
        "version": VERSION,
        "description": SUMMARY,
        "license": LICENCE,
        "os": ["linux"],
        "cpu": [content.arch.npm],
        "bin": { CHECKER: format!("bin/{CHECKER}") },
    });
    let mut tree = Tree::default();
    let mut add = |path: &str, content: &[u8], mode| {
        tree.add(format!("package/{path}"), Node::File { content: content.to_vec(), mode });
    };
    add("package.json", format!("{manifest:#}\n").as_bytes(), 0o644);
    add("README.md", README.as_bytes(), 0o644);
    add("LICENSE", LICENCE_TEXT.as_bytes(), 0o644);
    add("LICENSES", content.licences.as_bytes(), 0o644);
    add(&format!("bin/{CHECKER}"), content.program, 0o755);
    let unable = |why| Failure(format!("unable to make the package for npm: {why}"));
    gz(&tree.tar().map_err(unable)?).map_err(unable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch;
    use std::collections::BTreeMap;
    use std::io::Read;

    #[test]
    fn the_manifest_names_the_program_and_the_machine() {
        let arch = arch::named("arm64").unwrap();
        let packed = pack(&Content { arch, program: b"program", licences: "licences" }).unwrap();
        let mut files = BTreeMap::new();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()));
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            files.insert(path, (content, entry.header().mode().unwrap()));
        }
        let manifest: serde_json::Value = serde_json::from_slice(&files["package/package.json"].0).unwrap();
        assert_eq!(manifest["name"], "s6-overlay-dev-linux-arm64");
        assert_eq!((&manifest["os"], &manifest["cpu"]), (&json!(["linux"]), &json!(["arm64"])));
        let program = format!("package/{}", manifest["bin"]["s6-overlay-dev"].as_str().unwrap());
        assert_eq!(files[&program], (b"program".to_vec(), 0o755));
        assert_eq!(file_name(arch), format!("s6-overlay-dev-linux-arm64-{VERSION}.tgz"));
    }
}
