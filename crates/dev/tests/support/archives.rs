//! Archives for tests, entry by entry.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, dead_code)] // a part of several test programs

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use tar::{Builder, EntryType, Header};

/// An archive that is being made.
pub struct Archive(Builder<Vec<u8>>);

impl Archive {
    pub fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    /// Adds an entry whose name is written as it is: the library would refuse some.
    pub fn raw(self, kind: EntryType, name: &[u8], mode: u32, target: &[u8], data: &[u8]) -> Self {
        self.odd(kind, data, |header| {
            let gnu = header.as_gnu_mut().unwrap();
            gnu.name[..name.len()].copy_from_slice(name);
            gnu.linkname[..target.len()].copy_from_slice(target);
            header.set_mode(mode);
        })
    }

    /// Adds an entry with a header that is changed at will.
    pub fn odd(mut self, kind: EntryType, data: &[u8], change: impl FnOnce(&mut Header)) -> Self {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mode(0o644);
        header.set_size(data.len() as u64);
        change(&mut header);
        header.set_cksum();
        self.0.append(&header, data).unwrap();
        self
    }

    pub fn file(self, name: &str, mode: u32, data: impl AsRef<[u8]>) -> Self {
        self.raw(EntryType::Regular, name.as_bytes(), mode, b"", data.as_ref())
    }

    pub fn directory(self, name: &str) -> Self {
        self.raw(EntryType::Directory, name.as_bytes(), 0o755, b"", b"")
    }

    pub fn link(self, name: &str, target: &str) -> Self {
        self.raw(EntryType::Symlink, name.as_bytes(), 0o777, target.as_bytes(), b"")
    }

    pub fn name_of(self, name: &str, of: &str) -> Self {
        self.raw(EntryType::Link, name.as_bytes(), 0o644, of.as_bytes(), b"")
    }

    /// All files of an example (see `dev::example`).
    pub fn example(mut self, text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        dev::example::write(text, dir.path()).unwrap();
        self.0.follow_symlinks(false);
        self.0.append_dir_all("", dir.path()).unwrap();
        self
    }

    pub fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

/// A service whose shell stays in front of its daemon, in the bundle `user`.
pub fn service(name: &str, exec: &str) -> String {
    format!(
        "-- etc/s6-overlay/s6-rc.d/{name}/type --\nlongrun\n-- etc/s6-overlay/s6-rc.d/{name}/run 755 --\n#!/bin/sh\n{exec}{name}\n-- etc/s6-overlay/user-bundles.d/user/contents.d/{name} --"
    )
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// The configuration of an image for a platform.
pub fn config(architecture: &str, entrypoint: &str) -> String {
    format!(
        "{{\"os\": \"linux\", \"architecture\": \"{architecture}\", \"config\": {{\"Entrypoint\": [\"{entrypoint}\"], \"Healthcheck\": {{\"Test\": [\"CMD\", \"true\"]}}, \"Env\": [\"S6_BEHAVIOUR_IF_STAGE2_FAILS=2\"]}}}}"
    )
}

/// What `docker save` wrote for many years.
pub fn saved(layers: &[Vec<u8>], config: &str) -> Vec<u8> {
    let mut archive = Archive::new();
    let mut names = Vec::new();
    for (at, layer) in layers.iter().enumerate() {
        archive = archive.file(&format!("{at}/layer.tar"), 0o644, layer);
        names.push(format!("\"{at}/layer.tar\""));
    }
    let manifest = format!(
        "[{{\"Config\": \"config.json\", \"RepoTags\": [\"image:1\"], \"Layers\": [{}]}}]",
        names.join(",")
    );
    archive.file("config.json", 0o644, config).file("manifest.json", 0o644, manifest).bytes()
}

/// The files of an OCI layout: an image for each of these platforms, with their layers.
pub fn layout(images: &[(&str, Vec<Vec<u8>>)]) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![("oci-layout".to_owned(), b"{\"imageLayoutVersion\": \"1.0.0\"}".to_vec())];
    let mut manifests = Vec::new();
    for (architecture, layers) in images {
        let blob = |what: &str| format!("{architecture}{what}");
        let mut list = Vec::new();
        for (at, layer) in layers.iter().enumerate() {
            files.push((format!("blobs/sha256/{}", blob(&at.to_string())), layer.clone()));
            list.push(format!("{{\"digest\": \"sha256:{}\"}}", blob(&at.to_string())));
        }
        files.push((format!("blobs/sha256/{}", blob("c")), config(architecture, "/init").into_bytes()));
        let manifest = format!(
            "{{\"config\": {{\"digest\": \"sha256:{}\"}}, \"layers\": [{}]}}",
            blob("c"),
            list.join(",")
        );
        files.push((format!("blobs/sha256/{}", blob("m")), manifest.into_bytes()));
        manifests.push(format!(
            "{{\"digest\": \"sha256:{}\", \"platform\": {{\"os\": \"linux\", \"architecture\": \"{architecture}\"}}}}",
            blob("m")
        ));
    }
    files.push(("index.json".into(), format!("{{\"manifests\": [{}]}}", manifests.join(",")).into_bytes()));
    files
}

/// The same in an archive.
pub fn archived(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    files.iter().fold(Archive::new(), |archive, (name, data)| archive.file(name, 0o644, data)).bytes()
}

/// Runs the program with something on its standard input.
pub fn with_input(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_s6-overlay-dev"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // All of it is read, whatever it is made of: nobody who writes is ended by a signal, unless there is an error.
    let written = stdin.write_all(input);
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(written.is_ok() || output.status.code() >= Some(100), "{written:?} {output:?}");
    output
}

/// Runs `check` on an archive on standard input: its exit code, and what it prints.
pub fn check(archive: &[u8], options: &[&str]) -> (i32, String, String) {
    let args = [&["check", "-", "--format", "concise"], options].concat();
    let output = with_input(&args, archive);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}
