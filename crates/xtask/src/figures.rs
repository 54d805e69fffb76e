//! The sizes that the pages state: `docs/figures.toml`, and the places that are filled from it.
//!
//! `cargo xtask dist --figures` measures and writes the file, `cargo xtask docs` fills the pages, and `dist --strict` fails
//! if the file is far from what was built.  In a page a figure stands between `<!-- ARCH.SIZE -->` and `<!-- / -->`, where
//! `SIZE` is `packed`, shown in kB, or `unpacked`, shown in MB.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::failure::Failure;
use crate::workspace;

/// The pages with figures.
const PAGES: [&str; 3] = ["README.md", "docs/building.md", "docs/guide/performance.md"];
/// By how many percent a size may differ from the one that the pages state.
const TOLERANCE: usize = 3;

const HEAD: &str = "\
# The tarball of each architecture's program, in bytes: `.tar.xz`, and its files unpacked.
# Written by `cargo xtask dist --figures [--arch NAME]`; `cargo xtask docs` fills the pages that state them.
";
const BEGIN: &str = "<!-- ";
const END: &str = "<!-- / -->";

/// What an architecture's tarball takes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// As `.tar.xz`.
    pub packed: usize,
    /// All its files together.
    pub unpacked: usize,
}

/// The sizes by the reference's names of architectures.
type Figures = BTreeMap<String, Sizes>;

fn path() -> PathBuf {
    workspace::top().join("docs/figures.toml")
}

/// Writes an architecture's sizes into the file.
///
/// # Errors
/// The file can't be read or written.
pub fn record(arch: &str, sizes: Sizes) -> Result<(), Failure> {
    let mut figures = read()?;
    figures.insert(arch.to_owned(), sizes);
    let path = path();
    fs::write(&path, written(&figures)).map_err(Failure::unable("write", &path))
}

/// Holds an architecture's sizes against those of the file.
///
/// # Errors
/// The file can't be read, lacks the architecture, or states a size that is far from this one.
pub fn check(arch: &str, sizes: Sizes) -> Result<(), Failure> {
    near(&read()?, arch, sizes).map_err(|why| {
        Failure(format!("docs/figures.toml: {why}: run `cargo xtask dist --figures`, `cargo xtask docs`"))
    })
}

/// Fills the pages.
///
/// # Errors
/// A page can't be read or written, or has a place for a figure that isn't there.
pub fn fill() -> Result<(), Failure> {
    let figures = read()?;
    for page in PAGES {
        let path = workspace::top().join(page);
        let old = fs::read_to_string(&path).map_err(Failure::unable("read", &path))?;
        let new = filled(&old, &figures).map_err(|why| Failure(format!("{page}: {why}")))?;
        if new != old {
            fs::write(&path, new).map_err(Failure::unable("write", &path))?;
        }
    }
    Ok(())
}

fn read() -> Result<Figures, Failure> {
    let path = path();
    let text = fs::read_to_string(&path).map_err(Failure::unable("read", &path))?;
    parsed(&text).map_err(|why| Failure(format!("{}: {why}", path.display())))
}

fn parsed(text: &str) -> Result<Figures, String> {
    let table = DeTable::parse(text).map_err(|why| why.to_string())?;
    let sizes = |(arch, value): (Spanned<Cow<'_, str>>, Spanned<DeValue<'_>>)| {
        let arch = arch.into_inner().into_owned();
        let size = |name: &str| {
            let number = value.get_ref().get(name).and_then(|value| value.get_ref().as_integer());
            number.and_then(|n| n.as_str().parse().ok()).ok_or_else(|| format!("{arch} has no {name}"))
        };
        let sizes = Sizes { packed: size("packed")?, unpacked: size("unpacked")? };
        Ok((arch, sizes))
    };
    table.into_inner().into_iter().map(sizes).collect()
}

fn written(figures: &Figures) -> String {
    let section = |(arch, Sizes { packed, unpacked }): (&String, &Sizes)| {
        format!("\n[{arch}]\npacked = {packed}\nunpacked = {unpacked}\n")
    };
    HEAD.to_owned() + &figures.iter().map(section).collect::<String>()
}

fn near(figures: &Figures, arch: &str, sizes: Sizes) -> Result<(), String> {
    let stated = figures.get(arch).ok_or(format!("{arch} is missing"))?;
    for (what, stated, is) in
        [("packed", stated.packed, sizes.packed), ("unpacked", stated.unpacked, sizes.unpacked)]
    {
        if stated.abs_diff(is) * 100 > stated * TOLERANCE {
            return Err(format!("{arch} takes {is} bytes {what}, not {stated}"));
        }
    }
    Ok(())
}

/// The page with its figures as they are.
fn filled(page: &str, figures: &Figures) -> Result<String, String> {
    let mut new = String::new();
    let mut rest = page;
    while let Some((before, place, after)) = next_place(rest) {
        let (arch, size) = place;
        let sizes = figures.get(arch).ok_or(format!("no figures of {arch:?}"))?;
        let shown = match size {
            "packed" => format!("{} kB", (sizes.packed + 500) / 1000),
            "unpacked" => {
                let tenths = (sizes.unpacked + 50_000) / 100_000;
                format!("{}.{} MB", tenths / 10, tenths % 10)
            }
            other => return Err(format!("no figure is called {other:?}")),
        };
        let (_, after) = after.split_once(END).ok_or(format!("no {END} after {arch}.{size}"))?;
        new.extend([before, BEGIN, arch, ".", size, " -->", &shown, END]);
        rest = after;
    }
    Ok(new + rest)
}

/// The next place for a figure: what is before it, its architecture and size, and what is behind.
fn next_place(text: &str) -> Option<(&str, (&str, &str), &str)> {
    let mut from = 0;
    while let Some(at) = text.get(from..)?.find(BEGIN).map(|at| from + at) {
        let (before, comment) = (text.get(..at)?, text.get(at + BEGIN.len()..)?);
        let place = comment.split_once(" -->").and_then(|(name, after)| Some((name.split_once('.')?, after)));
        match place.filter(|((arch, size), _)| !arch.contains(' ') && !size.contains(' ')) {
            Some((name, after)) => return Some((before, name, after)),
            None => from = at + BEGIN.len(),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        let sizes = Sizes { packed: 751_499, unpacked: 1_949_999 };
        Figures::from([("x86_64".to_owned(), sizes)])
    }

    #[test]
    fn the_pages_state_the_figures_of_the_file() {
        let figures = read().unwrap();
        for page in PAGES {
            let text = fs::read_to_string(workspace::top().join(page)).unwrap();
            assert!(text.contains(END), "{page} has no figure");
            assert!(filled(&text, &figures).unwrap() == text, "{page} is stale: run `cargo xtask docs`");
        }
    }

    #[test]
    fn a_page_has_its_figures_replaced_and_nothing_else() {
        let page =
            "a <!-- note --> | <!-- x86_64.packed -->1 kB<!-- / --> | <!-- x86_64.unpacked --><!-- / --> b\n";
        let full = "a <!-- note --> | <!-- x86_64.packed -->751 kB<!-- / --> | <!-- x86_64.unpacked -->1.9 MB<!-- / --> b\n";
        assert_eq!(filled(page, &figures()).unwrap(), full);
        assert_eq!(filled(full, &figures()).unwrap(), full);
        for wrong in
            ["<!-- vax.packed --><!-- / -->", "<!-- x86_64.size --><!-- / -->", "<!-- x86_64.packed -->"]
        {
            assert!(filled(wrong, &figures()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_file_is_read_as_it_is_written() {
        assert_eq!(parsed(&written(&figures())).unwrap(), figures());
        assert!(parsed("[x86_64]\npacked = 1\n").unwrap_err().contains("x86_64 has no unpacked"));
        assert!(parsed("[x86_64]\npacked = -1\nunpacked = 1\n").is_err());
    }

    #[test]
    fn sizes_may_differ_a_little() {
        let sizes = |packed| Sizes { packed, ..figures()["x86_64"] };
        assert_eq!(near(&figures(), "x86_64", sizes(751_499 * 102 / 100)), Ok(()));
        for packed in [751_499 * 104 / 100, 751_499 * 96 / 100] {
            assert!(near(&figures(), "x86_64", sizes(packed)).unwrap_err().contains("not 751499"));
        }
        assert!(near(&figures(), "i686", sizes(1)).is_err());
    }
}
