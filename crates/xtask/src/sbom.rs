//! What a program is made of, as a CycloneDX document (ECMA-424): its packages, the standard library and the C library.
//!
//! Only what is linked is listed, each package with the digest that Cargo.lock has.  The same sources and the same compiler give
//! the same bytes, so there is neither a time nor a number of the document.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::arch::Arch;
use crate::command::capture;
use crate::failure::Failure;
use crate::linked::{self, Package};
use crate::{musl, release_file, workspace};

/// The end of such a file's name.
const SUFFIX: &str = ".cdx.json";

/// Writes the document of the release file `name`, which a package of the workspace is linked to on `arch`.
pub fn publish(out: &Path, name: &str, package: &str, arch: &Arch) -> Result<(), Failure> {
    let document = format!("{:#}\n", of(name, package, arch)?);
    release_file::publish(out, name, SUFFIX, document.as_bytes())?;
    println!("{name}{SUFFIX}: {} bytes", document.len());
    Ok(())
}

/// The document.
fn of(name: &str, package: &str, arch: &Arch) -> Result<Value, Failure> {
    let linked = linked::into(package, std::slice::from_ref(arch))?;
    let lock = workspace::top().join("Cargo.lock");
    let checksums = checksums(&fs::read_to_string(&lock).map_err(Failure::unable("read", &lock))?);
    let (own, others): (Vec<_>, Vec<_>) = linked.iter().partition(|linked| linked.name == package);
    let mut root = own.first().map(|own| component(own, "application", None)).unwrap_or_default();
    root["name"] = json!(name);
    let mut components: Vec<Value> = others
        .iter()
        .map(|other| component(other, "library", checksums.get(&(other.name.clone(), other.version.clone()))))
        .collect();
    let mut dependencies: Vec<Value> = linked
        .iter()
        .map(|linked| {
            let on = linked.dependencies.iter().map(|(name, version)| reference(name, version));
            // The runtime is every package's; it is enough to say so once.
            let runtime = if linked.name == package { RUNTIME } else { &[] };
            let on: Vec<_> = on.chain(runtime.iter().map(|(name, _)| (*name).to_owned())).collect();
            json!({ "ref": reference(&linked.name, &linked.version), "dependsOn": on })
        })
        .collect();
    let versions = [compiler(arch)?, c_library()];
    for ((name, licence), version) in RUNTIME.iter().zip(versions) {
        let mut runtime = json!({
            "type": "library", "bom-ref": name, "name": name, "licenses": [{ "expression": licence }],
        });
        if let Some(version) = version {
            runtime["version"] = json!(version);
        }
        components.push(runtime);
        dependencies.push(json!({ "ref": name, "dependsOn": [] }));
    }
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": root },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// What is linked and isn't in the lock file, with its licence.
const RUNTIME: &[(&str, &str)] = &[("rust-std", "MIT OR Apache-2.0"), ("musl", "MIT")];

fn reference(name: &str, version: &str) -> String {
    format!("{name}@{version}")
}

fn component(package: &Package, kind: &str, checksum: Option<&String>) -> Value {
    let mut component = json!({
        "type": kind,
        "bom-ref": reference(&package.name, &package.version),
        "name": package.name,
        "version": package.version,
        // Some write a choice as it was written before SPDX.
        "licenses": [{ "expression": package.licence.replace('/', " OR ") }],
    });
    if package.is_foreign() {
        component["purl"] = json!(format!("pkg:cargo/{}@{}", package.name, package.version));
    }
    if let Some(checksum) = checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

/// The version of the compiler, whose standard library is linked.
fn compiler(arch: &Arch) -> Result<Option<String>, Failure> {
    match musl::version(arch)? {
        Some(version) => Ok(Some(version)),
        None => {
            let printed = capture(Command::new("rustc").arg("--version"))?;
            Ok(printed.split(' ').nth(1).map(str::to_owned))
        }
    }
}

/// The version of Debian's musl, if it is installed.
fn c_library() -> Option<String> {
    let words = ["--show", "--showformat=${Version}", "musl-dev"];
    let output =
        Command::new("dpkg-query").args(words).output().ok().filter(|output| output.status.success())?;
    let version = String::from_utf8(output.stdout).ok()?;
    (!version.is_empty()).then_some(version)
}

/// The digests of the lock file by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let mut checksums = BTreeMap::new();
    let mut package = (String::new(), String::new());
    for (key, value) in lock.lines().filter_map(|line| line.split_once(" = ")) {
        let value = value.trim_matches('"').to_owned();
        match key {
            "name" => package.0 = value,
            "version" => package.1 = value,
            "checksum" => drop(checksums.insert(package.clone(), value)),
            _ => {}
        }
    }
    checksums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_linked_is_listed_with_digests_and_every_reference_leads_somewhere() {
        let arch = crate::arch::named("x86_64").unwrap();
        let document = of("s6-overlay-x86_64", "multicall", arch).unwrap();
        assert_eq!(document, of("s6-overlay-x86_64", "multicall", arch).unwrap());
        let components = document["components"].as_array().unwrap();
        let named = |name: &str| components.iter().find(|component| component["name"] == name);
        let rustix = named("rustix").unwrap();
        assert_eq!(rustix["hashes"][0]["content"].as_str().unwrap().len(), 64);
        assert!(rustix["purl"].as_str().unwrap().starts_with("pkg:cargo/rustix@1."));
        assert!(named("musl").is_some() && named("rust-std").unwrap()["version"].is_string());
        for absent in ["clap", "proptest", "rustls", "multicall"] {
            assert!(named(absent).is_none(), "{absent}");
        }
        let root = &document["metadata"]["component"];
        assert_eq!(root["name"], "s6-overlay-x86_64");
        let known: Vec<_> = components.iter().chain([root]).map(|component| &component["bom-ref"]).collect();
        for dependency in document["dependencies"].as_array().unwrap() {
            let on = dependency["dependsOn"].as_array().unwrap();
            for reference in on.iter().chain([&dependency["ref"]]) {
                assert!(known.contains(&reference), "{reference}");
            }
        }
    }

    #[test]
    fn digests_are_those_of_the_lock_file() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"ff\"\n\n[[package]]\nname = \"b\"\nversion = \"2.0.0\"\n";
        assert_eq!(checksums(lock), BTreeMap::from([(("a".into(), "1.0.0".into()), "ff".into())]));
    }
}
