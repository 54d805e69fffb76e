//! The action for GitHub's workflows, its steps run as a runner does, and the hooks for pre-commit.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use dev::example;
use saphyr::{LoadableYamlNode, Yaml};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_s6-overlay-dev");
/// An error, a warning, and two notes if the Dockerfile is looked at.
const IMAGE: &str = "-- etc/s6-overlay/s6-rc.d/web/type --
longrun
-- etc/s6-overlay/s6-rc.d/web/run 755 --
#!/bin/sh
web --foreground
-- etc/s6-overlay/s6-rc.d/once/type --
oneshut
-- etc/cont-init.d/a 755 --
#!/bin/sh
-- etc/s6-overlay/user-bundles.d/user/contents.d/web --
-- etc/s6-overlay/user-bundles.d/user/contents.d/once --
";

fn top(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file)).unwrap()
}

/// How the steps of an action ended.
struct Done {
    code: i32,
    stdout: String,
    stderr: String,
    outputs: BTreeMap<String, String>,
}

/// What stands in `${{ … }}`.
fn expand(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut parts = text.split("${{");
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let (expression, rest) = part.split_once("}}").unwrap();
        let value = values.get(expression.trim());
        out.push_str(value.unwrap_or_else(|| panic!("{expression} has no value")));
        out.push_str(rest);
    }
    out
}

/// Runs the steps of the action one after the other, up to one that fails.
fn act(directory: &Path, inputs: &[(&str, &str)]) -> Done {
    let text = top("action.yml");
    let documents = Yaml::load_from_str(&text).unwrap();
    let action = documents.first().unwrap();
    let mut values: BTreeMap<String, String> = [("server_url", "file://"), ("action_ref", "v1")]
        .map(|(name, value)| (format!("github.{name}"), value.to_owned()))
        .into();
    values.insert("github.action_repository".into(), directory.display().to_string());
    let known = action["inputs"].as_mapping().unwrap();
    for (name, input) in known {
        let name = name.as_str().unwrap();
        let given = inputs.iter().find(|(given, _)| *given == name);
        let value = given.map_or_else(|| input["default"].as_str().unwrap(), |(_, value)| *value);
        values.insert(format!("inputs.{name}"), value.to_owned());
    }
    assert!(
        inputs.iter().all(|(name, _)| values.contains_key(&format!("inputs.{name}"))),
        "an unknown input"
    );
    let temporary = directory.join("runner");
    fs::create_dir_all(&temporary).unwrap();
    let mut done = Done { code: 0, stdout: String::new(), stderr: String::new(), outputs: BTreeMap::new() };
    for step in action["runs"]["steps"].as_sequence().unwrap() {
        assert_eq!(step["shell"].as_str(), Some("bash"));
        let (script, output) = (temporary.join("script.sh"), temporary.join("output"));
        fs::write(&script, expand(step["run"].as_str().unwrap(), &values)).unwrap();
        fs::write(&output, "").unwrap();
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(&script).current_dir(directory);
        command.env("GITHUB_OUTPUT", &output).env("RUNNER_TEMP", &temporary);
        for (name, value) in step["env"].as_mapping().unwrap() {
            command.env(name.as_str().unwrap(), expand(value.as_str().unwrap(), &values));
        }
        let ended = command.output().unwrap();
        done.code = ended.status.code().unwrap();
        done.stdout.push_str(&String::from_utf8(ended.stdout).unwrap());
        done.stderr.push_str(&String::from_utf8(ended.stderr).unwrap());
        for line in fs::read_to_string(&output).unwrap().lines() {
            let (name, value) = line.split_once('=').unwrap();
            values.insert(format!("steps.{}.outputs.{name}", step["id"].as_str().unwrap()), value.to_owned());
        }
        if done.code != 0 {
            break;
        }
    }
    for (name, output) in action["outputs"].as_mapping().unwrap() {
        let value = output["value"].as_str().unwrap();
        // An output that no step has set is empty.
        let value = value.split("${{").nth(1).and_then(|rest| rest.split_once("}}")).unwrap().0.trim();
        let value = values.get(value).cloned().unwrap_or_default();
        done.outputs.insert(name.as_str().unwrap().to_owned(), value);
    }
    done
}

fn repository() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    example::write(IMAGE, &dir.path().join("rootfs")).unwrap();
    fs::write(dir.path().join("Dockerfile"), "FROM scratch\nADD s6-overlay-noarch.tar.xz /\nCOPY rootfs /\n")
        .unwrap();
    dir
}

#[test]
fn what_is_found_becomes_annotations_of_the_repository_s_files() {
    let dir = repository();
    let done = act(dir.path(), &[("program", PROGRAM)]);
    assert_eq!(done.code, 1, "{}", done.stderr);
    let lines: Vec<&str> = done.stdout.lines().map(|line| line.split("::").nth(1).unwrap()).collect();
    assert_eq!(
        lines,
        [
            "error file=rootfs/etc/s6-overlay/s6-rc.d/once/type,line=1,title=SO101",
            "warning file=rootfs/etc/s6-overlay/s6-rc.d/web/run,line=2,col=1,endColumn=4,title=SO301",
        ]
    );
}

#[test]
fn inputs_reach_the_checker() {
    let dir = repository();
    let of = |inputs: &[(&str, &str)]| {
        let done = act(dir.path(), &[&[("program", PROGRAM)], inputs].concat());
        (done.code, done.stdout)
    };
    let (_, found) = of(&[("config", "Dockerfile"), ("deny", "SO301 SO405")]);
    assert!(found.contains("::error title=SO405::"), "{found}");
    assert!(found.contains("::notice title=SO606::") && !found.contains("::warning"), "{found}");
    let (_, found) = of(&[("config", "Dockerfile"), ("target", "s6-overlay")]);
    assert!(found.contains("check what the container is for"), "{found}");
    fs::create_dir_all(dir.path().join("a part")).unwrap();
    assert_eq!(of(&[("path", "a part"), ("base", "rootfs")]), (0, String::new()));
    assert_eq!(of(&[("path", "none")]).0, 111);
}

#[test]
fn a_report_for_code_scanning_is_a_file() {
    let dir = repository();
    let done = act(dir.path(), &[("program", PROGRAM), ("format", "sarif")]);
    assert_eq!((done.code, done.stdout.as_str()), (1, ""));
    let report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&done.outputs["sarif"]).unwrap()).unwrap();
    assert_eq!(report["version"], "2.1.0");
}

#[test]
fn the_checker_is_that_of_the_release_if_its_digest_is_right() {
    let dir = repository();
    let release = dir.path().join("releases/download/v1");
    fs::create_dir_all(&release).unwrap();
    let machine = String::from_utf8(Command::new("uname").arg("-m").output().unwrap().stdout).unwrap();
    let name = format!("s6-overlay-dev-{}", machine.trim());
    fs::copy(PROGRAM, release.join(&name)).unwrap();
    let sum = Command::new("sha256sum").arg(&name).current_dir(&release).output().unwrap().stdout;
    fs::write(release.join(format!("{name}.sha256")), sum).unwrap();
    let done = act(dir.path(), &[]);
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(done.stdout.contains("::error file=rootfs/"), "{}", done.stderr);
    fs::write(release.join(&name), "another").unwrap();
    let done = act(dir.path(), &[]);
    assert!(done.code != 0 && done.stdout.contains("FAILED"), "{}", done.stdout);
}

#[test]
fn hooks_call_the_checker_for_the_files_that_it_reads() {
    let text = top(".pre-commit-hooks.yaml");
    let documents = Yaml::load_from_str(&text).unwrap();
    let hooks = documents.first().unwrap().as_sequence().unwrap();
    let ids: Vec<_> = hooks.iter().map(|hook| hook["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["s6-overlay-dev", "s6-overlay-dev-system"]);
    for hook in hooks {
        assert_eq!(hook["pass_filenames"].as_bool(), Some(false));
        let words = hook["entry"].as_str().unwrap().strip_prefix("s6-overlay-dev ").unwrap();
        let dir = repository();
        let mut command = Command::new(PROGRAM);
        command.args(words.split(' ')).current_dir(dir.path());
        command.args(hook["args"].as_sequence().unwrap().iter().map(|word| word.as_str().unwrap()));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(
            String::from_utf8(output.stdout)
                .unwrap()
                .starts_with("rootfs/etc/s6-overlay/s6-rc.d/once/type:1")
        );
    }
}
