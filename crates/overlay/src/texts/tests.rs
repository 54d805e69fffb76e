//! What becomes of a text, by what an image did with it.

use super::*;
use crate::layout::{SERVICE_SCRIPTS, SKELETON};

fn original(path: &str) -> &'static [u8] {
    installation::shipped(path.trim_start_matches('/')).unwrap()
}

/// The state and the messages after `sed "s|from|to|g"`.
fn after(path: &str, from: &str, to: &str) -> (State, Messages) {
    let text = String::from_utf8(original(path).to_vec()).unwrap().replace(from, to);
    (compare(text.as_bytes(), original(path)), messages_in(text.as_bytes(), original(path)))
}

#[test]
fn what_stays_as_it_was_says_nothing() {
    for name in ["cont-init", "cont-finish", "fix-attrs", "services-up", "services-down"] {
        let path = format!("{SERVICE_SCRIPTS}/{name}");
        assert_eq!(after(&path, "no such text", ""), (State::AsInstalled, Messages::DEFAULT), "{name}");
    }
}

/// The edits of public images.
#[test]
fn edits_that_ask_for_less_output_are_followed() {
    let silent = Messages { default: 2, wanted: false };
    for name in ["cont-init", "cont-finish"] {
        for to in [": # echo", ": # echo ", "# echo "] {
            let path = format!("{SERVICE_SCRIPTS}/{name}");
            assert_eq!(after(&path, "echo", to), (State::Adjusted, silent), "{name} {to}");
        }
    }
    let quieter = Messages { default: 1, wanted: true };
    for name in ["rc.init", "rc.shutdown"] {
        assert_eq!(after(&format!("{SKELETON}/{name}"), "v=2", "v=1"), (State::Adjusted, quieter), "{name}");
    }
    let path = format!("{SERVICE_SCRIPTS}/services-up");
    let note = "echo ' (no readiness notification)'";
    let text = String::from_utf8(original(&path).to_vec()).unwrap().replace(note, &format!(": # {note}"));
    assert!(messages_in(text.as_bytes(), original(&path)).wanted, "one of two lines is left");
    let text = text.replace("s6-echo -n", ": # s6-echo -n");
    assert_eq!(compare(text.as_bytes(), original(&path)), State::Adjusted);
    assert_eq!(messages_in(text.as_bytes(), original(&path)), silent);
}

#[test]
fn other_edits_are_reported_and_another_first_line_is_another_program() {
    let path = format!("{SERVICE_SCRIPTS}/cont-init");
    let state = |text: &str| compare(text.as_bytes(), original(&path));
    let text = String::from_utf8(original(&path).to_vec()).unwrap();
    let commands =
        [format!("{text}date\n"), text.replace("v=2", "rm -f /x"), text.replace("exec ", "date\nexec ")];
    for edited in commands {
        assert_eq!(state(&edited), State::Edited, "{edited}");
    }
    let first = text.lines().next().unwrap();
    let other_tool = text.replace("script cont-init", "script cont-finish");
    for replaced in ["", "#!/bin/sh\necho mine\n", &text.replace(first, "#!/bin/bash -e"), &other_tool] {
        assert_eq!(state(replaced), State::Replaced, "{replaced}");
    }
}

#[test]
fn a_missing_file_is_no_other_program() {
    assert_eq!(state("/no/such/file", "/init"), State::AsInstalled);
    assert_eq!(messages("/no/such/file", "/init"), Messages::DEFAULT);
    assert_eq!(state("/etc/passwd", "/init"), State::Replaced);
}
