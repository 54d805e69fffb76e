//! Pods: `podman play kube`, which is the closest to Kubernetes that needs no cluster.

use std::fs;

use libtest_mimic::{Failed, Trial};

use crate::engine::Engine;
use crate::health::{FAIL, FAILED, results};
use crate::images::Base;
use crate::stage::HOME;
use crate::{Outcome, UP, readme, same};

/// What the pods differ in.
#[derive(Debug, Clone, Copy)]
struct Kind {
    name: &'static str,
    /// A line of the pod.
    pod: &'static str,
    security: &'static str,
    env: &'static str,
    /// The mode of the empty directory on /run.
    mode: &'static str,
    /// What it prints when it is asked to stop.
    said: &'static str,
}

const KINDS: [Kind; 3] = [
    // A service hits the limit of memory.
    Kind {
        name: "read_only",
        pod: "",
        security: "{readOnlyRootFilesystem: true}",
        env: "[{name: HOG, value: \"1\"}]",
        mode: "0755",
        said: "the hog is back",
    },
    // As policies demand it; Kubernetes makes empty directories with that mode.
    Kind {
        name: "restricted",
        pod: "",
        security: "{readOnlyRootFilesystem: true, runAsUser: 12345, runAsGroup: 0, runAsNonRoot: true, \
                   allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}",
        env: "[{name: S6_YES_I_WANT_A_WORLD_WRITABLE_RUN_BECAUSE_KUBERNETES, value: \"1\"}]",
        mode: "0777",
        said: UP,
    },
    Kind {
        name: "shared_processes",
        pod: "shareProcessNamespace: true",
        security: "{readOnlyRootFilesystem: true}",
        env: "[]",
        mode: "0755",
        said: UP,
    },
];

/// The one that plays pods.
const ENGINE: Engine = Engine::Podman;

/// The tests.
pub fn trials() -> Vec<Trial> {
    let plays = KINDS.map(|kind| Trial::test(format!("pod::{}", kind.name), move || play(kind)));
    plays.into_iter().chain([Trial::test("pod::probes", probes)]).collect()
}

/// The pod's definition; `more` are lines of its container.
fn definition(kind: Kind, image: &str, more: &str) -> String {
    let Kind { name, pod, security, env, mode, .. } = kind;
    format!(
        "apiVersion: v1
kind: Pod
metadata:
  name: {name}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 150
  {pod}
  initContainers:
  - name: mode
    image: {image}
    command: [/test/busybox, chmod, \"{mode}\", /run]
    volumeMounts: [{{name: run-{name}, mountPath: /run}}]
  containers:
  - name: app
    image: {image}
    command: [/init]
    env: {env}
    securityContext: {security}
    resources: {{limits: {{memory: 64Mi}}}}
    volumeMounts: [{{name: run-{name}, mountPath: /run}}]
{more}
  volumes: [{{name: run-{name}, emptyDir: {{}}}}]
"
    )
}

/// A pod's definition without published ports, whose empty directory on /run gets the group and mode that Kubernetes gives it for
/// `fsGroup: 1000`.
pub fn without_a_cluster(definition: &str) -> String {
    let first = "  initContainers:
  - name: kubelet
    image: busybox
    command: [/bin/sh, -c, \"chgrp 1000 /run && chmod 2777 /run\"]
    securityContext: {runAsUser: 0}
    volumeMounts: [{name: run, mountPath: /run}]
  containers:
";
    let lines = definition.lines().filter(|line| !line.trim_start().starts_with("ports:"));
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    // One that runs once is removed at its end, while it may still be running for podman.
    let kept = "metadata:\n  annotations: {io.podman.annotations.init.container.type: always}\n";
    text.replacen("  containers:\n", first, 1).replacen("metadata:\n", kept, 1)
}

/// Plays a pod; gives the file of its definition.
fn start(kind: Kind, more: &str) -> Result<String, Failed> {
    let text = definition(kind, &Base::Busybox.image(ENGINE)?, more);
    let file = format!("{HOME}/pod-{}.yaml", kind.name);
    fs::write(&file, text)?;
    ENGINE.succeed(&["play", "kube", "--network", "none", &file])?;
    Ok(file)
}

/// Plays a pod, waits for a line, and stops it.
fn play(kind: Kind) -> Outcome {
    let file = start(kind, "")?;
    let container = format!("{}-app", kind.name);
    let mut log = ENGINE.start(&["logs", "-f", &container])?;
    log.said.wait_for(kind.said)?;
    // As in Kubernetes: the container, with the pod's grace period, before the pod itself.
    ENGINE.succeed(&["stop", &container])?;
    log.said.wait_for("the daemon has finished")?;
    let code = ENGINE.succeed(&["inspect", "-f", "{{.State.ExitCode}}", &container])?;
    same(code.trim(), "0", &log.said.text())?;
    ENGINE.succeed(&["play", "kube", "--down", &file])?;
    Ok(())
}

/// The guide's probes: each has its own answer before and after a service has failed.
fn probes() -> Outcome {
    let env = "[{name: S6_RESTART, value: \"daemon=never\"}]";
    let kind = Kind { name: "probes", env, said: UP, ..KINDS[0] };
    let lines = readme::health_checks()?.1;
    let indented: Vec<_> = lines.lines().map(|line| format!("    {line}")).collect();
    let file = start(kind, &indented.join("\n"))?;
    let mut log = ENGINE.start(&["logs", "-f", "probes-app"])?;
    log.said.wait_for(UP)?;
    let answers = || -> Result<Vec<(i32, String)>, Failed> {
        let mut answers = Vec::new();
        for line in lines.lines().filter(|line| line.contains("command: ")) {
            let command = line.split_once('[').and_then(|(_, rest)| rest.split_once(']')).ok_or("no list")?.0;
            let words = [&["exec", "probes-app"][..], &command.split(", ").collect::<Vec<_>>()].concat();
            answers.push(ENGINE.run(&words)?);
        }
        Ok(answers)
    };
    let answer = |code: i32, text: &str| (code, text.to_owned());
    same(answers()?, vec![answer(0, "started"), answer(0, "ready"), answer(0, "live")], "")?;
    // Podman makes a health check of the probe of liveness, and its timers are systemd's, which isn't here.
    ENGINE.succeed(&["healthcheck", "run", "probes-app"])?;
    ENGINE.succeed(&[&["exec", "probes-app"], &FAIL[..]].concat())?;
    let [not_ready, not_live] = ["ready", "live"].map(|what| answer(1, &format!("not {what}: {FAILED}")));
    same(answers()?, vec![answer(0, "started"), not_ready, not_live.clone()], "")?;
    same(ENGINE.run(&["healthcheck", "run", "probes-app"])?.0, 1, "a failed service")?;
    let checks = results(ENGINE, "probes-app")?;
    same(checks.contains(&not_live.1), true, &checks)?;
    ENGINE.succeed(&["stop", "probes-app"])?;
    ENGINE.succeed(&["play", "kube", "--down", &file])?;
    Ok(())
}
