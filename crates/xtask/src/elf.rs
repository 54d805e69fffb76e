//! What kind of executable a file is, from its ELF header (elf(5)): enough to be sure that what ships is
//! static and at a fixed address.

/// Program header types.
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
/// Object file types.
const ET_EXEC: u16 = 2;

/// What `inspect` found.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// It needs no dynamic loader.
    pub without_interpreter: bool,
    /// It is linked to a fixed address: no relocation at start.
    pub fixed_address: bool,
}

/// Reads the headers of a little-endian ELF file, 32-bit or 64-bit; `None` if it isn't one, or is cut short.
pub fn inspect(file: &[u8]) -> Option<Kind> {
    // Where the table of program headers is, and the places of their size and number in the file's header.
    let (table, size, count) = match file.get(..6)? {
        b"\x7fELF\x01\x01" => (usize::try_from(u32::from_le_bytes(bytes(file, 0x1c)?)).ok()?, 0x2a, 0x2c),
        b"\x7fELF\x02\x01" => (usize::try_from(u64::from_le_bytes(bytes(file, 0x20)?)).ok()?, 0x36, 0x38),
        _ => return None,
    };
    let size = usize::from(u16::from_le_bytes(bytes(file, size)?));
    let count = usize::from(u16::from_le_bytes(bytes(file, count)?));
    let types = (0..count)
        .map(|i| Some(u32::from_le_bytes(bytes(file, table.checked_add(i.checked_mul(size)?)?)?)))
        .collect::<Option<Vec<u32>>>()?;
    Some(Kind {
        without_interpreter: !types.contains(&PT_INTERP),
        fixed_address: u16::from_le_bytes(bytes(file, 0x10)?) == ET_EXEC && !types.contains(&PT_DYNAMIC),
    })
}

fn bytes<const N: usize>(file: &[u8], at: usize) -> Option<[u8; N]> {
    file.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with program headers of these types behind it.
    fn elf(object: u16, types: &[u32]) -> Vec<u8> {
        let mut file = vec![0; 0x40];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[0x10..0x12].copy_from_slice(&object.to_le_bytes());
        file[0x20] = 0x40;
        file[0x36] = 56;
        file[0x38] = u8::try_from(types.len()).unwrap();
        for kind in types {
            file.extend_from_slice(&kind.to_le_bytes());
            file.extend_from_slice(&[0; 52]);
        }
        file
    }

    #[test]
    fn tells_static_from_dynamic() {
        let fixed = Kind { without_interpreter: true, fixed_address: true };
        assert_eq!(inspect(&elf(2, &[1, 1])), Some(fixed));
        let pie = Kind { without_interpreter: true, fixed_address: false };
        assert_eq!(inspect(&elf(3, &[1, 2])), Some(pie));
        let dynamic = Kind { without_interpreter: false, fixed_address: false };
        assert_eq!(inspect(&elf(2, &[3, 2, 1])), Some(dynamic));
    }

    #[test]
    fn the_32_bit_header_is_shorter() {
        let mut file = vec![0; 0x34 + 2 * 32];
        file[..6].copy_from_slice(b"\x7fELF\x01\x01");
        (file[0x10], file[0x1c], file[0x2a], file[0x2c]) = (2, 0x34, 32, 2);
        assert_eq!(inspect(&file), Some(Kind { without_interpreter: true, fixed_address: true }));
        file[0x34 + 32] = 3;
        assert_eq!(inspect(&file), Some(Kind { without_interpreter: false, fixed_address: true }));
    }

    #[test]
    fn cut_or_foreign_files_are_nothing() {
        assert_eq!(inspect(b"#!/bin/sh\n"), None);
        let whole = elf(2, &[1]);
        assert_eq!(inspect(&whole[..0x41]), None);
        assert_eq!(inspect(&whole[..0x20]), None);
    }
}
