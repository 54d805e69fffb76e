//! Pipes between services that name them; a pipe exists as long as a service that names it is loaded.
//!
//! Of one name it is a pair of sockets: what the service of that name puts into the one end, it finds at the other one, should it be
//! killed.

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::OwnedFd;
use std::rc::{Rc, Weak};
use supervision::control::PROBES;
use tool::sorted::Map;

/// Both ends of a pipe.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) read: Rc<OwnedFd>,
    pub(super) write: Rc<OwnedFd>,
}

impl Pipe {
    pub(super) fn new(name: &[u8]) -> Result<Self, Errno> {
        let (read, write) = if name == PROBES.as_bytes() {
            let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
            socketpair(AddressFamily::UNIX, kind, flags, None)?
        } else {
            pipe_with(PipeFlags::CLOEXEC)?
        };
        Ok(Self { read: Rc::new(read), write: Rc::new(write) })
    }
}

/// The pipes by their names.
#[derive(Debug, Default)]
pub(super) struct NamedPipes(Map<Vec<u8>, Weak<Pipe>>);

impl NamedPipes {
    /// The pipe of that name, made if there is none; it lives as long as one of the references given out here.
    pub(super) fn get(&mut self, name: &[u8]) -> Result<Rc<Pipe>, Errno> {
        if let Some(pipe) = self.0.get(name).and_then(Weak::upgrade) {
            return Ok(pipe);
        }
        let pipe = Rc::new(Pipe::new(name)?);
        self.0.retain(|_, p| p.strong_count() > 0);
        self.put(name, &pipe);
        Ok(pipe)
    }

    /// Gives a pipe its name.
    pub(super) fn put(&mut self, name: &[u8], pipe: &Rc<Pipe>) {
        self.0.set(name.to_vec(), Rc::downgrade(pipe));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_pipe_while_it_is_referenced() {
        let mut pipes = NamedPipes::default();
        let (a, b) = (pipes.get(b"x").unwrap(), pipes.get(b"x").unwrap());
        assert!(Rc::ptr_eq(&a, &b));
        assert!(!Rc::ptr_eq(&a, &pipes.get(b"y").unwrap()));
        drop((a, b));
        pipes.get(b"z").unwrap();
        assert_eq!(pipes.0.len(), 1);
    }

    #[test]
    fn the_attendant_has_a_pair_of_sockets() {
        let pair = NamedPipes::default().get(PROBES.as_bytes()).unwrap();
        rustix::io::write(&pair.write, b"kept").unwrap();
        let mut bytes = [0; 8];
        assert_eq!(rustix::net::recv(&pair.read, &mut bytes, rustix::net::RecvFlags::PEEK).unwrap().0, 4);
    }
}
