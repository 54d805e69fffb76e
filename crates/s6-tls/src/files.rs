//! Certificates, keys and trust anchors in files, DER or PEM.

use rustix::fs::CWD;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use tool::{Env, Fatal, diag};

/// The code for a configuration that can't be used.
pub(crate) const MISCONFIGURED: u8 = 96;

/// The most bytes of a file that is read.
const MOST: usize = 16 << 20;

/// How PEM begins.
const PEM: &[u8] = b"-----BEGIN ";

pub(crate) fn misconfigured(text: String) -> Fatal {
    Fatal::new(MISCONFIGURED, text)
}

fn read(path: &[u8]) -> Result<Vec<u8>, Fatal> {
    files::read_path(path, MOST)
        .map_err(|e| misconfigured(format!("unable to read {}: {}", diag::show(path), sys::strerror(e))))
}

/// The certificates of a file: one in DER, or as many as there are in PEM.
fn certificates(content: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    if content.windows(PEM.len()).any(|w| w == PEM) {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(content).collect();
        return found.ok().filter(|list| !list.is_empty());
    }
    (content.first() == Some(&0x30)).then(|| vec![CertificateDer::from(content.to_vec())])
}

/// The certificate chain and the key that CERTFILE and KEYFILE name, with `suffix` behind the variables' names.
pub(crate) fn key_pair(env: &Env, suffix: &[u8], provider: &CryptoProvider) -> Result<CertifiedKey, Fatal> {
    let path = |name: &[u8]| {
        let name = [name, suffix].concat();
        env.get(&name).ok_or_else(|| Fatal::user(format!("variable {} is not set", diag::show(&name))))
    };
    let (chain_path, key_path) = (path(b"CERTFILE")?, path(b"KEYFILE")?);
    let chain = certificates(&read(chain_path)?)
        .ok_or_else(|| misconfigured(format!("no certificate in {}", diag::show(chain_path))))?;
    let content = read(key_path)?;
    let key = match content.windows(PEM.len()).any(|w| w == PEM) {
        true => PrivateKeyDer::from_pem_slice(&content).ok(),
        false => PrivateKeyDer::try_from(content).ok(),
    };
    let key = key.ok_or_else(|| misconfigured(format!("no private key in {}", diag::show(key_path))))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|e| {
        misconfigured(format!("{} and {} can't be used: {e}", diag::show(chain_path), diag::show(key_path)))
    })
}

/// Trust anchors.
#[derive(Debug)]
pub(crate) struct Anchors {
    /// As the verifier wants them.
    pub store: RootCertStore,
    /// As they are in the files.
    pub certificates: Vec<CertificateDer<'static>>,
}

/// The trust anchors in the directory CADIR or else in the file CAFILE.
pub(crate) fn anchors(env: &Env) -> Result<Anchors, Fatal> {
    let certificates = match (env.get(b"CADIR"), env.get(b"CAFILE")) {
        (Some(dir), _) => of_directory(dir)?,
        (None, Some(file)) => certificates(&read(file)?)
            .ok_or_else(|| misconfigured(format!("no certificates in {}", diag::show(file))))?,
        (None, None) => return Err(Fatal::user("neither CADIR nor CAFILE is set")),
    };
    let mut store = RootCertStore::empty();
    // What a verifier can't use can't let anybody in either.
    let (usable, _) = store.add_parsable_certificates(certificates.iter().cloned());
    if usable == 0 {
        return Err(misconfigured(String::from("there are no usable trust anchors")));
    }
    Ok(Anchors { store, certificates })
}

/// The certificates of all files of a directory; other files may be there, too, and one certificate under many names.
fn of_directory(dir: &[u8]) -> Result<Vec<CertificateDer<'static>>, Fatal> {
    let unable =
        |e| misconfigured(format!("unable to read directory {}: {}", diag::show(dir), sys::strerror(e)));
    let mut found = Vec::new();
    for name in files::names_at(CWD, dir).map_err(unable)? {
        let path = tool::path::join(dir, &name);
        if files::follow(CWD, &path) == files::Kind::File {
            found.extend(certificates(&read(&path)?).unwrap_or_default());
        }
    }
    found.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
    found.dedup();
    Ok(found)
}
