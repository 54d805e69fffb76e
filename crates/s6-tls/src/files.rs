//! Reads certificates, keys and trust anchors from files in DER or PEM.

use rustix::fs::CWD;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, RootCertStore};
use tool::{Env, Fatal, diag};

/// The exit code for an unusable configuration.
pub(crate) const MISCONFIGURED: u8 = 96;

/// The size limit of a file: 16 MiB.
const MAX_FILE_SIZE: usize = 16 << 20;

/// How UTF-8 marks itself.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The start of a PEM block.
const PEM: &[u8] = b"-----BEGIN ";

pub(crate) fn misconfigured(text: String) -> Fatal {
    Fatal::new(MISCONFIGURED, text)
}

fn read(path: &[u8]) -> Result<Vec<u8>, Fatal> {
    let content = files::read_path(path, MAX_FILE_SIZE)
        .map_err(|e| misconfigured(format!("unable to read {}: {}", diag::show(path), sys::strerror(e))))?;
    // An editor's mark would hide the first PEM block.
    Ok(content.strip_prefix(BYTE_ORDER_MARK).map(<[u8]>::to_vec).unwrap_or(content))
}

/// The certificates in a file: one in DER, or any number in PEM.
fn certificates(content: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    if contains(content, PEM) {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(content).collect();
        return found.ok().filter(|list| !list.is_empty());
    }
    (content.first() == Some(&0x30)).then(|| vec![CertificateDer::from(content.to_vec())])
}

/// The certificate chain and the key that CERTFILE and KEYFILE name; `suffix` is appended to the variables' names.
pub(crate) fn key_pair(env: &Env, suffix: &[u8], provider: &CryptoProvider) -> Result<CertifiedKey, Fatal> {
    let path = |name: &[u8]| {
        let name = [name, suffix].concat();
        env.get(&name).ok_or_else(|| Fatal::user(format_args!("variable {} is not set", diag::show(&name))))
    };
    let (chain_path, key_path) = (path(b"CERTFILE")?, path(b"KEYFILE")?);
    let chain = certificates(&read(chain_path)?)
        .ok_or_else(|| misconfigured(format!("no certificate in {}", diag::show(chain_path))))?;
    let content = read(key_path)?;
    let (chain_shown, key_shown) = (diag::show(chain_path), diag::show(key_path));
    let is_encrypted = contains(&content, b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || contains(&content, b"Proc-Type: 4,ENCRYPTED");
    if is_encrypted {
        return Err(misconfigured(format!(
            "the private key in {key_shown} is encrypted: remove its passphrase with openssl pkey -in OLD -out NEW"
        )));
    }
    let key = match contains(&content, PEM) {
        true => PrivateKeyDer::from_pem_slice(&content).ok(),
        false => PrivateKeyDer::try_from(content).ok(),
    };
    let key = key.ok_or_else(|| misconfigured(format!("no private key in {key_shown}")))?;
    if provider.key_provider.load_private_key(key.clone_key()).is_err() {
        return Err(misconfigured(format!(
            "the private key in {key_shown} is damaged or of an unsupported kind: supported are RSA with 2048 to 4096 \
             bits, ECDSA with P-256 or P-384, and Ed25519"
        )));
    }
    CertifiedKey::from_der(chain, key, provider).map_err(|e| match e {
        Error::InconsistentKeys(_) => misconfigured(format!(
            "the first certificate in {chain_shown} isn't the one of the private key in {key_shown}: it must be the own \
             certificate, and those of authorities come after it"
        )),
        e => misconfigured(format!("{chain_shown} and {key_shown} can't be used: {e}")),
    })
}

fn contains(content: &[u8], part: &[u8]) -> bool {
    content.windows(part.len()).any(|w| w == part)
}

/// Trust anchors.
#[derive(Debug)]
pub(crate) struct Anchors {
    /// For the verifier.
    pub store: RootCertStore,
    /// The certificates as they are in the files.
    pub certificates: Vec<CertificateDer<'static>>,
}

/// The trust anchors in the directory CADIR, or else in the file CAFILE.
pub(crate) fn anchors(env: &Env) -> Result<Anchors, Fatal> {
    let certificates = match (env.get(b"CADIR"), env.get(b"CAFILE")) {
        (Some(dir), _) => certificates_in(dir)?,
        (None, Some(file)) => certificates(&read(file)?)
            .ok_or_else(|| misconfigured(format!("no certificates in {}", diag::show(file))))?,
        (None, None) => return Err(Fatal::user("neither CADIR nor CAFILE is set")),
    };
    let mut store = RootCertStore::empty();
    // Anchors that the verifier can't use are skipped: they can't authenticate anything.
    let (usable, _) = store.add_parsable_certificates(certificates.iter().cloned());
    if usable == 0 {
        return Err(misconfigured(String::from("there are no usable trust anchors")));
    }
    Ok(Anchors { store, certificates })
}

/// The certificates in all files of a directory, without duplicates; other files are ignored.
fn certificates_in(dir: &[u8]) -> Result<Vec<CertificateDer<'static>>, Fatal> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unusable_configuration_is_code_96_and_a_missing_variable_100() {
        let code = |vars: &[&str]| {
            let env = Env::from_vars(vars.iter().map(|v| v.as_bytes().to_vec()).collect());
            let provider = rustls::crypto::ring::default_provider();
            (anchors(&env).unwrap_err().code(), key_pair(&env, b":x", &provider).unwrap_err().code())
        };
        assert_eq!(code(&[]), (100, 100));
        assert_eq!(code(&["CAFILE=/no/such", "CERTFILE:x=/no/such", "KEYFILE:x=/no/such"]), (96, 96));
        assert_eq!(code(&["CADIR=/no/such", "CERTFILE:x=/dev/null", "KEYFILE:x=/dev/null"]), (96, 96));
        assert_eq!(MAX_FILE_SIZE, 16 * 1024 * 1024);
    }
}
