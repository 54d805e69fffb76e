//! The paths that images, scripts and people rely on.

/// The version whose layout this is; it is part of the paths.
pub(crate) const VERSION: &str = "3.2.3.2";
/// The program.
pub(crate) const BINARY: &str = "/package/admin/s6-overlay-3.2.3.2/command/s6-overlay";
/// The setuid helper for containers that start as another user than root.
pub(crate) const SUEXEC: &str = "/package/admin/s6-overlay-3.2.3.2/command/s6-overlay-suexec";
/// The program that the setuid helper runs as root.
pub(crate) const PREINIT: &str = "/package/admin/s6-overlay-3.2.3.2/libexec/preinit";
/// The program that the setuid helper becomes as the container's user.
pub(crate) const STAGE0: &str = "/package/admin/s6-overlay-3.2.3.2/libexec/stage0";
/// The scripts of the overlay's own services.
pub(crate) const SERVICE_SCRIPTS: &str = "/package/admin/s6-overlay-3.2.3.2/etc/s6-rc/scripts";
/// The scripts of the stages, which are copied to [`STAGE_SCRIPTS`].
pub(crate) const SKELETON: &str = "/package/admin/s6-overlay-3.2.3.2/etc/s6-linux-init/skel";
/// What a rule of fix-attrs.d is applied by.
pub(crate) const FIX_ATTRS: &str = "/package/admin/s6-overlay-3.2.3.2/libexec/fix-attrs";
/// What logutil-service becomes.
pub(crate) const LOGGER: &str = "/package/admin/s6-overlay-3.2.3.2/libexec/logutil-service-main";
/// The overlay's own services; images add theirs here too, so it is read at every boot.
pub(crate) const SOURCES: &str = "/package/admin/s6-overlay-3.2.3.2/etc/s6-rc/sources";

/// The folder of the image's files, without a profile.
pub(crate) const ETC: &str = "/etc";

/// The tree of volatile files.
pub(crate) const RUN: &str = "/run";
/// The overlay's part of it.
pub(crate) const RUN_S6: &str = "/run/s6";
/// The last lines of services, in [`supervision::board::DIR`].
pub(crate) const KEPT_LOGS: &str = "log";
/// The container's environment: one file per variable.
pub(crate) const CONTAINER_ENVIRONMENT: &str = "/run/s6/container_environment";
/// The working directory that the container started in.
pub(crate) const WORKDIR: &str = "/run/s6/workdir";
/// The folder whose `bin` holds halt, poweroff, reboot, shutdown and telinit.
pub(crate) const BASEDIR: &str = "/run/s6/basedir";
/// The scripts of the stages in a running container.
pub(crate) const STAGE_SCRIPTS: &str = "/run/s6/basedir/scripts";
/// The environment of everything in the container, under S6_KEEP_ENV.
pub(crate) const STAGE_ENV: &str = "/run/s6/basedir/env";
/// The process id of the CMD, where an image's own program boots the container.
pub(crate) const COMMAND_PID: &str = "/run/s6/cmdpid";
/// Copies of the legacy service directories.
pub(crate) const LEGACY_SERVICES: &str = "/run/s6/legacy-services";
/// The root scandir.
pub(crate) const SCANDIR: &str = "/run/service";
/// A service of the reference whose work process 1 does.
pub(crate) const SHUTDOWND: &str = "/run/service/s6-linux-init-shutdownd";
/// The scandir's path in version 2.
pub(crate) const OLD_SCANDIR: &str = "/run/s6/services";
/// The compiled s6-rc database.
pub(crate) const DATABASE: &str = "/run/s6/db";
/// The live directory of s6-rc.
pub(crate) const LIVE: &str = "/run/s6-rc";
/// The folder of the container's exit code.
pub(crate) const RESULTS: &str = "/run/s6-linux-init-container-results";
/// The file with the container's exit code.
pub(crate) const EXITCODE: &str = "/run/s6-linux-init-container-results/exitcode";
/// The logs of the catch-all logger.
pub(crate) const UNCAUGHT_LOGS: &str = "/run/uncaught-logs";
