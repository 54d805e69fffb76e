//! Takes compression off: gzip, zstd and xz, known by their first bytes.

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, BufReader, Cursor, Read};

/// What a stream's compression may need in memory, in KiB.
const MEMORY_MAX: u32 = 1 << 17;

/// What begins with these bytes is compressed.
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
const XZ: &[u8] = b"\xfd7zXZ\0";

/// A stream of which the beginning is known already.
type Peeked<R> = io::Chain<Cursor<Vec<u8>>, R>;

/// Reads the first bytes of a stream, so many unless it is shorter; gives a stream that still begins with them.
pub fn peek<R: Read>(mut source: R, count: u64) -> io::Result<(Vec<u8>, Peeked<R>)> {
    let mut head = Vec::new();
    (&mut source).take(count).read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(source)))
}

/// What is in a stream that may be compressed.
pub fn unpacked<'s>(source: impl Read + 's) -> io::Result<Box<dyn Read + 's>> {
    let (head, source) = peek(source, 6)?;
    let source = BufReader::with_capacity(1 << 16, source);
    Ok(if head.starts_with(GZIP) {
        Box::new(MultiGzDecoder::new(source))
    } else if head.starts_with(ZSTD) {
        Box::new(Frames { source, decoder: FrameDecoder::new() })
    } else if head.starts_with(XZ) {
        Box::new(XzReader::new_mem_limit(source, true, MEMORY_MAX))
    } else {
        Box::new(source)
    })
}

/// The frames of zstd, one after the other.
struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
}

impl<R: BufRead> Frames<R> {
    /// Goes on to the next frame with something in it; gives whether there is one.
    fn next(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut (&mut self.source).take(length.into()), &mut io::sink())?;
                }
                Err(e) => return Err(io::Error::other(e)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while !into.is_empty() {
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(into);
            }
            if !self.decoder.is_finished() {
                let blocks = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.source, blocks).map_err(io::Error::other)?;
            } else if !self.next()? {
                break;
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use lzma_rust2::{XzOptions, XzWriter};
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
        writer.write_all(text).unwrap();
        writer.finish().unwrap()
    }

    fn read(stream: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        unpacked(stream)?.read_to_end(&mut text).map(|_| text)
    }

    #[test]
    fn what_was_compressed_comes_back() {
        let text: Vec<u8> = (0..300_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let mut xz = XzWriter::new(Vec::new(), XzOptions::default()).unwrap();
        xz.write_all(&text).unwrap();
        let zstd = compress_to_vec(text.as_slice(), CompressionLevel::Fastest);
        for stream in [gzip(&text), zstd, xz.finish().unwrap(), text.clone()] {
            assert_eq!(read(&stream).unwrap(), text);
            let cut = stream.get(..stream.len() - 100).unwrap();
            assert_ne!(read(cut).ok(), Some(text.clone()), "what was cut off isn't taken for the whole");
        }
        assert_eq!(read(b"").unwrap(), b"");
    }

    #[test]
    fn several_streams_are_one() {
        let twice = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(read(&twice).unwrap(), b"one two");
        let frame = |text: &[u8]| compress_to_vec(text, CompressionLevel::Fastest);
        let nothing = b"\x50\x2a\x4d\x18\x03\0\0\0xyz";
        let frames = [&frame(b"one ")[..], nothing, &frame(b"two"), nothing].concat();
        assert_eq!(read(&frames).unwrap(), b"one two");
        assert!(read(&[&frame(b"one ")[..], b"rubbish"].concat()).is_err());
    }
}
