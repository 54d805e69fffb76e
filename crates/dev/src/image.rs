//! What an image says about its services: the definitions, the legacy directories, and the scripts of all of them.

use crate::compiled::{Compiled, compile};
use crate::config::Config;
use crate::shell::{self, Shell};
use crate::tree::{DOCKERFILE, Memory, Meta, Node, Tree};
use files::Kind;
use s6_rc::diagnostic::Severity;
use std::cell::OnceCell;
use tool::path::join;

/// Longer files are no scripts.
const SCRIPT_MAX: usize = 1 << 20;

/// The folder of what images say.
pub const ETC: &[u8] = b"/etc";
/// The source directory of an image's services.
pub const SERVICES: &[u8] = b"/etc/s6-overlay/s6-rc.d";
/// The directory of the bundles that an image fills.
pub const BUNDLES: &[u8] = b"/etc/s6-overlay/user-bundles.d";
/// Where services find programs, whatever PATH says.
const PATH: [&str; 7] =
    ["/command", "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// Where every s6-overlay is.
const PACKAGES: &[u8] = b"/package/admin";
/// The first version that has user bundles at a place of their own.
const USER_BUNDLES_SINCE: [u32; 3] = [3, 2, 3];

/// Which s6-overlay an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Target {
    /// This project.
    #[default]
    Rs,
    /// The C overlay.
    S6Overlay,
}

/// What reads a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// A shell whose language is that of POSIX, or near enough.
    Shell,
    /// execlineb.
    Execline,
    /// Another interpreter.
    Other,
    /// A program of the machine's.
    Binary,
    /// Neither a first line with an interpreter nor a program.
    None,
}

/// A file that is executed.
#[derive(Debug)]
pub struct Script {
    /// Its path in the image.
    pub path: Vec<u8>,
    /// What is known without reading it.
    pub meta: Meta,
    /// Its contents, or their beginning.
    pub text: Vec<u8>,
    /// The words of its first line behind `#!`.
    pub interpreter: Vec<String>,
    /// What reads it.
    pub language: Language,
    shell: OnceCell<Option<Shell>>,
}

impl Script {
    /// Reads a script; `None` if there is no regular file.
    #[must_use]
    pub fn read(tree: &Tree, path: &[u8]) -> Option<Self> {
        let meta = tree.stat(path).filter(|meta| meta.kind == Kind::File)?;
        let text = tree.read(path, SCRIPT_MAX)?;
        let interpreter = interpreter(&text);
        let language = language(&text, &interpreter);
        Some(Self { path: path.to_vec(), meta, text, interpreter, language, shell: OnceCell::new() })
    }

    /// What the script is made of, if a shell reads it and it is understood.
    pub fn shell(&self) -> Option<&Shell> {
        self.shell
            .get_or_init(|| (self.language == Language::Shell).then(|| shell::read(&self.text)).flatten())
            .as_ref()
    }

    /// Its words, if execlineb reads it.
    #[must_use]
    pub fn execline(&self) -> Option<Vec<Vec<u8>>> {
        (self.language == Language::Execline).then(|| execline::parse(&self.text).ok()).flatten()
    }

    /// Whether with-contenv is in front of the interpreter.
    #[must_use]
    pub fn has_contenv(&self) -> bool {
        self.interpreter.iter().any(|word| shell::base_name(word) == "with-contenv")
    }
}

fn interpreter(text: &[u8]) -> Vec<String> {
    let Some(line) = text.strip_prefix(b"#!").and_then(|rest| rest.split(|byte| *byte == b'\n').next())
    else {
        return Vec::new();
    };
    let line = String::from_utf8_lossy(line);
    line.split_ascii_whitespace().map(str::to_owned).collect()
}

/// What reads a script whose first line is this.
fn language(text: &[u8], interpreter: &[String]) -> Language {
    if text.starts_with(b"\x7fELF") {
        return Language::Binary;
    }
    let mut words = interpreter.iter().map(|word| shell::base_name(word));
    let program = words.find(|word| {
        !matches!(*word, "env" | "with-contenv" | "-S" | "nice" | "busybox") && !word.contains('=')
    });
    match program {
        None if interpreter.is_empty() => Language::None,
        // bashio is bash with functions.
        Some("sh" | "bash" | "ash" | "dash" | "ksh" | "bashio") => Language::Shell,
        Some("execlineb") => Language::Execline,
        _ => Language::Other,
    }
}

/// What kind of service a definition says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A daemon.
    Longrun,
    /// Something that is done once.
    Oneshot,
    /// A name for several.
    Bundle,
}

/// A definition of a service in a source directory.
#[derive(Debug)]
pub struct Definition {
    /// The service's name.
    pub name: Vec<u8>,
    /// Its directory in the image.
    pub path: Vec<u8>,
    /// What it says that it is, if that is understood.
    pub kind: Option<Type>,
    /// The names of its entries.
    pub entries: Vec<Vec<u8>>,
    /// `run`, if there is one.
    pub run: Option<Script>,
    /// `finish`, if there is one.
    pub finish: Option<Script>,
}

impl Definition {
    fn read(tree: &Tree, source: &[u8], name: Vec<u8>) -> Self {
        let path = join(source, &name);
        let kind = tree.read(&join(&path, b"type"), 64).and_then(|text| match text.trim_ascii() {
            b"longrun" => Some(Type::Longrun),
            b"oneshot" => Some(Type::Oneshot),
            b"bundle" => Some(Type::Bundle),
            _ => None,
        });
        let script = |file: &[u8]| Script::read(tree, &join(&path, file));
        Self { entries: tree.names(&path), run: script(b"run"), finish: script(b"finish"), kind, name, path }
    }

    /// Whether there is an entry of this name.
    #[must_use]
    pub fn has(&self, entry: &str) -> bool {
        self.entries.iter().any(|name| name == entry.as_bytes())
    }

    /// The path of an entry.
    #[must_use]
    pub fn path_of(&self, entry: &str) -> Vec<u8> {
        join(&self.path, entry.as_bytes())
    }

    /// The names that a directory of names, or else a file with a name on each line, holds.
    #[must_use]
    pub fn list(&self, tree: &Tree, entry: &str) -> Vec<Vec<u8>> {
        let directory = self.path_of(&format!("{entry}.d"));
        if tree.is_directory(&directory) {
            return tree.names(&directory);
        }
        let text = tree.read(&self.path_of(entry), SCRIPT_MAX).unwrap_or_default();
        let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        lines.filter(|line| !line.is_empty() && !line.starts_with(b"#")).map(<[u8]>::to_vec).collect()
    }

    /// Whether it is a daemon.
    #[must_use]
    pub fn is_longrun(&self) -> bool {
        self.kind == Some(Type::Longrun)
    }

    /// Whether it is done once.
    #[must_use]
    pub fn is_oneshot(&self) -> bool {
        self.kind == Some(Type::Oneshot)
    }
}

/// A service directory of services.d.
#[derive(Debug)]
pub struct LegacyService {
    /// Its name.
    pub name: Vec<u8>,
    /// Its directory in the image.
    pub path: Vec<u8>,
    /// `run`, if there is one.
    pub run: Option<Script>,
    /// `finish`, if there is one.
    pub finish: Option<Script>,
}

/// What is looked for only if it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extra {
    /// What is right in many images, too: `--strict`.
    pub strict: bool,
    /// Rights that a service may not need: `--security`.
    pub security: bool,
}

/// What an image says.
#[derive(Debug)]
pub struct Image<'t> {
    /// Its files.
    pub tree: &'t Tree,
    /// What it is started with, if that is known.
    pub config: Config,
    /// Which s6-overlay it is for.
    pub target: Target,
    /// What else is looked for.
    pub extra: Extra,
    /// Whether its Dockerfile begins with nothing and adds no overlay: what it holds is copied to another image, by something
    /// that may change it.
    pub is_part: bool,
    /// Whether an s6-overlay is in it, so that nothing of it is elsewhere.
    pub is_whole: bool,
    /// The definitions of its own services, by name.
    pub definitions: Vec<Definition>,
    /// Its services in services.d.
    pub legacy: Vec<LegacyService>,
    /// The scripts of cont-init.d and cont-finish.d.
    pub stages: Vec<Script>,
    /// The scripts that the `up` and `down` of oneshots name.
    pub tasks: Vec<Script>,
    /// The source directories, with those of the overlay.
    pub sources: Vec<Vec<u8>>,
    compiled: OnceCell<Result<Compiled, String>>,
}

/// Adds the overlay's own services below everything else, for an image that doesn't have them.
pub fn complete(tree: &mut Tree) -> bool {
    let is_whole = own_sources(tree).is_some();
    if !is_whole {
        let entries = installation::Names::all().map(|names| installation::entries(&names, |_| true));
        let installed = [installation::Part::Noarch, installation::Part::Arch];
        let entries = entries.unwrap_or_default().into_iter().filter(|entry| installed.contains(&entry.part));
        let mut files = Memory::default();
        for entry in entries {
            let (kind, mode, node) = match entry.node {
                installation::Node::Directory => (Kind::Directory, 0o755, Node::Directory),
                installation::Node::File { mode, content } => (Kind::File, mode, Node::File(content.into())),
                installation::Node::Link(target) => {
                    (Kind::Link, 0o777, Node::Link(target.into_owned().into_bytes()))
                }
                installation::Node::Program => (Kind::File, 0o755, Node::File(b"\x7fELF".into())),
                installation::Node::SetuidProgram => (Kind::File, 0o4755, Node::File(b"\x7fELF".into())),
                installation::Node::Version => continue,
            };
            let meta = Meta { kind, mode, uid: 0, gid: 0, size: 0 };
            // No link of ours leads in a circle.
            let _ = files.put(0, entry.path.as_bytes(), meta, node);
        }
        tree.add_memory(files);
    }
    is_whole
}

/// The source directory of the overlay's own services.
fn own_sources(tree: &Tree) -> Option<Vec<u8>> {
    let mut names = tree.names(PACKAGES);
    names.retain(|name| name.starts_with(b"s6-overlay-3"));
    let paths = names.iter().map(|name| join(&join(PACKAGES, name), b"etc/s6-rc/sources"));
    paths.into_iter().find(|path| tree.is_directory(path))
}

/// The scripts that oneshots run, each once.
fn tasks(tree: &Tree, definitions: &[Definition]) -> Vec<Script> {
    let mut paths = std::collections::BTreeSet::new();
    for definition in definitions.iter().filter(|definition| definition.is_oneshot()) {
        for file in ["up", "down"] {
            let text = tree.read(&definition.path_of(file), SCRIPT_MAX).unwrap_or_default();
            let words = execline::parse(&text).unwrap_or_default();
            paths.extend(words.into_iter().filter(|word| word.starts_with(b"/etc/")));
        }
    }
    paths.iter().filter_map(|path| Script::read(tree, path)).collect()
}

impl<'t> Image<'t> {
    /// Reads what an image says; `is_whole` is what [`complete`] has given.
    #[must_use]
    pub fn read(tree: &'t Tree, mut config: Config, target: Target, is_whole: bool) -> Self {
        let has_no_overlay = config.places.is_some() && !is_whole && !config.steps.install_overlay;
        let is_part = has_no_overlay && config.is_complete;
        config.is_complete &= !has_no_overlay;
        let folders = |path: &[u8]| -> Vec<Vec<u8>> {
            let mut names = tree.names(path);
            names.retain(|name| !name.starts_with(b".") && tree.is_directory(&join(path, name)));
            names
        };
        let mut sources = vec![SERVICES.to_vec(), BUNDLES.to_vec()];
        let definitions: Vec<_> = sources
            .iter()
            .flat_map(|source| folders(source).into_iter().map(|name| Definition::read(tree, source, name)))
            .collect();
        sources.extend(own_sources(tree));
        let services = join(ETC, b"services.d");
        let legacy = folders(&services).into_iter().map(|name| {
            let path = join(&services, &name);
            let script = |file: &[u8]| Script::read(tree, &join(&path, file));
            LegacyService { run: script(b"run"), finish: script(b"finish"), name, path }
        });
        let legacy = legacy.collect();
        let stages = [&b"cont-init.d"[..], b"cont-finish.d"].into_iter().flat_map(|folder| {
            let folder = join(ETC, folder);
            let names = tree.names(&folder).into_iter().filter(|name| !name.starts_with(b"."));
            names.filter_map(move |name| Script::read(tree, &join(&folder, &name))).collect::<Vec<_>>()
        });
        let stages = stages.collect();
        let tasks = tasks(tree, &definitions);
        let compiled = OnceCell::new();
        let extra = Extra::default();
        Self {
            tree,
            config,
            target,
            extra,
            is_part,
            is_whole,
            definitions,
            legacy,
            stages,
            tasks,
            sources,
            compiled,
        }
    }

    /// What the compiler makes of the definitions.
    ///
    /// # Errors
    /// No copy can be made of them for it.
    pub fn compiled(&self) -> Result<&Compiled, &str> {
        let compiled = self.compiled.get_or_init(|| compile(self.tree, &self.sources));
        compiled.as_ref().map_err(String::as_str)
    }

    /// How bad it is that a file isn't executable; `None` if the build, or what the files are copied by, may change that.
    #[must_use]
    pub fn bad_mode(&self) -> Option<Severity> {
        let changes = self.config.steps.change_modes || self.is_part;
        // Some images below set the bits when they start.
        let is_sure = self.is_whole || self.config.steps.install_overlay;
        (!changes).then_some(if is_sure { Severity::Error } else { Severity::Warning })
    }

    /// Whether the image is built with version 2, for which much of version 3 isn't wrong.
    #[must_use]
    pub fn is_version_2(&self) -> bool {
        self.config.steps.overlay_version.as_ref().is_some_and(|version| version.first() == Some(&2))
    }

    /// Whether the image's overlay looks for user bundles at a place of their own; where its version isn't known, it does.
    #[must_use]
    pub fn knows_user_bundles(&self) -> bool {
        let is_old = |version: &[u32]| version < USER_BUNDLES_SINCE.as_slice();
        let in_tree = self.sources.iter().find_map(|source| {
            let rest = source.strip_prefix(PACKAGES)?.strip_prefix(b"/s6-overlay-")?;
            let version = rest.split(|byte| *byte == b'/').next()?;
            let numbers = std::str::from_utf8(version).ok()?.split('.').map(|number| number.parse().ok());
            numbers.collect::<Option<Vec<u32>>>()
        });
        // Below a part of an image, there is what this program knows.
        let in_tree = in_tree.filter(|_| self.is_whole);
        let built = self.config.steps.overlay_version.as_deref();
        !built.or(in_tree.as_deref()).is_some_and(is_old)
    }

    /// The definition that a script is `run` or `finish` of.
    #[must_use]
    pub fn definition_of(&self, script: &Script) -> Option<&Definition> {
        let directory = tool::path::split(&script.path).0;
        self.definitions.iter().find(|definition| definition.path == directory)
    }

    /// The program that a word of a command line means: with a slash its path, otherwise the first in PATH.
    #[must_use]
    pub fn program(&self, word: &str) -> Option<Vec<u8>> {
        let is_there = |path: &Vec<u8>| self.tree.is_file(path);
        if word.contains('/') {
            return Some(word.as_bytes().to_vec()).filter(is_there);
        }
        let directories = self.config.variable("PATH").unwrap_or_default().split(':');
        let directories = directories.chain(PATH).filter(|directory| directory.starts_with('/'));
        directories.map(|directory| join(directory.as_bytes(), word.as_bytes())).find(is_there)
    }

    /// The number of a user of the image's `/etc/passwd`.
    #[must_use]
    pub fn user_id(&self, name: &str) -> Option<u32> {
        let passwd = self.tree.read(b"/etc/passwd", SCRIPT_MAX)?;
        let mut lines = passwd.split(|byte| *byte == b'\n').map(|line| line.split(|byte| *byte == b':'));
        let mut fields =
            lines.find_map(|mut fields| (fields.next() == Some(name.as_bytes())).then_some(fields))?;
        std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()
    }

    /// Every `run` with the name of its service, daemons of services.d included.
    pub fn runs(&self) -> impl Iterator<Item = (&[u8], &Script)> {
        let longruns = self.definitions.iter().filter(|definition| definition.is_longrun());
        let defined = longruns.filter_map(|d| Some((d.name.as_slice(), d.run.as_ref()?)));
        defined.chain(self.legacy.iter().filter_map(|s| Some((s.name.as_slice(), s.run.as_ref()?))))
    }

    /// Every `finish` with the name of its service, daemons of services.d included.
    pub fn finishes(&self) -> impl Iterator<Item = (&[u8], &Script)> {
        let defined = self.definitions.iter().filter_map(|d| Some((d.name.as_slice(), d.finish.as_ref()?)));
        defined.chain(self.legacy.iter().filter_map(|s| Some((s.name.as_slice(), s.finish.as_ref()?))))
    }

    /// The paths of all texts that a comment may stand in, the Dockerfile among them.
    #[must_use]
    pub fn texts(&self) -> std::collections::BTreeSet<Vec<u8>> {
        let mut all: std::collections::BTreeSet<Vec<u8>> =
            self.scripts().map(|script| script.path.clone()).collect();
        for definition in &self.definitions {
            all.extend(definition.entries.iter().map(|entry| join(&definition.path, entry)));
        }
        all.insert(DOCKERFILE.to_vec());
        all.retain(|path| self.tree.is_uppermost(path));
        all
    }

    /// Every script of the image's own that is known to be executed.
    pub fn scripts(&self) -> impl Iterator<Item = &Script> {
        let services = self.runs().chain(self.finishes()).map(|(_, script)| script);
        services.chain(&self.stages).chain(&self.tasks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_of_a_script() {
        for (text, expected) in [
            ("#!/bin/sh\n", Language::Shell),
            ("#!/usr/bin/env -S bash -e\n", Language::Shell),
            ("#!/command/with-contenv bash\n", Language::Shell),
            ("#!/usr/bin/with-contenv sh\n", Language::Shell),
            ("#! /command/execlineb -P\n", Language::Execline),
            ("#!/command/with-contenv execlineb -P\n", Language::Execline),
            ("#!/usr/bin/python3\n", Language::Other),
            ("\u{7f}ELF", Language::Binary),
            ("echo\n", Language::None),
            ("", Language::None),
        ] {
            assert_eq!(language(text.as_bytes(), &interpreter(text.as_bytes())), expected, "{text:?}");
        }
    }
}
