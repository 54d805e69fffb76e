//! The engines that have docker's command line.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use crate::client::{self, Client};
use crate::stage::{GROUP, HOME};

/// An engine, with a runtime and a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// dockerd, containerd and runc.
    Docker,
    /// Podman with runc.
    Podman,
    /// Podman with crun.
    PodmanCrun,
    /// Podman with runc, for a user without privileges.
    PodmanRootless,
}

/// The user of [`Engine::PodmanRootless`].
const USER: &str = "rootless";

impl Engine {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Docker, Self::Podman, Self::PodmanCrun, Self::PodmanRootless];

    /// The name in tests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::PodmanCrun => "podman-crun",
            Self::PodmanRootless => "podman-rootless",
        }
    }

    /// The command as users know it.
    pub fn program(self) -> &'static str {
        if self == Self::Docker { "docker" } else { "podman" }
    }

    /// Whether a container may have a limit of memory.
    pub fn can_limit(self) -> bool {
        self != Self::PodmanRootless
    }

    /// The options that leave nothing writable in a container with `--read-only`.
    pub fn no_tmpfs_of_its_own(self) -> &'static [&'static str] {
        if self == Self::Docker { &[] } else { &["--read-only-tmpfs=false"] }
    }

    /// The value of `--tmpfs` for a /run that belongs to the container's user.
    pub fn own_run(self, uid: &str) -> String {
        if self == Self::Docker { format!("/run:uid={uid}") } else { "/run:U".to_owned() }
    }

    /// The engine whose images this one uses.
    pub fn store(self) -> Self {
        if self == Self::PodmanCrun { Self::Podman } else { self }
    }

    /// Makes what is needed before the first command.
    pub fn prepare(self) -> Result<(), String> {
        static READY: [OnceLock<Result<(), String>>; 3] = [const { OnceLock::new() }; 3];
        let [docker, podman, rootless] = &READY;
        match self {
            Self::Docker => docker.get_or_init(|| start_daemon().map_err(|why| format!("dockerd: {why}"))),
            Self::Podman | Self::PodmanCrun => podman.get_or_init(|| configure_podman(HOME)),
            Self::PodmanRootless => rootless.get_or_init(make_user),
        }
        .clone()
    }

    /// The words before the arguments of a command.
    pub fn words(self) -> Vec<String> {
        let podman = |home: &str| {
            vec![
                format!("CONTAINERS_CONF={home}/containers.conf"),
                format!("CONTAINERS_STORAGE_CONF={home}/storage.conf"),
                "podman".to_owned(),
            ]
        };
        let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match self {
            Self::Docker => vec![
                "env".to_owned(),
                format!("DOCKER_HOST=unix://{HOME}/docker.sock"),
                format!("DOCKER_CONFIG={HOME}/docker-config"),
                // The daemon doesn't have the other builder's part.
                "DOCKER_BUILDKIT=0".to_owned(),
                "docker".to_owned(),
            ],
            Self::Podman => [own(&["env"]), podman(HOME)].concat(),
            Self::PodmanCrun => [own(&["env"]), podman(HOME), own(&["--runtime", "crun"])].concat(),
            Self::PodmanRootless => {
                let home = user_home();
                let user = format!("--reuid={USER} --regid={USER} --init-groups env -i");
                let env = [
                    format!("HOME={home}"),
                    format!("TMPDIR={home}/tmp"),
                    format!("XDG_RUNTIME_DIR={home}/run"),
                    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
                ];
                let user = user.split(' ').map(str::to_owned).collect();
                [own(&["setpriv"]), user, env.to_vec(), podman(&home)].concat()
            }
        }
    }

    fn command(self, arguments: &[&str]) -> Vec<String> {
        let mut words = self.words();
        words.extend(arguments.iter().map(|word| (*word).to_owned()));
        words
    }

    /// Starts a command of the engine.
    pub fn start(self, arguments: &[&str]) -> Result<Client, String> {
        Client::start(&self.command(arguments))
    }

    /// The words of a command of podman, as a manager runs it that wants to hear at this socket.
    pub fn notifying(self, socket: &str, arguments: &[&str]) -> Vec<String> {
        let mut words = self.command(arguments);
        let environment = words.iter().position(|word| word.starts_with("CONTAINERS_CONF=")).unwrap_or(0);
        words.insert(environment, format!("NOTIFY_SOCKET={socket}"));
        words
    }

    /// Runs a command of the engine; gives its exit code and its output.
    pub fn run(self, arguments: &[&str]) -> Result<(i32, String), String> {
        client::run(&self.command(arguments))
    }

    /// Runs a command of the engine that must succeed; gives its output.
    pub fn succeed(self, arguments: &[&str]) -> Result<String, String> {
        client::succeed(&self.command(arguments))
    }

    /// The options of `build`: images are built without a network.
    pub fn build_options(self) -> &'static [&'static str] {
        match self {
            Self::Docker | Self::Podman | Self::PodmanCrun => &["--network", "none"],
            Self::PodmanRootless => &["--isolation", "chroot"],
        }
    }

    /// The options of `run` and `create`: where the control groups of containers go.
    pub fn run_options(self) -> &'static [&'static str] {
        match self {
            // Told to the daemon.
            Self::Docker | Self::PodmanRootless => &[],
            Self::Podman | Self::PodmanCrun => &["--cgroup-parent", GROUP],
        }
    }
}

fn user_home() -> String {
    format!("{HOME}/user")
}

/// Podman, without a network, on images of its own below `home`.  The limits of open files and processes are ones that
/// nobody needs to raise: not every machine lets root do that.
fn configure_podman(home: &str) -> Result<(), String> {
    let containers = "[containers]\ndefault_ulimits=[\"nofile=4096:4096\",\"nproc=4096:4096\"]\nnetns=\"none\"\n\
        [engine]\nruntime=\"runc\"\ncgroup_manager=\"cgroupfs\"\nevents_logger=\"file\"\n";
    let storage = format!(
        "[storage]\ndriver=\"overlay\"\ngraphroot=\"{home}/images\"\nrunroot=\"{home}/podman\"\n\
         rootless_storage_path=\"{home}/images\"\n"
    );
    fs::write(format!("{home}/containers.conf"), containers)
        .and_then(|()| fs::write(format!("{home}/storage.conf"), storage))
        .map_err(|why| format!("unable to configure podman in {home}: {why}"))
}

/// A user of the stage's `/etc`, with a range of ids for containers.
fn make_user() -> Result<(), String> {
    let home = user_home();
    let words = ["useradd", "--create-home", "--home-dir", &home, USER].map(str::to_owned);
    client::succeed(&words)?;
    configure_podman(&home)?;
    let places = ["run", "tmp"].map(|name| format!("{home}/{name}"));
    let install = ["install", "-d", "-o", USER, "-m", "700"].map(str::to_owned);
    client::succeed(&[install.as_slice(), &places].concat())?;
    Ok(())
}

/// Starts dockerd, which ends with the stage, and waits until it listens.
fn start_daemon() -> Result<(), String> {
    let notify = format!("{HOME}/docker.notify");
    let start = || {
        let socket = UnixDatagram::bind(&notify)?;
        let log = fs::File::create(format!("{HOME}/dockerd.log"))?;
        Command::new("dockerd")
            .args([
                "--host",
                &format!("unix://{HOME}/docker.sock"),
                "--pidfile",
                &format!("{HOME}/dockerd.pid"),
            ])
            .args(["--data-root", &format!("{HOME}/docker"), "--exec-root", &format!("{HOME}/docker-exec")])
            .args(["--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"])
            .args(["--bridge=none", "--userland-proxy=false", "--storage-driver=overlay2"])
            .args(["--cgroup-parent", GROUP])
            .env("NOTIFY_SOCKET", &notify)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        socket.set_read_timeout(Some(Duration::from_secs(120)))?;
        let mut message = [0; 512];
        loop {
            let n = socket.recv(&mut message)?;
            let text = String::from_utf8_lossy(message.get(..n).unwrap_or_default());
            if text.lines().any(|line| line == "READY=1") {
                return Ok(());
            }
        }
    };
    start().map_err(|why: std::io::Error| {
        let log = fs::read_to_string(format!("{HOME}/dockerd.log")).unwrap_or_default();
        format!("{why}:\n{log}")
    })
}
