//! The client's side: the servers it trusts, and its own certificate.

use crate::certificate::Certificate;
use crate::files::{self, Anchors, MISCONFIGURED};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
};
use std::sync::Arc;
use tool::{Env, Fatal, Opt, diag};
use wire::calendar::utc;

/// A client's options.
pub(crate) const NO_CERTIFICATE: Opt = Opt::flag('Y', "send no certificate (default)").long("no-client-cert");
pub(crate) const CERTIFICATE: Opt =
    Opt::flag('y', "send the certificate CERTFILE with the key KEYFILE").long("client-cert");
pub(crate) const SERVER_NAME: Opt =
    Opt::value('k', "servername", "the name that the server must have").long("servername");
pub(crate) const NO_VERIFICATION: Opt =
    Opt::flag(NO_VERIFY_CERT, "accept any server's certificate").long("no-verify-cert");
/// The letter of `--no-verify-cert`, which can't be typed.
pub(crate) const NO_VERIFY_CERT: char = '\x01';

/// A client's settings.
#[derive(Debug, Default)]
pub(crate) struct ClientSettings<'a> {
    /// The server's name, which is sent and checked.
    pub server_name: Option<&'a [u8]>,
    /// Whether to send a certificate.
    pub sends_certificate: bool,
    /// Whether to accept any server's certificate.
    pub accepts_any_server: bool,
}

/// Reads the files and prepares a connection.
pub(crate) fn connection(
    env: &Env,
    settings: &ClientSettings<'_>,
    provider: &Arc<CryptoProvider>,
) -> Result<ClientConnection, Fatal> {
    let anchors = if settings.accepts_any_server { None } else { Some(files::anchors(env)?) };
    let name = settings.server_name.map(|word| {
        let text = std::str::from_utf8(word).ok().map(|t| t.strip_suffix('.').unwrap_or(t));
        text.and_then(|text| ServerName::try_from(text.to_owned()).ok())
            .ok_or_else(|| Fatal::user(format_args!("invalid server name: {}", diag::show(word))))
    });
    let name = name.transpose()?;
    let verifier = Verifier { anchors, checks_name: name.is_some(), provider: Arc::clone(provider) };
    let engine = |e: Error| Fatal::new(97, format_args!("unable to set up the TLS engine: {e}"));
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(engine)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = if settings.sends_certificate {
        let pair = files::key_pair(env, b"", provider)?;
        builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(pair)))
    } else {
        builder.with_no_client_auth()
    };
    // A process serves one connection, so no session can be resumed.
    config.resumption = Resumption::disabled();
    config.enable_sni = name.is_some();
    // This placeholder is neither sent nor checked.
    let name = match name {
        Some(name) => name,
        None => {
            ServerName::try_from("unnamed.invalid").map_err(|e| Fatal::new(MISCONFIGURED, e.to_string()))?
        }
    };
    ClientConnection::new(Arc::new(config), name).map_err(engine)
}

/// Checks a server's certificate: its chain, its validity and, if one is given, its name.
#[derive(Debug)]
struct Verifier {
    /// The trust anchors; `None` accepts any server.
    anchors: Option<Anchors>,
    checks_name: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(anchors) = &self.anchors else { return Ok(ServerCertVerified::assertion()) };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        if anchors.certificates.iter().any(|anchor| anchor == end_entity) {
            // The certificate itself is an anchor, such as a self-signed one: there is no chain to check.
            check_validity(end_entity, now)?;
        } else {
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                &anchors.store,
                intermediates,
                now,
                algorithms,
            )?;
        }
        if self.checks_name {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn check_validity(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let bad = |e| Error::InvalidCertificate(e);
    let read = Certificate::read(certificate).ok_or(bad(CertificateError::BadEncoding))?;
    let unix = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let t = utc(unix).ok_or_else(|| bad(CertificateError::BadEncoding))?;
    let date = format!("{:04}{:02}{:02}", t.year, t.month, t.day);
    let now = format!("{date}{:02}{:02}{:02}Z", t.hour, t.minute, t.second);
    match read.is_valid_at(&now) {
        true => Ok(()),
        false if now < read.not_before => Err(bad(CertificateError::NotValidYet)),
        false => Err(bad(CertificateError::Expired)),
    }
}
