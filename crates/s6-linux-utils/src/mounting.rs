//! Mount options: words to flags, and the call that they need.

use rustix::io::Errno;
use rustix::mount::{MountFlags, mount, mount_bind, mount_move, mount_remount};

/// What kind of mount it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    New,
    Remount,
    Bind,
    Move,
}

/// Options of a mount.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Options {
    kind: Kind,
    flags: MountFlagBits,
    /// What the file system gets to see.
    data: Vec<u8>,
}

/// The flags as a value that can be compared.
type MountFlagBits = u32;

impl Options {
    /// Adds a list of options, separated by commas; later ones win.
    pub(crate) fn add(&mut self, list: &[u8]) {
        list.split(|b| *b == b',').filter(|word| !word.is_empty()).for_each(|word| self.add_one(word));
    }

    fn add_one(&mut self, word: &[u8]) {
        let mut set = |flag: MountFlags, on: bool| {
            if on { self.flags |= flag.bits() } else { self.flags &= !flag.bits() }
        };
        match word {
            b"defaults" => {}
            b"ro" => set(MountFlags::RDONLY, true),
            b"rw" => set(MountFlags::RDONLY, false),
            b"sync" => set(MountFlags::SYNCHRONOUS, true),
            b"async" => set(MountFlags::SYNCHRONOUS, false),
            b"nodev" => set(MountFlags::NODEV, true),
            b"dev" => set(MountFlags::NODEV, false),
            b"noexec" => set(MountFlags::NOEXEC, true),
            b"exec" => set(MountFlags::NOEXEC, false),
            b"nosuid" => set(MountFlags::NOSUID, true),
            b"suid" => set(MountFlags::NOSUID, false),
            b"noatime" => set(MountFlags::NOATIME, true),
            b"atime" => set(MountFlags::NOATIME, false),
            b"nodiratime" => set(MountFlags::NODIRATIME, true),
            b"diratime" => set(MountFlags::NODIRATIME, false),
            b"remount" => self.kind = Kind::Remount,
            b"bind" => self.kind = Kind::Bind,
            b"nobind" if self.kind == Kind::Bind => self.kind = Kind::New,
            b"move" => self.kind = Kind::Move,
            b"nomove" if self.kind == Kind::Move => self.kind = Kind::New,
            b"nobind" | b"nomove" | b"auto" | b"noauto" => {}
            other => {
                if !self.data.is_empty() {
                    self.data.push(b',');
                }
                self.data.extend_from_slice(other);
            }
        }
    }

    /// Mounts.
    pub(crate) fn mount(&self, device: &[u8], dir: &[u8], kind: &[u8]) -> Result<(), Errno> {
        let flags = MountFlags::from_bits_retain(self.flags);
        let data = std::ffi::CString::new(self.data.as_slice()).map_err(|_| Errno::INVAL)?;
        match self.kind {
            Kind::New => mount(device, dir, kind, flags, Some(data.as_c_str())),
            Kind::Remount => mount_remount(dir, flags, self.data.as_slice()),
            Kind::Bind => mount_bind(device, dir),
            Kind::Move => mount_move(device, dir),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_flags_or_data() {
        let mut options = Options::default();
        options.add(b"size=1m,ro,noexec,,mode=0700");
        options.add(b"rw,nosuid");
        assert_eq!(options.flags, (MountFlags::NOEXEC | MountFlags::NOSUID).bits());
        assert_eq!(options.data, b"size=1m,mode=0700");
        options.add(b"bind,nobind");
        assert_eq!(options.kind, Kind::New);
        options.add(b"remount,nobind");
        assert_eq!(options.kind, Kind::Remount);
    }
}
