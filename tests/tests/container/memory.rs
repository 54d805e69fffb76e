//! Processes that the kernel kills, at a real limit of memory: they are named, and so is why the container has ended.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use libtest_mimic::Failed;
use sandbox::{Sandbox, Streams};
use tests::services::Services;
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("memory::who_is_killed_is_named", who_is_killed_is_named),
    ("memory::a_command_that_is_killed", a_command_that_is_killed),
    ("memory::a_kill_that_only_the_parent_sees", a_kill_that_only_the_parent_sees),
    ("memory::files_of_version_2", files_of_version_2),
    ("memory::without_a_group_nothing_is_said_of_memory", without_a_group),
];

/// The limit of the container, in bytes.
const LIMIT: u64 = 64 << 20;

/// How long a command in a running container may take.
const EXEC_LIMIT: Duration = Duration::from_secs(60);

/// Takes more than that.
const HOG: &str = "exec dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null";

/// A control group with the limit, until it is dropped.
struct Group(PathBuf);

impl Group {
    fn new(name: &str) -> Result<Self, Failed> {
        let of_one = Path::new("/sys/fs/cgroup/memory");
        let is_one = of_one.join("memory.limit_in_bytes").exists();
        let root = if is_one { of_one } else { Path::new("/sys/fs/cgroup") };
        let group = Self(root.join(format!("s6-overlay-{}-{name}", std::process::id())));
        fs::create_dir(&group.0)?;
        let write = |file: &str| fs::write(group.0.join(file), LIMIT.to_string());
        if is_one {
            write("memory.limit_in_bytes")?;
            // Where swap isn't counted, there is no such file.
            write("memory.memsw.limit_in_bytes").or_else(ignore_missing)?;
        } else {
            write("memory.max")?;
            fs::write(group.0.join("memory.swap.max"), "0").or_else(ignore_missing)?;
        }
        Ok(group)
    }

    /// The container in this group, which it sees where engines show it.
    fn around(&self, sandbox: Sandbox) -> Sandbox {
        let place = if self.0.starts_with("/sys/fs/cgroup/memory") {
            "/sys/fs/cgroup/memory"
        } else {
            "/sys/fs/cgroup"
        };
        let script = format!(
            "set -e; echo 1 >/group/cgroup.procs; mount -t tmpfs none /sys/fs/cgroup; mkdir -p {place}; \
             mount --bind /group {place}"
        );
        sandbox.bind(&self.0, "/group").prepare(["/bin/sh", "-c", &script])
    }
}

fn ignore_missing(why: io::Error) -> io::Result<()> {
    if why.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(why) }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// Lets the command read a line.
fn go_on(t: &Transcript) -> Outcome {
    t.container().exec(["/bin/sh", "-c", "echo go >/run/steps"]).start()?.output(EXEC_LIMIT)?;
    Ok(())
}

fn who_is_killed_is_named(images: &Images) -> Outcome {
    for layout in ["0", "1"] {
        let services = Services::new()?;
        services.longrun("hog", &["base"], &format!("#!/bin/sh\n{HOG}\n"))?;
        services.script("/test", &format!("#!/bin/sh\nmkfifo /run/steps; exec 5<>/run/steps\nread step <&5\n(({HOG}) &)\nread step <&5\ns6-overlay events | grep memory-kill\n"))?;
        let group = Group::new(&format!("named-{layout}"))?;
        let sandbox =
            images.on(Path::new("/"), services.path(), &["/test"]).env("S6_SUPERVISE_PROCESSES", layout);
        let mut t = Transcript::start(&group.around(sandbox))?;
        t.wait_for("is started again")?;
        go_on(&t)?;
        t.wait_for("which is no service's own")?;
        go_on(&t)?;
        same(t.finish()?, 0, &t.text())?;
        let cause =
            "was killed by the kernel: the container's memory limit of 64 MiB was reached (its own peak: ";
        t.in_order(&[
            &format!("s6-supervise hog: warning: {cause}"),
            &format!("s6-supervise hog: warning: {cause}"),
            "s6-supervise hog: warning: has ended 3 times in the last ",
            "(dd), which is no service's own, was killed by the kernel: the container's memory limit of 64 MiB was reached",
            "Z hog              memory-kill    process ",
            "Z hog              memory-kill    process ",
        ])?;
        let told = t.lines().iter().filter(|line| line.contains(" memory-kill "));
        let is_whole = |line: &String| line.contains(" (its own peak: ") && line.ends_with(" MiB)");
        same(told.clone().all(is_whole), true, &t.text())?;
        same(told.filter(|line| line.contains("(dd) ")).count(), 1, &t.text())?;
        same(t.contains("always killed by the kernel for lack of memory"), true, &t.text())?;
    }
    Ok(())
}

/// The kernel notifies process 1 of the kill of a worker whose parent lives and reaps it.
fn a_kill_that_only_the_parent_sees(images: &Images) -> Outcome {
    for layout in ["0", "1"] {
        let services = Services::new()?;
        services.longrun(
            "pool",
            &["base"],
            &format!("#!/bin/sh\n({HOG})\necho worker: $?\n({HOG})\nexec s6-pause\n"),
        )?;
        let group = Group::new(&format!("parent-{layout}"))?;
        let sandbox =
            images.on(Path::new("/"), services.path(), &["s6-pause"]).env("S6_SUPERVISE_PROCESSES", layout);
        let mut t = Transcript::start(&group.around(sandbox))?;
        t.wait_for("of the container were killed by the kernel")?;
        t.in_order(&[
            "worker: 137",
            "2 processes of the container were killed by the kernel because of the memory limit of 64 MiB; no service \
             itself, maybe children of one",
        ])?;
        let events =
            t.container().exec(["/command/s6-overlay", "events"]).streams(Streams::Capture).start()?;
        let events = events.output(EXEC_LIMIT)?;
        let told = String::from_utf8_lossy(&events.stdout).into_owned();
        same(told.contains(" memory-kill    2 processes that aren't known\n"), true, &told)?;
        same(t.contains("not by us"), false, &t.text())?;
    }
    Ok(())
}

/// Files of the test's take the place of the kernel's: they show the number of kills, and notify nobody.
fn files_of_version_2(images: &Images) -> Outcome {
    for layout in ["0", "1"] {
        let services = Services::new()?;
        services.longrun(
            "app",
            &["base"],
            "#!/bin/sh\n[ -e /run/killed ] && exec s6-pause\n>/run/killed\n\
             echo 'oom_kill 4' >/sys/fs/cgroup/memory.events\nkill -9 $$\n",
        )?;
        services.script("/test", "#!/bin/sh\nuntil [ -e /run/killed ]; do s6-sleep -m 20; done\ns6-svwait -u /run/service/app\nexit 3\n")?;
        let script = "set -e; mount -t tmpfs none /sys/fs/cgroup; cd /sys/fs/cgroup; echo 1073741824 >memory.max; \
                      printf 'max 7\\noom_kill 3\\n' >memory.events";
        let sandbox = images
            .on(Path::new("/"), services.path(), &["/test"])
            .env("S6_SUPERVISE_PROCESSES", layout)
            .prepare(["/bin/sh", "-c", script]);
        let mut t = Transcript::start(&sandbox)?;
        same(t.finish()?, 3, &t.text())?;
        let text = "s6-supervise app: warning: was killed by the kernel: the container's memory limit of 1 GiB was reached (its own \
                    peak: ";
        same(t.contains(text), true, &t.text())?;
    }
    Ok(())
}

fn a_command_that_is_killed(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script("/test", &format!("#!/bin/sh\n{HOG}\n"))?;
    services.script("/etc/cont-finish.d/show", "#!/bin/sh\ncat /dev/termination-log\n")?;
    let group = Group::new("command")?;
    let sandbox = images.on(Path::new("/"), services.path(), &["/test"]).file("/dev/termination-log", b"");
    let mut t = Transcript::start(&group.around(sandbox))?;
    same(t.finish()?, 137, &t.text())?;
    let text = "the container stops: the command was killed by the kernel: the container's memory limit of 64 MiB was reached";
    t.in_order(&[&format!("init: warning: {text}"), text])?;
    same(t.contains("). s6-overlay 3.2.3.2"), true, &t.text())
}

fn without_a_group(images: &Images) -> Outcome {
    for layout in ["0", "1"] {
        let services = Services::new()?;
        services.longrun(
            "app",
            &["base"],
            "#!/bin/sh\n[ -e /run/killed ] && exec s6-pause\n>/run/killed\nkill -9 $$\n",
        )?;
        services.script("/test", "#!/bin/sh\nuntil [ -e /run/killed ]; do s6-sleep -m 20; done\ns6-svwait -u /run/service/app\nexit 3\n")?;
        let sandbox = images.small(&services, &["/test"]).env("S6_SUPERVISE_PROCESSES", layout);
        let mut t = Transcript::start(&sandbox)?;
        same(t.finish()?, 3, &t.text())?;
        same(t.contains("s6-supervise app: warning: was killed by SIGKILL, not by us"), true, &t.text())?;
    }
    Ok(())
}
