//! Boots of whole containers: real daemons on the machine's own root, bad definitions, stops, the demo.
//!
//! Needs root, and from Debian what `cargo xtask test` installs.
#![expect(clippy::print_stderr, reason = "an ordinary test program")]

mod attended;
mod bad_input;
mod board;
mod catchall;
mod command;
mod conditions;
mod costs;
mod daemons;
mod debian;
mod demo;
mod descriptors;
mod edits;
mod full;
mod hangs;
mod http;
mod inherited;
mod install;
mod instances;
mod last_output;
mod linux_init;
mod logs;
mod manager;
mod many;
mod memory;
mod migrated;
mod network;
mod notified;
mod odd_files;
mod output;
mod permissions;
mod places;
mod privileges;
mod probed;
mod probes;
mod readiness;
mod reasons;
mod reexec;
mod reliability;
mod restarts;
mod runtimes;
mod sd_notify;
mod servers;
mod shortage;
mod status;
mod steer;
mod stop;
mod streams;
mod supervisors;
mod termination;
mod variables;
mod wants;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use sandbox::Sandbox;
use tempfile::TempDir;
use tests::image;
use tests::services::Services;
use tests::transcript::Transcript;

type Outcome = Result<(), Failed>;
type Test = fn(&Images) -> Outcome;

/// The values of S6_SUPERVISE_PROCESSES: the layouts of supervision.
const LAYOUTS: [&str; 2] = ["1", "0"];

/// Boots in both layouts of supervision.
fn in_both_layouts(sandbox: &Sandbox, look: impl Fn(&mut Transcript) -> Outcome) -> Outcome {
    for layout in LAYOUTS {
        look(&mut Transcript::start(&sandbox.clone().env("S6_SUPERVISE_PROCESSES", layout))?)?;
    }
    Ok(())
}

/// Fails with all that was said if something is missing in it.
fn has(t: &Transcript, wanted: &str) -> Outcome {
    same(t.contains(wanted), true, &format!("{wanted:?} is missing:\n{}", t.text()))
}

/// What the containers are made of.
struct Images {
    distribution: PathBuf,
    busybox: TempDir,
}

impl Images {
    fn new() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("these tests need root: they boot daemons that change their user".into());
        }
        let busybox = tempfile::tempdir().map_err(|why| format!("unable to make a directory: {why}"))?;
        image::busybox(busybox.path())?;
        Ok(Self { distribution: image::distribution()?, busybox })
    }

    /// `/init` and these arguments on a small root with these services.
    fn small(&self, services: &Services, arguments: &[&str]) -> Sandbox {
        self.on(self.busybox.path(), services.path(), arguments)
    }

    /// `/init` and these arguments on this root, with a directory laid over it.
    fn on(&self, root: &Path, over: &Path, arguments: &[&str]) -> Sandbox {
        boot(root, &self.distribution, over, arguments)
    }
}

fn boot(root: &Path, distribution: &Path, over: &Path, arguments: &[&str]) -> Sandbox {
    Sandbox::new(root, ["/init"].iter().chain(arguments))
        .layer(distribution)
        .layer(over)
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
}

fn main() {
    sandbox::enter_stage();
    #[expect(clippy::disallowed_methods, reason = "an ordinary test program")]
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == demo::WITHOUT_PRIVILEGE) {
        let code = demo::without_privilege_inside(words.map(PathBuf::from)).unwrap_or_else(|why| {
            eprintln!("{}", why.message().unwrap_or_default());
            1
        });
        std::process::exit(code)
    }
    let code = run().unwrap_or_else(|why| {
        eprintln!("container: {why}");
        2
    });
    std::process::exit(code)
}

fn run() -> Result<i32, String> {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert_with(tests::at_once);
    let images = Arc::new(if arguments.list { None } else { Some(Images::new()?) });
    let groups = [
        attended::TESTS,
        bad_input::TESTS,
        board::TESTS,
        catchall::TESTS,
        command::TESTS,
        conditions::TESTS,
        costs::TESTS,
        daemons::TESTS,
        debian::TESTS,
        demo::TESTS,
        descriptors::TESTS,
        edits::TESTS,
        full::TESTS,
        hangs::TESTS,
        http::TESTS,
        inherited::TESTS,
        install::TESTS,
        instances::TESTS,
        last_output::TESTS,
        linux_init::TESTS,
        logs::TESTS,
        manager::TESTS,
        many::TESTS,
        odd_files::TESTS,
        output::TESTS,
        permissions::TESTS,
        places::TESTS,
        privileges::TESTS,
        probes::TESTS,
        readiness::TESTS,
        probed::TESTS,
        reasons::TESTS,
        reexec::TESTS,
        reliability::TESTS,
        restarts::TESTS,
        runtimes::TESTS,
        network::TESTS,
        notified::TESTS,
        sd_notify::TESTS,
        servers::TESTS,
        memory::TESTS,
        migrated::TESTS,
        termination::TESTS,
        shortage::TESTS,
        status::TESTS,
        steer::TESTS,
        stop::TESTS,
        streams::TESTS,
        supervisors::TESTS,
        variables::TESTS,
        wants::TESTS,
    ];
    let trials = groups
        .concat()
        .into_iter()
        .map(|(name, test)| {
            let images = Arc::clone(&images);
            Trial::test(name, move || test(images.as_ref().as_ref().ok_or("there are no images")?))
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    Ok(if conclusion.has_failed() { 101 } else { 0 })
}

/// Fails with both values and the container's whole output unless they are equal.
fn same<T: PartialEq + std::fmt::Debug>(got: T, want: T, said: &str) -> Outcome {
    if got == want { Ok(()) } else { Err(format!("{want:?} expected, got {got:?}:\n{said}").into()) }
}
