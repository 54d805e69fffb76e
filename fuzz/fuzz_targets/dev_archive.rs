//! Reads any archive as an image, and looks at everything in it: bytes as they are, or entries that a program would not write.
#![no_main]

use dev::archive::{self, Archive, Room};
use dev::image::{Image, Target, complete};
use dev::tree::Tree;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Input {
    Bytes(Vec<u8>),
    Entries(Vec<Entry>),
    /// Layers, and what the list of them says.
    Image(Vec<Vec<Entry>>, Vec<u8>),
}

#[derive(Arbitrary, Debug)]
struct Entry {
    kind: u8,
    name: Vec<u8>,
    target: Vec<u8>,
    data: Vec<u8>,
    /// What its header says of its size, if that is a lie.
    size: Option<u64>,
}

const KINDS: &[u8] = b"01234567xgLKS";

fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        let kind = KINDS[usize::from(entry.kind) % KINDS.len()];
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(entry.size.unwrap_or(entry.data.len() as u64));
        header.set_mode(0o755);
        if let Some(gnu) = header.as_gnu_mut() {
            let (name, target) = (entry.name.len().min(100), entry.target.len().min(100));
            gnu.name[..name].copy_from_slice(&entry.name[..name]);
            gnu.linkname[..target].copy_from_slice(&entry.target[..target]);
            gnu.realsize = gnu.size;
        }
        header.set_cksum();
        let _ = builder.append(&header, entry.data.as_slice());
    }
    builder.into_inner().unwrap_or_default()
}

fn bytes(input: &Input) -> Vec<u8> {
    match input {
        Input::Bytes(bytes) => bytes.clone(),
        Input::Entries(entries) => archive(entries),
        Input::Image(layers, config) => {
            let name = |at: usize| format!("{at}/layer.tar");
            let list: Vec<_> = (0..layers.len()).map(|at| format!("\"{}\"", name(at))).collect();
            let manifest = format!("[{{\"Config\": \"c.json\", \"Layers\": [{}]}}]", list.join(","));
            let mut all = vec![("c.json".into(), config.clone()), ("manifest.json".into(), manifest.into())];
            all.extend(layers.iter().enumerate().map(|(at, layer)| (name(at), archive(layer))));
            let entry = |(name, data): (String, Vec<u8>)| {
                Entry { kind: 0, name: name.into(), target: Vec::new(), data, size: None }
            };
            archive(&all.into_iter().map(entry).collect::<Vec<_>>())
        }
    }
}

fuzz_target!(|input: Input| {
    let room = Room::new(1 << 24, 1 << 20, 1000);
    let Ok(Archive { files, config, .. }) = archive::read(&mut bytes(&input).as_slice(), None, &room) else {
        return;
    };
    let mut tree = Tree::default();
    tree.add_memory(files);
    let mut left = vec![b"/".to_vec()];
    while let Some(path) = left.pop() {
        for (name, kind) in tree.entries(&path) {
            let below = tool::path::join(&path, &name);
            assert!(!name.contains(&b'/') && name != b".." && tree.lstat(&below).is_some_and(|meta| meta.kind == kind));
            assert!(tree.read(&below, 100).is_none_or(|text| text.len() <= 100));
            if kind == files::Kind::Directory {
                left.push(below);
            }
        }
    }
    let is_whole = complete(&mut tree);
    let image = Image::read(&tree, config.unwrap_or_default(), Target::Rs, is_whole);
    assert!(dev::lints::findings(&image).len() < 1 << 20);
});
