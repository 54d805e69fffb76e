//! What a program is linked from: the packages of the lock file, without what only builds or tests it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::arch::Arch;
use crate::command::{capture, cargo};
use crate::failure::Failure;

/// A package that is linked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence, as SPDX writes it.
    pub licence: String,
    /// Where it comes from; empty for the workspace's own.
    source: String,
    /// The directory of its sources.
    pub sources: PathBuf,
    /// Name and version of the packages that it is linked with.
    pub dependencies: BTreeSet<(String, String)>,
}

impl Package {
    /// Whether it is somebody else's.
    pub fn is_foreign(&self) -> bool {
        !self.source.is_empty()
    }
}

/// A package of the workspace, and all that is linked into it on any of the architectures.
pub fn into(package: &str, archs: &[Arch]) -> Result<BTreeSet<Package>, Failure> {
    let mut linked: BTreeMap<(String, String), Package> = BTreeMap::new();
    for arch in archs {
        let mut cargo = cargo();
        cargo.args(["metadata", "--locked", "--format-version=1", "--filter-platform", arch.target]);
        let metadata = serde_json::from_str(&capture(&mut cargo)?)
            .map_err(|why| Failure(format!("cargo metadata: {why}")))?;
        for found in Graph::new(&metadata).linked_into(package) {
            let key = (found.name.clone(), found.version.clone());
            let dependencies = found.dependencies.clone();
            linked.entry(key).or_insert(found).dependencies.extend(dependencies);
        }
    }
    Ok(linked.into_values().collect())
}

/// Cargo's description of the graph of packages, by their ids.
struct Graph<'a> {
    packages: BTreeMap<&'a str, &'a Value>,
    nodes: BTreeMap<&'a str, &'a Value>,
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

impl<'a> Graph<'a> {
    fn new(metadata: &'a Value) -> Self {
        let by_id =
            |values: &'a Value| list(values).iter().map(|value| (text(&value["id"]), value)).collect();
        Self { packages: by_id(&metadata["packages"]), nodes: by_id(&metadata["resolve"]["nodes"]) }
    }

    fn linked_into(&self, package: &str) -> Vec<Package> {
        let is_wanted = |(_, found): &(&&str, &&Value)| found["name"] == package;
        let mut rest: Vec<&str> = self.packages.iter().filter(is_wanted).map(|(id, _)| *id).collect();
        let mut seen = BTreeSet::new();
        while let Some(id) = rest.pop() {
            if seen.insert(id) {
                rest.extend(self.dependencies(id));
            }
        }
        seen.into_iter().filter_map(|id| self.package(id)).collect()
    }

    fn is_macro(&self, id: &str) -> bool {
        let targets = self.packages.get(id).map(|package| list(&package["targets"])).unwrap_or_default();
        targets.iter().any(|target| list(&target["kind"]).iter().any(|kind| kind == "proc-macro"))
    }

    /// What a package is linked with: not what builds or tests it, and no macros.
    fn dependencies(&self, id: &str) -> impl Iterator<Item = &'a str> {
        let dependencies = self.nodes.get(id).map(|node| list(&node["deps"])).unwrap_or_default();
        let is_linked =
            |dependency: &&Value| list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
        let ids = dependencies.iter().filter(is_linked).map(|dependency| text(&dependency["pkg"]));
        ids.filter(|id| !self.is_macro(id))
    }

    fn package(&self, id: &str) -> Option<Package> {
        let found = self.packages.get(id)?;
        let names = |id: &str| {
            let found = self.packages.get(id)?;
            Some((text(&found["name"]).to_owned(), text(&found["version"]).to_owned()))
        };
        let (name, version) = names(id)?;
        Some(Package {
            name,
            version,
            licence: text(&found["license"]).to_owned(),
            source: text(&found["source"]).to_owned(),
            sources: Path::new(text(&found["manifest_path"])).parent().unwrap_or(Path::new("")).to_owned(),
            dependencies: self.dependencies(id).filter_map(names).collect(),
        })
    }
}
