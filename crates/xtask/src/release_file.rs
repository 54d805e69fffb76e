//! The files of a release: each with its digest beside it, tarballs in two formats.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use lzma_rust2::{LzmaOptions, XzOptions, XzWriter};
use sha2::{Digest, Sha256};

use crate::failure::Failure;
use crate::tree::Tree;

/// Writes a release file, `NAME` and `suffix`, and the `.sha256` file that `sha256sum -c` takes.
pub fn publish(out: &Path, name: &str, suffix: &str, content: &[u8]) -> Result<PathBuf, Failure> {
    let path = out.join(format!("{name}{suffix}"));
    // Another name for the same file may be there: it isn't to change.
    remove_file(&path)?;
    fs::write(&path, content).map_err(Failure::unable("write", &path))?;
    write_digest(out, &format!("{name}{suffix}"), content)?;
    Ok(path)
}

/// Writes a tarball of `tree` in both formats, prints their sizes, and returns each one's suffix and content.
pub fn publish_tarball(out: &Path, name: &str, tree: &Tree) -> Result<[(&'static str, Vec<u8>); 2], Failure> {
    let tar = tree.tar().map_err(|e| Failure(format!("unable to make {name}: {e}")))?;
    let unable = |e| Failure(format!("unable to compress {name}: {e}"));
    let packed = [(".tar.xz", xz(&tar).map_err(unable)?), (".tar.gz", gz(&tar).map_err(unable)?)];
    for (suffix, content) in &packed {
        publish(out, name, suffix, content)?;
    }
    let [(_, xz), (_, gz)] = &packed;
    println!("{name}: {} bytes unpacked, {} as .tar.xz, {} as .tar.gz", tree.size(), xz.len(), gz.len());
    Ok(packed)
}

/// Bytes as two digits each.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes the `.sha256` file of a release file with this name and content.
pub fn write_digest(out: &Path, name: &str, content: &[u8]) -> Result<(), Failure> {
    let digest = hex(&Sha256::digest(content));
    let path = out.join(format!("{name}.sha256"));
    fs::write(&path, format!("{digest}  {name}\n")).map_err(Failure::unable("write", &path))
}

/// Removes a file, if it is there.
pub fn remove_file(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Failure::unable("remove", path)(e)),
        _ => Ok(()),
    }
}

/// Compresses a tar archive as small as any unpacker can read, the same bytes each time.
pub fn xz(tar: &[u8]) -> io::Result<Vec<u8>> {
    // No branch filter, though it would make the tarball smaller: busybox and image builders written in Go can't read one.
    let mut options = XzOptions::with_preset(9);
    options.lzma_options.dict_size = 4 << 20; // more than there is to compress; what unpacks needs as much memory
    options.lzma_options.nice_len = LzmaOptions::NICE_LEN_MAX;
    let with = |(lc, lp, pb)| {
        let mut options = options.clone();
        (options.lzma_options.lc, options.lzma_options.lp, options.lzma_options.pb) = (lc, lp, pb);
        let mut writer = XzWriter::new(Vec::new(), options)?;
        writer.write_all(tar)?;
        writer.finish()
    };
    // What is best for instructions of any length, and for those of four bytes.
    let tried = [(4, 0, 0), (2, 2, 2)].map(with).into_iter().collect::<io::Result<Vec<_>>>()?;
    Ok(tried.into_iter().min_by_key(Vec::len).unwrap_or_default())
}

/// Compresses a tar archive, the same bytes each time.
pub fn gz(tar: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(tar)?;
    writer.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use lzma_rust2::XzReader;

    use super::*;

    #[test]
    fn compressed_archives_come_out_whole() {
        let tar = b"abc".repeat(10_000);
        let mut unpacked = Vec::new();
        XzReader::new(xz(&tar).unwrap().as_slice(), false).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, tar);
        unpacked.clear();
        flate2::read::GzDecoder::new(gz(&tar).unwrap().as_slice()).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, tar);
    }
}
