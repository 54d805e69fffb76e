//! Which of the files of an archive are the layers of an image, and which is its configuration: what `docker save` and OCI
//! layouts say of that.

use serde_json::Value;

/// More manifests are in no archive.
const MANIFESTS_MAX: usize = 1000;
/// Lists of manifests may hold lists of manifests, so deep.
const DEPTH_MAX: u32 = 3;
/// More layers are in no image: engines take 127.
const LAYERS_MAX: usize = 1000;

/// The files of an archive that are no layers.
pub trait Texts {
    /// The text of a file; `None` if there is none.
    ///
    /// # Errors
    /// It can't be read.
    fn text(&self, path: &str) -> Result<Option<Vec<u8>>, String>;
}

/// The parts of an image.
#[derive(Debug, PartialEq, Eq)]
pub struct Parts {
    /// The path of its configuration.
    pub config: String,
    /// The paths of its layers, from below.
    pub layers: Vec<String>,
    /// What was chosen, if there was a choice.
    pub note: Option<String>,
}

/// A manifest of an image for one platform.
#[derive(Debug)]
struct Candidate {
    digest: String,
    config: String,
    layers: Vec<String>,
    platform: String,
    name: String,
}

/// The name of this machine's platform.
fn own_platform() -> String {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" => "ppc64le",
        other => other,
    };
    format!("linux/{architecture}")
}

/// Finds the parts of the image in an archive; `None` if it holds no image.
///
/// # Errors
/// What it says is damaged, or there is no image for the platform, or several.
pub fn parts(texts: &dyn Texts, platform: Option<&str>) -> Result<Option<Parts>, String> {
    let mut found = Vec::new();
    if texts.text("oci-layout")?.is_some()
        && let Some(index) = json(texts, "index.json")?
    {
        of_index(texts, &index, "", 0, &mut found)?;
    } else {
        match json(texts, "manifest.json")? {
            Some(Value::Array(list)) => {
                for image in list.iter().take(MANIFESTS_MAX) {
                    found.extend(of_saved(texts, image)?);
                }
            }
            Some(manifest) if manifest.get("layers").is_some() => found.push(of_directory(texts, &manifest)?),
            _ => return Ok(None),
        }
    }
    let parts = choose(found, platform)?;
    if parts.layers.len() > LAYERS_MAX {
        return Err(format!("it has {} layers, {LAYERS_MAX} at most", parts.layers.len()));
    }
    Ok(Some(parts))
}

/// A file as JSON.
fn json(texts: &dyn Texts, path: &str) -> Result<Option<Value>, String> {
    let Some(text) = texts.text(path)? else { return Ok(None) };
    serde_json::from_slice(&text).map(Some).map_err(|e| format!("{path}: {e}"))
}

fn word<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name)?.as_str()
}

/// Where the file with a digest is: `sha256:ab12` is `blobs/sha256/ab12`.
fn blob(descriptor: &Value) -> Result<String, String> {
    let digest = word(descriptor, "digest").unwrap_or_default();
    let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match digest.split_once(':') {
        Some((kind, sum)) if is_plain(kind) && is_plain(sum) => Ok(format!("blobs/{kind}/{sum}")),
        _ => Err("a digest in it isn't one".into()),
    }
}

/// The image of a directory in which files are called by their sums alone, as skopeo and `podman save` write it.
fn of_directory(texts: &dyn Texts, manifest: &Value) -> Result<Candidate, String> {
    let file = |descriptor: &Value| {
        let path = blob(descriptor)?;
        Ok::<_, String>(path.rsplit('/').next().unwrap_or_default().to_owned())
    };
    let config = file(manifest.get("config").unwrap_or(&Value::Null))?;
    let layers = manifest.get("layers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let layers = layers.iter().map(file).collect::<Result<_, _>>()?;
    let platform = platform_of(texts, &config)?;
    Ok(Candidate { digest: config.clone(), config, layers, platform, name: String::new() })
}

/// The manifests that an index of an OCI layout leads to, and that are there; those that only say where an image is from are
/// left out.
fn of_index(
    texts: &dyn Texts,
    index: &Value,
    name: &str,
    depth: u32,
    found: &mut Vec<Candidate>,
) -> Result<(), String> {
    let list = index.get("manifests").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for descriptor in list.iter().take(MANIFESTS_MAX) {
        let annotation = |name: &str| word(descriptor.get("annotations")?, name);
        let platform = descriptor.get("platform");
        if annotation("vnd.docker.reference.type").is_some()
            || platform.and_then(|platform| word(platform, "os")) == Some("unknown")
        {
            continue;
        }
        let name = ["io.containerd.image.name", "org.opencontainers.image.ref.name"]
            .into_iter()
            .find_map(annotation)
            .unwrap_or(name);
        let path = blob(descriptor)?;
        let Some(manifest) = json(texts, &path)? else { continue };
        if manifest.get("manifests").is_some() {
            if depth < DEPTH_MAX {
                of_index(texts, &manifest, name, depth + 1, found)?;
            }
        } else if found.len() < MANIFESTS_MAX && found.iter().all(|known| known.digest != path) {
            let config = blob(manifest.get("config").unwrap_or(&Value::Null))?;
            let layers = manifest.get("layers").and_then(Value::as_array).cloned().unwrap_or_default();
            let layers = layers.iter().map(blob).collect::<Result<_, _>>()?;
            let platform = match platform {
                Some(platform) => platform_name(platform),
                None => platform_of(texts, &config)?,
            };
            found.push(Candidate { digest: path, config, layers, platform, name: name.to_owned() });
        }
    }
    Ok(())
}

/// An image of the list that `docker save` writes.
fn of_saved(texts: &dyn Texts, image: &Value) -> Result<Option<Candidate>, String> {
    let Some((config, layers)) = word(image, "Config").zip(image.get("Layers").and_then(Value::as_array))
    else {
        return Ok(None);
    };
    let layers = layers.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let platform = platform_of(texts, config)?;
    let name = image.get("RepoTags").and_then(|tags| tags.get(0)?.as_str()).unwrap_or_default().to_owned();
    Ok(Some(Candidate { digest: config.to_owned(), config: config.to_owned(), layers, platform, name }))
}

/// `linux/arm64/v8`.
fn platform_name(value: &Value) -> String {
    let words = ["os", "architecture", "variant"].into_iter().filter_map(|name| word(value, name));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("/")
}

/// The platform that a configuration names.
fn platform_of(texts: &dyn Texts, config: &str) -> Result<String, String> {
    Ok(json(texts, config)?.map(|config| platform_name(&config)).unwrap_or_default())
}

/// Whether a platform is the wanted one, which may leave the variant open.
fn is_platform(platform: &str, wanted: &str) -> bool {
    platform.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The names of platforms or images, each once.
fn listed<'c>(names: impl Iterator<Item = &'c str>) -> String {
    let names: std::collections::BTreeSet<_> = names.filter(|name| !name.is_empty()).collect();
    tool::diag::show(names.into_iter().collect::<Vec<_>>().join(", ").as_bytes()).to_string()
}

/// The one image that is meant.
fn choose(mut found: Vec<Candidate>, platform: Option<&str>) -> Result<Parts, String> {
    if found.is_empty() {
        return Err("there is no image in it".into());
    }
    let all = listed(found.iter().map(|image| image.platform.as_str()));
    let is_choice = found.iter().any(|image| image.platform != found.first().map_or("", |f| &f.platform));
    if platform.is_some() || is_choice {
        let own = own_platform();
        let wanted = platform.unwrap_or(&own);
        found.retain(|image| is_platform(&image.platform, wanted));
        if found.is_empty() {
            let advice = if platform.is_none() { ": --platform says which is meant" } else { "" };
            return Err(format!("there is no image for {wanted} in it, only for {all}{advice}"));
        }
    }
    let names = listed(found.iter().map(|image| image.name.as_str()));
    let mut found = found.into_iter();
    match (found.next(), found.len()) {
        (Some(first), 0) => {
            let note = is_choice.then(|| format!("{} of {all}", first.platform));
            Ok(Parts { config: first.config, layers: first.layers, note })
        }
        (_, more) => Err(format!("{} images are in it: {names}", more + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    impl Texts for BTreeMap<&str, String> {
        fn text(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
            Ok(self.get(path).map(|text| text.clone().into_bytes()))
        }
    }

    fn descriptor(sum: &str, more: &str) -> String {
        format!("{{\"digest\": \"sha256:{sum}\"{more}}}")
    }

    /// An OCI layout with these descriptors in its index, of the manifests `m1` to `m3`.
    fn layout(manifests: &[String]) -> BTreeMap<&'static str, String> {
        let mut texts = BTreeMap::new();
        texts.insert("oci-layout", "{}".into());
        texts.insert("index.json", format!("{{\"manifests\": [{}]}}", manifests.join(",")));
        for (path, config) in
            [("blobs/sha256/m1", "c1"), ("blobs/sha256/m2", "c2"), ("blobs/sha256/m3", "c3")]
        {
            let (config, layer) = (descriptor(config, ""), descriptor(&format!("{config}l"), ""));
            texts.insert(path, format!("{{\"config\": {config}, \"layers\": [{layer}]}}"));
        }
        texts.insert("blobs/sha256/c1", "{\"os\": \"linux\", \"architecture\": \"riscv64\"}".into());
        texts
    }

    fn platform(name: &str) -> String {
        format!(", \"platform\": {{\"os\": \"linux\", \"architecture\": \"{name}\"}}")
    }

    #[test]
    fn the_image_of_a_platform() {
        let own = own_platform();
        let other = if own == "linux/arm" { "s390x" } else { "arm" };
        let [this, that] = [own.strip_prefix("linux/").unwrap(), other].map(platform);
        let attestation = ", \"annotations\": {\"vnd.docker.reference.type\": \"attestation-manifest\"}";
        let list = [
            descriptor("m2", &that),
            descriptor("m1", &this),
            descriptor("m3", attestation),
            descriptor("gone", &that),
        ];
        let texts = layout(&list);
        let found = parts(&texts, None).unwrap().unwrap();
        assert_eq!(
            (found.config.as_str(), found.layers[0].as_str()),
            ("blobs/sha256/c1", "blobs/sha256/c1l")
        );
        assert_eq!(
            found.note,
            Some(format!("{own} of {}", listed([own.as_str(), &format!("linux/{other}")].into_iter())))
        );
        let found = parts(&texts, Some(&format!("linux/{other}"))).unwrap().unwrap();
        assert_eq!(found.config, "blobs/sha256/c2");
        let error = parts(&texts, Some("linux/vax")).unwrap_err();
        assert!(error.starts_with("there is no image for linux/vax in it, only for linux/"), "{error}");
    }

    #[test]
    fn one_platform_needs_no_choice() {
        let found = parts(&layout(&[descriptor("m1", "")]), None).unwrap().unwrap();
        assert_eq!((found.config.as_str(), found.note), ("blobs/sha256/c1", None));
        // The configuration says which platform it is for.
        assert!(parts(&layout(&[descriptor("m1", "")]), Some("linux/riscv64")).is_ok());
        assert!(parts(&layout(&[descriptor("m1", "")]), Some("linux/amd64")).is_err());
    }

    #[test]
    fn lists_in_lists() {
        let mut texts = layout(&[descriptor("list", "")]);
        texts.insert("blobs/sha256/list", format!("{{\"manifests\": [{}]}}", descriptor("m2", "")));
        assert_eq!(parts(&texts, None).unwrap().unwrap().config, "blobs/sha256/c2");
        texts.insert("blobs/sha256/list", format!("{{\"manifests\": [{}]}}", descriptor("list", "")));
        assert_eq!(parts(&texts, None), Err("there is no image in it".into()));
    }

    #[test]
    fn what_docker_save_writes() {
        let mut texts = BTreeMap::new();
        let one = "{\"Config\": \"c.json\", \"RepoTags\": [\"a:1\"], \"Layers\": [\"x/layer.tar\", \"y/layer.tar\"]}";
        texts.insert("manifest.json", format!("[{one}]"));
        let found = parts(&texts, None).unwrap().unwrap();
        assert_eq!((found.config.as_str(), found.layers.len()), ("c.json", 2));
        texts.insert(
            "manifest.json",
            format!("[{one}, {}]", one.replace("a:1", "b:1").replace("c.json", "d.json")),
        );
        assert_eq!(parts(&texts, None), Err("2 images are in it: a:1, b:1".into()));
    }

    #[test]
    fn a_directory_of_sums() {
        let mut texts = BTreeMap::new();
        let manifest =
            format!("{{\"config\": {}, \"layers\": [{}]}}", descriptor("c", ""), descriptor("l", ""));
        texts.insert("manifest.json", manifest);
        let found = parts(&texts, None).unwrap().unwrap();
        assert_eq!((found.config.as_str(), found.layers[0].as_str()), ("c", "l"));
    }

    #[test]
    fn what_is_damaged_is_an_error() {
        for (path, text) in [
            ("index.json", "{\"manifests\": [{\"digest\": \"sha256:../../etc/passwd\"}]}"),
            ("index.json", "{\"manifests\": [{\"digest\": 7}]}"),
            ("index.json", "{"),
            ("index.json", "[]"),
            ("blobs/sha256/m1", "{}"),
            ("blobs/sha256/m1", "\u{fffd}"),
            ("blobs/sha256/c1", "["),
        ] {
            let mut texts = layout(&[descriptor("m1", "")]);
            texts.insert(path, text.into());
            assert!(parts(&texts, None).is_err(), "{path} {text}");
        }
        assert_eq!(parts(&BTreeMap::new(), None), Ok(None));
    }
}
