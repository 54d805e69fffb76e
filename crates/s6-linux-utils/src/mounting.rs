//! Mount options: converts words to flags and data, and mounts with them.

use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags as Propagation, mount};

/// Flags of mount(2) for which rustix has functions instead.
const REMOUNT: u32 = 32;
const MOVE: u32 = 8192;

const PROPAGATION: u32 = Propagation::SHARED.bits()
    | Propagation::PRIVATE.bits()
    | Propagation::DOWNSTREAM.bits()
    | Propagation::UNBINDABLE.bits();

/// The flags that `defaults` clears.
const NON_DEFAULT: u32 = MountFlags::RDONLY.bits()
    | MountFlags::NOSUID.bits()
    | MountFlags::NODEV.bits()
    | MountFlags::NOEXEC.bits()
    | MountFlags::SYNCHRONOUS.bits();

/// Words: the flags that each clears, and then the flags that it sets.
const WORDS: &[(&str, u32, u32)] = &[
    ("async", MountFlags::SYNCHRONOUS.bits(), 0),
    ("atime", MountFlags::NOATIME.bits(), 0),
    ("bind", 0, MountFlags::BIND.bits()),
    ("defaults", NON_DEFAULT, 0),
    ("dev", MountFlags::NODEV.bits(), 0),
    ("diratime", MountFlags::NODIRATIME.bits(), 0),
    ("dirsync", 0, MountFlags::DIRSYNC.bits()),
    ("exec", MountFlags::NOEXEC.bits(), 0),
    ("lazytime", 0, MountFlags::LAZYTIME.bits()),
    ("loud", MountFlags::SILENT.bits(), 0),
    ("mandlock", 0, MountFlags::PERMIT_MANDATORY_FILE_LOCKING.bits()),
    ("move", 0, MOVE),
    ("noatime", 0, MountFlags::NOATIME.bits()),
    ("nobind", MountFlags::BIND.bits(), 0),
    ("nodev", 0, MountFlags::NODEV.bits()),
    ("nodiratime", 0, MountFlags::NODIRATIME.bits()),
    ("nodirsync", MountFlags::DIRSYNC.bits(), 0),
    ("noexec", 0, MountFlags::NOEXEC.bits()),
    ("nolazytime", MountFlags::LAZYTIME.bits(), 0),
    ("nomandlock", MountFlags::PERMIT_MANDATORY_FILE_LOCKING.bits(), 0),
    ("nomove", MOVE, 0),
    ("norelatime", MountFlags::RELATIME.bits(), 0),
    ("nostrictatime", MountFlags::STRICTATIME.bits(), 0),
    ("nosuid", 0, MountFlags::NOSUID.bits()),
    ("nosymfollow", 0, MountFlags::NOSYMFOLLOW.bits()),
    ("private", PROPAGATION, Propagation::PRIVATE.bits()),
    ("relatime", 0, MountFlags::RELATIME.bits()),
    ("remount", 0, REMOUNT),
    ("ro", 0, MountFlags::RDONLY.bits()),
    ("rw", MountFlags::RDONLY.bits(), 0),
    ("shared", PROPAGATION, Propagation::SHARED.bits()),
    ("silent", 0, MountFlags::SILENT.bits()),
    ("slave", PROPAGATION, Propagation::DOWNSTREAM.bits()),
    ("strictatime", 0, MountFlags::STRICTATIME.bits()),
    ("suid", MountFlags::NOSUID.bits(), 0),
    ("symfollow", MountFlags::NOSYMFOLLOW.bits(), 0),
    ("sync", 0, MountFlags::SYNCHRONOUS.bits()),
    ("unbindable", PROPAGATION, Propagation::UNBINDABLE.bits()),
];

/// Options of fstab(5) for mount(8) or the boot process rather than the file system.
const NOT_FOR_FILE_SYSTEM: &[&str] = &["_netdev", "auto", "defaults", "noauto", "nofail", "nouser"];

/// Options of fstab(5) that let users mount, and the options that each implies where it stands, by mount(8).
const USER_WORDS: &[(&str, &str)] = &[
    ("group", "nosuid,nodev"),
    ("owner", "nosuid,nodev"),
    ("user", "noexec,nosuid,nodev"),
    ("users", "noexec,nosuid,nodev"),
];

/// What becomes of the words that let users mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserWords {
    /// They are replaced by what they imply; later options may override that.
    Implied,
    /// They stay: mount(8) knows them.
    Kept,
    /// They are left out: the entry is swap space.
    Dropped,
}

/// Options of a mount.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Options {
    flags: u32,
    /// The options for the file system, separated by commas.
    data: Vec<u8>,
}

impl Options {
    /// Adds a list of options, separated by commas; later ones win.
    pub(crate) fn add(&mut self, list: &[u8]) {
        list.split(|b| *b == b',').filter(|word| !word.is_empty()).for_each(|word| self.add_one(word));
    }

    fn add_one(&mut self, word: &[u8]) {
        if let Some((_, clears, sets)) = WORDS.iter().find(|(name, ..)| name.as_bytes() == word) {
            self.flags = self.flags & !clears | sets;
            return;
        }
        if !self.data.is_empty() {
            self.data.push(b',');
        }
        self.data.extend_from_slice(word);
    }

    /// Mounts a device.
    pub(crate) fn mount(&self, device: &[u8], dir: &[u8], kind: &[u8]) -> Result<(), Errno> {
        let data = std::ffi::CString::new(self.data.as_slice()).map_err(|_| Errno::INVAL)?;
        mount(device, dir, kind, MountFlags::from_bits_retain(self.flags), Some(data.as_c_str()))
    }
}

/// The options of an fstab line that are for the file system or the kernel.
pub(crate) fn file_system_options(options: &[u8], user_words: UserWords) -> Vec<u8> {
    let words: Vec<&[u8]> = options
        .split(|b| *b == b',')
        .filter(|o| is_for_file_system(o))
        .filter_map(|word| match (USER_WORDS.iter().find(|(name, _)| name.as_bytes() == word), user_words) {
            (None, _) | (_, UserWords::Kept) => Some(word),
            (Some((_, implied)), UserWords::Implied) => Some(implied.as_bytes()),
            (_, UserWords::Dropped) => None,
        })
        .collect();
    words.join(&b',')
}

fn is_for_file_system(option: &[u8]) -> bool {
    let word = option.split(|b| *b == b'=').next().unwrap_or_default();
    !option.is_empty()
        && word != b"comment"
        && !option.starts_with(b"x-")
        && !option.starts_with(b"X-")
        && !NOT_FOR_FILE_SYSTEM.iter().any(|other| other.as_bytes() == option)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_flags_or_data() {
        let mut options = Options::default();
        options.add(b"size=1m,ro,noexec,,mode=0700");
        options.add(b"rw,nosuid,relatime");
        let expected = MountFlags::NOEXEC | MountFlags::NOSUID | MountFlags::RELATIME;
        assert_eq!(options.flags, expected.bits());
        assert_eq!(options.data, b"size=1m,mode=0700");
        options.add(b"defaults,bind,nobind");
        assert_eq!(options.flags, MountFlags::RELATIME.bits());
    }

    /// The flags that each word sets and, of all flags, clears.
    #[test]
    fn the_words_and_their_flags() {
        let mut table = String::new();
        for (word, ..) in WORDS {
            let mut none = Options::default();
            none.add(word.as_bytes());
            let mut all = Options { flags: u32::MAX, ..Options::default() };
            all.add(word.as_bytes());
            table.push_str(&format!("{word}: sets {:#x} clears {:#x}\n", none.flags, !all.flags));
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn a_bind_mount_can_be_remounted() {
        let mut options = Options::default();
        options.add(b"remount,ro,bind,shared,slave");
        let propagation = Propagation::DOWNSTREAM.bits();
        assert_eq!(options.flags, 32 | MountFlags::RDONLY.bits() | MountFlags::BIND.bits() | propagation);
        options.add(b"nobind,rw,private");
        assert_eq!(options.flags, 32 | Propagation::PRIVATE.bits());
    }

    #[test]
    fn options_for_the_boot_are_removed() {
        for user_words in [UserWords::Implied, UserWords::Kept, UserWords::Dropped] {
            let options = |list: &[u8]| file_system_options(list, user_words);
            assert_eq!(
                options(b"rw,_netdev,x-systemd.automount,comment=a,,nofail,nouser,auto,noauto,size=1m"),
                b"rw,size=1m"
            );
            assert_eq!(options(b"defaults"), b"");
        }
    }

    #[test]
    fn what_lets_users_mount_implies_less_rights() {
        let with = |list: &str, user_words| {
            String::from_utf8(file_system_options(list.as_bytes(), user_words)).unwrap()
        };
        for (list, implied) in [
            ("rw,user", "rw,noexec,nosuid,nodev"),
            ("users,exec,ro", "noexec,nosuid,nodev,exec,ro"),
            ("exec,users", "exec,noexec,nosuid,nodev"),
            ("user,defaults", "noexec,nosuid,nodev"),
            ("owner", "nosuid,nodev"),
            ("group,suid", "nosuid,nodev,suid"),
            ("user=me,username=x", "user=me,username=x"),
        ] {
            assert_eq!(with(list, UserWords::Implied), implied, "{list}");
        }
        assert_eq!(with("rw,user,exec,nofail", UserWords::Kept), "rw,user,exec");
        assert_eq!(with("sw,user,pri=1", UserWords::Dropped), "sw,pri=1");
    }

    #[test]
    fn a_later_word_overrides_what_is_implied() {
        let flags = |list: &[u8]| {
            let mut options = Options::default();
            options.add(&file_system_options(list, UserWords::Implied));
            MountFlags::from_bits_retain(options.flags)
        };
        let all = MountFlags::NOEXEC | MountFlags::NOSUID | MountFlags::NODEV;
        assert_eq!(flags(b"exec,user"), all);
        assert_eq!(flags(b"user,exec"), MountFlags::NOSUID | MountFlags::NODEV);
        assert_eq!(flags(b"group,dev"), MountFlags::NOSUID);
    }
}
