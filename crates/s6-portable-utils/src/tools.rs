//! The commands of s6-portable-utils, one file each, named after the command with `-` as `_`.

mod s6_basename;
mod s6_cat;
mod s6_chmod;
mod s6_chown;
mod s6_clock;
mod s6_cut;
mod s6_dirname;
mod s6_dumpenv;
mod s6_echo;
mod s6_env;
mod s6_expr;
mod s6_false;
mod s6_format_filter;
mod s6_grep;
mod s6_head;
mod s6_hiercopy;
mod s6_linkname;
mod s6_ln;
mod s6_ls;
mod s6_maximumtime;
mod s6_mkdir;
mod s6_mkfifo;
mod s6_nice;
mod s6_nuke;
mod s6_pause;
mod s6_portable_utils;
mod s6_printenv;
mod s6_quote;
mod s6_quote_filter;
mod s6_rename;
mod s6_rmrf;
mod s6_seq;
mod s6_sleep;
mod s6_sort;
mod s6_sync;
mod s6_tai64ndiff;
mod s6_tail;
mod s6_touch;
mod s6_true;
mod s6_uniquename;
mod s6_unquote;
mod s6_unquote_filter;
mod s6_update_symlinks;
mod seekablepipe;

use tool::Tool;

/// The suite's part of the tool table, sorted by name.
pub const TOOLS: &[&Tool] = &[
    &s6_basename::TOOL,
    &s6_cat::TOOL,
    &s6_chmod::TOOL,
    &s6_chown::TOOL,
    &s6_clock::TOOL,
    &s6_cut::TOOL,
    &s6_dirname::TOOL,
    &s6_dumpenv::TOOL,
    &s6_echo::TOOL,
    &s6_env::TOOL,
    &s6_expr::TOOL,
    &s6_false::TOOL,
    &s6_format_filter::TOOL,
    &s6_grep::TOOL,
    &s6_head::TOOL,
    &s6_hiercopy::TOOL,
    &s6_linkname::TOOL,
    &s6_ln::TOOL,
    &s6_ls::TOOL,
    &s6_maximumtime::TOOL,
    &s6_mkdir::TOOL,
    &s6_mkfifo::TOOL,
    &s6_nice::TOOL,
    &s6_nuke::TOOL,
    &s6_pause::TOOL,
    &s6_portable_utils::TOOL,
    &s6_printenv::TOOL,
    &s6_quote::TOOL,
    &s6_quote_filter::TOOL,
    &s6_rename::TOOL,
    &s6_rmrf::TOOL,
    &s6_seq::TOOL,
    &s6_sleep::TOOL,
    &s6_sort::TOOL,
    &s6_sync::TOOL,
    &s6_tai64ndiff::TOOL,
    &s6_tail::TOOL,
    &s6_touch::TOOL,
    &s6_true::TOOL,
    &s6_uniquename::TOOL,
    &s6_unquote::TOOL,
    &s6_unquote_filter::TOOL,
    &s6_update_symlinks::TOOL,
    &seekablepipe::TOOL,
];
