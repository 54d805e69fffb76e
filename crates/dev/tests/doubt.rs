//! Where an image leaves open whether something is wrong, nothing is said.
#![expect(clippy::unwrap_used, reason = "a test")]

use dev::config::Config;
use dev::image::{Image, Target, complete};
use dev::tree::Tree;
use dev::{example, lints};

/// A daemon with a script, in the bundle of the user's.
fn daemon(run: &str) -> String {
    format!(
        "-- etc/s6-overlay/s6-rc.d/web/type --\nlongrun\n-- etc/s6-overlay/s6-rc.d/web/run 755 --\n{run}\
         -- etc/s6-overlay/user-bundles.d/user/contents.d/web --\n"
    )
}

/// The codes of what is found in files that are written as in the pages.
fn codes(text: &str) -> Vec<u16> {
    let top = tempfile::tempdir().unwrap();
    let dockerfile = example::write(text, top.path()).unwrap();
    let config = dockerfile.map_or_else(Config::default, |text| Config::read(&text).unwrap());
    let mut tree = Tree::default();
    tree.add_directory(top.path()).unwrap();
    let is_whole = complete(&mut tree);
    lints::findings(&Image::read(&tree, config, Target::Rs, is_whole)).iter().map(|f| f.code.0).collect()
}

/// Asserts that the first has the finding, and the second, which leaves it open, has not.
fn only_the_first(code: u16, sure: &str, open: &str) {
    assert!(codes(sure).contains(&code), "{code} isn't found in:\n{sure}");
    assert!(!codes(open).contains(&code), "{code} is found in:\n{open}");
}

#[test]
fn what_the_image_below_may_say() {
    let oneshot = "-- etc/cont-init.d/a 755 --\n#!/bin/sh\n";
    let installs = "FROM alpine\nADD s6-overlay-noarch.tar.xz /\n";
    for code in [405, 606] {
        let with = |file: &str| format!("{oneshot}-- Dockerfile --\n{file}");
        only_the_first(code, &with(installs), &with("FROM alpine\n"));
        // What has no overlay is copied to another image.
        only_the_first(code, &with(installs), &with("FROM scratch\nCOPY rootfs /\n"));
    }
    let old = daemon("#!/usr/bin/with-contenv sh\nexec web\n") + "-- Dockerfile --\n";
    only_the_first(111, &(old.clone() + installs), &(old + "FROM base\n"));
}

#[test]
fn what_the_build_may_change() {
    let file = "-- etc/services.d/web/run 644 --\n#!/bin/sh\nexec web\n-- etc/cont-init.d/a 644 --\n#!/bin/sh\n\
                -- etc/s6-overlay/s6-rc.d/once/type --\noneshot\n-- etc/s6-overlay/s6-rc.d/once/up --\n\
                /etc/s6-overlay/s6-rc.d/once/run\n-- etc/s6-overlay/s6-rc.d/once/run 644 --\n#!/bin/sh\n-- Dockerfile --\n";
    for code in [103, 112, 703] {
        let with = |copy: &str| format!("{file}FROM base\n{copy}\n");
        only_the_first(code, &with("COPY rootfs /"), &with("COPY --chmod=755 rootfs /"));
        only_the_first(code, &with("COPY rootfs /"), &with("COPY rootfs /\nRUN chmod +x /etc/*/*"));
        only_the_first(code, &with("COPY rootfs /"), &with("FROM scratch\nCOPY rootfs /"));
    }
    let bundle = "-- etc/s6-overlay/s6-rc.d/user/contents.d/web --\n-- Dockerfile --\nFROM base\nARG S6_OVERLAY_VERSION=";
    only_the_first(701, &format!("{bundle}3.2.3.0\n"), &format!("{bundle}3.1.6.2\n"));
}

#[test]
fn what_somebody_else_starts() {
    let idle = "-- etc/s6-overlay/s6-rc.d/base-of-it/type --\nlongrun\n-- etc/s6-overlay/s6-rc.d/base-of-it/run 755 --\n\
                #!/bin/sh\nexec web\n-- etc/s6-overlay/s6-rc.d/extra/type --\nlongrun\n\
                -- etc/s6-overlay/s6-rc.d/extra/dependencies.d/base-of-it --\n\
                -- etc/s6-overlay/s6-rc.d/extra/run 755 --\n#!/bin/sh\nexec web\n";
    let hook = "-- etc/s6-overlay/scripts/choose 755 --\n#!/bin/sh\n\
                touch /etc/s6-overlay/s6-rc.d/user/contents.d/extra\n";
    only_the_first(202, idle, &format!("{idle}{hook}"));
    let tool = "-- usr/bin/more 755 --\n#!/bin/sh\nexec s6-rc -u change extra\n";
    only_the_first(202, idle, &format!("{idle}{tool}"));
}

#[test]
fn what_waits_itself() {
    let oneshot = |up: &str| {
        daemon("#!/bin/sh\nexec web\n")
            + "-- etc/s6-overlay/s6-rc.d/once/type --\noneshot\n\
               -- etc/s6-overlay/s6-rc.d/once/dependencies.d/web --\n-- etc/s6-overlay/s6-rc.d/once/up --\n\
               /etc/s6-overlay/s6-rc.d/once/run\n-- etc/s6-overlay/s6-rc.d/once/run 755 --\n"
            + up
    };
    only_the_first(
        206,
        &oneshot("#!/bin/sh\nask web\n"),
        &oneshot("#!/bin/sh\nuntil ask web; do sleep 1; done\n"),
    );
}

#[test]
fn settings_that_are_elsewhere() {
    let nginx = daemon("#!/bin/sh\nexec nginx\n");
    let with = |settings: &str| format!("{nginx}-- etc/nginx/nginx.conf --\n{settings}\n");
    let inside = "http {\n  include /config/site.conf;\n}";
    only_the_first(303, &with(inside), &with("include /config/nginx.conf;"));
    only_the_first(303, &with(""), &nginx);
    let modules = |text: &str| with("include modules/*.conf;") + "-- etc/nginx/modules/a.conf --\n" + text;
    only_the_first(303, &modules("# nothing\n"), &modules("daemon off;\n"));
    let writes = "-- etc/cont-init.d/a 755 --\n#!/bin/sh\necho 'daemon off;' >>/etc/nginx/nginx.conf\n";
    only_the_first(303, &with(""), &(with("") + writes));
}

#[test]
fn pauses_and_pipes_that_are_work() {
    only_the_first(
        304,
        &daemon("#!/bin/sh\nexec sleep 365d\n"),
        &daemon("#!/bin/sh\nload\nexec sleep 259200\n"),
    );
    only_the_first(302, &daemon("#!/bin/sh\nweb | tee log\n"), &daemon("#!/bin/sh\necho scan | web\n"));
    let script = |line: &str| format!("-- etc/cont-init.d/a 755 --\n#!/bin/sh\n{line}\n");
    only_the_first(704, &script("ls /var/run/s6/services"), &script("ls /var/run/s6/container_environment"));
    only_the_first(704, &script("ls /var/run/s6/services"), &script("sed -i 's|/var/run/s6/services|x|' f"));
}

#[test]
fn what_is_right_in_version_2() {
    let files = "-- etc/cont-init.d/a 644 --\n#!/usr/bin/with-contenv sh\ns6-test -e /x\n-- etc/services.d/web/run 755 --\n#!/bin/sh\n\
                 exec web\n-- etc/services.d/web/finish 755 --\n#!/bin/sh\ns6-svscanctl -t /var/run/s6/services\n-- Dockerfile --\n";
    for code in [312, 702, 703, 704] {
        let with = |base: &str| {
            format!("{files}ARG ALPINE_S6_VERSION=3.20-{base}\nFROM some/alpine-s6:${{ALPINE_S6_VERSION}}\n")
        };
        only_the_first(code, &with("3.1.6.2"), &with("2.2.0.3"));
    }
}
