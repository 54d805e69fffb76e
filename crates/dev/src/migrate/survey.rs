//! Searches a root for files that the rules apply to, reports what changes, and writes it if it may.
//!
//! Memory is bounded: it holds one file of at most 1 MiB, and the names in the open directories.

use super::bundle::{self, Former, Step};
use super::place::{Place, SKIPPED_FOLDERS, place};
use super::text::{self, Plan, Text};
use files::{Permissions, Replace, Writers, create, is_temporary, open_dir_itself, read_at_most, replace_at};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use tool::diag::show;

/// The limit of the size of a file, in bytes.
const FILE_SIZE_MAX: usize = 1 << 20;
/// The limit of what is read to find the interpreter of a file, in bytes.
const FIRST_LINE_MAX: usize = 128;
/// The limit of the depth of folders.
const DEPTH_MAX: usize = 64;

/// A run: what it may do, and what it has done.
pub(crate) struct Survey<'a> {
    /// Whether it writes the changes.
    pub(crate) write: bool,
    /// Whether a name is that of a command that only we provide.
    pub(crate) is_ours: &'a dyn Fn(&[u8]) -> bool,
    /// The report.
    pub(crate) out: String,
    /// What can't be read or written, a line each.
    pub(crate) err: String,
    /// How many files change or folders move.
    pub(crate) changed: usize,
    /// How many remarks are left to a human.
    pub(crate) remarks: usize,
    /// The files that were named, which aren't reported twice.
    pub(crate) seen: Vec<Vec<u8>>,
}

/// An open directory and its path below the root.
struct Folder<'a> {
    fd: BorrowedFd<'a>,
    path: &'a [u8],
}

impl Folder<'_> {
    fn join(&self, name: &[u8]) -> Vec<u8> {
        if self.path.is_empty() { name.to_vec() } else { [self.path, b"/", name].concat() }
    }
}

/// The sorted names in a directory, except temporary ones.
fn names(fd: BorrowedFd<'_>) -> Result<Vec<Vec<u8>>, Errno> {
    let mut names = files::names(fd)?;
    names.retain(|name| !is_temporary(name));
    Ok(names)
}

/// Reads at most `limit` bytes of a regular file.
fn read(at: BorrowedFd<'_>, name: &[u8], limit: usize) -> Result<Vec<u8>, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    read_at_most(&sys::fs::openat(at, name, flags, Mode::empty())?, limit)
}

fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

impl Survey<'_> {
    /// Searches everything below the root.
    pub(crate) fn root(&mut self, root: BorrowedFd<'_>) {
        match sys::fs::fstat(root) {
            Ok(stat) => self.folder(&Folder { fd: root, path: b"" }, stat.st_dev, 0),
            Err(e) => self.fault(b"", "look at", e),
        }
    }

    /// Applies all rules for scripts to one file, which is named by its path below the root.
    pub(crate) fn named(&mut self, root: BorrowedFd<'_>, path: &[u8]) {
        let mut folder: Option<OwnedFd> = None;
        let mut parts: Vec<&[u8]> =
            path.split(|b| *b == b'/').filter(|p| !p.is_empty() && *p != b".").collect();
        let Some(name) = parts.pop() else { return };
        if name == b".." || parts.contains(&&b".."[..]) {
            return self.fault(path, "open", Errno::XDEV);
        }
        for part in &parts {
            match open_dir_itself(folder.as_ref().map_or(root, AsFd::as_fd), part) {
                Ok(fd) => folder = Some(fd),
                Err(e) => return self.fault(path, "open", e),
            }
        }
        let at = folder.as_ref().map_or(root, AsFd::as_fd);
        let folder = Folder { fd: at, path: &parts.join(&b"/"[..]) };
        match sys::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if kind(&stat) == FileType::RegularFile => {
                let path = folder.join(name);
                let own = Some(place(&path)).filter(|place| *place != Place::Elsewhere);
                self.seen.push(path);
                self.script(&folder, name, &stat, own.unwrap_or(Place::Other))
            }
            Ok(_) => self.fault(path, "read", Errno::INVAL),
            Err(e) => self.fault(path, "look at", e),
        }
    }

    fn folder(&mut self, folder: &Folder<'_>, device: u64, depth: usize) {
        let found = match names(folder.fd) {
            Ok(found) => found,
            Err(e) => return self.fault(folder.path, "read", e),
        };
        for name in found {
            if folder.path.is_empty() && SKIPPED_FOLDERS.contains(&name.as_slice()) {
                continue;
            }
            let stat = match sys::fs::statat(folder.fd, name.as_slice(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(e) => {
                    self.fault(&folder.join(&name), "look at", e);
                    continue;
                }
            };
            match kind(&stat) {
                FileType::Directory if stat.st_dev == device && depth < DEPTH_MAX => {
                    let path = folder.join(&name);
                    match open_dir_itself(folder.fd, &name) {
                        Ok(fd) => {
                            let below = Folder { fd: fd.as_fd(), path: &path };
                            self.folder(&below, device, depth.saturating_add(1));
                        }
                        Err(e) => self.fault(&path, "open", e),
                    }
                }
                FileType::RegularFile => self.file(folder, &name, &stat),
                _ => {}
            }
        }
        if folder.path == b"etc/s6-overlay"
            || folder.path.starts_with(b"etc/cont-profile.d/") && folder.path.ends_with(b"/s6-overlay")
        {
            self.bundles(folder);
        }
    }

    fn file(&mut self, folder: &Folder<'_>, name: &[u8], stat: &Stat) {
        let path = folder.join(name);
        if self.seen.contains(&path) {
            return;
        }
        let place = place(&path);
        match place {
            Place::Internal => self.remark(
                &path,
                0,
                "is version 2's inside, nothing reads it: use S6_STAGE2_HOOK, or services in /etc/s6-overlay",
            ),
            Place::Elsewhere if stat.st_mode & 0o111 == 0 => {}
            Place::Elsewhere => match read(folder.fd, name, FIRST_LINE_MAX) {
                Ok(head) if self.names_ours(&head) => self.script(folder, name, stat, place),
                Ok(_) | Err(Errno::ACCESS | Errno::TXTBSY) => {}
                Err(e) => self.fault(&path, "read", e),
            },
            _ => self.script(folder, name, stat, place),
        }
    }

    /// Whether the first line names an interpreter of ours, also in its place of version 2.
    fn names_ours(&self, head: &[u8]) -> bool {
        let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
        let text = Text { execline: false, unix_ends: false, is_ours: self.is_ours };
        line.starts_with(b"#!")
            && (line.windows(9).any(|w| w == b"/command/")
                || text::plan(line, text).is_some_and(|plan| !plan.changes.is_empty()))
    }

    fn script(&mut self, folder: &Folder<'_>, name: &[u8], stat: &Stat, place: Place) {
        let path = folder.join(name);
        if usize::try_from(stat.st_size).unwrap_or(usize::MAX) > FILE_SIZE_MAX {
            return self.remark(&path, 0, "is larger than 1 MiB, so it wasn't looked at");
        }
        let content = match read(folder.fd, name, FILE_SIZE_MAX) {
            Ok(content) => content,
            Err(e) => return self.fault(&path, "read", e),
        };
        let first = content.split(|b| *b == b'\n').next().unwrap_or_default();
        let is_script = first.starts_with(b"#!");
        let is_up = place == Place::Definition && matches!(name, b"up" | b"down");
        let execline = is_up || is_script && first.windows(9).any(|w| w == b"execlineb");
        let unix_ends = matches!(place, Place::Program | Place::Definition);
        let Some(plan) = text::plan(&content, Text { execline, unix_ends, is_ours: self.is_ours }) else {
            return;
        };
        let executable = stat.st_mode & 0o111 != 0;
        let wants_permission = place == Place::Program && is_script && !executable;
        if place == Place::Program && !is_script && !executable && !name.starts_with(b".") {
            self.remark(&path, 0, "has no execute permission and no interpreter line: is it a script?");
        }
        self.report(&path, &plan, wants_permission);
        for remark in &plan.remarks {
            self.remark(&path, remark.line, remark.what);
        }
        if plan.changes.is_empty() && plan.carriage_returns == 0 && !wants_permission {
            return;
        }
        self.changed = self.changed.saturating_add(1);
        if !self.write {
            return;
        }
        let readable = stat.st_mode & 0o444;
        let mode = stat.st_mode & 0o7777 | if wants_permission { readable >> 2 } else { 0 };
        match replace(folder.fd, name, &plan.content, mode, stat) {
            Ok(()) => {}
            Err(e) => self.fault(&path, "write", e),
        }
    }

    fn report(&mut self, path: &[u8], plan: &Plan, wants_permission: bool) {
        let path = show(path);
        for change in &plan.changes {
            let head = format!("/{path}:{}: {}", change.line, change.why.join("; "));
            self.line(&head);
            self.line(&format!("  - {}", show(&change.before)));
            self.line(&format!("  + {}", show(&change.after)));
        }
        if plan.carriage_returns > 0 {
            let lines = plan.carriage_returns;
            self.line(&format!("/{path}: carriage returns at line ends, {lines} in all: removed"));
        }
        if wants_permission {
            self.line(&format!("/{path}: scripts are executed: execute permission"));
        }
    }

    fn line(&mut self, line: &str) {
        self.out.extend([line, "\n"]);
    }

    fn remark(&mut self, path: &[u8], line: usize, what: &str) {
        self.remarks = self.remarks.saturating_add(1);
        let number = if line == 0 { String::new() } else { format!(":{line}") };
        self.line(&format!("/{}{number}: for you: {what}", show(path)))
    }

    fn fault(&mut self, path: &[u8], to_do: &str, why: Errno) {
        let text =
            format!("s6-overlay-dev: warning: unable to {to_do} /{}: {}\n", show(path), sys::strerror(why));
        self.err.push_str(&text);
    }

    /// Moves the user bundles of a folder named s6-overlay.
    fn bundles(&mut self, folder: &Folder<'_>) {
        let Ok(services) = open_dir_itself(folder.fd, b"s6-rc.d") else { return };
        for name in bundle::NAMES {
            let path = folder.join(&[b"s6-rc.d/", *name].concat());
            let former = match open_dir_itself(services.as_fd(), name) {
                Ok(fd) => fd,
                Err(Errno::NOENT) => continue,
                Err(Errno::LOOP | Errno::NOTDIR) => {
                    self.remark(&path, 0, "is a link or a file: the bundle's place is user-bundles.d");
                    continue;
                }
                Err(e) => {
                    self.fault(&path, "open", e);
                    continue;
                }
            };
            let steps = match survey_bundle(former.as_fd()) {
                Ok(found) => bundle::plan(&found),
                Err(e) => {
                    self.fault(&path, "read", e);
                    continue;
                }
            };
            let steps = match steps {
                Ok(steps) => steps,
                Err(why) => {
                    self.remark(&path, 0, why);
                    continue;
                }
            };
            self.changed = self.changed.saturating_add(1);
            let to = folder.join(&[b"user-bundles.d/", *name].concat());
            self.line(&format!("/{}: user bundles have a place of their own: /{}", show(&path), show(&to)));
            for step in &steps {
                match step {
                    Step::Add(service) => self.line(&format!("  + contents.d/{}", show(service))),
                    Step::Move(file) => self.line(&format!("  + {}", show(file))),
                    Step::Prepare | Step::Remove => {}
                }
            }
            if self.write
                && let Err(e) = move_bundle(folder.fd, services.as_fd(), former.as_fd(), name, &steps)
            {
                self.fault(&path, "move", e);
            }
        }
    }
}

fn survey_bundle(fd: BorrowedFd<'_>) -> Result<Former, Errno> {
    let mut former = Former::default();
    for name in names(fd)? {
        match name.as_slice() {
            b"type" => former.kind = Some(read(fd, &name, FILE_SIZE_MAX)?.trim_ascii().to_vec()),
            b"contents" => former.listed = bundle::listed(&read(fd, &name, FILE_SIZE_MAX)?),
            b"contents.d" => former.contents = names(open_dir_itself(fd, &name)?.as_fd())?,
            _ => former.others.push(name),
        }
    }
    Ok(former)
}

/// Opens a directory, and makes it first if it is missing.
fn make_folder(at: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    match sys::fs::mkdirat(at, name, Mode::from(0o755)) {
        Ok(()) | Err(Errno::EXIST) => open_dir_itself(at, name),
        Err(e) => Err(e),
    }
}

/// Makes a file unless one of that name exists.
fn make_file(at: BorrowedFd<'_>, name: &[u8], content: &[u8]) -> Result<(), Errno> {
    match create(at, name, content, Permissions::LessUmask(0o644)) {
        Err(Errno::EXIST) => Ok(()),
        done => done,
    }
}

fn move_bundle(
    overlay: BorrowedFd<'_>,
    services: BorrowedFd<'_>,
    former: BorrowedFd<'_>,
    name: &[u8],
    steps: &[Step],
) -> Result<(), Errno> {
    let bundles = make_folder(overlay, b"user-bundles.d")?;
    let place = make_folder(bundles.as_fd(), name)?;
    let contents = make_folder(place.as_fd(), b"contents.d")?;
    for step in steps {
        match step {
            Step::Prepare => make_file(place.as_fd(), b"type", b"bundle\n")?,
            Step::Add(service) => make_file(contents.as_fd(), service, b"")?,
            Step::Move(file) => {
                match sys::fs::statat(&place, file.as_slice(), AtFlags::SYMLINK_NOFOLLOW) {
                    Err(Errno::NOENT) => {
                        sys::fs::renameat(former, file.as_slice(), &place, file.as_slice())?;
                    }
                    // Nothing is replaced.
                    done => return done.and(Err(Errno::EXIST)),
                }
            }
            Step::Remove => {
                if let Ok(old) = open_dir_itself(former, b"contents.d") {
                    empty(old.as_fd())?;
                    sys::fs::unlinkat(former, "contents.d", AtFlags::REMOVEDIR)?;
                }
                empty(former)?;
                sys::fs::unlinkat(services, name, AtFlags::REMOVEDIR)?;
            }
        }
    }
    Ok(())
}

/// Removes the files in a directory, which has no directories.
fn empty(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    files::names(fd)?.iter().try_for_each(|name| sys::fs::unlinkat(fd, name.as_slice(), AtFlags::empty()))
}

/// Replaces a file atomically by one with this content, this mode and the same owner.
fn replace(at: BorrowedFd<'_>, name: &[u8], content: &[u8], mode: u32, old: &Stat) -> Result<(), Errno> {
    let (mode, owner) = (Permissions::Exact(mode), Some((old.st_uid, old.st_gid)));
    replace_at(at, name, content, Replace { mode, owner, sync: false, writers: Writers::One })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    /// The number of changes, the number of remarks, and whether something failed.
    fn survey(root: &Path, named: &[&str], write: bool) -> (usize, usize, bool) {
        let is_ours = |name: &[u8]| name.starts_with(b"s6-") || name == b"with-contenv";
        let mut survey = Survey {
            write,
            is_ours: &is_ours,
            out: String::new(),
            err: String::new(),
            changed: 0,
            remarks: 0,
            seen: Vec::new(),
        };
        let fd = sys::fs::open(root, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        for file in named {
            survey.named(fd.as_fd(), file.as_bytes());
        }
        survey.root(fd.as_fd());
        (survey.changed, survey.remarks, !survey.err.is_empty())
    }

    fn file(root: &Path, path: &str, content: &str, mode: u32) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    const OLD: &str = "#!/usr/bin/with-contenv sh\n";
    const NEW: &str = "#!/command/with-contenv sh\n";

    #[test]
    fn files_are_written_only_on_request_with_their_modes_and_once() {
        let top = tempfile::tempdir().unwrap();
        let root = top.path();
        file(root, "etc/cont-init.d/1", OLD, 0o640);
        file(root, "usr/local/bin/tool", OLD, 0o4750);
        file(root, "usr/local/bin/not-executable", OLD, 0o644);
        file(root, "etc/cont-init.d/binary", "#!/usr/bin/with-contenv\0", 0o755);
        file(root, "etc/s6-overlay/s6-rc.d/user/contents.d/web", "", 0o644);
        assert_eq!(survey(root, &[], false), (3, 0, false));
        assert_eq!(fs::read_to_string(root.join("etc/cont-init.d/1")).unwrap(), OLD);
        assert_eq!(survey(root, &[], true), (3, 0, false));
        for (path, content, mode) in [
            ("etc/cont-init.d/1", NEW, 0o640 | 0o110),
            ("usr/local/bin/tool", NEW, 0o4750),
            ("usr/local/bin/not-executable", OLD, 0o644),
            ("etc/s6-overlay/user-bundles.d/user/type", "bundle\n", 0o644),
            ("etc/s6-overlay/user-bundles.d/user/contents.d/web", "", 0o644),
        ] {
            assert_eq!(fs::read_to_string(root.join(path)).unwrap(), content, "{path}");
            let got = fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o7777;
            assert_eq!(got & !0o022, mode & !0o022, "{path}");
        }
        assert!(!root.join("etc/s6-overlay/s6-rc.d/user").exists());
        assert_eq!(survey(root, &[], true), (0, 0, false));
        assert_eq!(fs::read_dir(root.join("etc/cont-init.d")).unwrap().count(), 2);
    }

    #[test]
    fn links_are_not_followed() {
        let top = tempfile::tempdir().unwrap();
        let root = top.path().join("root");
        file(top.path(), "outside/script", OLD, 0o755);
        file(top.path(), "outside/contents.d/web", "", 0o644);
        fs::create_dir_all(root.join("etc/s6-overlay/s6-rc.d")).unwrap();
        symlink("../../outside", root.join("etc/cont-init.d")).unwrap();
        fs::create_dir(root.join("etc/services.d")).unwrap();
        symlink("../../../outside/script", root.join("etc/services.d/run")).unwrap();
        symlink("../../../../outside", root.join("etc/s6-overlay/s6-rc.d/user")).unwrap();
        assert_eq!(survey(&root, &[], true), (0, 1, false));
        for named in ["etc/services.d/run", "etc/cont-init.d/script", "../outside/script", ".."] {
            assert_eq!(survey(&root, &[named], true), (0, 1, true), "{named}");
        }
        assert_eq!(fs::read_to_string(top.path().join("outside/script")).unwrap(), OLD);
        assert!(top.path().join("outside/contents.d/web").exists());
    }

    #[test]
    fn files_in_the_new_place_are_kept() {
        let top = tempfile::tempdir().unwrap();
        let root = top.path();
        let bundles = "etc/s6-overlay/user-bundles.d/user";
        file(root, &format!("{bundles}/type"), "bundle", 0o644);
        file(root, &format!("{bundles}/contents.d/web"), "kept", 0o644);
        file(root, "etc/s6-overlay/s6-rc.d/user/contents.d/web", "", 0o644);
        file(root, "etc/s6-overlay/s6-rc.d/user/contents.d/db", "", 0o644);
        file(root, "etc/s6-overlay/s6-rc.d/user2/type", "oneshot\n", 0o644);
        assert_eq!(survey(root, &[], true), (1, 1, false));
        assert_eq!(fs::read_to_string(root.join(bundles).join("contents.d/web")).unwrap(), "kept");
        assert!(root.join(bundles).join("contents.d/db").exists());
        assert!(root.join("etc/s6-overlay/s6-rc.d/user2/type").exists());
    }

    #[test]
    fn files_elsewhere_are_fixed_if_they_are_named() {
        let top = tempfile::tempdir().unwrap();
        file(
            top.path(),
            "Dockerfile",
            "ENV S6_SERVICES_READYTIME=5\nRUN /usr/bin/s6-svc -u /var/run/s6/services/x\n",
            0o644,
        );
        assert_eq!(survey(top.path(), &[], true), (0, 0, false));
        assert_eq!(survey(top.path(), &["./Dockerfile"], true), (1, 1, false));
        let now = fs::read_to_string(top.path().join("Dockerfile")).unwrap();
        assert_eq!(now, "ENV S6_SERVICES_READYTIME=5\nRUN /command/s6-svc -u /run/service/x\n");
    }
}
