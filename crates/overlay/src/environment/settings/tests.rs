//! How values are read, and the defaults that apply without one.

use super::*;
use crate::environment::variables::{
    S6_CATCHALL_USER, S6_CMD_ARG0, S6_CMD_WAIT_FOR_SERVICES_MAXTIME, S6_KILL_FINISH_MAXTIME,
    S6_KILL_GRACETIME, S6_LOGGING, S6_LOGGING_SCRIPT, S6_RUNTIME_BUNDLEDIR, S6_SERVICES_GRACETIME,
    S6_STAGE2_HOOK, S6_SYNC_DISKS, S6_WAIT_FOR_CLOSING_FD,
};

fn env(vars: &[&str]) -> Env {
    Env::from_vars(vars.iter().map(|v| v.as_bytes().to_vec()).collect())
}

fn words(text: &str) -> Vec<Vec<u8>> {
    text.split(' ').filter(|w| !w.is_empty()).map(|w| w.as_bytes().to_vec()).collect()
}

#[test]
fn without_a_value_the_default_of_the_page_counts() {
    for set in [&[][..], &["S6_VERBOSITY=", "S6_KILL_GRACETIME=", "S6_SERVICES_GRACETIME=", "S6_SYNC_DISKS="]]
    {
        let env = env(set);
        let s = Settings::of_container(&env);
        assert_eq!(s.verbosity(), 2);
        assert_eq!(s.behaviour(), Behaviour::GoOn);
        assert_eq!(s.time(S6_KILL_GRACETIME), Duration::from_secs(3));
        assert_eq!(s.time(S6_SERVICES_GRACETIME), Duration::from_secs(3));
        assert_eq!(s.limit(S6_KILL_FINISH_MAXTIME), Some(Duration::from_secs(5)));
        assert_eq!(s.limit(S6_CMD_WAIT_FOR_SERVICES_MAXTIME), None);
        assert_eq!((s.number(S6_LOGGING), s.number(S6_WAIT_FOR_CLOSING_FD)), (0, 0));
        assert!(!s.switch(S6_SYNC_DISKS));
        assert_eq!((s.text(S6_STAGE2_HOOK), s.user(S6_CATCHALL_USER)), (None, None));
        assert_eq!(s.path(S6_RUNTIME_BUNDLEDIR, &s.etc()), b"/etc/s6-overlay/user-bundles.d");
        assert_eq!(s.words(S6_CMD_ARG0), words(""));
        assert_eq!(s.directives(S6_LOGGING_SCRIPT), words("n20 s1000000 T"));
    }
}

#[test]
fn a_command_and_a_logging_script_are_split_at_blanks() {
    let env = env(&["S6_CMD_ARG0=/bin/sh -c\t'a", "S6_LOGGING_SCRIPT=n3\r\ns9"]);
    let s = Settings::of_container(&env);
    assert_eq!(s.words(S6_CMD_ARG0), words("/bin/sh -c 'a"));
    assert_eq!(s.directives(S6_LOGGING_SCRIPT), words("n3 s9"));
}

#[test]
fn a_value_that_is_not_a_number_counts_as_not_set() {
    for (value, expected) in
        [("12", 12), ("x", 2), ("", 2), ("7\n", 7), ("-1", 2), (" 1", 2), ("4294967296", 2)]
    {
        let env = env(&[&format!("S6_VERBOSITY={value}")]);
        assert_eq!(Settings::of_container(&env).verbosity(), expected, "{value:?}");
    }
}

#[test]
fn a_limit_of_0_is_none_and_a_time_of_0_is_0() {
    let env =
        env(&["S6_KILL_FINISH_MAXTIME=0", "S6_CMD_WAIT_FOR_SERVICES_MAXTIME=12", "S6_KILL_GRACETIME=0"]);
    let s = Settings::of_container(&env);
    assert_eq!(s.limit(S6_KILL_FINISH_MAXTIME), None);
    assert_eq!(s.limit(S6_CMD_WAIT_FOR_SERVICES_MAXTIME), Some(Duration::from_millis(12)));
    assert_eq!(s.time(S6_KILL_GRACETIME), Duration::ZERO);
}

#[test]
fn a_switch_is_on_with_any_number_but_0() {
    for (value, on) in
        [("1", true), ("2\n", true), ("010", true), ("0", false), ("00", false), ("yes", false)]
    {
        let env = env(&[&format!("S6_SYNC_DISKS={value}")]);
        assert_eq!(Settings::of_container(&env).switch(S6_SYNC_DISKS), on, "{value:?}");
    }
}

#[test]
fn the_container_stops_after_a_failure_from_2_on() {
    for (value, expected) in [
        ("0", Behaviour::GoOn),
        ("1", Behaviour::Warn),
        ("2", Behaviour::Stop),
        ("3", Behaviour::Stop),
        ("no", Behaviour::GoOn),
    ] {
        let env = env(&[&format!("S6_BEHAVIOUR_IF_STAGE2_FAILS={value}")]);
        assert_eq!(Settings::of_container(&env).behaviour(), expected, "{value:?}");
    }
}

#[test]
fn words_are_split_at_blanks() {
    assert_eq!(split_words(b" /hook one\ttwo\n"), [&b"/hook"[..], b"one", b"two"]);
    assert!(split_words(b" \n").is_empty());
}

#[test]
fn directives_are_split_at_carriage_returns_too_and_may_be_none() {
    let set = |value: &str| {
        let env = env(&[&format!("S6_LOGGING_SCRIPT={value}")]);
        Settings::of_container(&env).directives(S6_LOGGING_SCRIPT)
    };
    assert_eq!(set(" \tpx:\r\n"), words("px:"));
    assert_eq!(set(""), words(""));
}

#[test]
fn a_profile_moves_etc() {
    let etc = |value: &str| Settings::of_container(&env(&[&format!("S6_RUNTIME_PROFILE={value}")])).etc();
    assert_eq!(etc("lite"), b"/etc/cont-profile.d/lite");
    assert_eq!(etc("lite\n"), b"/etc/cont-profile.d/lite");
    assert_eq!(etc(""), b"/etc");
}

#[test]
fn a_umask_is_octal() {
    use crate::environment::variables::S6_UMASK;
    let umask = |value: &str| {
        let env = Env::from_vars(vec![format!("S6_UMASK={value}").into_bytes()]);
        Settings::of_container(&env).umask(S6_UMASK)
    };
    for (value, mask) in [("", 0o022), ("0", 0), ("027", 0o027), ("77\n", 0o077), ("0777", 0o777)] {
        assert_eq!(umask(value).unwrap().as_raw_mode(), mask, "{value:?}");
    }
    for value in ["8", "1000", "u=rwx", "-1", "0x12"] {
        let why = umask(value).unwrap_err();
        assert_eq!((why.code(), why.message().starts_with("S6_UMASK is ")), (100, true), "{value}");
    }
}
