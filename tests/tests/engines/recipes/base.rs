//! The image that stands for Debian's, with all the packages that recipes install: an engine's build has no network here.
//!
//! Their files are those of the machine's packages, and its `apt-get` only looks whether it has what is asked for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::OnceLock;

use crate::client;
use crate::engine::Engine;
use crate::images::{self, Base};
use crate::stage::HOME;

/// What it stands for, in a page.
pub const FROM: &str = "FROM debian:bookworm-slim";

/// Its name.
pub const IMAGE: &str = "localhost/recipes-debian";

/// What recipes install.
const PACKAGES: &str = "nginx-light php-fpm redis-server cron sqlite3 curl busybox-static";

/// The Debian root has no package manager.
const APT_GET: &str = "#!/bin/sh
for word; do
  case $word in
    -* | install | update) ;;
    *) grep -qx \"$word\" /var/lib/installed || { echo \"the tests' image has no $word\" >&2; exit 100; } ;;
  esac
done
";

/// Writes the tarball `packages.tar` into the directory `$2`: files of `$3` and what that needs, unless the root in the tarball
/// `$1` has them, at their places in a root whose /bin, /sbin and /lib are links.  What the packages' scripts have made is added: users,
/// links to configurations, and directories.
const PACK: &str = r#"
cd "$2"
tar -xOf "$1" ./var/lib/dpkg/status | sed -n 's/^Package: //p' | sort -u >has
apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
  --no-enhances $3 | grep '^[a-z]' | sort -u >needs
echo $3 | tr ' ' '\n' >installed
comm -13 has needs | grep -vx -e systemd -e libsystemd-shared -e tzdata -e libmagic-mgc >wanted
{
  dpkg -L $(cat wanted) | sed -n 's|^/||p' | grep -v -e '^usr/share/doc' -e '^usr/share/man' -e '^usr/share/locale' |
    sed -E 's,^(bin|sbin|lib)(/|$),usr/\1\2,'
  (cd / && find etc/php etc/nginx etc/redis etc/alternatives var/lib/php)
  printf '%s\n' etc/passwd etc/group etc/shadow
} | sort -u >files
tar -C / --no-recursion --ignore-failed-read -cf packages.tar -T files
"#;

/// Makes the image, once for each store of images.
pub fn make(engine: Engine) -> Result<(), String> {
    static MADE: [OnceLock<Result<(), String>>; Engine::ALL.len()] =
        [const { OnceLock::new() }; Engine::ALL.len()];
    let made = MADE.get(engine.store() as usize).ok_or("there is no such engine")?;
    let build = || {
        Base::Debian.import(engine)?;
        let context = context()?;
        let words = [&["build", "-t", IMAGE], engine.build_options(), &[context.as_str()]].concat();
        engine.succeed(&words).map(|_| ())
    };
    made.get_or_init(build).clone()
}

/// The directory that it is built from.
fn context() -> Result<String, String> {
    static MADE: OnceLock<Result<String, String>> = OnceLock::new();
    MADE.get_or_init(|| {
        let context = format!("{HOME}/recipes/base");
        let place = Path::new(&context);
        let write = || {
            fs::create_dir_all(place)?;
            fs::write(place.join("apt-get"), APT_GET)?;
            fs::set_permissions(place.join("apt-get"), fs::Permissions::from_mode(0o755))?;
            let lines = "ADD packages.tar /\nCOPY apt-get /usr/bin/\nCOPY installed /var/lib/\n";
            fs::write(place.join("Dockerfile"), format!("{FROM}\n{lines}"))
        };
        write().map_err(|why: std::io::Error| format!("{context}: {why}"))?;
        let tarball = images::debian_tarball().display().to_string();
        client::succeed(&["sh", "-ec", PACK, "sh", &tarball, &context, PACKAGES].map(str::to_owned))?;
        Ok(context)
    })
    .clone()
}
