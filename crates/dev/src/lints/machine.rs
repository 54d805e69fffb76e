//! Programs for another kind of machine than the image's.

use crate::finding::Finding;
use crate::image::Image;
use crate::lints::program::final_program;
use crate::shell::span_of;

/// Programs of the image that tell which machine it is for.
const USUAL: [&str; 4] = ["/bin/sh", "/bin/busybox", "/bin/bash", "/usr/bin/env"];
/// A program of every s6-overlay.
const OVERLAY: &[u8] = b"/command/s6-svscan";

/// The numbers of ELF that are known, and what the machines are called.
const MACHINES: [(u16, &str); 9] = [
    (3, "x86"),
    (8, "mips"),
    (20, "powerpc"),
    (21, "powerpc64"),
    (22, "s390x"),
    (40, "arm"),
    (62, "x86_64"),
    (183, "aarch64"),
    (243, "riscv64"),
];

/// Machines whose programs the other one runs as well.
const RELATED: [[u16; 2]; 3] = [[3, 62], [40, 183], [20, 21]];

/// SO604.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    let Some((usual, here)) = USUAL.iter().find_map(|path| Some((path, machine(image, path.as_bytes())?)))
    else {
        return;
    };
    let differs = |other: u16| {
        other != here && !RELATED.iter().any(|pair| pair.contains(&other) && pair.contains(&here))
    };
    if let Some(other) = machine(image, OVERLAY).filter(|other| differs(*other)) {
        let text = format!("it is for {}, and {usual} for {}", name(other), name(here));
        let advice = format!("unpack the tarball for {}", name(here));
        found.push(Finding::new(604, OVERLAY, text).advice(advice));
    }
    for (_, script) in image.runs() {
        let Some(last) = script.shell().and_then(|shell| shell.commands.last()) else { continue };
        let Some(word) = final_program(last).first().filter(|word| word.literal) else { continue };
        let Some(path) = image.program(&word.text) else { continue };
        let Some(other) = machine(image, &path).filter(|other| differs(*other)) else { continue };
        let text = format!("{} is for {}, and {usual} for {}", word.text, name(other), name(here));
        let advice = format!("install the program for {}", name(here));
        found.push(
            Finding::new(604, &script.path, text)
                .at(span_of(&script.text, word.start..word.end))
                .advice(advice),
        );
    }
}

fn name(machine: u16) -> String {
    let known = MACHINES.iter().find(|(number, _)| *number == machine);
    known.map_or_else(|| format!("machine {machine}"), |(_, name)| (*name).to_owned())
}

/// Which machine a program is for.
fn machine(image: &Image<'_>, path: &[u8]) -> Option<u16> {
    let head = image.tree.read(path, 20)?;
    let bytes: [u8; 2] = head.strip_prefix(b"\x7fELF")?.get(14..16)?.try_into().ok()?;
    match head.get(5)? {
        1 => Some(u16::from_le_bytes(bytes)),
        2 => Some(u16::from_be_bytes(bytes)),
        _ => None,
    }
}
