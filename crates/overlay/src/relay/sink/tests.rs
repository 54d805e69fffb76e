//! Pipes whose lines come out of another pipe.

use super::*;
use crate::relay::format::Format;
use rustix::io::{read, write};
use rustix::pipe::{PipeFlags, fcntl_getpipe_size, pipe_with};
use std::os::fd::AsFd;

fn pipe() -> (OwnedFd, OwnedFd) {
    pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap()
}

fn lines(name: &str) -> Lines {
    Lines::new(Format::Prefix, name.as_bytes(), Stream::Output)
}

/// Everything that can be read at once.
fn passed_on(reader: &OwnedFd) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = read(reader, &mut buffer) {
        all.extend_from_slice(&buffer[..count]);
    }
    all
}

/// Reads and writes until nothing is left to do at the moment.
fn serve(sink: &mut Sink<'_>) {
    for _ in 0..64 {
        let _ = sink.read(&mut [0; 256]).unwrap();
        while sink.waits() {
            sink.write();
        }
    }
}

#[test]
fn lines_of_several_pipes_stay_whole() {
    let (out, target) = pipe();
    let mut sink = Sink::new(Stream::Output, target.as_fd()).unwrap();
    let ((a, to_a), (b, to_b)) = (pipe(), pipe());
    sink.add(a, lines("a"), None).unwrap();
    sink.add(b, lines("b"), None).unwrap();
    write(&to_a, b"one\ntw").unwrap();
    write(&to_b, b"three\n").unwrap();
    serve(&mut sink);
    let text = String::from_utf8(passed_on(&out)).unwrap();
    let mut sorted: Vec<_> = text.lines().collect();
    sorted.sort_unstable();
    assert_eq!(sorted, ["a: one", "b: three"]);
    write(&to_a, b"o\n").unwrap();
    serve(&mut sink);
    assert_eq!(passed_on(&out), b"a: two\n");
    assert!(sink.has_pipes() && !sink.waits());
}

#[test]
fn the_end_of_a_pipe_ends_its_last_line() {
    let (out, target) = pipe();
    let mut sink = Sink::new(Stream::Error, target.as_fd()).unwrap();
    let (a, to_a) = pipe();
    sink.add(a, lines("a"), None).unwrap();
    write(&to_a, b"no newline").unwrap();
    drop(to_a);
    serve(&mut sink);
    assert_eq!(passed_on(&out), b"a: no newline\n");
    assert!(!sink.has_pipes());
}

#[test]
fn a_write_takes_whole_lines_that_a_pipe_takes_atomically() {
    let (out, target) = pipe();
    let mut sink = Sink::new(Stream::Output, target.as_fd()).unwrap();
    // "a: " and the newline make 1000 bytes of each line: four fit.
    for _ in 0..5 {
        sink.out.extend(format!("a: {}\n", "x".repeat(996)).bytes());
    }
    sink.write();
    assert_eq!((passed_on(&out).len(), sink.written, sink.waits()), (4000, 4000, true));
    sink.write();
    assert_eq!((passed_on(&out).len(), sink.written, sink.waits()), (1000, 0, false));
}

#[test]
fn what_a_full_target_does_not_take_waits() {
    let (out, target) = pipe();
    let full = vec![b'-'; fcntl_getpipe_size(&target).unwrap()];
    assert_eq!(write(&target, &full), Ok(full.len()));
    let mut sink = Sink::new(Stream::Output, target.as_fd()).unwrap();
    sink.out.extend(b"a: later\n");
    sink.write();
    assert!(sink.waits());
    assert_eq!(passed_on(&out), full);
    sink.write();
    assert!(!sink.waits());
    assert_eq!(passed_on(&out), b"a: later\n");
}

#[test]
fn without_a_reader_lines_are_dropped() {
    let (out, target) = pipe();
    let mut sink = Sink::new(Stream::Output, target.as_fd()).unwrap();
    drop(out);
    sink.out.extend(b"a: for nobody\n");
    sink.write();
    assert!(!sink.waits() && sink.out.is_empty());
}

#[test]
fn closed_pipes_end_their_last_lines_although_writers_remain() {
    let (out, target) = pipe();
    let mut sink = Sink::new(Stream::Output, target.as_fd()).unwrap();
    let (a, to_a) = pipe();
    sink.add(a, lines("a"), None).unwrap();
    write(&to_a, b"one\ntwo\nthr").unwrap();
    while sink.read(&mut [0; 5]).unwrap() {}
    sink.close_pipes();
    while sink.waits() {
        sink.write();
    }
    assert_eq!(passed_on(&out), b"a: one\na: two\na: thr\n");
    assert!(!sink.has_pipes());
    assert_eq!(write(&to_a, b"x"), Err(Errno::PIPE), "the pipe isn't closed");
}

#[test]
fn what_is_given_up_is_counted_to_the_byte() {
    let (out, target) = pipe();
    let mut sink = Sink::new(Stream::Output, target.as_fd()).unwrap();
    let ((a, to_a), (b, to_b), (c, _to_c)) = (pipe(), pipe(), pipe());
    for (pipe, name) in [(a, "a"), (b, "b"), (c, "c")] {
        sink.add(pipe, lines(name), None).unwrap();
    }
    write(&to_a, b"one\ntw").unwrap();
    sink.read(&mut [0; 64]).unwrap();
    write(&to_a, b"o\nthree\n").unwrap();
    write(&to_b, b"four").unwrap();
    drop(to_b);
    let missing = b"a: one\na: two\na: three\nb: four\n".len();
    assert_eq!((sink.give_up(&mut [0; 5]), sink.waits(), sink.has_pipes()), (missing, false, false));
    assert_eq!(sink.give_up(&mut [0; 5]), 0);
    assert_eq!(passed_on(&out), b"");
}
