//! Boots on old kernels and under strict profiles: each system call that came after Linux 3.10, or that profiles of
//! container engines deny, fails in turn with EPERM and with ENOSYS, and then all of the new ones at once.
//!
//! Every program in these containers is ours, so what a filter breaks is ours, too.  The tree in `S6_OVERLAY_ROOT` may be
//! for i386: then the calls of that ABI are meant.  Needs root, or user namespaces.
#![expect(clippy::print_stderr, reason = "an ordinary test program")]

mod calls;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use calls::{Call, DENIED, ERRORS, NEWER};
use libtest_mimic::{Arguments, Failed, Trial};
use sandbox::{Denied, Sandbox, Streams};
use tests::image;
use tests::services::{DEFINITIONS, Services};

type Test = Box<dyn Fn(&Images) -> Result<(), Failed> + Send>;

/// Far more than a boot takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// The values of S6_SUPERVISE_PROCESSES: one process for all services, and one for each.
const LAYOUTS: [&str; 2] = ["0", "1"];

/// What the containers are made of.
struct Images {
    empty: tempfile::TempDir,
    distribution: PathBuf,
    services: Services,
}

/// What the container writes, whatever fails in it.
const SAID: &str = "\
init: me
up: prepared
true true true
from the socket: user 0
Max open files            77
unique
counted
in time
after the restart: true
stopped: false
moved
down: prepared
";

/// What the container is for: it uses what the services did, restarts one, stops another, and ends with a code of its own.
const COMMAND: &str = r#"#!/command/execlineb -P
foreground { s6-svwait -U /run/service/checked }
foreground { s6-svstat -o up,ready,wantedup /run/service/keeper }
foreground { s6-ipcclient -l 0 /run/t/socket fdmove 0 6 s6-cat }
foreground { pipeline { s6-softlimit -o 77 redirfd -r 0 /proc/self/limits s6-cat } pipeline { s6-grep "^Max open" } s6-cut -b 1-28 }
foreground { backtick -E n { s6-uniquename /run/t/x } if { s6-test -n $n } s6-echo unique }
foreground { s6-svwait -U /run/service/counter-log }
foreground { s6-rc -d change counter-log }
foreground { redirfd -r 0 /run/t/log/current s6-cat }
foreground { s6-maximumtime 60000 s6-echo in time }
foreground { s6-svc -wD -T 60000 -d /run/service/keeper } foreground { s6-svc -wU -T 60000 -u /run/service/keeper }
foreground { backtick -E s { s6-svstat -o ready /run/service/keeper } s6-echo after the restart: $s }
foreground { s6-rc -d change checked }
foreground { backtick -E s { s6-svstat -o up /run/service/checked } s6-echo stopped: $s }
foreground { s6-touch /run/t/a } foreground { s6-rename /run/t/a /run/t/b }
foreground { s6-hiercopy /run/t/b /run/t/c }
foreground { s6-ln -nsf b /run/t/c }
foreground { s6-update-symlinks /run/t/links /etc/s6-overlay }
foreground { if { s6-test -L /run/t/c } s6-echo moved }
exit 7
"#;

fn services() -> std::io::Result<Services> {
    let services = Services::new()?;
    services
        .oneshot(
            "prepare",
            &["legacy-cont-init"],
            "foreground { s6-mkdir -p /run/t } s6-echo up: prepared",
            "s6-echo down: prepared",
        )?
        .script("/etc/cont-init.d/a", "#!/command/execlineb -P\nwith-contenv importas -i WHO WHO s6-echo init: $WHO\n")?
        .longrun(
            "keeper",
            &["prepare"],
            "#!/command/execlineb -P\ns6-ipcserver -1 -- /run/t/socket\nimportas -iu U IPCREMOTEEUID s6-echo from the socket: user $U\n",
        )?
        .define("keeper", "notification-fd", "1\n")?
        .longrun(
            "checked",
            &["prepare"],
            "#!/command/execlineb -P\nwith-contenv s6-notifyoncheck -w 1 s6-setuidgid nobody s6-pause\n",
        )?
        .define("checked", "notification-fd", "3\n")?
        .script(&format!("{DEFINITIONS}/checked/data/check"), "#!/command/execlineb -P\ns6-test -e /run/t\n")?
        .longrun(
            "counter",
            &["prepare"],
            "#!/command/execlineb -P\nforeground { s6-echo counted } s6-pause\n",
        )?
        .define("counter", "producer-for", "counter-log\n")?
        .longrun(
            "counter-log",
            &["prepare"],
            "#!/command/execlineb -P\ns6-log -bd 3 -- n2 s100000 /run/t/log\n",
        )?
        .define("counter-log", "consumer-for", "counter\n")?
        .define("counter-log", "pipeline-name", "counting\n")?
        .define("counter-log", "notification-fd", "3\n")?
        .file("/etc/passwd", "root:x:0:0:root:/:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n")?
        .file("/etc/group", "root:x:0:\nnogroup:x:65534:\n")?
        .script("/t/command", COMMAND)?;
    Ok(services)
}

impl Images {
    fn new() -> Result<Self, String> {
        let unable = |why: std::io::Error| format!("unable to make a directory: {why}");
        Ok(Self {
            empty: tempfile::tempdir().map_err(unable)?,
            distribution: image::distribution()?,
            services: services().map_err(unable)?,
        })
    }

    /// Whether the programs are of the class ELFCLASS32.
    fn is_32_bit(&self) -> bool {
        let start = std::fs::read(self.distribution.join("command/s6-true")).unwrap_or_default();
        start.get(4) == Some(&1)
    }

    /// Boots without the calls, in one layout of supervision.
    fn boot(&self, denied: &[Denied], layout: &str) -> Result<(), Failed> {
        let container = Sandbox::new(self.empty.path(), ["/init", "with-contenv", "/t/command"])
            .layer(&self.distribution)
            .layer(self.services.path())
            .env("PATH", "/command")
            .env("WHO", "me")
            .env("S6_VERBOSITY", "1")
            .env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2")
            .env("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "20000")
            .env("S6_SUPERVISE_PROCESSES", layout)
            .deny(denied.iter().copied())
            .streams(Streams::Together)
            .start()?;
        let output = container.output(LIMIT)?;
        let said = String::from_utf8_lossy(&output.stdout);
        if (output.code, &*said) != (Some(7), SAID) {
            let wrong =
                format!("S6_SUPERVISE_PROCESSES={layout}: exit code {:?}; expected:\n{SAID}", output.code);
            return Err(format!("{wrong}\ngot:\n{said}").into());
        }
        Ok(())
    }

    /// Boots without the call, with each error in another layout.
    fn boot_without(&self, call: &Call) -> Result<(), Failed> {
        for ((name, error), layout) in ERRORS.into_iter().zip(LAYOUTS) {
            self.boot(&[calls::failing(call, error)], layout).map_err(|why| {
                format!("{} answered with {name}: {}", call.0, why.message().unwrap_or_default())
            })?;
        }
        Ok(())
    }
}

fn main() {
    sandbox::enter_stage();
    let arguments = Arguments::from_args();
    let images = if arguments.list { Ok(None) } else { Images::new().map(Some) };
    let images = Arc::new(images.unwrap_or_else(|why| {
        eprintln!("filters: {why}");
        std::process::exit(2)
    }));
    let trial = |name: &str, test: Test| {
        let images = Arc::clone(&images);
        Trial::test(name, move || test((*images).as_ref().ok_or("there are no images")?))
    };
    let all_layouts = |images: &Images, denied: &[Denied]| {
        LAYOUTS.into_iter().try_for_each(|layout| images.boot(denied, layout))
    };
    let mut trials = vec![trial("nothing_fails", Box::new(move |images| all_layouts(images, &[])))];
    let is_32_bit = (*images).as_ref().is_some_and(Images::is_32_bit);
    // The others don't exist for the program.
    let exists = |call: &&Call| if is_32_bit { call.2.is_some() } else { call.1.is_some() };
    for call in NEWER.iter().chain(DENIED).filter(exists) {
        trials.push(trial(call.0, Box::new(|images| images.boot_without(call))));
    }
    let sets: [(&str, &[&[Call]]); 2] =
        [("nothing_newer_than_3_10", &[NEWER]), ("nothing_that_any_profile_denies", &[NEWER, DENIED])];
    for (set, calls) in sets {
        for (name, error) in ERRORS {
            let denied: Vec<_> = calls.concat().iter().map(|call| calls::failing(call, error)).collect();
            trials
                .push(trial(&format!("{set}_{name}"), Box::new(move |images| all_layouts(images, &denied))));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}
