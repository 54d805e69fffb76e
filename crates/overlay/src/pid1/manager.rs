//! `S6_NOTIFY`: the manager that started the container, such as systemd through podman, hears at its NOTIFY_SOCKET what has
//! become of it: that it is ready when the start is over, that it stops, and its exit code.
//!
//! Services don't get the variable then: any of them could speak for the container.

use super::NAME;
use crate::environment::settings::Settings;
use crate::environment::variables::S6_NOTIFY;
use crate::pid1::told::Turn;
use ipc::notify_socket::{NOTIFY_SOCKET, address, connect};
use std::borrow::Cow;
use tool::{Env, diag};

/// The manager's socket, if it is to be told.
#[derive(Debug, Default)]
pub(crate) struct Manager(Option<Vec<u8>>);

impl Manager {
    /// The manager that the container's variables name.
    pub(crate) fn of(container: &Env) -> Self {
        let name = container.get(NOTIFY_SOCKET).filter(|name| !name.is_empty());
        Self(name.filter(|_| Settings::of_container(container).switch(S6_NOTIFY)).map(<[u8]>::to_vec))
    }

    /// Tells it a turn in the container's life, without waiting for it.
    pub(crate) fn tell(&self, turn: &Turn) {
        let Some((name, text)) = self.0.as_ref().zip(text(turn)) else { return };
        let sent = address(name)
            .and_then(|to| connect(&to))
            .and_then(|socket| ipc::unix_message::send_with(&socket, text.as_bytes(), &[]));
        // What else it isn't told matters to nobody.
        if let (Err(e), Turn::Started(0, _)) = (sent, turn) {
            let (name, e) = (diag::show(name), sys::strerror(e));
            diag::warn(
                NAME,
                format_args!("unable to tell {name} (NOTIFY_SOCKET) that the container is ready: {e}"),
            );
        }
    }
}

/// The variables of the container for all that runs in it.
pub(crate) fn without_socket(container: &Env) -> Cow<'_, Env> {
    match Manager::of(container).0 {
        Some(_) => {
            let mut env = container.clone();
            env.unset(NOTIFY_SOCKET);
            Cow::Owned(env)
        }
        None => Cow::Borrowed(container),
    }
}

/// Pure: what it is told.
fn text(turn: &Turn) -> Option<String> {
    Some(match turn {
        Turn::Begins => "STATUS=starting\n".to_owned(),
        Turn::Started(0, _) => "READY=1\nSTATUS=running\n".to_owned(),
        Turn::Started(code, _) => format!("STATUS=the start has failed with exit code {code}\n"),
        Turn::StopAsked(asker) => {
            // A line of its own would be another assignment.
            let why: String = asker.why.chars().filter(|c| !c.is_control()).collect();
            format!("STOPPING=1\nSTATUS=stopping: {why}\n")
        }
        Turn::Over(code) => format!("STATUS=ends with exit code {code}\nEXIT_STATUS={code}\n"),
        Turn::CommandEnded(..) | Turn::Stopped | Turn::Code(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pid1::told::Asker;
    use std::os::unix::net::UnixDatagram;
    use wire::board::StopBy;

    fn env(vars: &[&str]) -> Env {
        Env::from_vars(vars.iter().map(|var| var.as_bytes().to_vec()).collect())
    }

    #[test]
    fn each_turn_has_its_lines() {
        let why = "asked by pid 7\nMAINPID=1".to_owned();
        let asker = Asker { by: StopBy::Signal, signal: 15, process: None, name: String::new(), why };
        let turns = [
            Turn::Begins,
            Turn::Started(0, None),
            Turn::Started(3, None),
            Turn::StopAsked(asker),
            Turn::Stopped,
            Turn::Code(2),
            Turn::Over(2),
        ];
        let expected = "STATUS=starting\n\
                        READY=1\nSTATUS=running\n\
                        STATUS=the start has failed with exit code 3\n\
                        STOPPING=1\nSTATUS=stopping: asked by pid 7MAINPID=1\n\
                        STATUS=ends with exit code 2\nEXIT_STATUS=2\n";
        assert_eq!(turns.iter().filter_map(text).collect::<String>(), expected);
    }

    #[test]
    fn the_socket_is_for_process_1_only_if_that_is_wanted() {
        for (vars, told) in [
            (&["NOTIFY_SOCKET=/s", "S6_NOTIFY=1", "A=b"][..], true),
            (&["NOTIFY_SOCKET=/s", "A=b"], false),
            (&["NOTIFY_SOCKET=", "S6_NOTIFY=1", "A=b"], false),
            (&["S6_NOTIFY=1", "A=b"], false),
        ] {
            let env = env(vars);
            assert_eq!(Manager::of(&env).0.is_some(), told, "{vars:?}");
            assert_eq!(
                without_socket(&env).get(NOTIFY_SOCKET).is_some(),
                !told && vars[0].starts_with("NOTIFY"),
                "{vars:?}"
            );
            assert_eq!(without_socket(&env).get(b"A"), Some(&b"b"[..]));
        }
    }

    #[test]
    fn a_manager_that_does_not_read_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let socket = UnixDatagram::bind(&path).unwrap();
        let manager = Manager(Some(path.to_str().unwrap().as_bytes().to_vec()));
        // Its queue is limited.
        for _ in 0..10_000 {
            manager.tell(&Turn::Begins);
        }
        let mut bytes = [0; 100];
        let n = socket.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..n], b"STATUS=starting\n");
        drop(socket);
        manager.tell(&Turn::Started(0, None));
    }
}
