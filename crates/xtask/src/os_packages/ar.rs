//! Archives of ar(5): a line, and then each file after a header of 60 bytes.

use crate::tree::TIME;

/// The archive with these files, whose names have at most 15 bytes.
pub fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    for (name, content) in files {
        let size = content.len();
        // Name, time, user, group, mode and size, each padded, and the end of the header.
        archive.extend(format!("{name:<16}{TIME:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, "100644").bytes());
        archive.extend(*content);
        if size % 2 == 1 {
            archive.push(b'\n');
        }
    }
    archive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_header_has_sixty_bytes_and_files_begin_at_even_places() {
        let archive = archive(&[("one", b"abc"), ("two", b"de")]);
        assert_eq!(archive.len(), 8 + 60 + 4 + 60 + 2);
        assert_eq!(&archive[8 + 60..][..4], b"abc\n");
        let header = String::from_utf8(archive[8 + 60 + 4..][..60].to_vec()).unwrap();
        let words: Vec<_> = header.split_whitespace().collect();
        assert_eq!(words, ["two", "1577836800", "0", "0", "100644", "2", "`"]);
        assert!(header.ends_with("`\n"));
    }
}
