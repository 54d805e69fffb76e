//! Where things are: the paths that images, scripts and people know.

/// The version whose layout this is; it is part of the paths.
pub(crate) const VERSION: &str = "3.2.3.2";
/// The program.
pub(crate) const BINARY: &str = "/package/admin/s6-overlay-3.2.3.2/command/s6-overlay";
/// The setuid helper for containers that start as another user than root.
pub(crate) const SUEXEC: &str = "/package/admin/s6-overlay-3.2.3.2/command/s6-overlay-suexec";
/// What the setuid helper runs as root.
pub(crate) const PREINIT: &str = "/package/admin/s6-overlay-3.2.3.2/libexec/preinit";
/// What the setuid helper goes on to as the container's user.
pub(crate) const STAGE0: &str = "/package/admin/s6-overlay-3.2.3.2/libexec/stage0";
/// The overlay's own services; images add theirs here too, so it is read at every boot.
pub(crate) const SOURCES: &str = "/package/admin/s6-overlay-3.2.3.2/etc/s6-rc/sources";

/// The tree of volatile files.
pub(crate) const RUN: &str = "/run";
/// The overlay's part of it.
pub(crate) const RUN_S6: &str = "/run/s6";
/// One file a variable of the container's environment.
pub(crate) const CONTAINER_ENVIRONMENT: &str = "/run/s6/container_environment";
/// The working directory that the container started in.
pub(crate) const WORKDIR: &str = "/run/s6/workdir";
/// halt and its relatives are in its `bin`.
pub(crate) const BASEDIR: &str = "/run/s6/basedir";
/// Copies of the legacy service directories.
pub(crate) const LEGACY_SERVICES: &str = "/run/s6/legacy-services";
/// The root scandir.
pub(crate) const SCANDIR: &str = "/run/service";
/// Where version 2 had its scandir.
pub(crate) const OLD_SCANDIR: &str = "/run/s6/services";
/// The compiled s6-rc database.
pub(crate) const DATABASE: &str = "/run/s6/db";
/// The live directory of s6-rc.
pub(crate) const LIVE: &str = "/run/s6-rc";
/// Where the container's exit code is written.
pub(crate) const RESULTS: &str = "/run/s6-linux-init-container-results";
/// The file with the container's exit code.
pub(crate) const EXITCODE: &str = "/run/s6-linux-init-container-results/exitcode";
/// Logs of the catch-all logger.
pub(crate) const UNCAUGHT_LOGS: &str = "/run/uncaught-logs";
