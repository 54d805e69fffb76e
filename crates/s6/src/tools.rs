//! The commands of s6, one file each, named after the command with `-` as `_`.

mod s6_accessrules_cdb_from_fs;
mod s6_accessrules_fs_from_cdb;
mod s6_applyuidgid;
mod s6_background_watch;
mod s6_cleanfifodir;
mod s6_connlimit;
mod s6_envdir;
mod s6_envuidgid;
mod s6_fdholder_daemon;
mod s6_fdholder_delete;
mod s6_fdholder_getdump;
mod s6_fdholder_list;
mod s6_fdholder_retrieve;
mod s6_fdholder_setdump;
mod s6_fdholder_store;
mod s6_fdholder_transferdump;
mod s6_fdholderd;
mod s6_fghack;
mod s6_ftrig_listen;
mod s6_ftrig_listen1;
mod s6_ftrig_notify;
mod s6_ftrig_wait;
mod s6_ftrigrd;
mod s6_instance_control;
mod s6_instance_create;
mod s6_instance_delete;
mod s6_instance_list;
mod s6_instance_maker;
mod s6_instance_status;
mod s6_ioconnect;
mod s6_ipcclient;
mod s6_ipcserver;
mod s6_ipcserver_access;
mod s6_ipcserver_socketbinder;
mod s6_ipcserverd;
mod s6_log;
mod s6_mkfifodir;
mod s6_notify_fd_from_socket;
mod s6_notify_socket_from_fd;
mod s6_notifyoncheck;
mod s6_permafailon;
mod s6_setlock;
mod s6_setsid;
mod s6_setuidgid;
mod s6_socklog;
mod s6_softlimit;
mod s6_sudo;
mod s6_sudoc;
mod s6_sudod;
mod s6_supervise;
mod s6_svc;
mod s6_svdt;
mod s6_svdt_clear;
mod s6_svlink;
mod s6_svlisten;
mod s6_svlisten1;
mod s6_svok;
mod s6_svperms;
mod s6_svscan;
mod s6_svscanboot;
mod s6_svscanctl;
mod s6_svstat;
mod s6_svunlink;
mod s6_svwait;
mod s6_tai64n;
mod s6_tai64nlocal;
mod s6_usertree_maker;
mod ucspilogd;

use tool::Tool;

/// The suite's part of the tool table, sorted by name.
pub const TOOLS: &[&Tool] = &[
    &s6_accessrules_cdb_from_fs::TOOL,
    &s6_accessrules_fs_from_cdb::TOOL,
    &s6_applyuidgid::TOOL,
    &s6_background_watch::TOOL,
    &s6_cleanfifodir::TOOL,
    &s6_connlimit::TOOL,
    &s6_envdir::TOOL,
    &s6_envuidgid::TOOL,
    &s6_fdholder_daemon::TOOL,
    &s6_fdholder_delete::TOOL,
    &s6_fdholder_getdump::TOOL,
    &s6_fdholder_list::TOOL,
    &s6_fdholder_retrieve::TOOL,
    &s6_fdholder_setdump::TOOL,
    &s6_fdholder_store::TOOL,
    &s6_fdholder_transferdump::TOOL,
    &s6_fdholderd::TOOL,
    &s6_fghack::TOOL,
    &s6_ftrig_listen::TOOL,
    &s6_ftrig_listen1::TOOL,
    &s6_ftrig_notify::TOOL,
    &s6_ftrig_wait::TOOL,
    &s6_ftrigrd::TOOL,
    &s6_instance_control::TOOL,
    &s6_instance_create::TOOL,
    &s6_instance_delete::TOOL,
    &s6_instance_list::TOOL,
    &s6_instance_maker::TOOL,
    &s6_instance_status::TOOL,
    &s6_ioconnect::TOOL,
    &s6_ipcclient::TOOL,
    &s6_ipcserver::TOOL,
    &s6_ipcserver_access::TOOL,
    &s6_ipcserver_socketbinder::TOOL,
    &s6_ipcserverd::TOOL,
    &s6_log::TOOL,
    &s6_mkfifodir::TOOL,
    &s6_notify_fd_from_socket::TOOL,
    &s6_notify_socket_from_fd::TOOL,
    &s6_notifyoncheck::TOOL,
    &s6_permafailon::TOOL,
    &s6_setlock::TOOL,
    &s6_setsid::TOOL,
    &s6_setuidgid::TOOL,
    &s6_socklog::TOOL,
    &s6_softlimit::TOOL,
    &s6_sudo::TOOL,
    &s6_sudoc::TOOL,
    &s6_sudod::TOOL,
    &s6_supervise::TOOL,
    &s6_svc::TOOL,
    &s6_svdt::TOOL,
    &s6_svdt_clear::TOOL,
    &s6_svlink::TOOL,
    &s6_svlisten::TOOL,
    &s6_svlisten1::TOOL,
    &s6_svok::TOOL,
    &s6_svperms::TOOL,
    &s6_svscan::TOOL,
    &s6_svscanboot::TOOL,
    &s6_svscanctl::TOOL,
    &s6_svstat::TOOL,
    &s6_svunlink::TOOL,
    &s6_svwait::TOOL,
    &s6_tai64n::TOOL,
    &s6_tai64nlocal::TOOL,
    &s6_usertree_maker::TOOL,
    &ucspilogd::TOOL,
];
