//! The report about a connection that the relay sends to the application: variables, as bytes over a descriptor.
//!
//! Each is `NAME=VALUE`, or `NAME` to remove it, ended by a NUL byte; one more NUL ends the report.

use crate::certificate::Certificate;
use rustls::crypto::CryptoProvider;
use rustls::crypto::hash::HashAlgorithm;
use rustls::{Connection, ProtocolVersion, SupportedCipherSuite};
use tool::Env;

/// The limit of a report in bytes.
pub(crate) const MAX_REPORT: usize = 64 * 1024;

/// The limit of a reported subject in bytes; longer ones are left out.
const MAX_SUBJECT: usize = 16 * 1024;

/// The report about a connection after its handshake.
pub(crate) fn of(tls: &Connection, client_name: Option<&[u8]>, provider: &CryptoProvider) -> Vec<u8> {
    let protocol = match tls.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "unknown",
    };
    let cipher = tls.negotiated_cipher_suite().and_then(|s| s.suite().as_str()).unwrap_or("unknown");
    let cipher = openssl_name(cipher);
    let name = match tls {
        Connection::Client(_) => client_name.map(<[u8]>::to_vec),
        Connection::Server(server) => server.server_name().map(|n| n.as_bytes().to_vec()),
    };
    let peer = tls.peer_certificates().and_then(|chain| chain.first());
    let hash = peer.and_then(|der| sha256(der, provider)).map(|hash| {
        let digits: String = hash.iter().map(|b| format!("{b:02x}")).collect();
        format!("SHA256:{digits}").into_bytes()
    });
    let subject = peer.and_then(|der| Certificate::read(der)).map(|c| c.subject.into_bytes());
    let mut report = Vec::new();
    for (variable, value) in [
        ("SSL_PROTOCOL", Some(protocol.as_bytes().to_vec())),
        ("SSL_CIPHER", Some(cipher.into_bytes())),
        ("SSL_TLS_SNI_SERVERNAME", name),
        ("SSL_PEER_CERT_HASH", hash),
        ("SSL_PEER_CERT_SUBJECT", subject.filter(|s| s.len() <= MAX_SUBJECT)),
    ] {
        report.extend_from_slice(variable.as_bytes());
        if let Some(value) = value {
            report.push(b'=');
            report.extend(value);
        }
        report.push(0);
    }
    report.push(0);
    report
}

/// OpenSSL's name of a cipher suite, from the library's: `TLS_AES_128_GCM_SHA256` for TLS 1.3,
/// `ECDHE-RSA-AES128-GCM-SHA256` for TLS 1.2.
fn openssl_name(name: &str) -> String {
    if let Some(rest) = name.strip_prefix("TLS13_") {
        return format!("TLS_{rest}");
    }
    let Some(rest) = name.strip_prefix("TLS_") else { return name.to_owned() };
    let rest = rest.replace("_WITH_", "_").replace("AES_", "AES");
    rest.strip_suffix("POLY1305_SHA256")
        .map_or(rest.clone(), |start| format!("{start}POLY1305"))
        .replace('_', "-")
}

fn sha256(der: &[u8], provider: &CryptoProvider) -> Option<Vec<u8>> {
    let hashes = provider.cipher_suites.iter().map(|suite| match suite {
        SupportedCipherSuite::Tls13(s) => s.common.hash_provider,
        SupportedCipherSuite::Tls12(s) => s.common.hash_provider,
    });
    let mut sha256 = hashes.into_iter().filter(|h| h.algorithm() == HashAlgorithm::SHA256);
    sha256.next().map(|h| h.hash(der).as_ref().to_vec())
}

/// Whether a report is complete.
pub(crate) fn is_complete(report: &[u8]) -> bool {
    report.ends_with(b"\0\0")
}

/// Applies a report to an environment.
pub(crate) fn apply(report: &[u8], env: &mut Env) {
    for entry in report.split(|b| *b == 0).filter(|e| !e.is_empty()) {
        match entry.iter().position(|b| *b == b'=') {
            Some(at) => {
                env.set(entry.get(..at).unwrap_or_default(), entry.get(at + 1..).unwrap_or_default());
            }
            None => env.unset(entry),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cipher_suites_have_openssl_s_names() {
        let suites = rustls::crypto::ring::default_provider().cipher_suites;
        let names: Vec<_> = suites.iter().map(|s| openssl_name(s.suite().as_str().unwrap())).collect();
        assert_eq!(
            names,
            [
                "TLS_AES_256_GCM_SHA384",
                "TLS_AES_128_GCM_SHA256",
                "TLS_CHACHA20_POLY1305_SHA256",
                "ECDHE-ECDSA-AES256-GCM-SHA384",
                "ECDHE-ECDSA-AES128-GCM-SHA256",
                "ECDHE-ECDSA-CHACHA20-POLY1305",
                "ECDHE-RSA-AES256-GCM-SHA384",
                "ECDHE-RSA-AES128-GCM-SHA256",
                "ECDHE-RSA-CHACHA20-POLY1305"
            ]
        );
    }

    #[test]
    fn the_limits_of_a_report() {
        assert_eq!((MAX_REPORT, MAX_SUBJECT), (64 * 1024, 16 * 1024));
    }

    #[test]
    fn reports_change_the_environment() {
        let mut env =
            Env::from_vars(vec![b"SSL_PROTOCOL=old".to_vec(), b"SSL_TLS_SNI_SERVERNAME=x".to_vec()]);
        let report = b"SSL_PROTOCOL=TLSv1.3\0SSL_TLS_SNI_SERVERNAME\0SSL_X=a=b\0\0";
        assert!(is_complete(report) && !is_complete(&report[..20]));
        apply(report, &mut env);
        assert_eq!(env, Env::from_vars(vec![b"SSL_PROTOCOL=TLSv1.3".to_vec(), b"SSL_X=a=b".to_vec()]));
    }
}
