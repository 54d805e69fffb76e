//! What is booted: three bases, README.md's Dockerfile for each, and some services for the tests.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;
use tests::image;
use tests::services::{DEFINITIONS, Services};

use crate::client;
use crate::engine::Engine;
use crate::readme;
use crate::stage::HOME;

/// What an image starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// Nothing: there is no shell.
    Scratch,
    /// Debian's static busybox as all of its names.
    Busybox,
    /// A small Debian.
    Debian,
}

impl Base {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Scratch, Self::Busybox, Self::Debian];

    /// The name in tests and of images.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scratch => "scratch",
            Self::Busybox => "busybox",
            Self::Debian => "debian",
        }
    }

    /// What README.md's Dockerfile says.
    fn from(self) -> &'static str {
        match self {
            Self::Scratch => "scratch",
            Self::Busybox => "busybox",
            Self::Debian => "debian:bookworm-slim",
        }
    }

    /// The tarball of its files.
    fn tarball(self) -> Option<PathBuf> {
        match self {
            Self::Scratch => None,
            Self::Busybox => Some(Path::new(HOME).join("busybox.tar")),
            Self::Debian => Some(debian_tarball()),
        }
    }

    /// The image has a CMD.
    pub fn has_command(self) -> bool {
        self != Self::Debian
    }

    /// The name of the image that is tested.  Builds it first if it isn't there yet.
    pub fn image(self, engine: Engine) -> Result<String, String> {
        type Done = OnceLock<Result<(), String>>;
        static BUILT: [Done; Engine::ALL.len() * Base::ALL.len()] =
            [const { OnceLock::new() }; Engine::ALL.len() * Base::ALL.len()];
        let image = format!("localhost/test-{}", self.name());
        let built = BUILT.get(engine.store() as usize * Self::ALL.len() + self as usize);
        built.ok_or("there is no such image")?.get_or_init(|| self.build(engine.store(), &image)).clone()?;
        Ok(image)
    }

    fn build(self, engine: Engine, image: &str) -> Result<(), String> {
        engine.prepare()?;
        self.import(engine)?;
        let context = context(self);
        let words = [&["build", "-t", image], engine.build_options(), &[context.as_str()]].concat();
        engine.succeed(&words)?;
        Ok(())
    }

    /// Gives the engine the base's image, as if it had been pulled.
    pub fn import(self, engine: Engine) -> Result<(), String> {
        type Done = OnceLock<Result<(), String>>;
        static IMPORTED: [Done; Engine::ALL.len() * Base::ALL.len()] =
            [const { OnceLock::new() }; Engine::ALL.len() * Base::ALL.len()];
        let imported = IMPORTED.get(engine.store() as usize * Self::ALL.len() + self as usize);
        let import = || {
            let Some(tarball) = self.tarball() else { return Ok(()) };
            let name = format!("docker.io/library/{}", self.from());
            // Not every user can read it where it is.
            let script = "tarball=$1; shift; exec \"$@\" <\"$tarball\"";
            let mut words =
                ["sh", "-c", script, "sh", &tarball.display().to_string()].map(str::to_owned).to_vec();
            words.extend(engine.words());
            words.extend(["import", "-", &name].map(str::to_owned));
            client::succeed(&words).map(|_| ())
        };
        imported.ok_or("there is no such base")?.get_or_init(import).clone()
    }
}

/// Where the Debian root is kept.
pub fn debian_tarball() -> PathBuf {
    image::target().join("engines/debian-bookworm.tar")
}

/// Makes the Debian root if it isn't there yet; this needs a network.
pub fn fetch_debian() -> Result<(), String> {
    let tarball = debian_tarball();
    if tarball.exists() {
        return Ok(());
    }
    let partial = tarball.with_extension("partial.tar");
    let folder = tarball.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|why| format!("unable to make {}: {why}", folder.display()))?;
    // As in the images that people use, documentation is left out.
    let output = Command::new("mmdebstrap")
        .args(["--quiet", "--variant=essential"])
        .args(["man", "doc", "locale"].map(|name| format!("--dpkgopt=path-exclude=/usr/share/{name}/*")))
        .arg("bookworm")
        .arg(&partial)
        .output()
        .map_err(|why| format!("unable to run mmdebstrap: {why}"))?;
    if !output.status.success() {
        return Err(format!("mmdebstrap: {}", String::from_utf8_lossy(&output.stderr)));
    }
    fs::rename(&partial, &tarball).map_err(|why| format!("unable to make {}: {why}", tarball.display()))
}

fn context(base: Base) -> String {
    format!("{HOME}/context/{}", base.name())
}

/// The directory of all files of a busybox image, for tests that need no image.
pub fn tree() -> PathBuf {
    Path::new(HOME).join("tree")
}

/// Makes the contexts that images are built from, and the busybox root.
pub fn lay_out(tarballs: &Path) -> Result<(), String> {
    let busybox = TempDir::new().map_err(|why| format!("unable to make a directory: {why}"))?;
    image::busybox(busybox.path())?;
    let services = services(&busybox.path().join("bin/busybox")).map_err(|why| format!("services: {why}"))?;
    let shell = |script: &str, places: &[&Path]| {
        let places = places.iter().map(|place| place.display().to_string());
        let words = ["sh", "-ec", script, "sh"].map(str::to_owned).into_iter().chain(places);
        client::succeed(&words.collect::<Vec<_>>()).map(|_| ())
    };
    let tarball = Path::new(HOME).join("busybox.tar");
    shell("chmod 755 $1; tar -C $1 --owner=0 --group=0 -cf $2 .", &[busybox.path(), &tarball])?;
    shell(
        "cp -a $1 $4; cp -a $2/. $4; cp -a $3/root/. $4",
        &[busybox.path(), services.path(), tarballs, &tree()],
    )?;
    for base in Base::ALL {
        let context = PathBuf::from(context(base));
        shell("mkdir -p $1; cp -a $2 $1/rootfs", &[&context, services.path()])?;
        for name in image::TARBALLS {
            shell("cp $1 $2", &[&tarballs.join(name), &context])?;
        }
        let dockerfile = readme::dockerfile(base.from())?;
        fs::write(context.join("Dockerfile"), dockerfile).map_err(|why| format!("Dockerfile: {why}"))?;
    }
    Ok(())
}

/// Says a word and ends with 7.
const PROGRAM: &str = "#!/command/execlineb -P\nforeground { s6-echo my program }\nexit 7\n";

/// Is ready when it has printed that.
const DAEMON: &str = "#!/command/execlineb -P
foreground { s6-echo the daemon runs }
foreground { fdmove 1 3 s6-echo }
fdclose 3
s6-pause
";

/// Takes all memory once, if it is asked to.
const HOG: &str = "#!/command/execlineb -P
with-contenv
importas -D no HOG HOG
ifelse { eltest ${HOG} = no } { s6-pause }
ifelse { eltest -e /run/ate } { foreground { s6-echo the hog is back } s6-pause }
foreground { s6-touch /run/ate }
foreground { s6-echo the hog eats }
/test/busybox tail /dev/zero
";

/// Services and programs that need nothing of the base.
fn services(busybox: &Path) -> io::Result<Services> {
    let services = Services::new()?;
    services.longrun("daemon", &["base"], DAEMON)?;
    services.define("daemon", "notification-fd", "3\n")?;
    let finish = "#!/command/execlineb -P\ns6-echo the daemon has finished\n";
    services.script(&format!("{DEFINITIONS}/daemon/finish"), finish)?;
    services.longrun("hog", &["base"], HOG)?;
    services.oneshot("ready", &["daemon", "hog"], "s6-echo all services are up", "s6-echo going down")?;
    for place in ["/my-program", "/usr/bin/my-program"] {
        services.script(place, PROGRAM)?;
    }
    services.script("/test/busybox", "")?;
    fs::copy(busybox, services.path().join("test/busybox"))?;
    Ok(services)
}
