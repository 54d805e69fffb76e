//! A wheel: a zip archive whose `.data/scripts` pip puts beside python.
//!
//! The rules are those of PyPA's page "Binary distribution format".

use std::io::{Cursor, Write};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::content::{Content, LICENCE, LICENCE_TEXT, README, SUMMARY, VERSION};
use crate::arch::Arch;
use crate::build::CHECKER;
use crate::failure::Failure;
use crate::tree::YEAR;

/// The project's name as file names have it.
const NAME: &str = "s6_overlay_dev";

/// The file's name, which says where it can be installed.
pub fn file_name(arch: &Arch) -> String {
    format!("{NAME}-{VERSION}-py3-none-{}.whl", arch.wheel)
}

/// The bytes of the wheel.
pub fn pack(content: &Content<'_>) -> Result<Vec<u8>, Failure> {
    let mut files = files(content);
    let record = format!("{NAME}-{VERSION}.dist-info/RECORD");
    let lines: String = files.iter().map(|file| line(&file.path, &file.content)).collect();
    files.push(File { content: format!("{lines}{record},,\n").into_bytes(), path: record, mode: 0o644 });
    zip(&files).map_err(|why| Failure(format!("unable to make the wheel: {why}")))
}

/// A file of a wheel.
struct File {
    path: String,
    content: Vec<u8>,
    mode: u32,
}

fn files(content: &Content<'_>) -> Vec<File> {
    let data = |path: &str, content: &[u8]| File {
        path: format!("{NAME}-{VERSION}.dist-info/{path}"),
        content: content.to_vec(),
        mode: 0o644,
    };
    let program = File {
        path: format!("{NAME}-{VERSION}.data/scripts/{CHECKER}"),
        content: content.program.to_vec(),
        mode: 0o755,
    };
    vec![
        program,
        data("METADATA", metadata().as_bytes()),
        data("WHEEL", tags(content.arch).as_bytes()),
        data("licenses/LICENSE", LICENCE_TEXT.as_bytes()),
        data("licenses/LICENSES", content.licences.as_bytes()),
    ]
}

fn metadata() -> String {
    format!(
        "Metadata-Version: 2.4\nName: {CHECKER}\nVersion: {VERSION}\nSummary: {SUMMARY}\n\
         License-Expression: {LICENCE}\nLicense-File: LICENSE\nLicense-File: LICENSES\n\
         Requires-Python: >=3.7\nDescription-Content-Type: text/markdown\n\n{README}"
    )
}

fn tags(arch: &Arch) -> String {
    let tags: String = arch.wheel.split('.').map(|platform| format!("Tag: py3-none-{platform}\n")).collect();
    format!("Wheel-Version: 1.0\nGenerator: s6-overlay-rs {VERSION}\nRoot-Is-Purelib: false\n{tags}")
}

/// A line of RECORD.
fn line(path: &str, content: &[u8]) -> String {
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(content));
    format!("{path},sha256={digest},{}\n", content.len())
}

fn zip(files: &[File]) -> zip::result::ZipResult<Vec<u8>> {
    let time = DateTime::from_date_and_time(YEAR, 1, 1, 0, 0, 0)?;
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for file in files {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(time)
            .unix_permissions(file.mode);
        archive.start_file(file.path.as_str(), options)?;
        archive.write_all(&file.content)?;
    }
    Ok(archive.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch;
    use std::collections::BTreeMap;
    use std::io::Read;

    #[test]
    fn every_file_is_recorded_and_the_program_can_be_executed() {
        let arch = arch::named("x86_64").unwrap();
        let wheel = pack(&Content { arch, program: b"program", licences: "licences" }).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(wheel)).unwrap();
        let mut files = BTreeMap::new();
        for index in 0..archive.len() {
            let mut file = archive.by_index(index).unwrap();
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            files.insert(file.name().unwrap().into_owned(), (content, file.unix_mode().unwrap()));
        }
        let top = format!("{NAME}-{VERSION}");
        let (program, mode) = &files[&format!("{top}.data/scripts/s6-overlay-dev")];
        assert_eq!((program.as_slice(), *mode), (&b"program"[..], 0o100_755));
        let name = format!("{top}.dist-info/RECORD");
        let record = String::from_utf8(files[&name].0.clone()).unwrap();
        let recorded: BTreeMap<_, _> = record.lines().map(|line| line.split_once(',').unwrap()).collect();
        assert!(recorded.keys().copied().eq(files.keys().map(String::as_str)));
        for (path, (content, _)) in files.iter().filter(|(path, _)| **path != name) {
            let line = line(path, content);
            assert_eq!(recorded[path.as_str()], line.trim_end().split_once(',').unwrap().1);
        }
        assert_eq!(recorded[name.as_str()], ",");
    }

    #[test]
    fn a_line_of_the_record() {
        // The digest of nothing, as everybody has it.
        assert_eq!(line("a/b", b""), "a/b,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n");
    }

    #[test]
    fn the_name_and_the_tags_say_the_same() {
        for arch in arch::ALL {
            let name = file_name(arch);
            let platforms = name.strip_suffix(".whl").unwrap().rsplit('-').next().unwrap();
            let tags = tags(arch);
            let told: Vec<_> = tags.lines().filter_map(|line| line.strip_prefix("Tag: py3-none-")).collect();
            assert_eq!(told.join("."), platforms);
        }
    }
}
