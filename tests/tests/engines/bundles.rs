//! runc alone: every combination of user, read-only root, no_new_privs, terminal and kind of /run, in bundles that
//! give few capabilities.

use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use rustix::mount::{UnmountFlags, unmount};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{self, Client};
use crate::images;
use crate::stage::{self, GROUP};
use crate::{Outcome, UP, same};

/// What a bundle is.
#[derive(Debug, Clone, Copy)]
struct Kind {
    user: (u32, u32),
    read_only: bool,
    no_new_privileges: bool,
    terminal: bool,
    /// /run is a tmpfs of the user's, not the image's.
    own_run: bool,
    /// The pid namespace is the one that everything here is in.
    shared_pids: bool,
}

const PLAIN: Kind = Kind {
    user: (0, 0),
    read_only: false,
    no_new_privileges: false,
    terminal: false,
    own_run: false,
    shared_pids: false,
};

impl Kind {
    fn name(self) -> String {
        let (uid, gid) = self.user;
        let parts = [
            (self.read_only, "read_only"),
            (self.no_new_privileges, "no_new_privs"),
            (self.terminal, "terminal"),
            (self.own_run, "own_run"),
            (self.shared_pids, "shared_pids"),
        ];
        let user = format!("user_{uid}_{gid}");
        let parts = parts.iter().filter(|(is, _)| *is).map(|(_, name)| (*name).to_owned());
        [user].into_iter().chain(parts).collect::<Vec<_>>().join(",")
    }

    /// /run can be used; where it can't, no process has the rights to change it.
    fn boots(self) -> bool {
        self.own_run || (self.user.0 == 0 && !self.read_only)
    }
}

/// The tests.
pub fn trials() -> Vec<Trial> {
    let both = [false, true];
    let mut kinds = Vec::new();
    for user in [(0, 0), (1000, 1000), (12345, 0)] {
        for bits in 0..16_u8 {
            let [read_only, no_new_privileges, terminal, own_run] =
                [1, 2, 4, 8].map(|bit| both[usize::from(bits & bit != 0)]);
            kinds.push(Kind { user, read_only, no_new_privileges, terminal, own_run, ..PLAIN });
        }
        kinds.push(Kind { user, own_run: true, shared_pids: true, ..PLAIN });
    }
    let boots =
        kinds.into_iter().map(|kind| Trial::test(format!("runc::{}", kind.name()), move || boots(kind)));
    boots.chain([Trial::test("runc::memory", memory)]).collect()
}

fn boots(kind: Kind) -> Outcome {
    // A terminal is for all three.
    let script = "t=none; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && : </dev/tty && t=terminal\n\
        echo $(/test/busybox id -u):$(/test/busybox id -g) $t; exit 3";
    let bundle = Bundle::new(kind, &["/test/busybox", "sh", "-c", script], json!({}))?;
    let mut words = bundle.run();
    if kind.terminal {
        // runc hands on a terminal of its own caller.
        let line = shlex::try_join(words.iter().map(String::as_str)).map_err(|why| why.to_string())?;
        words =
            ["script", "--quiet", "--return", "--command", &line, "/dev/null"].map(str::to_owned).to_vec();
    }
    let (code, text) = client::run(&words)?;
    if !kind.boots() {
        same(code, 100, &text)?;
        return same(text.contains("--tmpfs /run") && !text.contains("the daemon runs"), true, &text);
    }
    same(code, 3, &text)?;
    let (uid, gid) = kind.user;
    let said = format!("{uid}:{gid} {}", if kind.terminal { "terminal" } else { "none" });
    // script(1) may have the terminal show the end of its own input, as ^@, in front of it.
    same(text.lines().any(|line| line.trim_start_matches("^@") == said), true, &text)?;
    same(text.contains("not process 1"), kind.shared_pids, &text)?;
    same(text.contains("the daemon has finished"), true, &text)
}

/// A service that takes all memory is killed, and starts again; the container continues.
fn memory() -> Outcome {
    let limit = json!({ "memory": { "limit": 64 << 20 } });
    let bundle = Bundle::new(PLAIN, &[], limit)?;
    let mut client = Client::start(&bundle.run())?;
    client.said.wait_for(UP)?;
    client.said.wait_for("the hog is back")?;
    client::succeed(&["runc", "kill", bundle.id(), "TERM"].map(str::to_owned))?;
    same(client.finish()?, 0, &client.said.text())?;
    client.said.in_order(&["the hog eats", "the hog is back", "the daemon has finished"])?;
    Ok(())
}

/// A bundle in a directory, its root a writable view of the common tree.
struct Bundle {
    directory: TempDir,
    root: PathBuf,
}

impl Bundle {
    fn new(kind: Kind, command: &[&str], resources: Value) -> Result<Self, String> {
        let make = || {
            let directory = TempDir::with_prefix("bundle-")?;
            let root = directory.path().join("rootfs");
            for place in ["rootfs", "over/changes", "over/work"] {
                fs::create_dir_all(directory.path().join(place))?;
            }
            let over = directory.path().join("over").display().to_string();
            stage::lay_over(&images::tree().display().to_string(), &over, &root)?;
            let bundle = Self { directory, root };
            let config = bundle.config(kind, command, resources);
            fs::write(bundle.path().join("config.json"), config.to_string())?;
            Ok(bundle)
        };
        make().map_err(|why: std::io::Error| format!("unable to make a bundle: {why}"))
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn id(&self) -> &str {
        self.path().file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    fn run(&self) -> Vec<String> {
        ["runc", "run", "--bundle", &self.path().display().to_string(), self.id()].map(str::to_owned).to_vec()
    }

    fn config(&self, kind: Kind, command: &[&str], resources: Value) -> Value {
        let mount = |place: &str, fs: &str, options: &[&str]| json!({ "destination": place, "type": fs, "source": fs, "options": options });
        let mut mounts = vec![
            mount("/proc", "proc", &[]),
            mount("/dev", "tmpfs", &["nosuid", "mode=755"]),
            mount(
                "/dev/pts",
                "devpts",
                &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
            ),
        ];
        if kind.own_run {
            // Its mode becomes that of the directory below it.
            let owner = format!("uid={}", kind.user.0);
            mounts.push(mount("/run", "tmpfs", &["nosuid", "nodev", "noexec", &owner]));
        }
        let mut namespaces = vec!["network", "ipc", "uts", "mount"];
        if !kind.shared_pids {
            namespaces.push("pid");
        }
        let namespaces: Vec<Value> = namespaces.into_iter().map(|kind| json!({ "type": kind })).collect();
        // What runc itself proposes.
        let capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
        let args: Vec<&str> = ["/init"].iter().chain(command).copied().collect();
        json!({
            "ociVersion": "1.0.2",
            "process": {
                "terminal": kind.terminal,
                "user": { "uid": kind.user.0, "gid": kind.user.1 },
                "args": args,
                "env": ["PATH=/usr/bin:/bin", if resources.get("memory").is_some() { "HOG=1" } else { "HOG=no" }],
                "cwd": "/",
                "capabilities": {
                    "bounding": capabilities, "effective": capabilities, "permitted": capabilities
                },
                "noNewPrivileges": kind.no_new_privileges,
            },
            "root": { "path": self.root, "readonly": kind.read_only },
            "hostname": "bundle",
            "mounts": mounts,
            "linux": {
                "cgroupsPath": format!("{GROUP}/{}", self.id()),
                "resources": resources,
                "namespaces": namespaces,
            },
        })
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        let _ = client::run(&["runc", "delete", "--force", self.id()].map(str::to_owned));
        let _ = unmount(&self.root, UnmountFlags::DETACH);
    }
}
