//! The commands of execline, one file each, named after the command with `-` as `_`.

mod background;
mod backtick;
mod case;
mod cd;
mod define;
mod dollarat;
mod elgetopt;
mod elgetpositionals;
mod elglob;
mod eltest;
mod emptyenv;
mod envfile;
mod exec;
mod execline;
mod execlineb;
mod exit;
mod export;
mod export_array;
mod fdblock;
mod fdclose;
mod fdmove;
mod fdreserve;
mod fdswap;
mod forbacktickx;
mod foreground;
mod forstdin;
mod forx;
mod getcwd;
mod getpid;
mod heredoc;
mod homeof;
mod r#if;
mod ifelse;
mod ifte;
mod ifthenelse;
mod importas;
mod loopwhilex;
mod multidefine;
mod multisubstitute;
mod pipeline;
mod piperw;
mod posix_cd;
mod posix_umask;
mod redirfd;
mod runblock;
mod s6_test;
mod shift;
mod trap;
mod tryexec;
mod umask;
mod unexport;
mod wait;
mod withstdinas;

use tool::Tool;

/// The suite's part of the tool table, sorted by name.
pub const TOOLS: &[&Tool] = &[
    &background::TOOL,
    &backtick::TOOL,
    &case::TOOL,
    &cd::TOOL,
    &define::TOOL,
    &dollarat::TOOL,
    &elgetopt::TOOL,
    &elgetpositionals::TOOL,
    &elglob::TOOL,
    &eltest::TOOL,
    &emptyenv::TOOL,
    &envfile::TOOL,
    &exec::TOOL,
    &execline::TOOL,
    &cd::EXECLINE_CD,
    &umask::EXECLINE_UMASK,
    &execlineb::TOOL,
    &exit::TOOL,
    &export::TOOL,
    &export_array::TOOL,
    &fdblock::TOOL,
    &fdclose::TOOL,
    &fdmove::TOOL,
    &fdreserve::TOOL,
    &fdswap::TOOL,
    &forbacktickx::TOOL,
    &foreground::TOOL,
    &forstdin::TOOL,
    &forx::TOOL,
    &getcwd::TOOL,
    &getpid::TOOL,
    &heredoc::TOOL,
    &homeof::TOOL,
    &r#if::TOOL,
    &ifelse::TOOL,
    &ifte::TOOL,
    &ifthenelse::TOOL,
    &importas::TOOL,
    &loopwhilex::TOOL,
    &multidefine::TOOL,
    &multisubstitute::TOOL,
    &pipeline::TOOL,
    &piperw::TOOL,
    &posix_cd::TOOL,
    &posix_umask::TOOL,
    &redirfd::TOOL,
    &runblock::TOOL,
    &s6_test::TOOL,
    &shift::TOOL,
    &trap::TOOL,
    &tryexec::TOOL,
    &umask::TOOL,
    &unexport::TOOL,
    &wait::TOOL,
    &withstdinas::TOOL,
];
