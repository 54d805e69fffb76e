//! The paths that images, scripts and people rely on.

use std::ffi::CStr;

/// The version whose layout this is; it is part of the paths.
pub const VERSION: &str = "3.2.3.2";
/// The program, for the setuid helper, which becomes it.
pub const PROGRAM: &CStr = c"/package/admin/s6-overlay-3.2.3.2/command/s6-overlay";
/// The same.
pub const BINARY: &str = match PROGRAM.to_str() {
    Ok(path) => path,
    Err(_) => "",
};
/// The setuid helper for containers that start as another user than root.
pub const SUEXEC: &str = "/package/admin/s6-overlay-3.2.3.2/command/s6-overlay-suexec";
/// The program that the setuid helper runs as root.
pub const PREINIT: &str = "/package/admin/s6-overlay-3.2.3.2/libexec/preinit";
/// The program that the setuid helper becomes as the container's user.
pub const STAGE0: &str = "/package/admin/s6-overlay-3.2.3.2/libexec/stage0";
/// The scripts of the overlay's own services.
pub const SERVICE_SCRIPTS: &str = "/package/admin/s6-overlay-3.2.3.2/etc/s6-rc/scripts";
/// The scripts of the stages, which are copied to [`STAGE_SCRIPTS`].
pub const SKELETON: &str = "/package/admin/s6-overlay-3.2.3.2/etc/s6-linux-init/skel";
/// What a rule of fix-attrs.d is applied by.
pub const FIX_ATTRS: &str = "/package/admin/s6-overlay-3.2.3.2/libexec/fix-attrs";
/// What logutil-service becomes.
pub const LOGGER: &str = "/package/admin/s6-overlay-3.2.3.2/libexec/logutil-service-main";
/// The overlay's own services; images add theirs here too, so it is read at every boot.
pub const SOURCES: &str = "/package/admin/s6-overlay-3.2.3.2/etc/s6-rc/sources";

/// The folder of the image's files, without a profile.
pub const ETC: &str = "/etc";

/// The tree of volatile files.
pub const RUN: &str = "/run";
/// The overlay's part of it.
pub const RUN_S6: &str = "/run/s6";
/// The last lines of services, in [`supervision::board::DIR`].
pub const KEPT_LOGS: &str = "log";
/// The container's environment: one file per variable.
pub const CONTAINER_ENVIRONMENT: &str = "/run/s6/container_environment";
/// The working directory that the container started in.
pub const WORKDIR: &str = "/run/s6/workdir";
/// The folder whose `bin` holds halt, poweroff, reboot, shutdown and telinit.
pub const BASEDIR: &str = "/run/s6/basedir";
/// The scripts of the stages in a running container.
pub const STAGE_SCRIPTS: &str = "/run/s6/basedir/scripts";
/// The environment of everything in the container, under S6_KEEP_ENV.
pub const STAGE_ENV: &str = "/run/s6/basedir/env";
/// The process id of the CMD, where an image's own program boots the container.
pub const COMMAND_PID: &str = "/run/s6/cmdpid";
/// Copies of the legacy service directories.
pub const LEGACY_SERVICES: &str = "/run/s6/legacy-services";
/// The root scandir.
pub const SCANDIR: &str = "/run/service";
/// A service of the reference whose work process 1 does.
pub const SHUTDOWND: &str = "/run/service/s6-linux-init-shutdownd";
/// The scandir's path in version 2.
pub const OLD_SCANDIR: &str = "/run/s6/services";
/// The compiled s6-rc database.
pub const DATABASE: &str = "/run/s6/db";
/// What was found out about services that have conditions or aren't in the container.
pub const EXAMINED: &str = "/run/s6/examined";
/// The numbers of instances that were asked for by hand.
pub const SCALED: &str = "/run/s6/scaled";
/// The live directory of s6-rc.
pub const LIVE: &str = "/run/s6-rc";
/// The folder of the container's exit code.
pub const RESULTS: &str = "/run/s6-linux-init-container-results";
/// The file with the container's exit code.
pub const EXITCODE: &str = "/run/s6-linux-init-container-results/exitcode";
/// The logs of the catch-all logger.
pub const UNCAUGHT_LOGS: &str = "/run/uncaught-logs";
