//! What images of version 2 bring: folders of scripts, service directories, and rules for owners and modes.
//!
//! | module | what it is |
//! |---|---|
//! | [`cont_init`], [`cont_finish`] | run the scripts of the folder of that name |
//! | [`start_services`], [`stop_services`] | the service directories of services.d |
//! | [`fix_attrs`] | applies the rules of fix-attrs.d |
//! | [`attributes`] | pure: the lines of fix-attrs.d |
//! | [`trusted`] | opens what a rule of fix-attrs.d names |
//! | [`scripts`] | the scripts in a folder |

mod attributes;
pub(crate) mod cont_finish;
pub(crate) mod cont_init;
pub(crate) mod fix_attrs;
pub mod idle;
pub mod scripts;
pub(crate) mod start_services;
pub(crate) mod stop_services;
mod trusted;
