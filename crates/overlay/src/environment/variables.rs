//! All variables that the overlay reads from the container's environment: name, kind, default, and meaning.
//!
//! The code names a variable by its constant, so a misspelt name doesn't compile, nor does a read that doesn't suit its
//! kind.  The tables of `docs/guide/variables.md` are made from this table.

mod kind;
mod misspelt;
mod value;

pub use kind::Kind;
pub use kind::{
    Directives, ImagePath, Limit, Milliseconds, Number, SearchPath, Size, Switch, Text, Umask, User, Words,
};
pub(crate) use misspelt::PREFIX;
pub use misspelt::meant_by;
pub use value::meaningless;

/// The name of a variable, and how its value is read.
#[derive(Debug, Clone, Copy)]
pub struct Variable<K> {
    /// Its name.
    pub name: &'static str,
    /// How its value is read, and its default.
    pub kind: K,
}

impl<K> Variable<K> {
    /// Its name as bytes.
    pub const fn bytes(&self) -> &'static [u8] {
        self.name.as_bytes()
    }
}

impl<K> std::fmt::Display for Variable<K> {
    /// Its name, for messages.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// A row of a table of the page.
#[derive(Debug)]
pub struct Description {
    /// The heading of its table.
    pub section: &'static str,
    /// The variable.
    pub name: &'static str,
    /// How its value is read, and its default.
    pub kind: Kind,
    /// What it does, in Markdown.
    pub meaning: &'static str,
}

/// Defines a constant for each variable, and the tables of all.
macro_rules! variables {
    ($($section:literal: $($(#[$attribute:meta])* $name:ident: $kind:ident($default:expr), $meaning:literal;)*)*) => {
        $($(
            #[doc = $meaning]
            $(#[$attribute])*
            pub const $name: Variable<$kind> = Variable { name: stringify!($name), kind: $kind($default) };
        )*)*

        /// The names of all variables.
        pub(crate) static NAMES: &[&str] = &[$($(stringify!($name)),*),*];

        /// All variables, in the order of the page.
        pub static TABLE: &[Description] = &[$($(Description {
            section: $section,
            name: stringify!($name),
            kind: Kind::$kind($default),
            meaning: $meaning,
        }),*),*];
    };
}

variables! {
    "Start":
    S6_VERBOSITY: Number(2),
        "0: errors; 1: and warnings; 2: and what is started and stopped; up to 5: more and more";
    S6_BEHAVIOUR_IF_STAGE2_FAILS: Number(0),
        "[when something fails](start-and-stop.md#when-something-fails): 0 go on, 1 go on and warn, 2 stop";
    S6_CMD_WAIT_FOR_SERVICES_MAXTIME: Limit(0),
        "how long the whole start may take, `cont-init.d` included; 0: no limit";
    S6_CMD_WAIT_FOR_SERVICES: Switch(false),
        "the command and `user2` wait until daemons of [`services.d`](legacy.md#servicesd) are up, or ready";
    S6_STAGE2_HOOK: Text(""),
        "a command line, split at blanks, that runs [before the definitions are compiled](start-and-stop.md#a-service-only-if)";
    S6_DISABLE: Text(""),
        "names of services and bundles that [aren't to be in this container](conditions.md#from-outside); a `?` before one that may be unknown";
    S6_ENABLE: Text(""),
        "names of services and bundles to [start though no bundle has them](conditions.md#from-outside)";
    S6_REQUIRE: Text(""),
        "names of services and bundles [without which the container doesn't start](conditions.md#what-has-to-be-there)";
    S6_PROFILES: Text(""),
        "names of [profiles](conditions.md#profiles), for conditions such as `profile debug`";
    S6_RUNTIME_BUNDLEDIR: ImagePath("s6-overlay/user-bundles.d"),
        "where the bundles `user` and `user2` are";
    S6_RUNTIME_PROFILE: Text(""),
        "a name: `/etc/cont-profile.d/NAME` takes the place of `/etc` for all that is the overlay's";
    S6_FIX_ATTRS_HIDDEN: Switch(false),
        "[`fix-attrs.d`](legacy.md#fix-attrsd) changes hidden files, too";
    S6_WAIT_FOR_CLOSING_FD: Number(0),
        "3 or more: wait until the engine closes that descriptor before anything is started";
    S6_NOTIFY: Switch(false),
        "[the manager of the container](start-and-stop.md#a-manager-that-waits-for-the-start), such as systemd with podman, is told at `NOTIFY_SOCKET` when the start is over; services don't get that variable";
    S6_READ_ONLY_ROOT: Switch(false),
        "not needed any more: a [read-only root](users.md#read-only-root) is noticed. With 1, `/run` is never made";
    S6_YES_I_WANT_A_WORLD_WRITABLE_RUN_BECAUSE_KUBERNETES: Switch(false),
        "accept a [`/run` that everybody may write](users.md#kubernetes)";
    S6_SUPERVISE_PROCESSES: Switch(true),
        "one `s6-supervise` process for each service, [for scripts that look for it](debugging.md#scripts-that-look-for-s6-supervise); 0: process 1 does their work";

    "When a service fails":
    S6_RESTART: Text(""),
        "[which ends of daemons are followed by another start](failures.md#an-image-that-you-dont-build): `NAME=POLICY` or `NAME=POLICY:LIMIT`, several with blanks between, `*` for all names";
    S6_ON_FAILURE: Text(""),
        "[what the failure of a daemon leads to](failures.md#an-image-that-you-dont-build): `NAME=stop` and other words of the file `on-failure`, with colons for the blanks in them";

    "The command":
    S6_CMD_ARG0: Words(""),
        "words [before the command](command.md#a-former-entry-point)";
    S6_CMD_RECEIVE_SIGNALS: Switch(false),
        "[signals go to the command](command.md#signals), not to `/init`";
    S6_CMD_USE_TERMINAL: Switch(false),
        "with `S6_LOGGING`: the command's output stays [on the terminal](command.md#a-terminal)";

    "Environment and logs":
    S6_UMASK: Umask(0o022),
        "the [file creation mask](environment.md#the-umask) of services, oneshots and the command, in octal";
    S6_STATUS_MODE: Umask(0o644),
        "the mode, in octal, of [what everybody may know](environment.md#the-status-board) of services: 600 closes it to other users";
    S6_HTTP: Text(""),
        "such as `127.0.0.1:9010`, `[::1]:9010`, `:9010` or `unix:/run/http.sock`: [probes, the status and metrics](status.md#over-http) are answered there over HTTP";
    PATH: SearchPath("/command:/usr/bin:/bin"),
        "what is missing of these is added";
    S6_KEEP_ENV: Switch(false),
        "every process gets [the container's variables](environment.md#all-variables-for-all-processes)";
    S6_LOGGING: Number(0),
        "[one log for all](logging.md#everything-into-one-log): 0 none; 1 logged, and shown on standard error; 2 logged, not shown";
    S6_LOG_PREFIX: Switch(false),
        "[the service's name before each line](logging.md#whose-line-is-it) of the container's output, except the command's";
    S6_LOG_FORMAT: Text(""),
        "`json`: [each line of the container's output is an object](logging.md#whose-line-is-it), except the command's";
    S6_LOG_KEEP: Size(0),
        "such as `256k`: [the last lines of each service that has no logger](logging.md#the-last-lines-of-each-service) are kept in `/run/s6-overlay/log`, in so many bytes a service; 0: none";
    S6_LOG_CMD: Switch(false),
        "with one of these three: the command's lines, too";
    S6_LOGGING_SCRIPT: Directives("n20 s1000000 T"),
        "[how loggers log](logging.md#what-the-logger-does-with-lines); the log of `S6_LOGGING` takes time stamps and sizes from it";
    TZ: Text(""),
        "the zone of local time stamps (`T`) of these loggers, [if `S6_LOGGING_SCRIPT` is set](logging.md#local-time)";
    S6_CATCHALL_USER: User(0),
        "[who the logger of `S6_LOGGING` runs as](logging.md#everything-into-one-log), in a container of root's";

    "Stop":
    S6_SERVICES_GRACETIME: Milliseconds(3000),
        "how long daemons of `services.d` may take to end; also, how long what is starting may take when a stop comes in between";
    S6_KILL_FINISH_MAXTIME: Limit(5000),
        "how long each script of `cont-finish.d` may take before KILL; 0: no limit";
    S6_KILL_GRACETIME: Milliseconds(3000),
        "the most between TERM and KILL for what is left at the end; 300000 at most";
    S6_SYNC_DISKS: Switch(false),
        "sync all file systems at the end, the host's included";
    S6_TERMINATION_LOG: Text("/dev/termination-log"),
        "the file that gets [the reason](start-and-stop.md#the-reason-for-kubernetes) if `/init` decides that the container ends badly; 0: none does";
    #[allow(dead_code, reason = "a variable of the reference that has no effect here, but isn't misspelt")]
    S6_SERVICES_READYTIME: Milliseconds(50),
        "none: there is no race to bridge";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, kind and default of every variable: what `docs/guide/variables.md` promises.
    #[test]
    fn every_variable_has_its_kind_and_its_default() {
        let mut lines: Vec<String> = Vec::new();
        for Description { section, name, kind, .. } in TABLE {
            lines.push(format!("{section}: {name}: {kind:?}"));
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn a_constant_and_its_row_are_the_same_variable() {
        assert_eq!(NAMES.len(), TABLE.len());
        assert!(NAMES.iter().zip(TABLE).all(|(name, row)| *name == row.name));
        assert_eq!((S6_VERBOSITY.name, S6_VERBOSITY.bytes()), ("S6_VERBOSITY", &b"S6_VERBOSITY"[..]));
        assert_eq!(format!("{S6_SYNC_DISKS} {PATH}"), "S6_SYNC_DISKS PATH");
        for (place, name) in (0..).zip(NAMES) {
            assert_eq!(NAMES.iter().position(|other| other == name), Some(place), "{name} is there twice");
        }
    }
}
