//! What a Dockerfile of the guide means for its container.
//!
//! Only what the guide needs; another instruction fails the test.  `ADD` of a tarball of the release checks that there is
//! such a tarball; the container has the release anyway.  `COPY rootfs/ /` are the section's files.

use std::path::{Path, PathBuf};
use std::process::Command;

use tests::page::Line;

/// What the instructions come to.
#[derive(Debug)]
pub struct Image {
    /// Whether it has nothing but the release.
    pub scratch: bool,
    /// Where the program alone is, instead of the unpacked tarballs.
    pub single: Option<String>,
    /// `K=V`
    pub env: Vec<(String, String)>,
    /// User and group.
    pub user: Option<(u32, u32)>,
    pub directory: Option<String>,
    /// What `RUN` runs.
    pub run: Vec<String>,
    pub command: Vec<String>,
    pub stop_signal: String,
    /// The command of `HEALTHCHECK`.
    pub health: Vec<String>,
    /// Tarballs to unpack over the release.
    pub extras: Vec<PathBuf>,
}

impl Default for Image {
    fn default() -> Self {
        Self {
            scratch: false,
            single: None,
            env: Vec::new(),
            user: None,
            directory: None,
            run: Vec::new(),
            command: Vec::new(),
            stop_signal: "TERM".into(),
            health: Vec::new(),
            extras: Vec::new(),
        }
    }
}

/// Reads the lines of all blocks; an error has its line.
pub fn read(lines: &[Line], distribution: &Path) -> Result<Image, (usize, String)> {
    let mut image = Image::default();
    if lines.is_empty() {
        // As in the Dockerfile at the guide's beginning.
        image.env.push(("S6_SUPERVISE_PROCESSES".into(), "0".into()));
    }
    let mut whole = String::new();
    for line in lines {
        let text = line.text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if let Some(part) = text.strip_suffix('\\') {
            whole.push_str(part);
            continue;
        }
        whole.push_str(text);
        instruction(&mut image, &whole, distribution).map_err(|why| (line.number, why))?;
        whole.clear();
    }
    Ok(image)
}

fn instruction(image: &mut Image, text: &str, distribution: &Path) -> Result<(), String> {
    let unknown = || format!("the test doesn't know what to do with {text:?}");
    let (name, rest) = text.split_once(' ').ok_or_else(unknown)?;
    let rest = rest.trim();
    let words = || shlex::split(rest).ok_or_else(unknown);
    match name {
        "FROM" if rest == "scratch" => image.scratch = true,
        "FROM" if rest == "busybox" => {}
        "ADD" => match words()?.as_slice() {
            [tarball, to] if to == "/" => add(image, tarball, distribution)?,
            _ => return Err(unknown()),
        },
        "COPY" if rest == "rootfs/ /" => {}
        "COPY" => match words()?.as_slice() {
            [mode, program, to] if mode == "--chmod=755" && is_released(program, distribution) => {
                image.single = Some(to.clone());
            }
            _ => return Err(unknown()),
        },
        "ENV" => {
            for word in words()? {
                let (key, value) = word.split_once('=').ok_or_else(unknown)?;
                image.env.push((key.into(), value.into()));
            }
        }
        "USER" => image.user = Some(ids(rest).ok_or_else(unknown)?),
        "WORKDIR" => image.directory = Some(rest.into()),
        "RUN" if image.run.is_empty() => {
            let shell = || ["/bin/sh", "-ec", rest].map(str::to_owned).into();
            image.run = array(rest).unwrap_or_else(shell);
        }
        "STOPSIGNAL" => image.stop_signal = rest.trim_start_matches("SIG").into(),
        "ENTRYPOINT" if rest == r#"["/init"]"# => {}
        "CMD" => image.command = array(rest).ok_or_else(unknown)?,
        "HEALTHCHECK" => {
            let (_, command) = rest.split_once("CMD ").ok_or_else(unknown)?;
            image.health = array(command).ok_or_else(unknown)?;
        }
        _ => return Err(unknown()),
    }
    Ok(())
}

/// Whether a release has that file.
fn is_released(name: &str, distribution: &Path) -> bool {
    distribution.with_file_name(name).is_file()
}

fn add(image: &mut Image, tarball: &str, distribution: &Path) -> Result<(), String> {
    if !is_released(tarball, distribution) {
        return Err(format!("{tarball} is not in target/dist"));
    }
    let file = distribution.with_file_name(tarball);
    if !tarball.starts_with("s6-overlay-") {
        // The same content, and gzip is everywhere.
        image.extras.push(file.with_extension("gz"));
    }
    Ok(())
}

/// Unpacks a tarball.
pub fn unpack(tarball: &Path, into: &Path) -> Result<(), String> {
    let status = Command::new("tar").arg("-xzpf").arg(tarball).arg("-C").arg(into).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("tar -xf {}: {status}", tarball.display())),
        Err(why) => Err(format!("unable to run tar: {why}")),
    }
}

/// `UID` or `UID:GID`; without a group it is 0, as for an unknown user.
pub fn ids(text: &str) -> Option<(u32, u32)> {
    let (uid, gid) = text.split_once(':').unwrap_or((text, "0"));
    Some((uid.parse().ok()?, gid.parse().ok()?))
}

fn array(text: &str) -> Option<Vec<String>> {
    serde_json::from_str(text).ok()
}
