//! The programs that a page calls, as scripts: the engine, which here needs more options, and what reaches a container over
//! a network, which isn't there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::CHECKER;
use crate::engine::Engine;

/// The engine: `@engine@` is its command, `@build@` and `@run@` are options.  Published ports are only noted, for `curl`.
const ENGINE: &str = r#"#!/bin/sh
verb=$1
shift
[ "$verb" = compose ] && exec @compose@ "$@"
PATH=${PATH#*:}
case $verb in
  build) exec @engine@ build @build@ "$@" ;;
  play)
    case $* in
      *--down*) ;;
      *) shift && set -- kube --network none "$@" ;;
    esac
    exec @engine@ play "$@"
    ;;
  run) ;;
  *) exec @engine@ "$verb" "$@" ;;
esac
network='--network none' name= ports= before=
for word; do
  shift
  case $before in
    --name) name=$word ;;
    -p) case $word in *:*) ports=$word before=; continue ;; *) set -- "$@" -p ;; esac ;;
  esac
  before=
  case $word in
    --name) before=--name ;;
    -p) before=-p; continue ;;
    --net*) network= ;;
  esac
  set -- "$@" "$word"
done
[ -z "$ports" ] || echo "$name ${ports#*:}" >"@place@/bin/port-${ports%:*}"
exec @engine@ run @run@ $network "$@"
"#;

/// `curl` of the machine's, in the network of the container that has published the port.
const CURL: &str = r#"#!/bin/sh
PATH=${PATH#*:}
for word; do
  shift
  case $word in
    http://localhost:*)
      address=${word#http://localhost:}
      read -r name port <"@place@/bin/port-${address%%/*}"
      word=http://127.0.0.1:$port/${address#*/}
      ;;
  esac
  set -- "$@" "$word"
done
exec nsenter -n -t "$(@engine@ inspect -f '{{.State.Pid}}' "$name")" curl "$@"
"#;

/// Writes them to `bin` in the page's directory.
pub fn make(engine: Engine, place: &Path) -> Result<(), String> {
    let words =
        |words: &[String]| shlex::try_join(words.iter().map(String::as_str)).map_err(|why| why.to_string());
    let command = engine.words();
    let mut compose = command.clone();
    compose.pop();
    compose.push("docker-compose".to_owned());
    let own = std::env::current_exe().map_err(|why| format!("unable to find this program: {why}"))?;
    let fill = |script: &str| -> Result<String, String> {
        Ok(script
            .replace("@engine@", &words(&command)?)
            .replace("@compose@", &words(&compose)?)
            .replace("@build@", &engine.build_options().join(" "))
            .replace("@run@", &engine.run_options().join(" "))
            .replace("@place@", &place.display().to_string()))
    };
    let checker = format!("#!/bin/sh\nexec {} {CHECKER} \"$@\"\n", own.display());
    let scripts = [(engine.program(), fill(ENGINE)?), ("curl", fill(CURL)?), (CHECKER, checker)];
    let bin = place.join("bin");
    let write = || {
        fs::create_dir_all(&bin)?;
        for (name, script) in scripts {
            fs::write(bin.join(name), script)?;
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755))?;
        }
        Ok(())
    };
    write().map_err(|why: std::io::Error| format!("{}: {why}", bin.display()))
}
