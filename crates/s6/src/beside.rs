//! Programs that run beside a tool: the words of a block, and the child for a block or the rest of the command line.

use rustix::io::Errno;
use rustix::process::Pid;
use std::os::fd::BorrowedFd;
use sys::process::{Ended, Fork, fork, wait_for};
use tool::{Call, Fatal, Setup};

/// Takes an execline block from the front: the words before the first empty one, without the spaces that mark them.
pub(crate) fn take_block(args: &mut Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>> {
    let end = args.iter().position(Vec::is_empty)?;
    let mut block: Vec<_> = args.drain(..=end).collect();
    block.pop();
    Some(block.into_iter().map(|w| w.strip_prefix(b" ").map(<[u8]>::to_vec).unwrap_or(w)).collect())
}

/// Starts the rest of the call's command line in a child that doesn't see the descriptors `private`.
pub(crate) fn run_beside(call: &mut Call, private: &[BorrowedFd<'_>]) -> Result<Pid, Fatal> {
    let argv = call.take_args();
    let name = argv.first().cloned().ok_or_else(Fatal::usage)?;
    let env = call.env.clone();
    let setup = Setup { fds: &[], private, mask: None };
    tool::try_spawn(call, argv, env, &setup).map_err(|e| tool::unable_to_spawn(&name, e))
}

/// Forks; with `twice`, the child is an orphan: a grandchild of this process whose parent has exited.
pub(crate) fn fork_beside(twice: bool) -> Result<Fork, Errno> {
    let first = fork()?;
    match first {
        Fork::Child if twice => match fork() {
            Ok(Fork::Child) => Ok(Fork::Child),
            Ok(Fork::Parent(_)) => sys::process::exit(0),
            Err(_) => sys::process::exit(111),
        },
        Fork::Parent(pid) if twice => match wait_for(pid)? {
            Ended::Exited(0) => Ok(first),
            _ => Err(Errno::AGAIN),
        },
        _ => Ok(first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_at_an_empty_word() {
        let words = |w: &[&str]| w.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>();
        let mut args = words(&[" a", "b", "", "prog", ""]);
        assert_eq!(take_block(&mut args), Some(words(&["a", "b"])));
        assert_eq!(args, words(&["prog", ""]));
        assert_eq!(take_block(&mut words(&["a"])), None);
    }
}
