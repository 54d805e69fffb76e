//! Boots under the engines that people use: docker, podman (with runc, with crun, and for a user without privileges)
//! and runc, on images that README.md's Dockerfiles give, with the guide's health checks; and the recipes of docs/recipes.
//!
//! Nothing of the machine changes: see [`stage`].  Needs root, and from Debian what `cargo xtask test` installs.
#![expect(clippy::print_stderr, reason = "an ordinary test program")]

mod bundles;
mod client;
mod confined;
mod container;
mod daemons;
mod edits;
mod engine;
mod foreign;
mod health;
mod images;
mod lifetime;
mod lines;
mod pod;
mod quickstart;
mod readme;
mod recipes;
mod stage;

use libtest_mimic::{Arguments, Failed, Trial};
use tests::image;

use container::Place;
use engine::Engine;
use images::Base;

type Outcome = Result<(), Failed>;
type Test = fn(Place) -> Outcome;

/// The arguments of `create` for a container without a CMD, whatever the image has.
const NO_COMMAND: [&str; 2] = ["--entrypoint", "/init"];

/// What a container prints when all its services are up.
const UP: &str = "all services are up";

/// What has to be there, and the Debian package that has it.
const PREREQUISITES: &[(&str, &str)] = &[
    ("dockerd", "docker.io"),
    ("docker", "docker.io"),
    ("podman", "podman"),
    ("runc", "runc"),
    ("crun", "crun"),
    ("catatonit", "catatonit"),
    ("newuidmap", "uidmap"),
    ("mmdebstrap", "mmdebstrap"),
    ("busybox", "busybox-static"),
    ("xz", "xz-utils"),
    ("unshare", "util-linux"),
    ("script", "bsdutils"),
    ("nsenter", "util-linux"),
    ("curl", "curl"),
    ("docker-compose", "docker-compose"),
    // What the recipes' images are made of.
    ("nginx", "nginx-light"),
    ("php-fpm8.2", "php-fpm"),
    ("redis-server", "redis-server"),
    ("cron", "cron"),
    ("sqlite3", "sqlite3"),
];

fn main() {
    #[expect(clippy::disallowed_methods, reason = "an ordinary test program")]
    let words: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    if words.first().is_some_and(|word| word == recipes::CHECKER) {
        std::process::exit(recipes::run_checker(&words));
    }
    let inside = words.first().is_some_and(|word| word == stage::INSIDE);
    let code = if inside { run(&words) } else { prepare(&words) };
    let code = code.unwrap_or_else(|why| {
        eprintln!("engines: {why}");
        2
    });
    std::process::exit(code)
}

/// Makes sure of all that the stage needs from the machine, and enters it.
fn prepare(words: &[String]) -> Result<i32, String> {
    if Arguments::from_args().list {
        return run(words);
    }
    if !rustix::process::geteuid().is_root() {
        return Err("these tests need root: they start container engines".into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).exists());
    let mut missing: Vec<&str> =
        PREREQUISITES.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect();
    missing.dedup();
    if !missing.is_empty() {
        return Err(format!(
            "engines are missing: apt-get install --no-install-recommends {}",
            missing.join(" ")
        ));
    }
    image::tarballs()?;
    images::fetch_debian()?;
    stage::enter(words)
}

/// Runs the tests.
fn run(words: &[String]) -> Result<i32, String> {
    let words = words.iter().filter(|word| *word != stage::INSIDE).cloned();
    let mut arguments = Arguments::from_iter(["engines".to_owned()].into_iter().chain(words));
    arguments.test_threads.get_or_insert_with(tests::at_once);
    if !arguments.list {
        stage::set_up()?;
        images::lay_out(&image::tarballs()?)?;
    }
    let mut trials = Vec::new();
    // In this order the images are built side by side.
    for base in Base::ALL {
        let mut add = |tests: &[(&str, Test)], fits: &dyn Fn(Engine) -> bool| {
            for (name, test) in tests.iter().copied() {
                for engine in Engine::ALL.into_iter().filter(|engine| fits(*engine)) {
                    let name = format!("{}::{}::{name}", engine.name(), base.name());
                    trials.push(Trial::test(name, move || test(Place { engine, base })));
                }
            }
        };
        add(lifetime::TESTS, &|_| true);
        add(confined::TESTS, &|_| true);
        add(confined::LIMITED, &Engine::can_limit);
        add(health::TESTS, &|_| true);
        add(health::WITH_SHELL, &|_| base != Base::Scratch);
        add(lines::TESTS, &|_| base == Base::Busybox);
        add(daemons::TESTS, &|_| base == Base::Debian);
        add(foreign::TESTS, &|_| base == Base::Busybox);
    }
    for engine in Engine::ALL {
        trials
            .push(Trial::test(format!("{}::quickstart", engine.name()), move || quickstart::follow(engine)));
    }
    trials.extend(edits::trials());
    trials.extend(pod::trials());
    trials.extend(bundles::trials());
    trials.extend(recipes::trials()?);
    let conclusion = libtest_mimic::run(&arguments, trials);
    Ok(if conclusion.has_failed() { 101 } else { 0 })
}

/// Fails with both values and the whole output unless they are equal.
fn same<T: PartialEq + std::fmt::Debug>(got: T, want: T, said: &str) -> Outcome {
    if got == want { Ok(()) } else { Err(format!("{want:?} expected, got {got:?}:\n{said}").into()) }
}
