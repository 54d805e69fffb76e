//! The server's side: its certificates by server name, and the client certificates it accepts.

use crate::files::{self, misconfigured};
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{Error, ServerConfig, ServerConnection};
use std::sync::Arc;
use tool::{Env, Fatal, Opt, Options};

/// A server's options.
pub(crate) const REQUEST_CERTIFICATE: Opt =
    Opt::flag('Y', "request a client certificate").long("client-cert");
pub(crate) const REQUIRE_CERTIFICATE: Opt =
    Opt::flag('y', "require a client certificate").long("mandatory-client-cert");
pub(crate) const SNI_LEVEL: Opt = Opt::value(
    'k',
    "snilevel",
    "0: KEYFILE and CERTFILE (default), 1: also KEYFILE:NAME and CERTFILE:NAME, 2: only those",
)
.long("sni-level");

/// Whether a server requests a client certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientCertificate {
    /// It doesn't.
    NotRequested,
    /// It does, but the client may send none.
    Optional,
    /// It does, and the client must send one.
    Mandatory,
}

impl ClientCertificate {
    /// What the options of a server ask for.
    pub(crate) fn of(options: &Options) -> Self {
        match options.last_of("yY") {
            Some('y') => Self::Mandatory,
            Some(_) => Self::Optional,
            None => Self::NotRequested,
        }
    }
}

/// Reads the files and prepares a connection.  `sni_level`: 0 for one certificate, 1 also for those by name, 2 only for
/// those by name.
pub(crate) fn connection(
    env: &Env,
    certificate: ClientCertificate,
    sni_level: u32,
    provider: &Arc<CryptoProvider>,
) -> Result<ServerConnection, Fatal> {
    let engine = |e: Error| Fatal::new(97, format_args!("unable to set up the TLS engine: {e}"));
    let default = if sni_level >= 2 { None } else { Some(Arc::new(files::key_pair(env, b"", provider)?)) };
    let mut named = Vec::new();
    if sni_level >= 1 {
        for (variable, _) in env.iter() {
            if let Some(name) = variable.strip_prefix(b"KEYFILE:") {
                let pair = files::key_pair(env, &[b":", name].concat(), provider)?;
                named.push((name.to_ascii_lowercase(), Arc::new(pair)));
            }
        }
    }
    if default.is_none() && named.is_empty() {
        return Err(Fatal::user("no variable KEYFILE:NAME is set"));
    }
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(engine)?;
    let builder = if certificate == ClientCertificate::NotRequested {
        builder.with_no_client_auth()
    } else {
        let roots = Arc::new(files::anchors(env)?.store);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
        let verifier = match certificate {
            ClientCertificate::Mandatory => verifier,
            _ => verifier.allow_unauthenticated(),
        };
        let verifier =
            verifier.build().map_err(|e| misconfigured(format!("the trust anchors can't be used: {e}")))?;
        builder.with_client_cert_verifier(verifier)
    };
    let mut config = builder.with_cert_resolver(Arc::new(Identities { default, named }));
    // A process serves one connection, so no session can be resumed.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    ServerConnection::new(Arc::new(config)).map_err(engine)
}

/// A server's certificates.
#[derive(Debug)]
struct Identities<T = Arc<CertifiedKey>> {
    default: Option<T>,
    /// By server name in lower case; a leading `*.` stands for one label.
    named: Vec<(Vec<u8>, T)>,
}

impl<T> Identities<T> {
    fn find(&self, name: &[u8]) -> Option<&T> {
        let name = name.to_ascii_lowercase();
        let exact = |wanted: &[u8]| self.named.iter().find(|(n, _)| n == wanted).map(|(_, pair)| pair);
        exact(&name).or_else(|| {
            let dot = name.iter().position(|b| *b == b'.')?;
            let parent = name.get(dot..)?;
            // A wildcard never covers a whole top-level domain.
            let is_deep = parent.get(1..)?.contains(&b'.');
            is_deep.then(|| exact(&[b"*", parent].concat())).flatten()
        })
    }
}

impl ResolvesServerCert for Identities {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = client_hello.server_name().and_then(|name| self.find(name.as_bytes()));
        named.or(self.default.as_ref()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_wildcards() {
        let named = [("a.example.com", 1), ("*.example.com", 2), ("*.com", 3)];
        let identities = Identities {
            default: None,
            named: named.iter().map(|(name, number)| (name.as_bytes().to_vec(), *number)).collect(),
        };
        let found = |name: &str| identities.find(name.as_bytes()).copied();
        assert_eq!(found("A.example.COM"), Some(1));
        assert_eq!(found("b.example.com"), Some(2));
        assert_eq!(found("c.b.example.com"), None);
        assert_eq!(found("example.com"), None);
        assert_eq!(found("com"), None);
    }
}
