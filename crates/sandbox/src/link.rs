//! The socket between the caller and the stage: messages with a letter, fields of bytes, sometimes a descriptor.
//!
//! One packet is one message: a letter, then fields, each a letter, its length as 4 bytes (little endian) and the
//! bytes.
//!
//! | letter | direction | meaning |
//! |---|---|---|
//! | `D` | down | the description, see `spec` |
//! | `S` | down | send pid 1 the signal whose number is the field |
//! | `T` | up | the master side of the container's terminal, as a descriptor |
//! | `M` | up | pid 1 is about to execute its command; the field is the monotonic clock in nanoseconds, in decimal |
//! | `P` | up | pid 1 has executed its command, or a held one is there; the field is its pid as the caller sees it, in decimal |
//! | `H` | up | a held pid 1 waits until it may execute its command |
//! | `G` | down | it may |
//! | `E` | up | it could not; the field is the reason |
//!
//! The end of the stream means to the stage that the container has to die, to the caller that it is gone.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

/// The limit of a message in bytes; the kernel's default send buffer takes it.
const MESSAGE_LIMIT: usize = 190_000;

/// Fields of a message.
pub(crate) type Fields = Vec<(u8, Vec<u8>)>;

/// A message.
pub(crate) struct Message {
    pub letter: u8,
    pub fields: Fields,
    pub descriptor: Option<OwnedFd>,
}

/// Two connected ends.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Sends a message.
pub(crate) fn send(
    link: impl AsFd,
    letter: u8,
    fields: &Fields,
    descriptor: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let mut packet = vec![letter];
    for (key, value) in fields {
        let length = u32::try_from(value.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        packet.push(*key);
        packet.extend_from_slice(&length.to_le_bytes());
        packet.extend_from_slice(value);
    }
    if packet.len() > MESSAGE_LIMIT {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let descriptors: Vec<BorrowedFd<'_>> = descriptor.into_iter().collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
    }
    rustix::net::sendmsg(link, &[IoSlice::new(&packet)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Waits for a message; `None` at the end of the stream.
pub(crate) fn receive(link: impl AsFd) -> io::Result<Option<Message>> {
    let mut packet = vec![0; MESSAGE_LIMIT];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let mut into = [IoSliceMut::new(&mut packet)];
        match rustix::net::recvmsg(&link, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::CONNRESET) => return Ok(None),
            other => break other?.bytes,
        }
    };
    packet.truncate(received);
    let mut descriptor = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            descriptor = descriptors.last();
        }
    }
    let Some((letter, rest)) = packet.split_first() else {
        return Ok(None);
    };
    let fields = parse(rest).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Some(Message { letter: *letter, fields, descriptor }))
}

fn parse(mut bytes: &[u8]) -> Option<Fields> {
    let mut fields = Vec::new();
    while let Some((key, rest)) = bytes.split_first() {
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (value, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        fields.push((*key, value.to_vec()));
        bytes = rest;
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_whole_with_their_descriptor() {
        let (a, b) = pair().unwrap();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let fields = vec![(b'x', b"1\0".to_vec()), (b'y', vec![])];
        send(&a, b'T', &fields, Some(writer.as_fd())).unwrap();
        drop(writer);
        let got = receive(&b).unwrap().unwrap();
        assert_eq!((got.letter, got.fields), (b'T', fields));
        rustix::io::write(got.descriptor.unwrap(), b"!").unwrap();
        assert_eq!(rustix::io::read(reader, &mut [0; 2]), Ok(1));
        drop(a);
        assert!(receive(&b).unwrap().is_none());
    }

    #[test]
    fn cut_fields_are_refused() {
        assert_eq!(parse(b"x\x02\0\0\0a"), None);
        assert_eq!(parse(b"x\x02\0"), None);
    }
}
