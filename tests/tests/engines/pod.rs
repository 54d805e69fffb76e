//! Pods: `podman play kube`, which is the closest to Kubernetes that needs no cluster.

use std::fs;

use libtest_mimic::Trial;

use crate::engine::Engine;
use crate::images::Base;
use crate::stage::HOME;
use crate::{Outcome, UP, same};

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

/// The tests.
pub fn trials() -> Vec<Trial> {
    KINDS.map(|kind| Trial::test(format!("pod::{}", kind.name), move || play(kind))).into()
}

/// Plays a pod, waits for a line, and stops it.
fn play(kind: Kind) -> Outcome {
    let Kind { name, pod, security, env, mode, said } = kind;
    let engine = Engine::Podman;
    let image = Base::Busybox.image(engine)?;
    let text = format!(
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
  volumes: [{{name: run-{name}, emptyDir: {{}}}}]
"
    );
    let file = format!("{HOME}/pod-{name}.yaml");
    fs::write(&file, text)?;
    engine.succeed(&["play", "kube", "--network", "none", &file])?;
    let container = format!("{name}-app");
    let mut log = engine.start(&["logs", "-f", &container])?;
    log.said.wait_for(said)?;
    // As in Kubernetes: the container, with the pod's grace period, before the pod itself.
    engine.succeed(&["stop", &container])?;
    log.said.wait_for("the daemon has finished")?;
    let code = engine.succeed(&["inspect", "-f", "{{.State.ExitCode}}", &container])?;
    same(code.trim(), "0", &log.said.text())?;
    engine.succeed(&["play", "kube", "--down", &file])?;
    Ok(())
}
