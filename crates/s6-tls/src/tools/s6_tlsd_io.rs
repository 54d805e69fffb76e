//! `s6-tlsd-io`: a relay between a local program and a TLS client.

use crate::server::{self, ClientCertificate, REQUEST_CERTIFICATE, REQUIRE_CERTIFICATE, SNI_LEVEL};
use crate::session::{
    ACCEPT_TRUNCATION, NO_CLOSE_NOTIFY, NOTIFICATION, REQUIRE_CLOSE_NOTIFY, SEND_CLOSE_NOTIFY, Session,
    TIMEOUT, VERBOSITY,
};
use std::sync::Arc;
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-tlsd-io",
    summary: "relay between a local program and a TLS client",
    operands: "fdr fdw",
    options: &[
        SEND_CLOSE_NOTIFY,
        NO_CLOSE_NOTIFY,
        REQUIRE_CLOSE_NOTIFY,
        ACCEPT_TRUNCATION,
        REQUEST_CERTIFICATE,
        REQUIRE_CERTIFICATE,
        VERBOSITY,
        TIMEOUT,
        SNI_LEVEL,
        NOTIFICATION,
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let sni = options.number('k')?.unwrap_or(0);
    let session = Session::new(call, &options)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = server::connection(&call.env, ClientCertificate::of(&options), sni, &provider)?;
    session.run(&call.env, tls.into(), None, &provider)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tool::Options;

    #[test]
    fn no_client_certificate_is_requested_by_default() {
        let certificate = |words: &[&str]| {
            let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
            ClientCertificate::of(&Options::take(TOOL.options, &mut args).unwrap())
        };
        assert_eq!(certificate(&[]), ClientCertificate::NotRequested);
        assert_eq!(certificate(&["-Y"]), ClientCertificate::Optional);
        assert_eq!(certificate(&["-Yy"]), ClientCertificate::Mandatory);
    }
}
